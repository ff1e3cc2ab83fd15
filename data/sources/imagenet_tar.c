/* ImageNet's tars, read in place: ILSVRC2012_img_train.tar, a tar of one tar a class, and
 * ILSVRC2012_img_val.tar. An index pass over the headers, then one pread an image.
 *
 * Classes are the training data's WNIDs in bytewise order; samples are in the order an image folder
 * would give them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/imagenet.h"
#include "data/sources/common/opened.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/pieces.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/tar.h"

/* DATA: one of the tars, or the folder that they are in. */
static reel_sniff imagenet_tar_sniff(const char *data, const char *split, char *path)
{
    const char *base = reel_base_name(data);
    if (reel_is_file(data) && strcmp(base, reel_imagenet_train_tar) != 0 &&
        strcmp(base, reel_imagenet_val_tar) != 0)
        return REEL_SNIFF_OTHER;

    char folder[REEL_DATA_PATH];
    reel_folder_of(data, folder);
    const bool train = !split || strcmp(split, "train") == 0;
    const char *wanted = train ? reel_imagenet_train_tar : reel_imagenet_val_tar;
    const char *other = train ? reel_imagenet_val_tar : reel_imagenet_train_tar;
    if ((train || reel_is_val(split)) &&
        snprintf(path, REEL_DATA_PATH, "%s/%s", folder, wanted) < REEL_DATA_PATH &&
        reel_is_file(path))
        return REEL_SNIFF_FOUND;
    if (snprintf(path, REEL_DATA_PATH, "%s/%s", folder, other) < REEL_DATA_PATH &&
        reel_is_file(path))
        return REEL_SNIFF_NO_SPLIT;
    return REEL_SNIFF_OTHER;
}

/* What is said of the images of an archive, and where they go. */
struct images {
    reel_piece_list *pieces;
    const char *prefix; /* before the samples' names, with a slash; "" = nothing */
    int64_t label;      /* of all of them; -1: each has its own in `labels` */
    const reel_val_labels *labels;
};

static reel_status add_tar_image(void *user, const reel_tar_entry *e, reel_error *err)
{
    const struct images *images = user;
    const char *base = reel_base_name(e->name);
    if (!e->regular || base[0] == '.' || !reel_is_image_name(base))
        return REEL_OK;
    const int64_t label = images->label < 0 ? reel_val_label(images->labels, base) : images->label;
    if (label < 0)
        return reel_imagenet_no_label(base, images->labels, err);
    if (e->size > REEL_MAX_FILE)
        return reel_fail(err, REEL_ERR_FORMAT, "an image of %" PRIu64 " bytes at %" PRIu64, e->size,
                         e->offset);

    char name[REEL_TAR_NAME + 300];
    snprintf(name, sizeof name, "%.255s%s%s", images->prefix, *images->prefix ? "/" : "", base);
    const reel_piece piece = {
        .offset = e->offset, .size = (uint32_t)e->size, .label = (uint32_t)label};
    return reel_pieces_add(images->pieces, &piece, name, err);
}

/* The images of the archive that lies at `at` in the span. */
static reel_status add_tar_images(const reel_span *span, reel_member at, struct images *images,
                                  reel_error *err)
{
    return reel_tar_each(span, at.offset, at.offset + at.size, add_tar_image, images, err);
}

/* The images of one class's tar. */
static reel_status add_class_images(const reel_span *span, reel_member at, struct images *images,
                                    reel_error *err)
{
    const size_t before = images->pieces->pieces.n;
    reel_error why = {0};
    reel_status status = add_tar_images(span, at, images, &why);
    if (status == REEL_OK && images->pieces->pieces.n == before)
        status = reel_fail(&why, REEL_ERR_INVALID, "no images in it");
    return status == REEL_OK
               ? REEL_OK
               : reel_fail(err, status, "%.40s.tar: %.700s", images->prefix, why.message);
}

static reel_status add_train_tar(reel_piece_list *p, reel_names *classes, const reel_span *span,
                                 reel_error *err)
{
    reel_names found = {0}; /* in the order of the tar */
    reel_list members = {0};
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_imagenet_class_tars(&found, &members, span, err), done);
    const int64_t n = reel_names_count(&found);
    for (int64_t i = 0; i < n; i++) {
        const char *name = reel_names_at(&found, i);
        REEL_TRY_GOTO(reel_names_add(classes, name, strlen(name), err), done);
    }

    reel_names_sort(classes); /* each once */
    if (reel_names_count(classes) != n)
        status = reel_fail(err, REEL_ERR_INVALID, "it holds two tars of the same class");
    else if (n == 0)
        status =
            reel_fail(err, REEL_ERR_INVALID, "expected one tar for each class in it, found none");
    for (int64_t i = 0; status == REEL_OK && i < n; i++) {
        const char *name = reel_names_at(&found, i);
        struct images images = {
            .pieces = p, .prefix = name, .label = reel_names_find(classes, name, strlen(name))};
        status = add_class_images(span, ((const reel_member *)members.items)[i], &images, err);
    }
done:
    reel_names_free(&found);
    free(members.items);
    return status;
}

static reel_status add_val_tar(reel_opened *out, const reel_span *span, const char *data,
                               const char *path, reel_error *err)
{
    reel_val_labels labels = {0};
    struct images images = {.pieces = out->self, .prefix = "", .label = -1, .labels = &labels};
    reel_status status = reel_imagenet_val(&out->classes, &labels, data, path, err);
    if (status == REEL_OK)
        status = add_tar_images(span, (reel_member){0, span->size}, &images, err);
    reel_val_labels_free(&labels);
    return status;
}

static reel_status index_tar(reel_opened *out, const char *data, const char *split,
                             const char *path, reel_error *err)
{
    reel_piece_list *p;
    int file;
    uint64_t size;
    REEL_TRY(reel_pieces_new(&p, err));
    out->self = p;
    REEL_TRY(reel_open_plain(&file, &size, path, err));
    const reel_span span = {.file = file, .size = size};

    reel_status status = reel_is_val(split) ? add_val_tar(out, &span, data, path, err)
                                            : add_train_tar(p, &out->classes, &span, err);
    if (status == REEL_OK && p->pieces.n == 0)
        status = reel_fail(err, REEL_ERR_INVALID, "no images in it");
    if (status != REEL_OK) {
        close(file);
        return status;
    }
    /* In the order that an image folder would have. */
    reel_pieces_sort(p, 0);
    return reel_pieces_add_file(p, path, file, err);
}

static reel_status imagenet_tar_open(reel_opened *out, const char *data, const char *split,
                                     const char *path, reel_error *err)
{
    reel_error why = {0};
    const reel_status status = index_tar(out, data, split, path, &why);
    if (status == REEL_OK)
        return REEL_OK;
    const bool named = strncmp(why.message, path, strlen(path)) == 0;
    return named ? reel_fail(err, status, "%s", why.message)
                 : reel_fail(err, status, "%.400s: %.500s", path, why.message);
}

/* Its rank: behind MNIST. */
const reel_source reel_source_imagenet_tar = REEL_SOURCE(
    imagenet_tar, .name = "ImageNet's tars", .rank = REEL_RANK_NAMES + 1, REEL_SAMPLES_ARE_PIECES);
