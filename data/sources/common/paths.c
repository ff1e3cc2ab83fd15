/* What the names of files and folders say about DATA and its splits. */
#include "data/sources/common/paths.h"
#include "core/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool reel_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool reel_is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

const char *reel_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool reel_is_val(const char *split)
{
    return split &&
           (!strcmp(split, "val") || !strcmp(split, "validation") || !strcmp(split, "valid"));
}

reel_split_names reel_names_of_split(const char *split)
{
    if (reel_is_val(split))
        return (reel_split_names){{split, "validation", "valid"}, 3};
    return (reel_split_names){{split ? split : "train"}, 1};
}

bool reel_has_word(const char *name, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = strcasestr(name, word); at; at = strcasestr(at + 1, word)) {
        const char before = at > name ? at[-1] : '-', after = at[length];
        if (!((before | 32) >= 'a' && (before | 32) <= 'z') &&
            !((after | 32) >= 'a' && (after | 32) <= 'z'))
            return true;
    }
    return false;
}

bool reel_names_split(const char *name, const char *split)
{
    if (!split || reel_has_word(name, split))
        return true;
    return strcmp(split, "val") == 0 &&
           (reel_has_word(name, "validation") || reel_has_word(name, "valid"));
}

/* path with its last `word` (of its last part) replaced; false = there is no such file. */
static bool neighbour(const char *data, const char *word, const char *with, char *path)
{
    const char *base = reel_base_name(data);
    for (const char *at = strcasestr(base, word); at; at = strcasestr(at + 1, word)) {
        const int n = snprintf(path, REEL_DATA_PATH, "%.*s%s%s", (int)(at - data), data, with,
                               at + strlen(word));
        if (n < REEL_DATA_PATH && reel_is_file(path))
            return true;
    }
    return false;
}

/* What a file of validation data may be called. */
static const char *const val_words[] = {"val", "validation", "valid", "test"};

/* The training file beside DATA, which may be named after validation data. */
static reel_sniff sniff_training(const char *data, char *path)
{
    const char *base = reel_base_name(data);
    bool held_back = false;
    for (int64_t i = 0; i < REEL_COUNT(val_words); i++) {
        if (!reel_has_word(base, val_words[i]))
            continue;
        held_back = true;
        if (neighbour(data, val_words[i], "train", path))
            return REEL_SNIFF_FOUND;
    }
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return held_back ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_FOUND;
}

reel_sniff reel_sniff_file(const char *data, const char *split, char *path)
{
    const char *base = reel_base_name(data);
    if (snprintf(path, REEL_DATA_PATH, "%s", data) >= REEL_DATA_PATH)
        return REEL_SNIFF_OTHER;
    if (reel_names_split(base, split))
        return REEL_SNIFF_FOUND;
    if (strcmp(split, "train") == 0)
        return sniff_training(data, path);

    if (!reel_has_word(base, "train"))
        return REEL_SNIFF_NO_SPLIT;
    if (neighbour(data, "train", split, path))
        return REEL_SNIFF_FOUND;
    for (int64_t i = 0; strcmp(split, "val") == 0 && i < REEL_COUNT(val_words); i++)
        if (neighbour(data, "train", val_words[i], path))
            return REEL_SNIFF_FOUND;
    return REEL_SNIFF_NO_SPLIT;
}

void reel_folder_of(const char *path, char *folder)
{
    snprintf(folder, REEL_DATA_PATH, "%s", path);
    if (reel_is_folder(path))
        return;
    char *slash = strrchr(folder, '/');
    if (!slash)
        snprintf(folder, REEL_DATA_PATH, ".");
    else
        slash[slash == folder] = 0;
}

reel_status reel_folder_names(reel_names *names, const char *path, reel_error *err)
{
    DIR *stream = opendir(path);
    if (!stream)
        return reel_fail_system(err, errno, "cannot list %s", path);
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));) {
        struct stat info;
        if (e->d_name[0] == '.' || e->d_type == DT_REG)
            continue;
        if (fstatat(dirfd(stream), e->d_name, &info, 0) != 0 || !S_ISDIR(info.st_mode))
            continue;
        status = reel_names_add(names, e->d_name, strlen(e->d_name), err);
    }
    closedir(stream);
    reel_names_sort(names);
    return status;
}
