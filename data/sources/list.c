/* List file: a line "path label" a sample; paths are relative to the list's folder.
 *
 * The label is what follows the last tab, or, where a line has none, the last comma (in a .csv) or
 * the last space: so paths may hold spaces. CRLF, a byte order mark, blank lines and trailing
 * spaces do no harm. Where every label is a number, it is the class index; else classes are the
 * bytewise ranks of the labels. Samples keep the order of the lines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/codecs/codec.h"
#include "data/sources/sources.h"

enum { MOST_LABEL = (1 << 24) - 1 };

struct line {
    const char *path, *label;
    size_t path_length, label_length;
};

static bool split_line(const char *text, size_t length, bool csv, struct line *l)
{
    const char *cut = memrchr(text, '\t', length);
    if (!cut && csv)
        cut = memrchr(text, ',', length);
    if (!cut)
        cut = memrchr(text, ' ', length);
    if (!cut)
        return false;
    l->label = cut + 1;
    l->label_length = (size_t)(text + length - l->label);
    while (l->label_length && *l->label == ' ')
        l->label++, l->label_length--;
    l->path = text;
    l->path_length = (size_t)(cut - text);
    while (l->path_length && (text[l->path_length - 1] == ' ' || text[l->path_length - 1] == '\t'))
        l->path_length--;
    return l->path_length && l->label_length && !memchr(text, 0, length);
}

/* A first line that names the columns, as a spreadsheet writes it: "path,label". */
static bool is_header(int64_t number, bool csv, const struct line *l)
{
    static const char *const words[] = {"label",  "class",  "category",
                                        "target", "labels", "class_name"};
    if (number != 1 || !csv || memchr(l->path, '.', l->path_length) ||
        memchr(l->path, '/', l->path_length))
        return false;
    for (int i = 0; i < (int)REEL_COUNT(words); i++)
        if (l->label_length == strlen(words[i]) &&
            strncasecmp(l->label, words[i], l->label_length) == 0)
            return true;
    return false;
}

/* Is the list well formed, and is every label a number? */
static reel_status survey(const char *bytes, size_t size, const char *name, bool csv, bool *numbers,
                          reel_error *err)
{
    reel_lines lines = {.at = bytes, .end = bytes + size};
    const char *text;
    size_t length;
    struct line l;
    uint64_t number;
    *numbers = true;
    while (reel_lines_next(&lines, &text, &length)) {
        if (length == 0)
            continue;
        if (!split_line(text, length, csv, &l) || l.path_length >= REEL_DATA_PATH ||
            l.label_length >= 256)
            return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected \"path label\"",
                             name, lines.number);
        if (is_header(lines.number, csv, &l))
            continue;
        *numbers = *numbers && reel_parse_number(l.label, l.label_length, MOST_LABEL, &number);
    }
    return REEL_OK;
}

static reel_status collect_classes(reel_names *classes, const char *bytes, size_t size, bool csv,
                                   reel_error *err)
{
    reel_lines lines = {.at = bytes, .end = bytes + size};
    const char *text;
    size_t length, next = 4096; /* duplicates go whenever there are so many */
    struct line l;
    while (reel_lines_next(&lines, &text, &length)) {
        if (length == 0 || !split_line(text, length, csv, &l) || is_header(lines.number, csv, &l))
            continue;
        REEL_TRY(reel_names_add(classes, l.label, l.label_length, err));
        if (classes->list.n < next)
            continue;
        reel_names_sort(classes);
        next = 2 * classes->list.n + 4096;
    }
    reel_names_sort(classes);
    return REEL_OK;
}

reel_status reel_list_parse(reel_files *f, reel_names *classes, bool *numbers, const char *bytes,
                            size_t size, const char *name, reel_error *err)
{
    const size_t n = strlen(name);
    const bool csv = n > 4 && strcasecmp(name + n - 4, ".csv") == 0;
    REEL_TRY(survey(bytes, size, name, csv, numbers, err));
    if (!*numbers)
        REEL_TRY(collect_classes(classes, bytes, size, csv, err));
    reel_lines lines = {.at = bytes, .end = bytes + size};
    const char *text;
    size_t length;
    struct line l;
    while (reel_lines_next(&lines, &text, &length)) {
        uint64_t number = 0;
        if (length == 0 || !split_line(text, length, csv, &l) || is_header(lines.number, csv, &l))
            continue;
        if (*numbers)
            reel_parse_number(l.label, l.label_length, MOST_LABEL, &number);
        const int64_t label =
            *numbers ? (int64_t)number : reel_names_find(classes, l.label, l.label_length);
        REEL_TRY(reel_files_add(f, l.path, l.path_length, label, err));
    }
    if (f->samples.n == 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s: no samples; expected lines \"path label\"",
                         name);
    return REEL_OK;
}

static bool is_list_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (!strcasecmp(dot, ".txt") || !strcasecmp(dot, ".csv") ||
                   !strcasecmp(dot, ".tsv") || !strcasecmp(dot, ".lst"));
}

/* DATA: a text file of any name; or a folder with train.txt and val.txt (.csv, .tsv, .lst). */
static reel_look look(const char *data, const char *split, char *path)
{
    static const char *const ends[] = {"txt", "csv", "tsv", "lst"};
    if (reel_is_file(data)) {
        uint8_t head[4096];
        const size_t n = reel_read_head(data, head, sizeof head);
        const char *content = reel_content_name(head, n);
        return n && ((content && strcmp(content, "text") == 0) || is_list_name(data))
                   ? reel_look_file(data, split, path)
                   : REEL_LOOK_OTHER;
    }
    char train[REEL_DATA_PATH];
    reel_names folders = {0};
    reel_error err;
    if (!reel_is_folder(data) ||
        snprintf(train, sizeof train, "%s/%s", data, split ? split : "train") >= (int)sizeof train)
        return REEL_LOOK_OTHER;
    const bool by_class = reel_is_folder(train) &&
                          reel_folder_names(&folders, train, &err) == REEL_OK && folders.list.n > 0;
    reel_names_free(&folders);
    if (by_class)
        return REEL_LOOK_OTHER; /* a folder for each class says it better */
    const char *const names[] = {split ? split : "train",
                                 reel_is_val(split) ? "validation" : "train", "valid"};
    bool known = false;
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < (reel_is_val(split) ? 3 : 1); k++)
            if (snprintf(path, REEL_DATA_PATH, "%s/%s.%s", data, names[k], ends[i]) <
                    REEL_DATA_PATH &&
                reel_is_file(path))
                return REEL_LOOK_FOUND;
        known |= snprintf(train, sizeof train, "%s/train.%s", data, ends[i]) < REEL_DATA_PATH &&
                 reel_is_file(train);
    }
    return known ? REEL_LOOK_NO_SPLIT : REEL_LOOK_OTHER;
}

static reel_status open_list(reel_dataset **out, const char *data, const char *split,
                             const char *path, reel_error *err)
{
    (void)data, (void)split;
    char folder[REEL_DATA_PATH];
    reel_folder_of(path, folder);
    reel_files *f;
    reel_names classes = {0};
    reel_bytes bytes = {0};
    bool numbers = false;
    REEL_TRY(reel_files_open(&f, folder, err));
    reel_status status = reel_read_plain(&bytes, path, REEL_MAX_FILE, err);
    if (status == REEL_OK)
        status = reel_list_parse(f, &classes, &numbers, (char *)bytes.data, bytes.size, path, err);
    reel_bytes_free(&bytes);
    if (status == REEL_OK && numbers) {
        int64_t n = 0;
        for (size_t i = 0; i < f->samples.n; i++) {
            const int64_t label = ((const reel_file *)f->samples.items)[i].label;
            if (label >= n)
                n = label + 1;
        }
        reel_names_free(&classes);
        status = reel_number_names(&classes, folder, n, err);
    }
    if (status == REEL_OK)
        return reel_create_named(out, &reel_files_source, f, &classes, err);
    reel_names_free(&classes);
    reel_files_destroy(f);
    return status;
}

const reel_kind reel_kind_list = {.name = "list file", .look = look, .open = open_list};
