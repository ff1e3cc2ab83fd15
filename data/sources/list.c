/* List file: a line "path label" a sample; paths are relative to the list's folder.
 *
 * The label is what follows the last tab, or, where a line has none, the last comma (in a .csv) or
 * the last space: so paths may hold spaces. CRLF, a byte order mark, blank lines and trailing
 * spaces do no harm. Where every label is a number, it is the class index; else classes are the
 * bytewise ranks of the labels. Samples keep the order of the lines. */
#include "data/sources/list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/opened.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/text.h"

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

/* A list that is being read. */
struct list {
    const char *name; /* for messages */
    bool csv;         /* labels may follow a comma, and a header may stand first */
    reel_lines lines;
};

static struct list begin_list(const reel_bytes *text, const char *name)
{
    const size_t n = strlen(name);
    const char *bytes = (const char *)text->data;
    return (struct list){.name = name,
                         .csv = n > 4 && strcasecmp(name + n - 4, ".csv") == 0,
                         .lines = {.at = bytes, .end = bytes + text->size}};
}

/* The next line that names a sample; *more false = the end. REEL_ERR_FORMAT names the line. */
static reel_status next_sample(struct list *list, struct line *l, bool *more, reel_error *err)
{
    enum { MOST_LABEL_LETTERS = 255 };
    const char *text;
    size_t length;
    for (;;) {
        *more = reel_lines_next(&list->lines, &text, &length);
        if (!*more)
            return REEL_OK;
        if (length == 0)
            continue;
        if (!split_line(text, length, list->csv, l) || l->path_length >= REEL_DATA_PATH ||
            l->label_length > MOST_LABEL_LETTERS)
            return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected \"path label\"",
                             list->name, list->lines.number);
        if (!is_header(list->lines.number, list->csv, l))
            return REEL_OK;
    }
}

/* Is the list well formed, and is every label a number? */
static reel_status survey(struct list list, bool *numbers, reel_error *err)
{
    struct line l;
    uint64_t number;
    *numbers = true;
    for (bool more = true;;) {
        REEL_TRY(next_sample(&list, &l, &more, err));
        if (!more)
            return REEL_OK;
        *numbers = *numbers && reel_parse_number(l.label, l.label_length, MOST_LABEL, &number);
    }
}

static reel_status collect_classes(reel_names *classes, struct list list, reel_error *err)
{
    enum { FEW = 4096 };
    size_t most = FEW; /* duplicates go whenever there are so many */
    struct line l;
    for (bool more = true;;) {
        REEL_TRY(next_sample(&list, &l, &more, err));
        if (!more)
            break;
        REEL_TRY(reel_names_add(classes, l.label, l.label_length, err));
        if (classes->list.n < most)
            continue;
        reel_names_sort(classes);
        most = 2 * classes->list.n + FEW;
    }
    reel_names_sort(classes);
    return REEL_OK;
}

reel_status reel_list_parse(reel_files *f, reel_names *classes, bool *numbers,
                            const reel_bytes *text, const char *name, reel_error *err)
{
    /* Three passes over the text, each with its own copy of where it begins. */
    struct list list = begin_list(text, name);
    REEL_TRY(survey(list, numbers, err));
    if (!*numbers)
        REEL_TRY(collect_classes(classes, list, err));

    struct line l;
    for (bool more = true;;) {
        REEL_TRY(next_sample(&list, &l, &more, err));
        if (!more)
            break;
        uint64_t number = 0;
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

static const char *const list_ends[] = {".txt", ".csv", ".tsv", ".lst"};

static bool is_list_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (int64_t i = 0; dot && i < REEL_COUNT(list_ends); i++)
        if (strcasecmp(dot, list_ends[i]) == 0)
            return true;
    return false;
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

/* DATA: a text file of any name; or a folder with train.txt and val.txt (.csv, .tsv, .lst). */
static reel_sniff list_sniff(const char *data, const char *split, char *path)
{
    if (reel_is_file(data)) {
        uint8_t head[4096];
        const size_t n = reel_read_head(data, head, sizeof head);
        const char *content = reel_content_name(head, n);
        const bool text = content && strcmp(content, "text") == 0;
        return n && (text || is_list_name(data)) ? reel_sniff_file(data, split, path)
                                                 : REEL_SNIFF_OTHER;
    }

    char other[REEL_DATA_PATH];
    if (!reel_is_folder(data) ||
        snprintf(other, sizeof other, "%s/%s", data, split ? split : "train") >=
            (int)sizeof other ||
        holds_folders(other))
        return REEL_SNIFF_OTHER;

    /* train.txt tells that this is a list, whatever split is asked for. */
    const reel_split_names names = reel_names_of_split(split);
    bool known = false;
    for (int64_t i = 0; i < REEL_COUNT(list_ends); i++) {
        for (int k = 0; k < names.n; k++)
            if (snprintf(path, REEL_DATA_PATH, "%s/%s%s", data, names.at[k], list_ends[i]) <
                    REEL_DATA_PATH &&
                reel_is_file(path))
                return REEL_SNIFF_FOUND;
        known |= snprintf(other, sizeof other, "%s/train%s", data, list_ends[i]) < REEL_DATA_PATH &&
                 reel_is_file(other);
    }
    return known ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_OTHER;
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

    reel_bytes text = {0};
    bool numbers = false;
    reel_status status = reel_read_plain(&text, path, REEL_MAX_FILE, err);
    if (status == REEL_OK)
        status = reel_list_parse(f, &out->classes, &numbers, &text, path, err);
    reel_bytes_free(&text);
    if (status != REEL_OK || !numbers)
        return status;
    return reel_number_names(&out->classes, folder, reel_files_classes(f), err);
}

const reel_source reel_source_list = {.name = "list file",
                                      .rank = REEL_RANK_CONTENT,
                                      .sniff = list_sniff,
                                      .open = list_open,
                                      REEL_SAMPLES_ARE_FILES};
