/* Labels of ImageNet's validation set where its files lie in one folder or tar.
 *
 * Four kinds of people wrote them down: Kaggle (name, WNID), Caffe (name, rank of the WNID),
 * TensorFlow (a WNID a line, in the files' order) and the devkit (an id a line). The devkit's ids
 * are NOT ranks of sorted WNIDs: meta.mat, which comes with them, says what they mean, and without
 * it they are refused. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sources/sources.h"

enum { MOST_TEXT = 64 << 20, UNKNOWN = -1 };

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

static int by_name(const void *a, const void *b, void *names)
{
    return strcmp((char *)names + ((const struct entry *)a)->name,
                  (char *)names + ((const struct entry *)b)->name);
}

int64_t reel_val_label(const reel_val_labels *v, const char *name)
{
    const char *base = reel_base_name(name);
    const size_t n = stem_length(base, strlen(base));
    if (v->by_place) {
        size_t digits = 0;
        uint64_t number;
        while (digits < n && base[n - 1 - digits] >= '0' && base[n - 1 - digits] <= '9')
            digits++;
        if (!reel_parse_number(base + n - digits, digits, v->labels.n, &number) || number < 1)
            return UNKNOWN;
        return ((const int32_t *)v->labels.items)[number - 1];
    }
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

static reel_status add_place(reel_val_labels *v, int64_t label, reel_error *err)
{
    int32_t *place = reel_list_add(&v->labels, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for labels");
    *place = (int32_t)label;
    return REEL_OK;
}

static reel_status add_entry(reel_val_labels *v, const char *name, size_t length, int64_t label,
                             reel_error *err)
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

static reel_status read_wnids(reel_val_labels *v, reel_names *classes, const char *path,
                              const reel_bytes *bytes, bool csv, reel_error *err)
{
    const char *line, *wnid, *begin = (const char *)bytes->data, *end = begin + bytes->size;
    size_t length, n, name;
    const bool collect = reel_names_count(classes) == 0;
    v->by_place = !csv;
    for (int pass = collect ? 0 : 1; pass < 2; pass++) {
        reel_lines lines = {.at = begin, .end = end};
        while (reel_lines_next(&lines, &line, &length)) {
            if (length == 0 ||
                (csv && lines.number == 1 && length >= 7 && memcmp(line, "ImageId", 7) == 0))
                continue;
            if (!wnid_of(line, length, csv, &wnid, &n, &name))
                return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected %s", path,
                                 lines.number, csv ? "\"ImageId,WNID ...\"" : "a WNID");
            if (pass == 0) {
                REEL_TRY(reel_names_add(classes, wnid, n, err));
                if (classes->list.n > 1 << 18)
                    reel_names_sort(classes);
                continue;
            }
            const int64_t label = reel_names_find(classes, wnid, n);
            if (label < 0)
                return unknown_class(path, wnid, n, err);
            REEL_TRY(csv ? add_entry(v, line, name, label, err) : add_place(v, label, err));
        }
        if (pass == 0)
            reel_names_sort(classes);
    }
    return REEL_OK;
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

static reel_status read_ranks(reel_val_labels *v, reel_names *classes, const char *path,
                              const reel_bytes *bytes, reel_error *err)
{
    reel_lines lines = {.at = (const char *)bytes->data,
                        .end = (const char *)bytes->data + bytes->size};
    const char *line;
    size_t length;
    int64_t n = 0;
    while (reel_lines_next(&lines, &line, &length)) {
        if (length == 0)
            continue;
        const char *space = memrchr(line, ' ', length), *tab = memrchr(line, '\t', length);
        const char *cut = tab ? tab : space;
        uint64_t label;
        if (!cut || !reel_parse_number(cut + 1, (size_t)(line + length - cut - 1), 1 << 24, &label))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: line %" PRId64 ": expected \"name label\"",
                             path, lines.number);
        const char *slash = memrchr(line, '/', (size_t)(cut - line)),
                   *name = slash ? slash + 1 : line;
        REEL_TRY(add_entry(v, name, (size_t)(cut - name), (int64_t)label, err));
        if ((int64_t)label >= n)
            n = (int64_t)label + 1;
    }
    if (v->entries.n)
        qsort_r(v->entries.items, v->entries.n, sizeof(struct entry), by_name, v->names.text);
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
    REEL_TRY(read_wnids(v, classes, path, bytes, kind == REEL_VAL_KAGGLE, err));
    if (v->entries.n)
        qsort_r(v->entries.items, v->entries.n, sizeof(struct entry), by_name, v->names.text);
    return REEL_OK;
}

static reel_status read_ids(reel_val_labels *v, reel_names *classes, const char *path,
                            const reel_bytes *truth, const reel_bytes *meta, reel_error *err)
{
    reel_names wnids = {0};
    reel_error why = {0};
    reel_status status = reel_matlab_synsets(&wnids, meta->data, meta->size, &why);
    if (status != REEL_OK)
        reel_fail(err, status, "%s: meta.mat: %s", path, why.message);
    /* The 1000 classes of the challenge have the ids 1 to 1000; what comes after are groups of
     * them. */
    const int64_t most = reel_names_count(&wnids) < 1000 ? reel_names_count(&wnids) : 1000;
    if (status == REEL_OK && reel_names_count(classes) == 0) {
        for (int64_t i = 0; status == REEL_OK && i < most; i++)
            if (*reel_names_at(&wnids, i))
                status = reel_names_add(classes, reel_names_at(&wnids, i),
                                        strlen(reel_names_at(&wnids, i)), err);
        reel_names_sort(classes);
    }
    reel_lines lines = {.at = (const char *)truth->data,
                        .end = (const char *)truth->data + truth->size};
    const char *line;
    size_t length;
    v->by_place = true;
    while (status == REEL_OK && reel_lines_next(&lines, &line, &length)) {
        uint64_t id;
        if (length == 0)
            continue;
        if (!reel_parse_number(line, length, (uint64_t)most, &id) || id < 1) {
            status = reel_fail(err, REEL_ERR_FORMAT,
                               "%s: line %" PRId64 ": expected an id from 1 to %" PRId64, path,
                               lines.number, most);
            break;
        }
        const char *wnid = reel_names_at(&wnids, (int64_t)id - 1);
        const int64_t label = reel_names_find(classes, wnid, strlen(wnid));
        status =
            label < 0 ? unknown_class(path, wnid, strlen(wnid), err) : add_place(v, label, err);
    }
    reel_names_free(&wnids);
    return status;
}

/* ---- where they are ---- */
static const char truth_name[] = "ILSVRC2012_validation_ground_truth.txt";

static reel_status devkit_folder(reel_val_labels *v, reel_names *classes, const char *folder,
                                 bool *found, reel_error *err)
{
    static const char *const below[] = {"", "/data", "/ILSVRC2012_devkit_t12/data", "/devkit/data"};
    for (int i = 0; i < (int)REEL_COUNT(below); i++) {
        char path[REEL_DATA_PATH + 80], meta_path[REEL_DATA_PATH + 80];
        snprintf(path, sizeof path, "%s%s/%s", folder, below[i], truth_name);
        snprintf(meta_path, sizeof meta_path, "%s%s/meta.mat", folder, below[i]);
        if (!reel_is_file(path))
            continue;
        *found = true;
        snprintf(v->from, sizeof v->from, "%.*s", REEL_DATA_PATH - 1, path);
        if (!reel_is_file(meta_path))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "%s: the devkit's ids are not class indices: expected its meta.mat beside it",
                path);
        reel_bytes truth = {0}, meta = {0};
        reel_status status = reel_read_plain(&truth, path, MOST_TEXT, err);
        if (status == REEL_OK)
            status = reel_read_plain(&meta, meta_path, MOST_TEXT, err);
        if (status == REEL_OK)
            status = read_ids(v, classes, path, &truth, &meta, err);
        reel_bytes_free(&truth);
        reel_bytes_free(&meta);
        return status;
    }
    return REEL_OK;
}

struct unpacking {
    reel_tar tar;
    reel_tar_entry entry;
};

static reel_status devkit_tar(reel_val_labels *v, reel_names *classes, const char *path,
                              reel_error *err)
{
    reel_bytes tar = {0}, truth = {0}, meta = {0};
    struct unpacking *u = calloc(1, sizeof *u);
    reel_status status = u ? reel_read_plain(&tar, path, MOST_TEXT, err)
                           : reel_fail(err, REEL_ERR_MEMORY, "no memory to read a tar");
    const reel_span span = {.memory = tar.data, .size = tar.size};
    if (status == REEL_OK)
        reel_tar_begin(&u->tar, &span, 0, span.size);
    bool more = true;
    reel_error why = {0};
    while (status == REEL_OK) {
        status = reel_tar_next(&u->tar, &u->entry, &more, &why);
        if (status != REEL_OK)
            reel_fail(err, status, "%s: %s", path, why.message);
        if (status != REEL_OK || !more)
            break;
        const char *base = reel_base_name(u->entry.name);
        reel_bytes *into = !strcmp(base, truth_name)   ? &truth
                           : !strcmp(base, "meta.mat") ? &meta
                                                       : NULL;
        if (!into || !u->entry.regular)
            continue;
        status = reel_bytes_reserve(into, (size_t)u->entry.size + 1, err);
        if (status == REEL_OK)
            memcpy(into->data, tar.data + u->entry.offset, (size_t)u->entry.size);
        into->size = status == REEL_OK ? (size_t)u->entry.size : 0;
    }
    if (status == REEL_OK && (!truth.data || !meta.data))
        status =
            reel_fail(err, REEL_ERR_FORMAT, "%s: expected meta.mat and %s in it", path, truth_name);
    if (status == REEL_OK)
        status = read_ids(v, classes, path, &truth, &meta, err);
    free(u);
    reel_bytes_free(&tar);
    reel_bytes_free(&truth);
    reel_bytes_free(&meta);
    return status;
}

static reel_status find_in(reel_val_labels *v, reel_names *classes, const char *folder, bool *found,
                           reel_error *err)
{
    static const char *const names[] = {[REEL_VAL_KAGGLE] = "LOC_val_solution.csv",
                                        [REEL_VAL_WNIDS] =
                                            "imagenet_2012_validation_synset_labels.txt",
                                        [REEL_VAL_RANKS] = "val.txt",
                                        "ILSVRC2012_devkit_t12.tar.gz",
                                        "ILSVRC2012_devkit_t12.tar"};
    for (int i = 0; i < (int)REEL_COUNT(names); i++) {
        if (i == REEL_VAL_RANKS)
            REEL_TRY(devkit_folder(v, classes, folder, found, err));
        if (*found)
            return REEL_OK;
        char path[REEL_DATA_PATH + 80];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!reel_is_file(path))
            continue;
        *found = true;
        snprintf(v->from, sizeof v->from, "%.*s", REEL_DATA_PATH - 1, path);
        if (i > REEL_VAL_RANKS)
            return devkit_tar(v, classes, path, err);
        reel_bytes bytes = {0};
        reel_status status = reel_read_plain(&bytes, path, MOST_TEXT, err);
        if (status == REEL_OK)
            status = reel_val_labels_parse(v, classes, (reel_val_kind)i, path, &bytes, err);
        reel_bytes_free(&bytes);
        return status;
    }
    return REEL_OK;
}

reel_status reel_val_labels_find(reel_val_labels *v, reel_names *classes,
                                 const char *const *folders, reel_error *err)
{
    bool found = false;
    for (int i = 0; folders[i] && !found; i++) {
        const reel_status status = find_in(v, classes, folders[i], &found, err);
        if (status != REEL_OK)
            return status;
    }
    if (found)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: validation images in one folder, and no labels for them: expected "
                     "LOC_val_solution.csv, val.txt, or the "
                     "devkit (ILSVRC2012_devkit_t12.tar.gz) beside it",
                     folders[0]);
}
