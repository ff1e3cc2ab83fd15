/* ImageNet's folders as people have them: training data by WNID, and validation data in one folder,
 * whose labels stand elsewhere (common/val_labels.c); Kaggle's ILSVRC/Data/CLS-LOC.
 *
 * Classes are the training data's WNIDs in bytewise order; samples are in the order an image folder
 * would give them. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/system_error.h"
#include "data/codecs/codec.h"
#include "data/sources/common/files.h"
#include "data/sources/common/imagenet.h"
#include "data/sources/common/opened.h"
#include "data/sources/common/paths.h"
#include "data/sources/folder.h"

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

/* DATA itself, or Kaggle's layout in or at it. Plain folders by class are left to image folders. */
static reel_sniff imagenet_sniff(const char *data, const char *split, char *path)
{
    static const char *const bases[] = {"", "/ILSVRC/Data/CLS-LOC", "/Data/CLS-LOC"};
    const bool val = reel_is_val(split);
    /* The folder of split "val" may also be called "validation". */
    const char *own = split ? split : "train", *names[2] = {own, val ? "validation" : own};
    if (!reel_is_folder(data))
        return REEL_SNIFF_OTHER;

    for (int64_t i = 0; i < REEL_COUNT(bases); i++)
        for (int k = 0; k < 2; k++) {
            const bool kaggle = i > 0;
            if (snprintf(path, REEL_DATA_PATH, "%s%s/%s", data, bases[i], names[k]) >=
                    REEL_DATA_PATH ||
                !reel_is_folder(path))
                continue;
            /* Flat validation data anywhere; folders by class only in Kaggle's layout. */
            const bool flat = is_flat(path);
            if ((val && flat) || (kaggle && !flat))
                return REEL_SNIFF_FOUND;
        }
    return REEL_SNIFF_OTHER;
}

/* The images of one folder, each with its label. */
static reel_status add_flat(reel_opened *out, const reel_val_labels *labels, const char *path,
                            reel_error *err)
{
    reel_files *f = out->self;
    DIR *stream = opendir(path);
    if (!stream)
        return reel_fail_system(err, errno, "%s: cannot be opened", path);
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));) {
        if (e->d_name[0] == '.') {
            f->hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
            continue;
        }
        if (!reel_is_image_name(e->d_name)) {
            reel_left_out_file(&out->left_out, e->d_name, NULL);
            continue;
        }
        const int64_t label = reel_val_label(labels, e->d_name);
        status = label < 0 ? reel_imagenet_no_label(e->d_name, labels, err)
                           : reel_files_add(f, e->d_name, strlen(e->d_name), label, err);
    }
    closedir(stream);

    reel_files_sort(f, 0);
    return status;
}

static reel_status open_flat(reel_opened *out, const char *data, const char *path, reel_error *err)
{
    reel_val_labels labels = {0};
    reel_files *f = NULL;
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_imagenet_val(&out->classes, &labels, data, path, err), done);
    REEL_TRY_GOTO(reel_files_open(&f, path, err), done);
    out->self = f;
    REEL_TRY_GOTO(add_flat(out, &labels, path, err), done);
done:
    reel_val_labels_free(&labels);
    return status;
}

static reel_status imagenet_open(reel_opened *out, const char *data, const char *split,
                                 const char *path, reel_error *err)
{
    const bool empty = false;
    if (reel_is_val(split) && is_flat(path))
        return open_flat(out, data, path, err);
    return reel_folder_scan(out, path, empty, err);
}

const reel_source reel_source_imagenet =
    REEL_SOURCE(imagenet, .name = "ImageNet", .rank = REEL_RANK_LAYOUT, REEL_SAMPLES_ARE_FILES);
