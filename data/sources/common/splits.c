/* Which folder is which part of a data set. Names in use count only where all folders side by side
 * are called so: a class may be called "test tube". */
#include "data/sources/common/splits.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"

enum split_part { NO_PART, TRAIN_PART, VAL_PART, TEST_PART, OTHER_PART };

static enum split_part part_of_name(const char *name)
{
    static const struct {
        const char *word;
        enum split_part part;
    } words[] = {{"train", TRAIN_PART},     {"training", TRAIN_PART},  {"trainset", TRAIN_PART},
                 {"val", VAL_PART},         {"valid", VAL_PART},       {"validation", VAL_PART},
                 {"valset", VAL_PART},      {"dev", VAL_PART},         {"test", TEST_PART},
                 {"testing", TEST_PART},    {"testset", TEST_PART},    {"pred", OTHER_PART},
                 {"unlabeled", OTHER_PART}, {"unlabelled", OTHER_PART}};
    for (int64_t i = 0; i < REEL_COUNT(words); i++)
        if (reel_has_word(name, words[i].word))
            return words[i].part;
    return NO_PART;
}

bool reel_looks_like_split(const char *name)
{
    return part_of_name(name) != NO_PART;
}

bool reel_is_run_folder(const char *path)
{
    char config[REEL_DATA_PATH];
    uint8_t head[4096];
    if (snprintf(config, sizeof config, "%s/config.json", path) >= (int)sizeof config ||
        !reel_is_file(config))
        return false;
    const size_t n = reel_read_head(config, head, sizeof head);
    static const char begins[] = "\"command\"", then[] = "\"version\"";
    return memmem(head, n, begins, sizeof begins - 1) && memmem(head, n, then, sizeof then - 1);
}

/* The folders in path without those of runs. */
static bool list_parts(reel_names *folders, const char *path)
{
    reel_error ignored;
    char below[REEL_DATA_PATH];
    if (reel_folder_names(folders, path, &ignored) != REEL_OK)
        return false;
    char **items = folders->list.items;
    for (size_t i = 0; i < folders->list.n; i++)
        if (snprintf(below, sizeof below, "%s/%s", path, items[i]) < (int)sizeof below &&
            reel_is_run_folder(below))
            items[i][0] = 0; /* no folder has an empty name */
    return true;
}

/* The first folder that is called after the part; NULL = none. */
static const char *folder_of_part(const reel_names *folders, enum split_part part)
{
    for (int64_t i = 0; i < reel_names_count(folders); i++)
        if (part_of_name(reel_names_at(folders, i)) == part)
            return reel_names_at(folders, i);
    return NULL;
}

/* Are all folders called after parts, one of them after the training data? */
static bool are_parts(const reel_names *folders, const char *data)
{
    char train[REEL_DATA_PATH];
    if (snprintf(train, sizeof train, "%s/train", data) < (int)sizeof train &&
        reel_is_folder(train))
        return true;
    int64_t trains = 0;
    for (int64_t i = 0; i < reel_names_count(folders); i++) {
        const char *name = reel_names_at(folders, i);
        if (*name && part_of_name(name) == NO_PART)
            return false;
        trains += part_of_name(name) == TRAIN_PART;
    }
    return trains == 1;
}

static const char *find_part(const reel_names *folders, const char *split)
{
    if (strcmp(split, "train") == 0)
        return folder_of_part(folders, TRAIN_PART);
    if (strcmp(split, "test") == 0)
        return folder_of_part(folders, TEST_PART);
    if (!reel_is_val(split))
        return NULL;
    const char *val = folder_of_part(folders, VAL_PART);
    return val ? val : folder_of_part(folders, TEST_PART);
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
        found = find_part(&folders, split);
    const bool fits =
        found && snprintf(path, REEL_DATA_PATH, "%s/%s", data, found) < REEL_DATA_PATH;
    reel_names_free(&folders);
    return fits;
}

/* Does the folder itself, not what is below it, hold images? */
static bool holds_images(const char *path)
{
    DIR *stream = opendir(path);
    bool found = false;
    for (const struct dirent *e; stream && !found && (e = readdir(stream));)
        found = e->d_name[0] != '.' && reel_is_image_name(e->d_name);
    if (stream)
        closedir(stream);
    return found;
}

/* The only folder in path that is no run's, as path/NAME. */
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
    if (holds_images(base) || !only_folder(base, only) || holds_images(only))
        return false;
    const bool folders = list_parts(&below, only) && reel_names_count(&below) > 0;
    reel_names_free(&below);
    if (folders)
        snprintf(base, REEL_DATA_PATH, "%s", only);
    return folders;
}
