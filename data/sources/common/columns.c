/* Finding the columns of a list: by what people call them, and by what stands in them.
 *
 * The image's column is the one whose cells end like names of images, wherever it stands; an index
 * column counts the rows; what is left is the label, or a column that people call so. */
#include "data/sources/common/columns.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/part_words.h"
#include "data/sources/common/text.h"

/* Names of columns in use, the clearest first. '_' stands for a space and a hyphen, too. */
static const char *const image_words[] = {
    "path",       "filepath",  "file_path",  "image_path", "img_path", "imagepath", "filename",
    "filenames",  "file_name", "file",       "files",      "fname",    "fnames",    "image_file",
    "image_name", "imagename", "image_file", "img_name",   "image",    "images",    "img",
    "image_id",   "imageid",   "img_id",     "photo",      "picture",  "name",      "id",
};
static const char *const label_words[] = {
    "label",      "labels",   "class",      "classes",     "class_name", "classname",
    "label_name", "category", "categories", "cats",        "target",     "category_name",
    "breed",      "species",  "diagnosis",  "level",       "tag",        "tags",
    "variety",    "class_id", "classid",    "category_id", "label_id",   "target_id",
    "class_no",   "y",        "id",
};
static const char *const index_words[] = {"", "index", "idx", "unnamed:_0", "no", "nr", "#"};

enum { LOOKED_AT = 1000, MOST_COLUMNS = 1000 };

/* What stands in a column, the first record left out. */
struct column {
    char name[80]; /* the first record's cell */
    bool picture;  /* does the first record's cell end like an image's name? */
    int64_t pictures, counted, parts;
};

struct table {
    struct column *columns;
    int64_t count;   /* columns that are looked at */
    int64_t fields;  /* of the first record; more than that in another makes the table ragged */
    int64_t records; /* the first record left out */
    bool ragged;
};

static bool is_word(const char *word, const char *name)
{
    for (; *word && *name; word++, name++) {
        const char c = *name == ' ' || *name == '-' ? '_' : *name;
        if (strncasecmp(&c, word, 1) != 0)
            return false;
    }
    return !*word && !*name;
}

/* The place of the name among the words; -1 = it is none of them. */
static int64_t word_rank(const char *const *words, int64_t n, const char *name)
{
    for (int64_t i = 0; i < n; i++)
        if (is_word(words[i], name))
            return i;
    return -1;
}

bool reel_cell_is_picture(reel_csv_field cell)
{
    char text[300];
    const size_t skip = cell.length > sizeof text - 1 ? cell.length - (sizeof text - 1) : 0;
    snprintf(text, sizeof text, "%.*s", (int)(cell.length - skip), cell.text + skip);
    const char *dot = strrchr(text, '.');
    static const char *const others[] = {".webp", ".bmp", ".gif", ".tif", ".tiff", ".jfif", ".jpe"};
    for (int64_t i = 0; dot && i < REEL_COUNT(others); i++)
        if (strcasecmp(dot, others[i]) == 0)
            return true;
    return reel_is_image_name(text);
}

static reel_status note_first(struct table *t, const reel_csv *csv, reel_error *err)
{
    t->fields = reel_csv_count(csv);
    t->count = t->fields < MOST_COLUMNS ? t->fields : MOST_COLUMNS;
    t->columns = calloc((size_t)t->count, sizeof *t->columns);
    if (!t->columns)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the columns of a list");
    for (int64_t c = 0; c < t->count; c++) {
        const reel_csv_field cell = reel_csv_at(csv, c);
        snprintf(t->columns[c].name, sizeof t->columns[c].name, "%.*s",
                 (int)(cell.length < 79 ? cell.length : 79), cell.text);
        t->columns[c].picture = reel_cell_is_picture(cell);
    }
    return REEL_OK;
}

static void note_record(struct table *t, const reel_csv *csv)
{
    t->ragged |= reel_csv_count(csv) != t->fields;
    for (int64_t c = 0; c < t->count && c < reel_csv_count(csv); c++) {
        const reel_csv_field cell = reel_csv_at(csv, c);
        uint64_t number;
        t->columns[c].parts += reel_part_of_cell(cell) != REEL_NO_PART;
        t->columns[c].pictures += reel_cell_is_picture(cell);
        t->columns[c].counted +=
            reel_parse_number(cell.text, cell.length, INT32_MAX, &number) &&
            ((int64_t)number == t->records || (int64_t)number == t->records + 1);
    }
    t->records++;
}

bool reel_columns_are_named(const reel_csv *csv)
{
    int64_t image = -1, label = -1;
    for (int64_t c = 0; c < reel_csv_count(csv); c++) {
        const reel_csv_field cell = reel_csv_at(csv, c);
        char name[80];
        snprintf(name, sizeof name, "%.*s", (int)(cell.length < 79 ? cell.length : 79), cell.text);
        if (image < 0 && word_rank(image_words, REEL_COUNT(image_words), name) >= 0)
            image = c;
        else if (word_rank(label_words, REEL_COUNT(label_words), name) >= 0)
            label = c;
    }
    return image >= 0 && label >= 0;
}

/* Looks at the first records through a reader of its own. */
static reel_status look_at_records(struct table *t, const reel_csv *begin, reel_error *err)
{
    reel_csv csv = {.at = begin->at, .end = begin->end, .separator = begin->separator};
    reel_status status = REEL_OK;
    bool first = true;

    for (bool more = true; t->records < LOOKED_AT;) {
        REEL_TRY_GOTO(reel_csv_next(&csv, &more, err), done);
        if (!more)
            break;

        if (!csv.good)
            continue;
        if (first)
            REEL_TRY_GOTO(note_first(t, &csv, err), done);
        else
            note_record(t, &csv);
        first = false;
    }
done:
    reel_csv_free(&csv);
    return status;
}

/* Words that people use, or a cell that is no image above cells that are. */
static bool first_is_header(const struct table *t)
{
    bool known = false;
    for (int64_t c = 0; c < t->count; c++) {
        const struct column *column = &t->columns[c];
        if (column->picture || strchr(column->name, '/'))
            return false;
        known |= word_rank(image_words, REEL_COUNT(image_words), column->name) >= 0 ||
                 word_rank(label_words, REEL_COUNT(label_words), column->name) >= 0;
    }
    for (int64_t c = 0; c < t->count && t->count > 1; c++)
        known |= t->records > 0 && t->columns[c].pictures * 10 >= t->records * 9;
    return known;
}

/* Does the column count the rows? A header's name says so, or the numbers. */
static bool is_index(const struct table *t, const reel_columns *found, int64_t c)
{
    const struct column *column = &t->columns[c];
    if (found->header && word_rank(index_words, REEL_COUNT(index_words), column->name) >= 0)
        return true;
    return t->records > 2 && column->counted == t->records;
}

/* The column that `wanted` names; -1 = none. */
static int64_t column_called(const struct table *t, const reel_columns *found, const char *wanted)
{
    uint64_t number;
    for (int64_t c = 0; found->header && c < t->count; c++)
        if (strcmp(t->columns[c].name, wanted) == 0)
            return c;
    for (int64_t c = 0; found->header && c < t->count; c++)
        if (strcasecmp(t->columns[c].name, wanted) == 0)
            return c;
    return reel_parse_number(wanted, strlen(wanted), (uint64_t)t->count, &number)
               ? (int64_t)number - 1
               : -1;
}

/* The column with the best of these names, `but` left out; -1 = none. */
static int64_t column_of_words(const struct table *t, const char *const *words, int64_t n,
                               int64_t but)
{
    int64_t best = -1, rank = n;
    for (int64_t c = 0; c < t->count; c++) {
        const int64_t at = word_rank(words, n, t->columns[c].name);
        if (c == but || at < 0 || at >= rank)
            continue;
        best = c;
        rank = at;
    }
    return best;
}

/* The column where most cells end like names of images; among equals, the one that is called so.
 * Else the one that has the best name. -1 = none. */
static int64_t column_of_images(const struct table *t, const reel_columns *found, int64_t label)
{
    int64_t best = -1, score = 0;
    for (int64_t c = 0; c < t->count; c++) {
        const struct column *column = &t->columns[c];
        const int64_t records = t->records + !found->header;
        const int64_t pictures = column->pictures + (!found->header && column->picture);
        const bool named =
            found->header && word_rank(image_words, REEL_COUNT(image_words), column->name) >= 0;
        if (c == label || pictures == 0 || pictures * 2 < records || 2 * pictures + named <= score)
            continue;
        best = c;
        score = 2 * pictures + named;
    }
    if (best < 0 && found->header)
        best = column_of_words(t, image_words, REEL_COUNT(image_words), label);
    return best;
}

/* The only column that is neither the image, nor an index; -1 = none, or several. */
static int64_t column_left(const struct table *t, const reel_columns *found, int64_t but)
{
    int64_t left = -1, n = 0;
    for (int64_t c = 0; c < t->count; c++)
        if (c != but && c != found->part && !is_index(t, found, c))
            left = c, n++;
    if (n == 0 && t->count == 2 && 1 - but != found->part)
        return 1 - but; /* labels that look like a count: 0, 1, 2 */
    return n == 1 ? left : -1;
}

/* The column that divides the data, neither the image's nor the label's. Whatever is called "split"
 * needs one cell that names a part; other names, most cells. */
static void find_part_column(const struct table *t, reel_columns *found, int64_t image,
                             int64_t label)
{
    found->part = found->mute_part = -1;
    for (int64_t c = 0; found->header && c < t->count; c++) {
        const struct column *column = &t->columns[c];
        if (c == image || c == label || !reel_is_part_column(column->name))
            continue;
        const bool split = strcasecmp(column->name, "split") == 0;
        const bool parts = column->parts > 0 && (split || 2 * column->parts >= t->records);
        if (!parts && !split)
            continue;
        found->part = parts ? c : -1;
        found->mute_part = parts ? -1 : c;
        reel_escape(found->part_name, sizeof found->part_name, column->name);
        if (parts)
            return;
    }
}

/* "a, b, c": the first record's cells, for messages. */
static void list_columns(const struct table *t, char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int64_t c = 0; c < t->count && used + 50 < size; c++) {
        char shown[60];
        reel_escape(shown, sizeof shown, t->columns[c].name);
        used += (size_t)snprintf(text + used, size - used, "%s%.40s", c ? ", " : "", shown);
    }
}

/* what: "image" or "label", which cannot be told. */
static reel_status refuse_columns(const struct table *t, const reel_columns *found,
                                  const char *what, const char *name, reel_error *err)
{
    char list[300];
    list_columns(t, list, sizeof list);
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: %" PRId64 " columns (%s%s): which one is the %s? --%s-column %s says it",
                     name, t->count, found->header ? "" : "first line: ", list, what, what,
                     found->header ? "NAME" : "NUMBER");
}

/* A column that the user named; -1 = none was named. */
static reel_status take_wanted(const struct table *t, const reel_columns *found, const char *wanted,
                               int64_t *column, reel_error *err)
{
    char list[300];
    *column = -1;
    if (!wanted || !*wanted)
        return REEL_OK;
    *column = column_called(t, found, wanted);
    if (*column >= 0)
        return REEL_OK;
    list_columns(t, list, sizeof list);
    return reel_fail(err, REEL_ERR_INVALID, "there is no column '%.60s': %s has %s", wanted,
                     found->header ? "the first line" : "a line", list);
}

/* One column cannot be both. */
static reel_status refuse_same(const struct table *t, const reel_data_request *request,
                               int64_t column, const char *name, reel_error *err)
{
    char shown[60], list[300];
    reel_escape(shown, sizeof shown, t->columns[column].name);
    list_columns(t, list, sizeof list);
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: --image-column %.60s and --label-column %.60s are the same column (%s): "
                     "expected two of %s",
                     name, request->image_column, request->label_column, shown, list);
}

/* The choice, and what the header calls it. */
static void take_columns(const struct table *t, reel_columns *found, int64_t image, int64_t label)
{
    found->image = image;
    found->label = label;
    if (found->mute_part == label)
        found->mute_part = -1;
    if (!found->header)
        return;

    const char *name = t->columns[label].name;
    snprintf(found->image_name, sizeof found->image_name, "%s", t->columns[image].name);
    snprintf(found->label_name, sizeof found->label_name, "%s", name);
    found->label_is_usual = word_rank(label_words, REEL_COUNT(label_words), name) >= 0;
}

static reel_status choose_columns(const struct table *t, reel_columns *found,
                                  const reel_data_request *request, const char *name,
                                  reel_error *err)
{
    reel_error why;
    int64_t image, label;
    found->header = first_is_header(t);
    if (take_wanted(t, found, request->image_column, &image, &why) ||
        take_wanted(t, found, request->label_column, &label, &why))
        return reel_fail(err, REEL_ERR_INVALID, "%s: %s", name, why.message);

    if (image >= 0 && image == label)
        return refuse_same(t, request, image, name, err);
    find_part_column(t, found, image, label);
    found->ragged = !found->header && image < 0 && label < 0 && t->ragged;
    if (found->ragged)
        return REEL_OK;

    if (image < 0)
        image = column_of_images(t, found, label);
    if (image < 0 && label >= 0)
        image = column_left(t, found, label);
    if (image < 0 && t->count == 2 && label < 0 && !found->header)
        image = 0;
    if (label < 0 && image >= 0 && found->header)
        label = column_of_words(t, label_words, REEL_COUNT(label_words), image);
    if (label < 0 && image >= 0)
        label = column_left(t, found, image);
    if (image < 0 && label < 0 && found->header && t->count == 2) {
        image = 0; /* two columns of names that say nothing */
        label = 1;
    }
    if (image < 0 || label < 0 || image == label)
        return refuse_columns(t, found, image < 0 ? "image" : "label", name, err);
    take_columns(t, found, image, label);
    found->label_is_usual |= request->label_column && *request->label_column;
    return REEL_OK;
}

reel_status reel_columns_find(reel_columns *out, const reel_csv *begin,
                              const reel_data_request *request, const char *name, reel_error *err)
{
    struct table t = {0};
    reel_status status = REEL_OK;
    *out = (reel_columns){.part = -1, .mute_part = -1};
    REEL_TRY_GOTO(look_at_records(&t, begin, err), done);
    out->count = t.fields;
    REEL_TRY_GOTO(choose_columns(&t, out, request, name, err), done);
done:
    free(t.columns);
    return status;
}
