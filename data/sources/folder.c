/* Image folder: a folder per class below root, class index = bytewise rank of the folder's name.
 *
 * The whole tree is listed once. Entries are sorted before they are descended into, and a real
 * directory is listed once per class whatever links lead to it, so symbolic links can neither loop
 * nor make the order depend on the file system. Nothing is opened but directories: a file that
 * cannot be read, a dangling link, is found when its turn comes, and is the loader's to replace. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/codecs/codec.h"
#include "data/sources/sources.h"

struct place { /* identity of a directory */
    dev_t device;
    ino_t inode;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(reel_list *names)
{
    for (size_t i = 0; i < names->n; i++)
        free(((char **)names->items)[i]);
    free(names->items);
}

static reel_status no_memory(reel_error *err)
{
    return reel_fail(err, REEL_ERR_MEMORY, "no memory to list the image folder");
}

/* The visible entries of a directory, sorted bytewise: char* each, whose first byte is 'd' for a
 * directory and 'f' for anything else, so that kind and name travel together. Takes over the
 * descriptor. */
static reel_status list_entries(int directory, const char *shown, reel_list *names, int64_t *hidden,
                                reel_error *err)
{
    DIR *stream = fdopendir(directory);
    if (!stream) {
        const int reason = errno;
        close(directory);
        return reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", shown, strerror(reason));
    }
    reel_status status = REEL_OK;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(stream);
        if (!e) {
            if (errno)
                status = reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", shown, strerror(errno));
            break;
        }
        if (e->d_name[0] == '.') {
            *hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
            continue;
        }
        bool is_directory = e->d_type == DT_DIR;
        if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
            struct stat info;
            is_directory =
                fstatat(dirfd(stream), e->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
        }
        const size_t room = strlen(e->d_name) + 2;
        char *name = malloc(room), **place = reel_list_add(names, sizeof name);
        if (place)
            *place = name;
        if (!name || !place) {
            if (!place)
                free(name);
            status = no_memory(err);
            break;
        }
        name[0] = is_directory ? 'd' : 'f';
        snprintf(name + 1, room - 1, "%s", e->d_name);
    }
    closedir(stream);
    if (status == REEL_OK && names->n)
        qsort(names->items, names->n, sizeof(char *), by_name);
    return status;
}

/* Adds the images at path (relative to root) and below. seen: directories of this class listed so
 * far. */
static reel_status walk(reel_files *f, const char *path, int64_t label, reel_list *seen,
                        reel_error *err)
{
    char shown[400];
    reel_escape(shown, sizeof shown, path);
    const int directory = openat(f->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));
    struct stat info;
    bool known = fstat(directory, &info) != 0;
    for (size_t i = 0; !known && i < seen->n; i++) {
        const struct place *p = (const struct place *)seen->items + i;
        known = p->device == info.st_dev && p->inode == info.st_ino;
    }
    if (known) {
        close(directory);
        return REEL_OK;
    }
    struct place *here = reel_list_add(seen, sizeof *here);
    if (!here) {
        close(directory);
        return no_memory(err);
    }
    *here = (struct place){info.st_dev, info.st_ino};

    reel_list names = {0};
    reel_status status = list_entries(directory, shown, &names, &f->hidden, err);
    for (size_t i = 0; status == REEL_OK && i < names.n; i++) {
        const char *name = ((char **)names.items)[i];
        if (name[0] == 'f' && !reel_is_image_name(name + 1))
            continue;
        const size_t room = strlen(path) + strlen(name) + 1;
        char *below = malloc(room);
        if (!below) {
            status = no_memory(err);
            break;
        }
        snprintf(below, room, "%s/%s", path, name + 1);
        status = name[0] == 'd' ? walk(f, below, label, seen, err)
                                : reel_files_add(f, below, strlen(below), label, err);
        free(below);
    }
    free_names(&names);
    return status;
}

/* One class: its images in bytewise order of their paths. */
static reel_status scan_class(reel_files *f, const char *name, int64_t label, bool empty,
                              reel_error *err)
{
    const size_t first = f->samples.n;
    reel_list seen = {0};
    const reel_status status = walk(f, name, label, &seen, err);
    free(seen.items);
    if (status != REEL_OK)
        return status;
    if (f->samples.n == first && !empty) {
        char shown[300], extensions[200];
        reel_escape(shown, sizeof shown, name);
        reel_image_extensions(extensions, sizeof extensions);
        return reel_fail(err, REEL_ERR_INVALID, "class folder %s holds no images (%s)", shown,
                         extensions);
    }
    if (f->samples.n > first)
        reel_files_sort(f, first);
    return REEL_OK;
}

/* Lists root into f and its class names (in order) into classes. empty: classes without images are
 * fine. */
static reel_status scan_root(reel_files *f, const char *shown, bool empty, reel_list *names,
                             reel_list *classes, reel_error *err)
{
    const int again = openat(f->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));
    REEL_TRY(list_entries(again, shown, names, &f->hidden, err));
    for (size_t i = 0; i < names->n; i++) {
        const char *name = ((char **)names->items)[i];
        if (name[0] != 'd')
            continue;
        const char **place = reel_list_add(classes, sizeof *place);
        if (!place)
            return no_memory(err);
        *place = name + 1;
        reel_error below = {0};
        const reel_status status = scan_class(f, name + 1, (int64_t)classes->n - 1, empty, &below);
        if (status != REEL_OK)
            return reel_fail(err, status, "%s: %.700s", shown, below.message);
    }
    if (classes->n == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s holds no class folders: expected one folder per class", shown);
    return REEL_OK;
}

static reel_status open_root(reel_dataset **out, const char *root, bool empty, reel_error *err)
{
    *out = NULL;
    char shown[250];
    reel_escape(shown, sizeof shown, root);
    reel_files *f;
    REEL_TRY(reel_files_open(&f, root, err));
    reel_list names = {0}, classes = {0};
    reel_status status = scan_root(f, shown, empty, &names, &classes, err);
    if (status == REEL_OK)
        status =
            reel_dataset_create(out, &reel_files_source, f, classes.items, (int64_t)classes.n, err);
    else
        reel_files_destroy(f);
    free(classes.items);
    free_names(&names);
    return status;
}

reel_status reel_dataset_folder(reel_dataset **out, const char *root, reel_error *err)
{
    return open_root(out, root, false, err);
}

reel_status reel_dataset_folder_as_is(reel_dataset **out, const char *root, reel_error *err)
{
    return open_root(out, root, true, err);
}

/* DATA/SPLIT with a folder per class; val may be called validation or valid. Without splits: DATA
 * itself. */
static reel_look look(const char *data, const char *split, char *path)
{
    const char *const names[] = {split ? split : "train",
                                 reel_is_val(split) ? "validation" : "train", "valid"};
    if (!reel_is_folder(data))
        return REEL_LOOK_OTHER;
    for (int i = 0; i < (split && strcmp(split, "val") == 0 ? 3 : 1); i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", data, names[i]) < REEL_DATA_PATH &&
            reel_is_folder(path))
            return REEL_LOOK_FOUND;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return split ? REEL_LOOK_NO_SPLIT : REEL_LOOK_FOUND;
}

static reel_status open_folder(reel_dataset **out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    (void)data, (void)split;
    return reel_dataset_folder(out, path, err);
}

const reel_kind reel_kind_folder = {.name = "image folder", .look = look, .open = open_folder};
