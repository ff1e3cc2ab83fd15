/* Lines of lists: "path label", or records with columns. */
#include "data/sources/common/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/sources/common/columns.h"
#include "data/sources/common/csv.h"
#include "data/sources/common/part_words.h"
#include "data/sources/common/text.h"

enum { MOST_LABEL_LETTERS = 255 };

static const char expected_pair[] = "expected \"path label\"";

reel_status reel_rows_note_bad(reel_rows *rows, int64_t line, const char *why, reel_error *err)
{
    reel_bad_line *bad = reel_list_add(&rows->bad, sizeof *bad);
    if (!bad)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the lines of a list");
    *bad = (reel_bad_line){line, why};
    return REEL_OK;
}

void reel_rows_free(reel_rows *rows)
{
    free(rows->text.text);
    free(rows->rows.items);
    free(rows->bad.items);
    *rows = (reel_rows){0};
}

void reel_rows_drop(reel_rows *rows, const bool *drop)
{
    reel_row *all = rows->rows.items;
    size_t kept = 0;
    for (size_t i = 0; i < rows->rows.n; i++)
        if (!drop[i])
            all[kept++] = all[i];
    rows->rows.n = kept;
}

/* What is wrong with a line's path and label; NULL = nothing. */
static const char *fault_of_row(reel_csv_field path, reel_csv_field label, bool record)
{
    if (!record && (path.length == 0 || label.length == 0))
        return expected_pair;
    if (path.length == 0)
        return "its image is empty";
    if (label.length == 0)
        return "its label is empty";
    if (path.length >= REEL_DATA_PATH || label.length > MOST_LABEL_LETTERS)
        return path.length >= REEL_DATA_PATH ? "its path is too long" : "its label is too long";
    return memchr(path.text, 0, path.length) || memchr(label.text, 0, label.length)
               ? "it holds a zero byte"
               : NULL;
}

/* A line's path and label; what is neither goes to the bad lines. */
static reel_status add_list_row(reel_rows *rows, reel_row row, reel_csv_field path,
                                reel_csv_field label, bool record, reel_error *err)
{
    const char *fault = fault_of_row(path, label, record);
    if (fault)
        return reel_rows_note_bad(rows, row.line, fault, err);

    row.picture = reel_cell_is_picture(path);
    REEL_TRY(reel_pool_add(&rows->text, path.text, path.length, &row.path, err));
    REEL_TRY(reel_pool_add(&rows->text, label.text, label.length, &row.label, err));
    reel_row *place = reel_list_add(&rows->rows, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the lines of a list");
    *place = row;
    return REEL_OK;
}

/* ---- "path label" ---- */

/* The label is what follows the last tab, or the last comma (csv), or the last space, so that paths
 * may hold spaces. No cut: both stay empty. */
static void cut_line(const char *text, size_t length, char separator, reel_csv_field *path,
                     reel_csv_field *label)
{
    const char *cut = memrchr(text, '\t', length);
    if (!cut && separator)
        cut = memrchr(text, separator, length);
    if (!cut)
        cut = memrchr(text, ' ', length);
    *path = *label = (reel_csv_field){text, 0};
    if (!cut)
        return;

    *label = (reel_csv_field){cut + 1, (size_t)(text + length - cut - 1)};
    while (label->length && *label->text == ' ')
        label->text++, label->length--;
    path->length = (size_t)(cut - text);
    while (path->length && (text[path->length - 1] == ' ' || text[path->length - 1] == '\t'))
        path->length--;
}

static reel_status read_pairs(reel_rows *rows, const reel_bytes *text, char separator,
                              reel_error *err)
{
    const char *begin = (const char *)text->data, *line;
    reel_lines lines = {.at = begin, .end = begin + text->size};
    size_t length;
    while (reel_lines_next(&lines, &line, &length)) {
        reel_csv_field path, label;
        if (length == 0)
            continue;
        cut_line(line, length, separator, &path, &label);
        const reel_row row = {.line = lines.number};
        REEL_TRY(add_list_row(rows, row, path, label, false, err));
    }
    return REEL_OK;
}

/* ---- columns ---- */

static reel_status add_record(reel_rows *rows, const reel_csv *csv, const reel_columns *columns,
                              const char *name, reel_error *err)
{
    reel_row row = {.line = csv->line};
    if (!csv->good)
        return reel_rows_note_bad(rows, csv->line, "its quotes do not fit", err);
    if (reel_csv_count(csv) != columns->count)
        return reel_rows_note_bad(rows, csv->line, "another number of columns than the first line",
                                  err);

    const reel_csv_field none = {0};
    const reel_csv_field part = columns->part >= 0 ? reel_csv_at(csv, columns->part) : none;
    row.part = reel_part_of_cell(part);
    if (columns->part >= 0 && row.part == REEL_NO_PART) {
        char cell[60], shown[60];
        snprintf(cell, sizeof cell, "%.*s", (int)(part.length < 59 ? part.length : 59), part.text);
        reel_escape(shown, sizeof shown, cell);
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: line %" PRId64
                         ": its column '%s' divides the images: expected train, val or test, got "
                         "'%s'",
                         name, csv->line, columns->part_name, shown);
    }
    return add_list_row(rows, row, reel_csv_at(csv, columns->image),
                        reel_csv_at(csv, columns->label), true, err);
}

static reel_status read_columns(reel_rows *rows, reel_csv *csv, const reel_columns *columns,
                                const char *name, reel_error *err)
{
    bool header = columns->header;
    rows->has_parts = columns->part >= 0;
    rows->part_is_mute = columns->mute_part >= 0;
    rows->columns = columns->count;
    rows->label_is_usual = columns->label_is_usual;
    snprintf(rows->part_column, sizeof rows->part_column, "%s", columns->part_name);
    snprintf(rows->image_column, sizeof rows->image_column, "%s", columns->image_name);
    snprintf(rows->label_column, sizeof rows->label_column, "%s", columns->label_name);

    for (bool more = true;;) {
        REEL_TRY(reel_csv_next(csv, &more, err));
        if (!more)
            return REEL_OK;
        if (!header || !csv->good)
            REEL_TRY(add_record(rows, csv, columns, name, err));
        header = header && !csv->good; /* a header may stand below bad lines */
    }
}

static bool has_ending(const char *name, const char *end)
{
    const size_t n = strlen(name), length = strlen(end);
    return n > length && strcasecmp(name + n - length, end) == 0;
}

/* Does the first line of a list that is not called .csv or .tsv split at a tab or a space? */
static bool first_line_is_pair(const reel_bytes *text)
{
    const char *begin = (const char *)text->data, *line;
    reel_lines lines = {.at = begin, .end = begin + text->size};
    size_t length;
    while (reel_lines_next(&lines, &line, &length))
        if (length)
            return memchr(line, ' ', length) || memchr(line, '\t', length);
    return true;
}

/* A column that the user names; NULL = none. */
static const char *column_asked_for(const reel_data_request *request)
{
    const char *image = request->image_column, *label = request->label_column;
    if (image && *image)
        return image;
    return label && *label ? label : NULL;
}

reel_status reel_rows_read(reel_rows *rows, const reel_bytes *text, const char *name,
                           const reel_data_request *request, reel_error *err)
{
    const char *begin = (const char *)text->data;
    const bool table = has_ending(name, ".csv") || has_ending(name, ".tsv");
    reel_csv csv = {0};
    reel_columns columns;
    reel_status status = REEL_OK;
    if (text->size >= 2 && (memcmp(begin, "\xff\xfe", 2) == 0 || memcmp(begin, "\xfe\xff", 2) == 0))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: UTF-16 text: save it as UTF-8", name);

    REEL_TRY_GOTO(reel_csv_begin(&csv, text, table, &rows->title, err), done);
    const char *asked = column_asked_for(request);
    if (csv.separator == 0 && asked)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_INVALID,
                                "%s: there is no column '%.60s': its lines are \"path label\", "
                                "without columns",
                                name, asked),
                      done);
    if (csv.separator == 0) {
        status = read_pairs(rows, text, 0, err);
        goto done;
    }

    /* A list that is not called .csv: without columns to find, its lines are "path label". */
    const bool pairs = !table && !asked && first_line_is_pair(text);
    reel_error why;
    status = reel_columns_find(&columns, &csv, request, name, &why);
    if (status != REEL_OK && (!pairs || status == REEL_ERR_MEMORY))
        REEL_TRY_GOTO(reel_fail(err, status, "%s", why.message), done);

    if (pairs && (status != REEL_OK || !columns.header))
        status = read_pairs(rows, text, 0, err);
    else if (columns.ragged)
        status = read_pairs(rows, text, csv.separator, err);
    else
        status = read_columns(rows, &csv, &columns, name, err);
done:
    reel_csv_free(&csv);
    return status;
}
