/* What the two sources of ImageNet share: the classes of the training data, and where labels are
 * looked for. */
#include "data/sources/common/imagenet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/tar.h"

const char reel_imagenet_train_tar[] = "ILSVRC2012_img_train.tar";
const char reel_imagenet_val_tar[] = "ILSVRC2012_img_val.tar";

/* What a walk through a tar of tars collects. */
struct class_tars {
    reel_names *names;
    reel_list *members; /* reel_member; NULL = only the names */
};

static reel_status add_class_tar(void *user, const reel_tar_entry *e, reel_error *err)
{
    struct class_tars *t = user;
    enum { END = 4 }; /* ".tar" */
    const char *base = reel_base_name(e->name);
    const size_t n = strlen(base);
    if (!e->regular || n <= END || strcasecmp(base + n - END, ".tar") != 0)
        return REEL_OK;
    REEL_TRY(reel_names_add(t->names, base, n - END, err));
    if (!t->members)
        return REEL_OK;
    reel_member *m = reel_list_add(t->members, sizeof *m);
    if (!m)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to index a tar");
    *m = (reel_member){e->offset, e->size};
    return REEL_OK;
}

reel_status reel_imagenet_class_tars(reel_names *names, reel_list *members, const reel_span *span,
                                     reel_error *err)
{
    struct class_tars tars = {.names = names, .members = members};
    return reel_tar_each(span, 0, span->size, add_class_tar, &tars, err);
}

/* The WNIDs of the training tar at path. */
static reel_status classes_of_tar(reel_names *classes, const char *path, reel_error *err)
{
    reel_error why = {0};
    int file;
    uint64_t size;
    REEL_TRY(reel_open_plain(&file, &size, path, err));
    const reel_span span = {.file = file, .size = size};
    const reel_status status = reel_imagenet_class_tars(classes, NULL, &span, &why);
    close(file);
    if (status != REEL_OK)
        return reel_fail(err, status, "%s: %s", path, why.message);
    reel_names_sort(classes);
    return REEL_OK;
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
        snprintf(path, sizeof path, "%s/%s", folders[i], reel_imagenet_train_tar);
        if (reel_names_count(classes) == 0 && reel_is_file(path))
            REEL_TRY(classes_of_tar(classes, path, err));
    }
    return REEL_OK;
}

/* Where labels and training data are looked for: beside the images (where these lie in a folder),
 * in DATA, in the folder above the images, and, in Kaggle's layout, three above DATA. */
struct places {
    char text[4][REEL_DATA_PATH + 12];
    const char *list[5]; /* ends with NULL */
};

static void find_places(struct places *p, const char *data, const char *path)
{
    char folder[REEL_DATA_PATH];
    reel_folder_of(data, folder);
    snprintf(p->text[0], sizeof p->text[0], "%s", reel_is_folder(path) ? path : folder);
    snprintf(p->text[1], sizeof p->text[1], "%s", folder);
    snprintf(p->text[2], sizeof p->text[2], "%s", path);
    char *slash = strrchr(p->text[2], '/');
    if (slash)
        *slash = 0;

    static const char kaggle[] = "CLS-LOC";
    const size_t n = strlen(folder), end = sizeof kaggle - 1;
    const bool is_kaggle = n >= end && strcmp(folder + n - end, kaggle) == 0;
    snprintf(p->text[3], sizeof p->text[3], "%s/../../..", folder);
    for (int i = 0; i < 4; i++)
        p->list[i] = p->text[i];
    p->list[is_kaggle ? 4 : 3] = NULL;
}

reel_status reel_imagenet_val(reel_names *classes, reel_val_labels *labels, const char *data,
                              const char *path, reel_error *err)
{
    struct places places;
    find_places(&places, data, path);
    REEL_TRY(train_classes(classes, places.list + 1, err)); /* never beside validation images */
    return reel_val_labels_find(labels, classes, places.list, err);
}

reel_status reel_imagenet_no_label(const char *name, const reel_val_labels *labels, reel_error *err)
{
    char shown[300];
    reel_escape(shown, sizeof shown, name);
    return reel_fail(err, REEL_ERR_INVALID, "%.400s has no label for %s", labels->from, shown);
}
