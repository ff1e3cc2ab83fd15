/* From DATA and a split to a dataset. */
#include "train/data_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

reel_status reel_data_open(reel_dataset **out, const char *data, const char *split, char *path, size_t size, reel_error *err)
{
    *out = NULL;
    struct stat st;
    if (stat(data, &st) != 0) return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", data, strerror(errno));
    if (!S_ISDIR(st.st_mode)) return reel_fail(err, REEL_ERR_IO, "%s: expected a folder, got a file", data);
    snprintf(path, size, "%s/%s", data, split);
    const bool is_val = !strcmp(split, "val");
    if (is_val && !is_folder(path)) snprintf(path, size, "%s/validation", data);
    if (!is_folder(path))
        return reel_fail(err, REEL_ERR_IO,
                         "%s: no folder %s%s in it; expected train and val, each with one folder of images per class", data,
                         split, is_val ? " or validation" : "");
    return reel_dataset_folder(out, path, err);
}

bool reel_data_has_val(const char *data)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/val", data);
    if (is_folder(path)) return true;
    snprintf(path, sizeof path, "%s/validation", data);
    return is_folder(path);
}

reel_status reel_data_open_whole(reel_dataset **out, const char *data, char *path, size_t size, reel_error *err)
{
    *out = NULL;
    snprintf(path, size, "%s/train", data);
    if (!is_folder(path)) snprintf(path, size, "%s", data);
    return reel_dataset_folder(out, path, err);
}
