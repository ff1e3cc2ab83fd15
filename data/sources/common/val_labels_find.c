/* Where the labels of ImageNet's validation set are: in one of the files that people have, or in
 * the devkit, unpacked or as a tar. */
#include "data/sources/common/val_labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/tar.h"

enum { MOST_TEXT = 64 << 20, PATH = REEL_DATA_PATH + 80 };

static const char truth_name[] = "ILSVRC2012_validation_ground_truth.txt", meta_name[] = "meta.mat";

/* Paths are cut to what messages need. */
static void note_from(reel_val_labels *v, const char *path)
{
    snprintf(v->from, sizeof v->from, "%.*s", REEL_DATA_PATH - 1, path);
}

/* The devkit's two files, by their paths. */
static reel_status read_pair(reel_val_labels *v, reel_names *classes, const char *truth_path,
                             const char *meta_path, reel_error *err)
{
    reel_bytes truth = {0}, meta = {0};
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_read_plain(&truth, truth_path, MOST_TEXT, err), done);
    REEL_TRY_GOTO(reel_read_plain(&meta, meta_path, MOST_TEXT, err), done);
    REEL_TRY_GOTO(reel_val_labels_parse_ids(v, classes, truth_path, &truth, &meta, err), done);
done:
    reel_bytes_free(&truth);
    reel_bytes_free(&meta);
    return status;
}

static reel_status devkit_folder(reel_val_labels *v, reel_names *classes, const char *folder,
                                 bool *found, reel_error *err)
{
    static const char *const below[] = {"", "/data", "/ILSVRC2012_devkit_t12/data", "/devkit/data"};
    for (int64_t i = 0; i < REEL_COUNT(below); i++) {
        char path[PATH], meta_path[PATH];
        snprintf(path, sizeof path, "%s%s/%s", folder, below[i], truth_name);
        snprintf(meta_path, sizeof meta_path, "%s%s/%s", folder, below[i], meta_name);
        if (!reel_is_file(path))
            continue;

        *found = true;
        note_from(v, path);
        if (!reel_is_file(meta_path))
            return reel_fail(
                err, REEL_ERR_INVALID,
                "%s: the devkit's ids are not class indices: expected its meta.mat beside it",
                path);
        return read_pair(v, classes, path, meta_path, err);
    }
    return REEL_OK;
}

/* The devkit's tar, unpacked by gzip, and the two files in it. */
struct devkit {
    reel_bytes tar, truth, meta;
    reel_tar walk;
    reel_tar_entry entry;
};

static reel_status keep_entry(struct devkit *d, reel_error *err)
{
    const char *base = reel_base_name(d->entry.name);
    reel_bytes *into = NULL;
    if (strcmp(base, truth_name) == 0)
        into = &d->truth;
    else if (strcmp(base, meta_name) == 0)
        into = &d->meta;
    if (!into || !d->entry.regular)
        return REEL_OK;

    into->size = 0;
    REEL_TRY(reel_bytes_reserve(into, (size_t)d->entry.size + 1, err));
    memcpy(into->data, d->tar.data + d->entry.offset, (size_t)d->entry.size);
    into->size = (size_t)d->entry.size;
    return REEL_OK;
}

static reel_status read_devkit(struct devkit *d, const char *path, reel_error *err)
{
    REEL_TRY(reel_read_plain(&d->tar, path, MOST_TEXT, err));
    const reel_span span = {.memory = d->tar.data, .size = d->tar.size};
    reel_tar_begin(&d->walk, &span, 0, span.size);
    for (bool more = true; more;) {
        reel_error why = {0};
        const reel_status status = reel_tar_next(&d->walk, &d->entry, &more, &why);
        if (status != REEL_OK)
            return reel_fail(err, status, "%s: %s", path, why.message);
        if (more)
            REEL_TRY(keep_entry(d, err));
    }
    if (!d->truth.data || !d->meta.data)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected meta.mat and %s in it", path,
                         truth_name);
    return REEL_OK;
}

static reel_status devkit_tar(reel_val_labels *v, reel_names *classes, const char *path,
                              reel_error *err)
{
    struct devkit *d = calloc(1, sizeof *d);
    if (!d)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to read a tar");
    reel_status status = read_devkit(d, path, err);
    if (status == REEL_OK)
        status = reel_val_labels_parse_ids(v, classes, path, &d->truth, &d->meta, err);
    reel_bytes_free(&d->tar);
    reel_bytes_free(&d->truth);
    reel_bytes_free(&d->meta);
    free(d);
    return status;
}

/* One of the texts, by its path. */
static reel_status read_text(reel_val_labels *v, reel_names *classes, reel_val_kind kind,
                             const char *path, reel_error *err)
{
    reel_bytes bytes = {0};
    reel_status status = reel_read_plain(&bytes, path, MOST_TEXT, err);
    if (status == REEL_OK)
        status = reel_val_labels_parse(v, classes, kind, path, &bytes, err);
    reel_bytes_free(&bytes);
    return status;
}

/* The unpacked devkit comes before val.txt, which may hold the devkit's ids. */
static reel_status find_in(reel_val_labels *v, reel_names *classes, const char *folder, bool *found,
                           reel_error *err)
{
    static const char *const names[] = {[REEL_VAL_KAGGLE] = "LOC_val_solution.csv",
                                        [REEL_VAL_WNIDS] =
                                            "imagenet_2012_validation_synset_labels.txt",
                                        [REEL_VAL_RANKS] = "val.txt",
                                        "ILSVRC2012_devkit_t12.tar.gz",
                                        "ILSVRC2012_devkit_t12.tar"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++) {
        if (i == REEL_VAL_RANKS)
            REEL_TRY(devkit_folder(v, classes, folder, found, err));
        if (*found)
            return REEL_OK;

        char path[PATH];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!reel_is_file(path))
            continue;
        *found = true;
        note_from(v, path);
        return i > REEL_VAL_RANKS ? devkit_tar(v, classes, path, err)
                                  : read_text(v, classes, (reel_val_kind)i, path, err);
    }
    return REEL_OK;
}

reel_status reel_val_labels_find(reel_val_labels *v, reel_names *classes,
                                 const char *const *folders, reel_error *err)
{
    bool found = false;
    for (int i = 0; folders[i] && !found; i++)
        REEL_TRY(find_in(v, classes, folders[i], &found, err));
    if (found)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: validation images in one folder, and no labels for them: expected "
                     "LOC_val_solution.csv, val.txt, or the "
                     "devkit (ILSVRC2012_devkit_t12.tar.gz) beside it",
                     folders[0]);
}
