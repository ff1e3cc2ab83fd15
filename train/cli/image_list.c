/* Walking folders for images. Links to folders are followed, as in training; each folder is walked
 * once, so links cannot loop. */
#include "train/cli/image_list.h"
#include "core/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/codecs/codec.h"

enum { PATH_LIMIT = 4200 };

void reel_image_list_free(reel_image_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (reel_image_list){0};
}

static reel_status append_path(reel_image_list *list, const char *path, reel_error *err)
{
    if (list->n == list->capacity) {
        const int64_t more = list->capacity ? 2 * list->capacity : 64;
        char **paths = realloc(list->paths, (size_t)more * sizeof *paths);
        if (!paths)
            return reel_fail(err, REEL_ERR_MEMORY, "list of images: out of memory");
        list->paths = paths;
        list->capacity = more;
    }
    list->paths[list->n] = strdup(path);
    if (!list->paths[list->n])
        return reel_fail(err, REEL_ERR_MEMORY, "list of images: out of memory");
    list->n++;
    return REEL_OK;
}

/* The folders that a command writes to: what is in them is no input of its next call. */
static bool is_skipped(const reel_image_list *list, const struct stat *st)
{
    struct stat skipped;
    for (int i = 0; i < REEL_COUNT(list->skip); i++)
        if (list->skip[i] && stat(list->skip[i], &skipped) == 0 && skipped.st_ino == st->st_ino &&
            skipped.st_dev == st->st_dev)
            return true;
    return false;
}

struct folder_id {
    dev_t device;
    ino_t inode;
};

/* One walk. Links wait until all real folders are done: else the order of a directory's entries
 * would decide under which name an image is found. */
typedef struct {
    reel_image_list *list;
    reel_image_list links;  /* to folders */
    bool linked;            /* a link led here: only there can a folder come again */
    struct folder_id *seen; /* folders that were walked */
    int64_t n_seen;
} image_walk;

/* Notes the folder; *again: it was walked before. */
static reel_status enter_once(image_walk *w, const char *path, bool *again, reel_error *err)
{
    struct stat st;
    *again = false;
    if (stat(path, &st) != 0)
        return REEL_OK; /* opening it will tell */
    for (int64_t i = 0; w->linked && i < w->n_seen && !*again; i++)
        *again = w->seen[i].inode == st.st_ino && w->seen[i].device == st.st_dev;
    if (*again)
        return REEL_OK;

    if ((w->n_seen & (w->n_seen - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        const size_t more = w->n_seen ? 2 * (size_t)w->n_seen : 1;
        struct folder_id *seen = realloc(w->seen, more * sizeof *seen);
        if (!seen)
            return reel_fail(err, REEL_ERR_MEMORY, "list of images: out of memory");
        w->seen = seen;
    }
    w->seen[w->n_seen++] = (struct folder_id){st.st_dev, st.st_ino};
    return REEL_OK;
}

/* Appends the images below the folder `path`, which has `length` letters; one buffer serves all
 * levels. A folder that cannot be opened goes into the list itself: the caller reports it as
 * unreadable and keeps the rest. */
static reel_status walk_folder(image_walk *w, char *path, size_t length, reel_error *err)
{
    reel_image_list *list = w->list;
    bool again;
    REEL_TRY(enter_once(w, path, &again, err));
    if (again)
        return REEL_OK;
    DIR *d = opendir(path);
    if (!d && reel_fail_system(err, errno, "%s: cannot be opened", path) == REEL_ERR_MEMORY)
        return REEL_ERR_MEMORY;
    if (!d)
        return append_path(list, path, err);

    reel_status status = REEL_OK;
    for (struct dirent *e; status == REEL_OK && (e = readdir(d));) {
        struct stat st;
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        if (e->d_name[0] == '.')
            reel_left_out_add(&list->left_out, "hidden", NULL, 1);
        const int more = e->d_name[0] == '.'
                             ? -1
                             : snprintf(path + length, PATH_LIMIT - length, "/%s", e->d_name);
        if (more < 0 || (size_t)more >= PATH_LIMIT - length || lstat(path, &st) != 0)
            continue;

        const bool link = S_ISLNK(st.st_mode), dangling = link && stat(path, &st) != 0;
        if (S_ISDIR(st.st_mode) && is_skipped(list, &st))
            continue;
        if (S_ISDIR(st.st_mode) && link)
            status = append_path(&w->links, path, err);
        else if (S_ISDIR(st.st_mode))
            status = walk_folder(w, path, length + (size_t)more, err);
        else if (!S_ISREG(st.st_mode) && !dangling) /* to open a pipe would wait for ever */
            reel_left_out_file(&list->left_out, e->d_name, "not a regular file");
        else if (reel_is_image_file(AT_FDCWD, path, false, &list->left_out))
            status = append_path(list, path, err);
    }

    path[length] = '\0';
    closedir(d);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folder, then what links in it lead to, then what links lead to from there. */
static reel_status walk_all(image_walk *w, char path[PATH_LIMIT], reel_error *err)
{
    REEL_TRY(walk_folder(w, path, strlen(path), err));
    w->linked = true;
    while (w->links.n > 0) {
        reel_image_list links = w->links;
        w->links = (reel_image_list){0};
        qsort(links.paths, (size_t)links.n, sizeof *links.paths, compare_paths);

        reel_status status = REEL_OK;
        for (int64_t i = 0; status == REEL_OK && i < links.n; i++) {
            snprintf(path, PATH_LIMIT, "%s", links.paths[i]);
            status = walk_folder(w, path, strlen(path), err);
        }
        reel_image_list_free(&links);
        REEL_TRY(status);
    }
    return REEL_OK;
}

reel_status reel_image_list_add(reel_image_list *list, const char *path, reel_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return reel_fail_system(err, errno, "%s: cannot be opened", path);
    if (!S_ISDIR(st.st_mode))
        return append_path(list, path, err);

    char below[PATH_LIMIT];
    const int64_t before = list->n;
    int length = snprintf(below, sizeof below, "%s", path);
    if (length >= PATH_LIMIT)
        return reel_fail(err, REEL_ERR_INVALID, "%s: the path is too long", path);
    while (length > 1 && below[length - 1] == '/')
        below[--length] = '\0'; /* as completion leaves it; names get one of their own */

    image_walk walk = {.list = list};
    const reel_status status = walk_all(&walk, below, err);
    reel_image_list_free(&walk.links);
    free(walk.seen);
    REEL_TRY(status);
    if (list->n == before) {
        char extensions[200], left_out[250];
        if (*reel_left_out_undecoded(&list->left_out, left_out, sizeof left_out))
            return reel_fail(err, REEL_ERR_INVALID, "%s: %s", path, left_out);
        reel_image_extensions(extensions, sizeof extensions);
        reel_left_out_clause(&list->left_out, left_out, sizeof left_out);
        return reel_fail(err, REEL_ERR_INVALID, "%s: no images (%s) in it%s", path, extensions,
                         left_out);
    }
    qsort(list->paths + before, (size_t)(list->n - before), sizeof *list->paths, compare_paths);
    return REEL_OK;
}
