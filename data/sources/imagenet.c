/* ImageNet as people have it. Folders: training data by WNID, and validation data in one folder,
 * whose labels stand elsewhere (val_labels.c); Kaggle's ILSVRC/Data/CLS-LOC. Tars:
 * ILSVRC2012_img_train.tar, a tar of one tar a class, and ILSVRC2012_img_val.tar, both read in
 * place: an index pass over the headers, then one pread an image.
 *
 * Classes are the training data's WNIDs in bytewise order; samples are in the order an image folder
 * would give them. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/sources.h"

static const char train_tar[] = "ILSVRC2012_img_train.tar", val_tar[] = "ILSVRC2012_img_val.tar";

/* ---- folders ---- */

/* Images, and no folders. */
static bool is_flat(const char *path)
{
    DIR *stream = opendir(path);
    bool images = false, folders = false;
    if (!stream)
        return false;
    for (const struct dirent *e; !folders && (e = readdir(stream));) {
        if (e->d_name[0] == '.')
            continue;
        folders = e->d_type == DT_DIR;
        images |= reel_is_image_name(e->d_name);
    }
    closedir(stream);
    return images && !folders;
}

static const char *const bases[] = {"", "/ILSVRC/Data/CLS-LOC", "/Data/CLS-LOC"};

static reel_look look_folder(const char *data, const char *split, char *path)
{
    const char *const names[] = {split ? split : "train", reel_is_val(split) ? "validation"
                                                          : split            ? split
                                                                             : "train"};
    if (!reel_is_folder(data))
        return REEL_LOOK_OTHER;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++) {
            if (snprintf(path, REEL_DATA_PATH, "%s%s/%s", data, bases[i], names[k]) >=
                    REEL_DATA_PATH ||
                !reel_is_folder(path))
                continue;
            if (reel_is_val(split) && is_flat(path))
                return REEL_LOOK_FOUND;
            if (i > 0 && !is_flat(path))
                return REEL_LOOK_FOUND; /* Kaggle's training data */
        }
    return REEL_LOOK_OTHER;
}

struct outer { /* walking a tar of tars */
    reel_tar tar;
    reel_tar_entry entry;
};

struct member {
    uint64_t offset, size;
};

/* The class tars in ILSVRC2012_img_train.tar: names, and where each lies (may be NULL). */
static reel_status class_tars(reel_names *names, reel_list *members, const reel_span *span,
                              reel_error *err)
{
    struct outer *o = calloc(1, sizeof *o);
    if (!o)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
    reel_tar_begin(&o->tar, span, 0, span->size);
    reel_status status;
    for (;;) {
        bool more;
        status = reel_tar_next(&o->tar, &o->entry, &more, err);
        if (status != REEL_OK || !more)
            break;
        const char *base = reel_base_name(o->entry.name);
        const size_t n = strlen(base);
        if (!o->entry.regular || n < 5 || strcasecmp(base + n - 4, ".tar") != 0)
            continue;
        status = reel_names_add(names, base, n - 4, err);
        struct member *m = status == REEL_OK && members ? reel_list_add(members, sizeof *m) : NULL;
        if (m)
            *m = (struct member){o->entry.offset, o->entry.size};
        if (status == REEL_OK && members && !m)
            status = reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
        if (status != REEL_OK)
            break;
    }
    free(o);
    return status;
}

/* The training data's WNIDs, from a folder or tar in one of the folders; stays empty where there is
 * none. */
static reel_status train_classes(reel_names *classes, const char *const *folders, reel_error *err)
{
    for (int i = 0; folders[i] && reel_names_count(classes) == 0; i++) {
        char path[REEL_DATA_PATH + 40];
        snprintf(path, sizeof path, "%s/train", folders[i]);
        if (reel_is_folder(path))
            REEL_TRY(reel_folder_names(classes, path, err));
        snprintf(path, sizeof path, "%s/%s", folders[i], train_tar);
        if (reel_names_count(classes) || !reel_is_file(path))
            continue;
        reel_error why = {0};
        int file;
        uint64_t size;
        REEL_TRY(reel_open_plain(&file, &size, path, err));
        const reel_status status =
            class_tars(classes, NULL, &(reel_span){.file = file, .size = size}, &why);
        close(file);
        if (status != REEL_OK)
            return reel_fail(err, status, "%s: %s", path, why.message);
        reel_names_sort(classes);
    }
    return REEL_OK;
}

/* Where labels and training data are looked for: beside the images, in DATA, and (Kaggle) above. */
struct places {
    char text[5][REEL_DATA_PATH + 12];
    const char *list[6];
};

static void find_places(struct places *p, const char *data, const char *path)
{
    char folder[REEL_DATA_PATH];
    reel_folder_of(data, folder);
    const int up = (int)strlen(path);
    snprintf(p->text[0], sizeof p->text[0], "%s", path);
    snprintf(p->text[1], sizeof p->text[1], "%s", folder);
    snprintf(p->text[2], sizeof p->text[2], "%.*s", up, path);
    char *slash = strrchr(p->text[2], '/');
    if (slash)
        *slash = 0;
    const size_t n = strlen(folder);
    const bool kaggle = n >= 7 && strcmp(folder + n - 7, "CLS-LOC") == 0;
    snprintf(p->text[3], sizeof p->text[3], "%s/../../..", folder);
    for (int i = 0; i < 4; i++)
        p->list[i] = p->text[i];
    p->list[kaggle ? 4 : 3] = NULL;
}

static reel_status no_label(const char *name, const char *from, reel_error *err)
{
    char shown[300];
    reel_escape(shown, sizeof shown, name);
    return reel_fail(err, REEL_ERR_INVALID, "%.400s has no label for %s", from, shown);
}

static reel_status add_flat(reel_files *f, const reel_val_labels *labels, const char *path,
                            reel_error *err)
{
    DIR *stream = opendir(path);
    if (!stream)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));) {
        if (e->d_name[0] == '.') {
            f->hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
            continue;
        }
        if (!reel_is_image_name(e->d_name))
            continue;
        const int64_t label = reel_val_label(labels, e->d_name);
        status = label < 0 ? no_label(e->d_name, labels->from, err)
                           : reel_files_add(f, e->d_name, strlen(e->d_name), label, err);
    }
    closedir(stream);
    reel_files_sort(f, 0);
    return status;
}

static reel_status open_folder(reel_dataset **out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    if (!reel_is_val(split) || !is_flat(path))
        return reel_dataset_folder(out, path, err);
    struct places places;
    reel_names classes = {0};
    reel_val_labels labels = {0};
    reel_files *f = NULL;
    find_places(&places, data, path);
    reel_status status = train_classes(&classes, places.list + 1, err);
    if (status == REEL_OK)
        status = reel_val_labels_find(&labels, &classes, places.list, err);
    if (status == REEL_OK)
        status = reel_files_open(&f, path, err);
    if (status == REEL_OK)
        status = add_flat(f, &labels, path, err);
    reel_val_labels_free(&labels);
    if (status == REEL_OK)
        return reel_create_named(out, &reel_files_source, f, &classes, err);
    reel_names_free(&classes);
    reel_files_destroy(f);
    return status;
}

const reel_kind reel_kind_imagenet = {.name = "ImageNet", .look = look_folder, .open = open_folder};

/* ---- tars ---- */
static reel_look look_tar(const char *data, const char *split, char *path)
{
    char folder[REEL_DATA_PATH];
    const char *base = reel_base_name(data);
    if (reel_is_file(data) && strcmp(base, train_tar) != 0 && strcmp(base, val_tar) != 0)
        return REEL_LOOK_OTHER;
    reel_folder_of(data, folder);
    const bool train = !split || strcmp(split, "train") == 0;
    if (train || reel_is_val(split))
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", folder, train ? train_tar : val_tar) <
                REEL_DATA_PATH &&
            reel_is_file(path))
            return REEL_LOOK_FOUND;
    if (snprintf(path, REEL_DATA_PATH, "%s/%s", folder, train ? val_tar : train_tar) <
            REEL_DATA_PATH &&
        reel_is_file(path))
        return REEL_LOOK_NO_SPLIT;
    return REEL_LOOK_OTHER;
}

/* The images of one tar as samples; label < 0: each has its own. prefix: before the names. */
static reel_status add_images(reel_pieces *p, const reel_span *span, const struct member *at,
                              const char *prefix, int64_t label, const reel_val_labels *labels,
                              reel_error *err)
{
    REEL_ASSERT(at);
    struct outer *o = calloc(1, sizeof *o);
    if (!o)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
    reel_tar_begin(&o->tar, span, at->offset, at->offset + at->size);
    reel_status status;
    for (;;) {
        bool more;
        status = reel_tar_next(&o->tar, &o->entry, &more, err);
        if (status != REEL_OK || !more)
            break;
        const char *base = reel_base_name(o->entry.name);
        if (!o->entry.regular || base[0] == '.' || !reel_is_image_name(base))
            continue;
        const int64_t own = label < 0 ? reel_val_label(labels, base) : label;
        if (own < 0) {
            status = no_label(base, labels->from, err);
            break;
        }
        if (o->entry.size > REEL_MAX_FILE) {
            status = reel_fail(err, REEL_ERR_FORMAT, "an image of %" PRIu64 " bytes at %" PRIu64,
                               o->entry.size, o->entry.offset);
            break;
        }
        char name[REEL_TAR_NAME + 300];
        snprintf(name, sizeof name, "%.255s%s%s", prefix, *prefix ? "/" : "", base);
        const reel_piece piece = {
            .offset = o->entry.offset, .size = (uint32_t)o->entry.size, .label = (uint32_t)own};
        if ((status = reel_pieces_add(p, &piece, name, err)) != REEL_OK)
            break;
    }
    free(o);
    return status;
}

static reel_status add_train(reel_pieces *p, reel_names *classes, const reel_span *span,
                             reel_error *err)
{
    reel_names found = {0};
    reel_list members = {0};
    reel_status status = class_tars(&found, &members, span, err);
    for (int64_t i = 0; status == REEL_OK && i < reel_names_count(&found); i++)
        status = reel_names_add(classes, reel_names_at(&found, i), strlen(reel_names_at(&found, i)),
                                err);
    reel_names_sort(classes);
    if (status == REEL_OK && reel_names_count(classes) != reel_names_count(&found))
        status = reel_fail(err, REEL_ERR_INVALID, "it holds two tars of the same class");
    if (status == REEL_OK && reel_names_count(classes) == 0)
        status =
            reel_fail(err, REEL_ERR_INVALID, "expected one tar for each class in it, found none");
    for (int64_t i = 0; status == REEL_OK && i < reel_names_count(&found); i++) {
        const char *name = reel_names_at(&found, i);
        const size_t before = p->pieces.n;
        reel_error why = {0};
        status = add_images(p, span, (struct member *)members.items + i, name,
                            reel_names_find(classes, name, strlen(name)), NULL, &why);
        if (status == REEL_OK && p->pieces.n == before)
            status = reel_fail(&why, REEL_ERR_INVALID, "no images in it");
        if (status != REEL_OK)
            reel_fail(err, status, "%.40s.tar: %.700s", name, why.message);
    }
    reel_names_free(&found);
    free(members.items);
    return status;
}

static reel_status add_val(reel_pieces *p, reel_names *classes, const reel_span *span,
                           const char *data, const char *path, reel_error *err)
{
    struct places places;
    reel_val_labels labels = {0};
    find_places(&places, data, path);
    places.list[0] = places.text[1]; /* the tar itself is no folder */
    reel_status status = train_classes(classes, places.list, err);
    if (status == REEL_OK)
        status = reel_val_labels_find(&labels, classes, places.list, err);
    if (status == REEL_OK)
        status = add_images(p, span, &(struct member){0, span->size}, "", -1, &labels, err);
    reel_val_labels_free(&labels);
    return status;
}

static reel_status open_tar(reel_dataset **out, const char *data, const char *split,
                            const char *path, reel_error *err)
{
    reel_pieces *p;
    reel_names classes = {0};
    reel_error why = {0};
    int file;
    uint64_t size;
    REEL_TRY(reel_open_plain(&file, &size, path, err));
    const reel_span span = {.file = file, .size = size};
    reel_status status = reel_pieces_new(&p, &why);
    const bool opened = status == REEL_OK;
    if (opened)
        status = reel_is_val(split) ? add_val(p, &classes, &span, data, path, &why)
                                    : add_train(p, &classes, &span, &why);
    if (opened)
        reel_pieces_sort(p, 0);
    if (status == REEL_OK && p->pieces.n == 0)
        status = reel_fail(&why, REEL_ERR_INVALID, "no images in it");
    if (status == REEL_OK)
        status = reel_pieces_add_file(p, path, file, &why);
    else
        close(file);
    if (status == REEL_OK)
        return reel_create_named(out, &reel_pieces_source, p, &classes, err);
    reel_names_free(&classes);
    if (opened)
        reel_pieces_destroy(p);
    return strncmp(why.message, path, strlen(path)) == 0
               ? reel_fail(err, status, "%s", why.message)
               : reel_fail(err, status, "%.400s: %.500s", path, why.message);
}

const reel_kind reel_kind_imagenet_tar = {
    .name = "ImageNet's tars", .look = look_tar, .open = open_tar};
