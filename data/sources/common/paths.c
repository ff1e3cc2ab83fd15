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
