/* mkdir -p, which says what it made above the folder. */
#include "train/run/make_folders.h"

#include "train/run/json_util.h"
#include "train/run/say.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_PATH = 4200 };

/* Cuts the path's last part off; false: there is nothing above it. */
static bool cut_last_part(char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    while (end > 0 && path[end - 1] != '/')
        end--;
    while (end > 1 && path[end - 1] == '/')
        end--;
    path[end] = '\0';
    return end > 0;
}

/* The folder that must be there for the last `own` parts, if it is missing; else "". */
static void missing_above(char *above, size_t size, const char *path, int own)
{
    snprintf(above, size, "%s", path);
    for (int i = 0; i < own; i++)
        if (!cut_last_part(above))
            return;
    if (access(above, F_OK) == 0)
        above[0] = '\0';
}

/* A folder on the way that cannot be made may be there all the same: on a file system that is read
 * only, or one that may not be listed. */
static bool make_each_part(const char *path)
{
    char part[FOLDER_PATH];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/')
            continue;
        const char was = *p;
        *p = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST &&
            !(was && (errno == EROFS || errno == EACCES)))
            return false;
        if (!was)
            return true;
        *p = was;
    }
}

bool reel_make_folders(const char *path, int own)
{
    char above[FOLDER_PATH], shown[FOLDER_PATH];
    missing_above(above, sizeof above, path, own);
    if (!make_each_part(path))
        return false;
    if (*above)
        reel_say("reel: made %s", reel_shown_text(above, shown, sizeof shown));
    return true;
}
