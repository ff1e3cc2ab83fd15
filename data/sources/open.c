/* From DATA and a split to a dataset: the kinds in the order in which they are tried. Each looks at
 * names and first bytes; the first that finds the split opens it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/codecs/codec.h"
#include "data/sources/sources.h"

static const reel_kind *const kinds[] = {
    &reel_kind_synth, &reel_kind_pack,         &reel_kind_cifar,
    &reel_kind_idx,   &reel_kind_imagenet_tar, &reel_kind_imagenet,
    &reel_kind_list,  &reel_kind_shards,       &reel_kind_folder, /* takes any folder: last */
};

static const reel_kind *find(const char *data, const char *split, char *path,
                             const reel_kind **without)
{
    *without = NULL;
    for (int i = 0; i < (int)REEL_COUNT(kinds); i++) {
        const reel_look look = kinds[i]->look(data, split, path);
        if (look == REEL_LOOK_FOUND)
            return kinds[i];
        if (look == REEL_LOOK_NO_SPLIT && !*without)
            *without = kinds[i];
    }
    return NULL;
}

static reel_status refuse(const char *data, const char *split, const reel_kind *without,
                          reel_error *err)
{
    struct stat info;
    uint8_t head[512];
    if (without && without != &reel_kind_folder)
        return reel_fail(err, REEL_ERR_IO, "%s: %s without a %s part", data, without->name, split);
    if (without)
        return reel_fail(err, REEL_ERR_IO,
                         "%s: no folder %s%s in it; expected train and val, each with one folder "
                         "of images per class (or another kind "
                         "of dataset: data/README.md lists them)",
                         data, split, strcmp(split, "val") == 0 ? " or validation" : "");
    if (stat(data, &info) != 0)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", data, strerror(errno));
    const size_t n = S_ISREG(info.st_mode) ? reel_read_head(data, head, sizeof head) : 0;
    const char *what = "a file of unknown content";
    if (!S_ISREG(info.st_mode))
        what = "a file of another kind";
    else if (n == 0)
        what = "an empty file";
    else if (reel_codec_of(head, n))
        what = "one image";
    else if (reel_content_name(head, n))
        what = reel_content_name(head, n);
    return reel_fail(err, REEL_ERR_IO,
                     "%s: expected a folder, a list, a tar or an idx file, got %s", data, what);
}

reel_status reel_dataset_open(reel_dataset **out, const char *data, const char *split, char *path,
                              size_t size, reel_error *err)
{
    char where[REEL_DATA_PATH] = "";
    const reel_kind *without, *kind;
    *out = NULL;
    if (path && size)
        path[0] = 0;
    if (strlen(data) > REEL_DATA_PATH - 200)
        return reel_fail(err, REEL_ERR_INVALID, "the path of the data is too long");
    kind = find(data, split, where, &without);
    if (!kind)
        return refuse(data, split, without, err);
    if (path && size)
        snprintf(path, size, "%s", where);
    return kind->open(out, data, split, where, err);
}

bool reel_dataset_has(const char *data, const char *split)
{
    char where[REEL_DATA_PATH];
    const reel_kind *without;
    return strlen(data) <= REEL_DATA_PATH - 200 && find(data, split, where, &without) != NULL;
}
