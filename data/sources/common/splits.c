/* Which folder is which part of a data set. Names in use count only where all folders side by side
 * are called so: a class may be called "test tube". */
#include "data/sources/common/splits.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/common/outputs.h"
#include "data/sources/common/part_words.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"

bool reel_looks_like_split(const char *name)
{
    return reel_part_of_folder(name) != REEL_NO_PART;
}

bool reel_is_heap_name(const char *name)
{
    static const char *const heaps[] = {"images", "image", "imgs", "img",  "pictures",
                                        "photos", "data",  "jpg",  "jpeg", "JPEGImages"};
    for (int64_t i = 0; i < REEL_COUNT(heaps); i++)
        if (strcasecmp(heaps[i], name) == 0)
            return true;
    return false;
}

bool reel_is_litter(const char *name)
{
    static const char *const names[] = {"__MACOSX", "lost+found", "$RECYCLE.BIN",
                                        "System Volume Information", "@eaDir"};
    for (int64_t i = 0; i < REEL_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The folders in path without those that Reel wrote, and without what a Mac put into an archive. */
static bool list_parts(reel_names *folders, const char *path)
{
    reel_error ignored;
    char below[REEL_DATA_PATH];
    if (reel_folder_names(folders, path, &ignored) != REEL_OK)
        return false;
    char **items = folders->list.items;
    for (size_t i = 0; i < folders->list.n; i++)
        if (strcmp(items[i], "__MACOSX") == 0 ||
            (snprintf(below, sizeof below, "%s/%s", path, items[i]) < (int)sizeof below &&
             reel_is_output_folder(below)))
            items[i][0] = 0; /* no folder has an empty name */
    return true;
}

/* The first folder that is called after the part; NULL = none. */
static const char *folder_of_part(const reel_names *folders, reel_part part)
{
    for (int64_t i = 0; i < reel_names_count(folders); i++)
        if (reel_part_of_folder(reel_names_at(folders, i)) == part)
            return reel_names_at(folders, i);
    return NULL;
}

/* Keeps of the sorted names those that are folders in root/folder. */
static reel_status keep_common(reel_names *common, const char *root, const char *folder,
                               reel_error *err)
{
    char path[REEL_DATA_PATH];
    reel_names below = {0}, kept = {0};
    reel_status status = REEL_OK;
    if (snprintf(path, sizeof path, "%s/%s", root, folder) < (int)sizeof path)
        REEL_TRY_GOTO(reel_folder_names(&below, path, err), done);
    for (int64_t i = 0; i < reel_names_count(common); i++) {
        const char *name = reel_names_at(common, i);
        if (reel_names_find(&below, name, strlen(name)) >= 0)
            REEL_TRY_GOTO(reel_names_add(&kept, name, strlen(name), err), done);
    }
    reel_names_free(common);
    *common = kept;
    kept = (reel_names){0};
done:
    reel_names_free(&below);
    reel_names_free(&kept);
    return status;
}

reel_status reel_common_folders(reel_names *common, const char *root, const reel_names *folders,
                                reel_error *err)
{
    char path[REEL_DATA_PATH];
    const int64_t n = reel_names_count(folders);
    if (n == 0 ||
        snprintf(path, sizeof path, "%s/%s", root, reel_names_at(folders, 0)) >= (int)sizeof path)
        return REEL_OK;
    REEL_TRY(reel_folder_names(common, path, err));
    for (int64_t i = 1; i < n && reel_names_count(common) > 0; i++)
        REEL_TRY(keep_common(common, root, reel_names_at(folders, i), err));
    return REEL_OK;
}

/* Do the folders of training and validation data, by their names, hold the same two classes? */
static bool hold_same_classes(const reel_names *folders, const char *data)
{
    const char *train = folder_of_part(folders, REEL_TRAIN_PART);
    const char *val = folder_of_part(folders, REEL_VAL_PART);
    reel_names pair = {0}, common = {0};
    reel_error ignored;
    if (!val)
        val = folder_of_part(folders, REEL_TEST_PART);
    const bool same = train && val &&
                      reel_names_add(&pair, train, strlen(train), &ignored) == REEL_OK &&
                      reel_names_add(&pair, val, strlen(val), &ignored) == REEL_OK &&
                      reel_common_folders(&common, data, &pair, &ignored) == REEL_OK &&
                      reel_names_count(&common) >= 2;
    reel_names_free(&pair);
    reel_names_free(&common);
    return same;
}

/* Are all folders called after parts, one of them after the training data? Other folders beside
 * them do not count where two parts hold the same classes. */
static bool are_parts(const reel_names *folders, const char *data)
{
    char train[REEL_DATA_PATH];
    if (snprintf(train, sizeof train, "%s/train", data) < (int)sizeof train &&
        reel_is_folder(train))
        return true;
    int64_t trains = 0, others = 0;
    for (int64_t i = 0; i < reel_names_count(folders); i++) {
        const char *name = reel_names_at(folders, i);
        others += *name && reel_part_of_folder(name) == REEL_NO_PART;
        trains += reel_part_of_folder(name) == REEL_TRAIN_PART;
    }
    return trains == 1 && (others == 0 || hold_same_classes(folders, data));
}

/* Does data/name hold folders? Images without folders have no classes. */
static bool holds_class_folders(const char *data, const char *name)
{
    char path[REEL_DATA_PATH];
    reel_names below = {0};
    reel_error ignored;
    const bool any = snprintf(path, sizeof path, "%s/%s", data, name) < (int)sizeof path &&
                     reel_folder_names(&below, path, &ignored) == REEL_OK &&
                     reel_names_count(&below) > 0;
    reel_names_free(&below);
    return any;
}

/* The first folder that is called after the part and holds folders; NULL = none. */
static const char *folder_with_classes(const reel_names *folders, const char *data, reel_part part)
{
    for (int64_t i = 0; i < reel_names_count(folders); i++) {
        const char *name = reel_names_at(folders, i);
        if (reel_part_of_folder(name) == part && holds_class_folders(data, name))
            return name;
    }
    return NULL;
}

static const char *find_part(const reel_names *folders, const char *data, const char *split)
{
    if (strcmp(split, "train") == 0)
        return folder_of_part(folders, REEL_TRAIN_PART);
    if (strcmp(split, "test") == 0)
        return folder_of_part(folders, REEL_TEST_PART);
    if (!reel_is_val(split))
        return NULL;
    const char *val = folder_with_classes(folders, data, REEL_VAL_PART);
    return val ? val : folder_with_classes(folders, data, REEL_TEST_PART);
}

bool reel_split_folder(const char *data, const char *split, char *path)
{
    /* "validation" as a split's own name has no other names. */
    const reel_split_names own = reel_names_of_split(split);
    const int n = strcmp(split, "val") == 0 ? own.n : 1;
    for (int i = 0; i < n; i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", data, own.at[i]) < REEL_DATA_PATH &&
            reel_is_folder(path))
            return true;

    reel_names folders = {0};
    const char *found = NULL;
    if (list_parts(&folders, data) && are_parts(&folders, data))
        found = find_part(&folders, data, split);
    const bool fits =
        found && snprintf(path, REEL_DATA_PATH, "%s/%s", data, found) < REEL_DATA_PATH;
    reel_names_free(&folders);
    return fits;
}

bool reel_holds_images(const char *path)
{
    DIR *stream = opendir(path);
    bool found = false;
    for (const struct dirent *e; stream && !found && (e = readdir(stream));)
        found = e->d_name[0] != '.' && reel_is_image_name(e->d_name);
    if (stream)
        closedir(stream);
    return found;
}

/* The only folder in path that Reel did not write, as path/NAME. */
static bool only_folder(const char *path, char *only)
{
    reel_names folders = {0};
    int64_t n = 0;
    bool fits = list_parts(&folders, path);
    for (int64_t i = 0; fits && i < reel_names_count(&folders); i++) {
        const char *name = reel_names_at(&folders, i);
        if (!*name)
            continue;
        n++;
        fits = snprintf(only, REEL_DATA_PATH, "%s/%s", path, name) < REEL_DATA_PATH;
    }
    reel_names_free(&folders);
    return fits && n == 1;
}

bool reel_descend_into_only_folder(char *base)
{
    char only[REEL_DATA_PATH];
    reel_names below = {0};
    if (reel_holds_images(base) || !only_folder(base, only) || reel_holds_images(only))
        return false;
    const bool folders = list_parts(&below, only) && reel_names_count(&below) > 0;
    reel_names_free(&below);
    if (folders)
        snprintf(base, REEL_DATA_PATH, "%s", only);
    return folders;
}

/* Is it one of the parts that some command uses? Images for tests need class folders; labels of
 * validation data may stand elsewhere, as ImageNet's do. */
static bool is_used_part(const char *data, const char *name)
{
    static const char *const splits[] = {"train", "val", "test"};
    char path[REEL_DATA_PATH];
    for (int64_t i = 0; i < REEL_COUNT(splits); i++)
        if (reel_split_folder(data, splits[i], path) && strcmp(reel_base_name(path), name) == 0)
            return i < 2 || holds_class_folders(data, name);
    return false;
}

void reel_split_count_unused(reel_left_out *left_out, const char *data, const char *path)
{
    char base[REEL_DATA_PATH];
    reel_names folders = {0};
    snprintf(base, sizeof base, "%s", path);
    char *slash = strrchr(base, '/');
    if (strlen(path) <= strlen(data) || !slash)
        return; /* DATA itself: what is beside it was not asked for */
    *slash = 0;
    if (!is_used_part(base, slash + 1) || !list_parts(&folders, base)) {
        reel_names_free(&folders);
        return;
    }

    const int folder = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int64_t i = 0; folder >= 0 && i < reel_names_count(&folders); i++) {
        const char *name = reel_names_at(&folders, i);
        const int64_t images =
            *name && !is_used_part(base, name) ? reel_count_images(folder, name) : 0;
        if (images)
            reel_left_out_folder(left_out, name, images);
    }
    if (folder >= 0)
        close(folder);
    reel_names_free(&folders);
}
