/* Where pictures may be written: see picture_folder.h. */
#include "train/cli/picture_folder.h"

#include "data/left_out.h"
#include "data/sources/common/part_words.h"
#include "train/cli/output_folder.h"
#include "train/cli/written_list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FOLDER_PATH = PATH_MAX + 300 };

reel_status reel_picture_folder_apart(const char *option, const char *folder, const char *images,
                                      reel_error *err)
{
    char read[PATH_MAX], written[PATH_MAX];
    struct stat st;
    if (!folder || !realpath(images, read) || stat(read, &st) != 0 ||
        !reel_real_folder(folder, written))
        return REEL_OK;

    /* A picture that is named by itself may be a link: its own folder is where the name is. */
    const bool one = !S_ISDIR(st.st_mode);
    if (one) {
        char beside[PATH_MAX];
        const char *slash = strrchr(images, '/');
        snprintf(beside, sizeof beside, "%.*s.", slash ? (int)(slash - images) + 1 : 0, images);
        if (!realpath(beside, read))
            return REEL_OK;
    }
    const size_t length = !strcmp(read, "/") ? 0 : strlen(read);
    if (strncmp(written, read, length) != 0)
        return REEL_OK;
    if (one && !written[length])
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it is the folder of the image %s; expected another one", option,
                         folder, images);
    if (one)
        return REEL_OK;
    if (!written[length])
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it is the folder of the images; expected another one", option,
                         folder);
    if (written[length] == '/')
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it lies in %s, whose images are read; expected a folder outside",
                         option, folder, images);
    return REEL_OK;
}

/* ---- images of others ---- */

/* The first image right in `folder` that is not in the list, and a folder there after the other.
 * The names in the list begin with `prefix`. */
typedef struct foreign_search {
    const reel_written_list *list;
    char found[600]; /* "" = none: "cat/x.jpg" */
} foreign_search;

static reel_status search_foreign(foreign_search *s, const char *folder, const char *prefix,
                                  reel_error *err)
{
    reel_status status = REEL_OK;
    DIR *d = opendir(folder);
    if (!d && errno == ENOMEM)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", folder);
    for (struct dirent *e; status == REEL_OK && d && !s->found[0] && (e = readdir(d));) {
        char name[600], path[FOLDER_PATH];
        struct stat st;
        reel_left_out ignored = {0};
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) != 0)
            continue;
        snprintf(name, sizeof name, "%s%s", prefix, e->d_name);
        if (S_ISDIR(st.st_mode) && !prefix[0]) {
            snprintf(name, sizeof name, "%s/", e->d_name);
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            status = search_foreign(s, path, name, err);
        } else if (S_ISREG(st.st_mode) && !reel_written_list_names(s->list, name) &&
                   reel_is_image_file(dirfd(d), e->d_name, false, &ignored)) {
            snprintf(s->found, sizeof s->found, "%s", name);
        }
    }
    if (d)
        closedir(d);
    return status;
}

/* *is: is the real path that of a part of a data set, such as photos/val, with images in the
 * folders of its classes? The current folder is none: whoever works there knows what is in it. */
static reel_status is_part_of_set(const char *parent, bool *is, reel_error *err)
{
    char here[PATH_MAX];
    const char *slash = strrchr(parent, '/');
    const reel_part part = slash ? reel_part_of_folder(slash + 1) : REEL_NO_PART;
    *is = false;
    if (part == REEL_NO_PART || (realpath(".", here) && !strcmp(here, parent)))
        return REEL_OK;
    const reel_written_list none = {0};
    foreign_search search = {.list = &none};
    REEL_TRY(search_foreign(&search, parent, "", err));
    *is = strchr(search.found, '/') != NULL;
    return REEL_OK;
}

reel_status reel_picture_folder_own(const char *option, const char *folder, reel_error *err)
{
    char real[PATH_MAX];
    if (!folder)
        return REEL_OK;
    reel_written_list list;
    foreign_search search = {.list = &list};
    reel_status status = reel_written_list_read(&list, folder, err);
    if (status == REEL_OK)
        status = search_foreign(&search, folder, "", err);
    reel_written_list_free(&list);
    REEL_TRY(status);
    if (search.found[0])
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s %s: it holds %s, which Reel did not write; expected a new folder, or "
                         "one of an earlier %s",
                         option, folder, search.found, option);

    char *slash = reel_real_folder(folder, real) ? strrchr(real, '/') : NULL;
    if (!slash || slash == real)
        return REEL_OK;
    *slash = '\0';
    bool is_class;
    REEL_TRY(is_part_of_set(real, &is_class, err));
    if (!is_class)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s %s: it would be a class of the data set %s; expected another folder",
                     option, folder, real);
}
