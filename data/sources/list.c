/* List file: a line "path label" a sample, or a table whose columns hold them (common/rows.c);
 * paths are relative to the list's folder. Samples keep the order of the lines. */
#include "data/sources/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/files/text.h"
#include "core/number.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/files.h"
#include "data/sources/common/labels.h"
#include "data/sources/common/locate.h"
#include "data/sources/common/part_lists.h"
#include "data/sources/common/parts.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/rows.h"
#include "data/sources/common/splits.h"
#include "data/sources/common/table_beside.h"
#include "data/sources/common/text.h"

/* Up to five numbers of bad lines with the reason of the first, for a message. */
static void describe_bad(const reel_rows *rows, char *text, size_t size)
{
    const reel_bad_line *bad = rows->bad.items;
    const size_t most = 5, n = rows->bad.n;
    size_t used = (size_t)snprintf(text, size, "line %" PRId64 ": %s", bad->line, bad->why);
    for (size_t i = 1; i < n && i < most && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s %" PRId64,
                                 i == 1 ? "; so is line" : ",", bad[i].line);
    if (n > most && used < size)
        snprintf(text + used, size - used, ", and %zu more", n - most);
}

/* Some bad lines among many good ones are left out; more, and the file is something else. */
static reel_status judge_bad_lines(reel_opened *out, const reel_rows *rows, const char *name,
                                   reel_error *err)
{
    const int64_t bad = (int64_t)rows->bad.n, good = reel_rows_count(rows);
    char text[300];
    if (bad == 0)
        return REEL_OK;
    describe_bad(rows, text, sizeof text);
    if ((bad == 1 && good >= 3) || bad * 100 <= bad + good)
        return reel_opened_note(out, err, "%s: %s: left out", reel_base_name(name), text);
    return reel_fail(err, REEL_ERR_FORMAT, "%s: %s", name, text);
}

/* One sample a file, of the lines that may name it twice. */
static reel_status merge_repeats(reel_opened *out, reel_rows *rows, const char *name,
                                 reel_error *err)
{
    int64_t same, other;
    REEL_TRY(reel_rows_unique(rows, &same, &other, err));
    if (same)
        REEL_TRY(reel_opened_note(out, err,
                                  "%s: %s that an earlier line has: the file is used once",
                                  reel_base_name(name), reel_count_of(same, "file name").text));
    if (other)
        REEL_TRY(reel_opened_note(out, err,
                                  "%s: %s for a file that an earlier line labels: the first label "
                                  "counts",
                                  reel_base_name(name), reel_count_of(other, "other label").text));
    return REEL_OK;
}

/* What is odd about the file itself. */
static reel_status note_text(reel_opened *out, const reel_rows *rows, const char *list,
                             reel_error *err)
{
    const char *base = reel_base_name(list);
    char shown[80];
    if (rows->title.line) {
        reel_escape(shown, sizeof shown, rows->title.text);
        REEL_TRY(reel_opened_note(out, err,
                                  "%s: '%.60s' is taken for a title: the table begins at line "
                                  "%" PRId64,
                                  base, shown, rows->title.line));
    }

    if (rows->part_is_mute)
        REEL_TRY(reel_opened_note(out, err,
                                  "%s: its column '%s' is not used: it does not say train, val or "
                                  "test",
                                  base, rows->part_column));

    /* The first such line is enough: the encoding is the whole file's. */
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        const reel_row *row = reel_rows_at(rows, i);
        const char *label = reel_row_text(rows, row->label);
        if (reel_utf8_valid(label, strlen(label)))
            continue;
        reel_escape(shown, sizeof shown, label);
        return reel_opened_note(out, err,
                                "%s: line %" PRId64 ": the label %s is no UTF-8 text: save the "
                                "file as UTF-8",
                                base, row->line, shown);
    }
    return REEL_OK;
}

static reel_status refuse_missing(const reel_rows *rows, const reel_list_text *list,
                                  reel_error *err)
{
    const char *path = reel_row_text(rows, reel_rows_at(rows, 0)->path);
    char shown[200], folder[200];
    reel_escape(shown, sizeof shown, path);
    reel_escape(folder, sizeof folder, list->folder);
    return reel_fail(err, REEL_ERR_IO, "%s: none of its %s is there; the first is %s%s%s",
                     list->name, reel_count_of(reel_rows_count(rows), "file").text,
                     *path == '/' ? "" : folder, *path == '/' ? "" : "/", shown);
}

static reel_status parse_rows(reel_opened *out, reel_rows *rows, const reel_list_text *list,
                              reel_error *err)
{
    const reel_files *files = out->self;
    const reel_list_place at = {files->root, list->folder, list->name};
    reel_labels labels;
    bool none;
    REEL_TRY(reel_rows_read(rows, list->text, list->name, out->request, err));
    if (reel_rows_count(rows) == 0 && rows->bad.n == 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s: no samples; expected lines \"path label\"",
                         list->name);
    REEL_TRY(note_text(out, rows, list->name, err));
    REEL_TRY(reel_rows_take_part(rows, out, list->name, err));
    REEL_TRY(reel_rows_locate(rows, out, &at, &none, err));
    if (list->folder)
        REEL_TRY(reel_rows_drop_odd(rows, out, &at, err));
    REEL_TRY(reel_labels_decide(&labels, out, rows, list->folder, err));
    REEL_TRY(judge_bad_lines(out, rows, list->name, err));
    if (none && reel_rows_count(rows) > 0)
        return refuse_missing(rows, list, err);
    REEL_TRY(merge_repeats(out, rows, list->name, err));

    out->indices = labels.indices;
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        const reel_row *row = reel_rows_at(rows, i);
        const char *path = reel_row_text(rows, row->path);
        const int64_t label = reel_labels_class(&labels, out, reel_row_text(rows, row->label));
        REEL_TRY(reel_files_add(out->self, path, strlen(path), label, err));
    }
    return REEL_OK;
}

reel_status reel_list_parse(reel_opened *out, const reel_list_text *list, reel_error *err)
{
    reel_rows rows = {0};
    const reel_status status = parse_rows(out, &rows, list, err);
    reel_rows_free(&rows);
    return status;
}

/* Does the folder hold folders? Then a folder for each class says it better than a list. */
static bool holds_folders(const char *path)
{
    reel_names folders = {0};
    reel_error err;
    const bool any = reel_is_folder(path) && reel_folder_names(&folders, path, &err) == REEL_OK &&
                     folders.list.n > 0;
    reel_names_free(&folders);
    return any;
}

/* Does a list that is not called after the split hold it? One of its columns may say so. */
static reel_sniff sniff_table(const char *table, const reel_data_request *request, char *path)
{
    const char *split = request->split;
    snprintf(path, REEL_DATA_PATH, "%s", table);
    const reel_sniff part = split ? reel_sniff_parts(table, request) : REEL_SNIFF_FOUND;
    if (part == REEL_SNIFF_OTHER && strcmp(split, "train") == 0)
        return REEL_SNIFF_FOUND;
    return part == REEL_SNIFF_FOUND ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}

/* The split beside the training list, or in it: the list that is called after the split; then a
 * column of the training list; then, for validation, the list for tests. */
static reel_sniff sniff_beside(const char *training, const reel_data_request *request, char *path)
{
    const reel_part part = reel_part_of_split(request->split);
    const reel_list_beside beside = {.request = request, .training = training};
    if ((part == REEL_VAL_PART || part == REEL_TEST_PART) && reel_find_list_of(&beside, part, path))
        return REEL_SNIFF_FOUND;
    const reel_sniff column = sniff_table(training, request, path);
    if (column == REEL_SNIFF_FOUND || part != REEL_VAL_PART)
        return column;
    return reel_find_list_of(&beside, REEL_TEST_PART, path) ? REEL_SNIFF_FOUND
                                                            : REEL_SNIFF_NO_SPLIT;
}

/* Is the file called after training data, while another part of the data is asked for? */
static bool is_other_than_asked(const reel_data_request *request)
{
    const reel_part part = reel_part_of_split(request->split);
    const char *base = reel_base_name(request->data);
    return (part == REEL_VAL_PART || part == REEL_TEST_PART) &&
           reel_part_of_folder(base) == REEL_TRAIN_PART && !reel_names_split(base, request->split);
}

static reel_sniff sniff_list_file(const reel_data_request *request, char *path)
{
    const char *data = request->data, *split = request->split;
    uint8_t head[4096];
    const size_t n = reel_read_head(data, head, sizeof head);
    const char *content = reel_content_name(head, n);
    const bool text = content && strcmp(content, "text") == 0;
    if (!n || !(text || reel_is_list_name(data)))
        return REEL_SNIFF_OTHER;
    if (is_other_than_asked(request))
        return sniff_beside(data, request, path);

    /* A column may say more than the file's name. */
    const reel_list_beside beside = {.request = request};
    const reel_part_wanted wanted = {reel_list_counts, &beside};
    const reel_sniff named = reel_sniff_file(data, split, &wanted, path);
    const bool neighbour = named == REEL_SNIFF_FOUND && strcmp(path, data) != 0;
    const reel_sniff part = split ? reel_sniff_parts(data, request) : REEL_SNIFF_OTHER;
    if (part == REEL_SNIFF_OTHER || (part == REEL_SNIFF_NO_SPLIT && neighbour))
        return named;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return part;
}

/* The list in the folder that has the split's very name: train.csv, val.csv, validation.csv. */
static bool find_list_called(const reel_list_beside *beside, char *path)
{
    const reel_data_request *request = beside->request;
    const reel_split_names names = reel_names_of_split(request->split);
    for (int64_t i = 0; reel_list_end(i); i++)
        for (int k = 0; k < names.n; k++)
            if (snprintf(path, REEL_DATA_PATH, "%s/%s%s", request->data, names.at[k],
                         reel_list_end(i)) < REEL_DATA_PATH &&
                reel_list_counts(path, beside))
                return true;
    return false;
}

/* Do class folders hold the split? Then lists beside them are something else. */
static bool is_in_class_folders(const char *data, const char *split)
{
    char folder[REEL_DATA_PATH];
    return reel_split_folder(data, split ? split : "train", folder) && holds_folders(folder);
}

/* Do class folders hold the training images that are to be used? Not where only lists know the
 * validation images, and there is a training list: a number of theirs is that list's class, which
 * need not be the class of the folders' order. (val/ without classes: sources/imagenet.c.) */
static bool trains_from_folders(const reel_data_request *request)
{
    char validation[REEL_DATA_PATH];
    return is_in_class_folders(request->data, "train") &&
           (reel_split_folder(request->data, "val", validation) || !reel_lists_hold_both(request));
}

/* DATA: a text file of any name; or a folder with train.txt and val.txt (.csv, .tsv, .lst), or the
 * like; or with a table beside folders that have no classes. */
static reel_sniff list_sniff_as(const reel_data_request *request, char *path)
{
    const char *data = request->data, *split = request->split;
    char training[REEL_DATA_PATH];
    if (reel_is_file(data))
        return sniff_list_file(request, path);
    if (!reel_is_folder(data))
        return REEL_SNIFF_OTHER;
    const bool folders = trains_from_folders(request);
    const bool trains = !split || reel_part_of_split(split) == REEL_TRAIN_PART;
    if (trains ? folders : is_in_class_folders(data, split))
        return REEL_SNIFF_OTHER;

    /* A training list tells that this is a list, whatever split is asked for. */
    const bool begun = !folders && reel_find_training_list(request, training);
    const reel_list_beside beside = {.request = request, .training = begun ? training : NULL};
    if (find_list_called(&beside, path))
        return REEL_SNIFF_FOUND;
    if (begun)
        return sniff_beside(training, request, path);
    return reel_find_table(data, training) ? sniff_table(training, request, path)
                                           : REEL_SNIFF_OTHER;
}

/* Says what was found under another name than the split's. */
static reel_status note_place_of_list(reel_opened *out, const char *path, reel_error *err)
{
    const char *split = out->request->split, *base = reel_base_name(path);
    char shown[200];
    if (!split || strcmp(path, out->request->data) == 0 || reel_names_split(base, split) ||
        reel_part_of_folder(base) == REEL_NO_PART)
        return REEL_OK;
    /* The training list itself has the rows, in a column. */
    if (reel_part_of_folder(base) == REEL_TRAIN_PART && strcmp(split, "train") != 0)
        return REEL_OK;
    reel_escape(shown, sizeof shown, base);
    return reel_opened_note(out, err, "%s is taken for the %s list", shown,
                            reel_words_for_split(split));
}

/* Says which list for tests would validate, had it labels. */
static reel_status note_unlabelled_list(reel_opened *out, const char *training, reel_error *err)
{
    char path[REEL_DATA_PATH], shown[200], list[200];
    reel_data_request val = *out->request;
    const reel_list_beside beside = {.request = &val, .training = training};
    if (val.split && strcmp(val.split, "train") != 0)
        return REEL_OK;
    val.split = "val";
    if (list_sniff_as(&val, path) == REEL_SNIFF_FOUND || !reel_find_unlabelled_list(&beside, path))
        return REEL_OK;
    reel_escape(shown, sizeof shown, reel_base_name(path));
    reel_escape(list, sizeof list, reel_base_name(training));
    return reel_opened_note(out, err,
                            "%s does not validate: its images are not there, or it lacks the "
                            "columns that hold image and label in %s",
                            shown, list);
}

static reel_status list_open(reel_opened *out, const char *data, const char *split,
                             const char *path, reel_error *err)
{
    (void)data, (void)split;
    char folder[REEL_DATA_PATH];
    reel_files *f;
    reel_folder_of(path, folder);
    REEL_TRY(reel_files_open(&f, folder, err));
    out->self = f;
    REEL_TRY(note_place_of_list(out, path, err));
    REEL_TRY(note_unlabelled_list(out, path, err));

    reel_bytes text = {0};
    const reel_list_text list = {.text = &text, .name = path, .folder = folder};
    reel_status status = reel_read_plain(&text, path, REEL_MAX_FILE, err);
    reel_mend_line_ends(&text);
    if (status == REEL_OK)
        status = reel_list_parse(out, &list, err);
    reel_bytes_free(&text);
    return status;
}

const reel_source reel_source_list = {.sniff_as = list_sniff_as,
                                      .open = list_open,
                                      .name = "list file",
                                      .rank = REEL_RANK_CONTENT,
                                      REEL_SAMPLES_ARE_FILES};
