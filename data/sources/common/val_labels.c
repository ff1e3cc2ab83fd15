/* Labels of ImageNet's validation set where its files lie in one folder or tar.
 *
 * Four kinds of people wrote them down: Kaggle (name, WNID), Caffe (name, rank of the WNID),
 * TensorFlow (a WNID a line, in the files' order) and the devkit (an id a line). The devkit's ids
 * are NOT ranks of sorted WNIDs: meta.mat, which comes with them, says what they mean, and without
 * it they are refused. */
#include "data/sources/common/val_labels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/sources/common/matlab.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/text.h"

enum { UNKNOWN = -1 };

struct entry {
    size_t name;
    int32_t label;
};

void reel_val_labels_free(reel_val_labels *v)
{
    free(v->labels.items);
    free(v->names.text);
    free(v->entries.items);
    *v = (reel_val_labels){0};
}

static size_t stem_length(const char *name, size_t length)
{
    const char *dot = memchr(name, '.', length);
    return dot ? (size_t)(dot - name) : length;
}

static int by_entry_name(const void *a, const void *b, void *names)
{
    return strcmp((char *)names + ((const struct entry *)a)->name,
                  (char *)names + ((const struct entry *)b)->name);
}

static void sort_entries(reel_val_labels *v)
{
    if (v->entries.n)
        qsort_r(v->entries.items, v->entries.n, sizeof(struct entry), by_entry_name, v->names.text);
}

/* The label of the number that ends the name's stem of n letters: ILSVRC2012_val_00000001. */
static int64_t label_of_number(const reel_val_labels *v, const char *stem, size_t n)
{
    size_t digits = 0;
    uint64_t number;
    while (digits < n && stem[n - 1 - digits] >= '0' && stem[n - 1 - digits] <= '9')
        digits++;
    if (!reel_parse_number(stem + n - digits, digits, v->labels.n, &number) || number < 1)
        return UNKNOWN;
    return ((const int32_t *)v->labels.items)[number - 1];
}

int64_t reel_val_label(const reel_val_labels *v, const char *name)
{
    const char *base = reel_base_name(name);
    const size_t n = stem_length(base, strlen(base));
    if (v->by_place)
        return label_of_number(v, base, n);

    size_t low = 0, high = v->entries.n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const struct entry *e = (const struct entry *)v->entries.items + middle;
        const char *text = v->names.text + e->name;
        int order = strncmp(text, base, n);
        if (order == 0 && text[n])
            order = 1;
        if (order == 0)
            return e->label;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UNKNOWN;
}

static reel_status add_placed_label(reel_val_labels *v, int64_t label, reel_error *err)
{
    int32_t *place = reel_list_add(&v->labels, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for labels");
    *place = (int32_t)label;
    return REEL_OK;
}

static reel_status add_named_label(reel_val_labels *v, const char *name, size_t length,
                                   int64_t label, reel_error *err)
{
    size_t at;
    REEL_TRY(reel_pool_add(&v->names, name, stem_length(name, length), &at, err));
    struct entry *place = reel_list_add(&v->entries, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for labels");
    *place = (struct entry){at, (int32_t)label};
    return REEL_OK;
}

static reel_status unknown_class(const char *path, const char *name, size_t length, reel_error *err)
{
    char raw[64], shown[200];
    snprintf(raw, sizeof raw, "%.*s", (int)(length < 60 ? length : 60), name);
    reel_escape(shown, sizeof shown, raw);
    return reel_fail(err, REEL_ERR_INVALID, "%s: class %s is not among those of the training data",
                     path, shown);
}

/* Lines of which a part is a WNID: "NAME,WNID x y w h ..." (csv) or "WNID". */
static bool wnid_of(const char *line, size_t length, bool csv, const char **wnid, size_t *n,
                    size_t *name)
{
    const char *comma = csv ? memchr(line, ',', length) : NULL;
    if (csv && !comma)
        return false;
    *name = comma ? (size_t)(comma - line) : 0;
    *wnid = comma ? comma + 1 : line;
    const size_t left = (size_t)(line + length - *wnid);
    const char *space = memchr(*wnid, ' ', left);
    *n = space ? (size_t)(space - *wnid) : left;
    return *n > 0 && *n < 64;
}

/* A text of WNIDs that is being read. */
struct wnid_text {
    const char *path;
    reel_lines lines;
    bool csv;
};

struct wnid_line {
    const char *line, *wnid;
    size_t name_length, wnid_length; /* name: begins the line, where csv */
};

/* The next line with a WNID; *more false = the end. REEL_ERR_FORMAT names the line. */
static reel_status next_wnid(struct wnid_text *text, struct wnid_line *l, bool *more,
                             reel_error *err)
{
    static const char header[] = "ImageId";
    size_t length;
    for (;;) {
        *more = reel_lines_next(&text->lines, &l->line, &length);
        if (!*more)
            return REEL_OK;

        const bool is_header = text->csv && text->lines.number == 1 &&
                               length >= sizeof header - 1 &&
                               memcmp(l->line, header, sizeof header - 1) == 0;
        if (length == 0 || is_header)
            continue;
        if (wnid_of(l->line, length, text->csv, &l->wnid, &l->wnid_length, &l->name_length))
            return REEL_OK;
        return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected %s", text->path,
                         text->lines.number, text->csv ? "\"ImageId,WNID ...\"" : "a WNID");
    }
}

static reel_status collect_wnids(reel_names *classes, struct wnid_text text, reel_error *err)
{
    enum { MANY = 1 << 18 }; /* then duplicates go */
    struct wnid_line l;
    for (bool more = true;;) {
        REEL_TRY(next_wnid(&text, &l, &more, err));
        if (!more)
            break;
        REEL_TRY(reel_names_add(classes, l.wnid, l.wnid_length, err));
        if (classes->list.n > MANY)
            reel_names_sort(classes);
    }
    reel_names_sort(classes);
    return REEL_OK;
}

static reel_status read_wnids(reel_val_labels *v, reel_names *classes, struct wnid_text text,
                              reel_error *err)
{
    v->by_place = !text.csv;
    if (reel_names_count(classes) == 0)
        REEL_TRY(collect_wnids(classes, text, err));

    struct wnid_line l;
    for (bool more = true;;) {
        REEL_TRY(next_wnid(&text, &l, &more, err));
        if (!more)
            return REEL_OK;
        const int64_t label = reel_names_find(classes, l.wnid, l.wnid_length);
        if (label < 0)
            return unknown_class(text.path, l.wnid, l.wnid_length, err);
        REEL_TRY(text.csv ? add_named_label(v, l.line, l.name_length, label, err)
                          : add_placed_label(v, label, err));
    }
}

/* Are these the devkit's ids? The first five of each are known. */
static bool looks_like_ids(const reel_val_labels *v)
{
    static const int64_t ids[5] = {490, 361, 171, 822, 297};
    int hits = 0;
    for (int i = 0; i < 5; i++) {
        char name[40];
        snprintf(name, sizeof name, "ILSVRC2012_val_%08d", i + 1);
        const int64_t label = reel_val_label(v, name);
        hits += label == ids[i] || label == ids[i] - 1;
    }
    return hits >= 4;
}

/* A line "PATH LABEL", with a tab or a space before the label. The name is the path's last part. */
static bool split_rank(const char *line, size_t length, const char **name, size_t *name_length,
                       uint64_t *label)
{
    const char *tab = memrchr(line, '\t', length);
    const char *cut = tab ? tab : memrchr(line, ' ', length);
    if (!cut || !reel_parse_number(cut + 1, (size_t)(line + length - cut - 1), 1 << 24, label))
        return false;
    const char *slash = memrchr(line, '/', (size_t)(cut - line));
    *name = slash ? slash + 1 : line;
    *name_length = (size_t)(cut - *name);
    return true;
}

static reel_status read_ranks(reel_val_labels *v, reel_names *classes, const char *path,
                              const reel_bytes *bytes, reel_error *err)
{
    const char *begin = (const char *)bytes->data, *line;
    reel_lines lines = {.at = begin, .end = begin + bytes->size};
    size_t length;
    int64_t n = 0; /* classes */
    while (reel_lines_next(&lines, &line, &length)) {
        const char *name;
        size_t name_length;
        uint64_t label;
        if (length == 0)
            continue;
        if (!split_rank(line, length, &name, &name_length, &label))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected \"name label\"",
                             path, lines.number);
        REEL_TRY(add_named_label(v, name, name_length, (int64_t)label, err));
        if ((int64_t)label >= n)
            n = (int64_t)label + 1;
    }
    sort_entries(v);

    if (looks_like_ids(v))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: its labels are the devkit's ids, not ranks of sorted WNIDs; give the "
                         "devkit itself",
                         path);
    const int64_t known = reel_names_count(classes);
    if (known && n > known)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: label %" PRId64 ", but the training data has %" PRId64 " classes",
                         path, n - 1, known);
    char folder[REEL_DATA_PATH];
    reel_folder_of(path, folder);
    return known ? REEL_OK : reel_number_names(classes, folder, n, err);
}

reel_status reel_val_labels_parse(reel_val_labels *v, reel_names *classes, reel_val_kind kind,
                                  const char *path, const reel_bytes *bytes, reel_error *err)
{
    if (kind == REEL_VAL_RANKS)
        return read_ranks(v, classes, path, bytes, err);
    const char *begin = (const char *)bytes->data;
    const struct wnid_text text = {.path = path,
                                   .lines = {.at = begin, .end = begin + bytes->size},
                                   .csv = kind == REEL_VAL_KAGGLE};
    REEL_TRY(read_wnids(v, classes, text, err));
    sort_entries(v);
    return REEL_OK;
}

/* The 1000 classes of the challenge have the ids 1 to 1000; what comes after are groups of them. */
static int64_t most_id(const reel_names *wnids)
{
    enum { CLASSES = 1000 };
    return reel_names_count(wnids) < CLASSES ? reel_names_count(wnids) : CLASSES;
}

static reel_status classes_of_ids(reel_names *classes, const reel_names *wnids, reel_error *err)
{
    for (int64_t i = 0; i < most_id(wnids); i++) {
        const char *wnid = reel_names_at(wnids, i);
        if (*wnid)
            REEL_TRY(reel_names_add(classes, wnid, strlen(wnid), err));
    }
    reel_names_sort(classes);
    return REEL_OK;
}

/* The lines of the devkit's text: an id each. */
static reel_status read_ids(reel_val_labels *v, const reel_names *classes, const reel_names *wnids,
                            const char *path, const reel_bytes *truth, reel_error *err)
{
    const int64_t most = most_id(wnids);
    const char *begin = (const char *)truth->data, *line;
    reel_lines lines = {.at = begin, .end = begin + truth->size};
    size_t length;
    v->by_place = true;
    while (reel_lines_next(&lines, &line, &length)) {
        uint64_t id;
        if (length == 0)
            continue;
        if (!reel_parse_number(line, length, (uint64_t)most, &id) || id < 1)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: line %" PRId64 ": expected an id from 1 to %" PRId64, path,
                             lines.number, most);

        const char *wnid = reel_names_at(wnids, (int64_t)id - 1);
        const int64_t label = reel_names_find(classes, wnid, strlen(wnid));
        if (label < 0)
            return unknown_class(path, wnid, strlen(wnid), err);
        REEL_TRY(add_placed_label(v, label, err));
    }
    return REEL_OK;
}

reel_status reel_val_labels_parse_ids(reel_val_labels *v, reel_names *classes, const char *path,
                                      const reel_bytes *truth, const reel_bytes *meta,
                                      reel_error *err)
{
    reel_names wnids = {0};
    reel_error why = {0};
    reel_status status = reel_matlab_synsets(&wnids, meta->data, meta->size, &why);
    if (status != REEL_OK)
        reel_fail(err, status, "%s: meta.mat: %s", path, why.message);
    if (status == REEL_OK && reel_names_count(classes) == 0)
        status = classes_of_ids(classes, &wnids, err);
    if (status == REEL_OK)
        status = read_ids(v, classes, &wnids, path, truth, err);
    reel_names_free(&wnids);
    return status;
}
