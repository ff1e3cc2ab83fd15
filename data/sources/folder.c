/* Image folder: a folder per class below root, class index = bytewise rank of the folder's name.
 *
 * The whole tree is listed once. Entries are sorted before they are descended into, and a real
 * directory is listed once per class whatever links lead to it, so symbolic links can neither loop
 * nor make the order depend on the file system. Nothing is opened but directories: a file that
 * cannot be read, a dangling link, is found when its turn comes, and is the loader's to replace. */
#include "data/sources/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/files.h"
#include "data/sources/common/paths.h"

struct place { /* identity of a directory */
    dev_t device;
    ino_t inode;
};

/* The entries of a directory: char* each, whose first byte is 'd' for a directory and 'f' for
 * anything else, so that kind and name travel together. */
typedef reel_list entry_list;
enum { FOLDER = 'd', OTHER = 'f' };

static int by_entry(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_entries(entry_list *entries)
{
    for (size_t i = 0; i < entries->n; i++)
        free(((char **)entries->items)[i]);
    free(entries->items);
}

static reel_status no_memory(reel_error *err)
{
    return reel_fail(err, REEL_ERR_MEMORY, "no memory to list the image folder");
}

/* Follows links, and asks where the file system does not say what an entry is. */
static bool is_directory(DIR *stream, const struct dirent *e)
{
    if (e->d_type != DT_LNK && e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    struct stat info;
    return fstatat(dirfd(stream), e->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static reel_status add_entry(entry_list *entries, char kind, const char *name, reel_error *err)
{
    const size_t room = strlen(name) + 2;
    char *entry = malloc(room), **place = entry ? reel_list_add(entries, sizeof entry) : NULL;
    if (!place) {
        free(entry);
        return no_memory(err);
    }
    entry[0] = kind;
    snprintf(entry + 1, room - 1, "%s", name);
    *place = entry;
    return REEL_OK;
}

/* Adds the visible entries, sorted bytewise; counts the hidden ones. Takes over the descriptor. */
static reel_status list_entries(int directory, const char *shown, entry_list *entries,
                                int64_t *hidden, reel_error *err)
{
    DIR *stream = fdopendir(directory);
    if (!stream) {
        const int reason = errno;
        close(directory);
        return reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", shown, strerror(reason));
    }

    reel_status status = REEL_OK;
    while (status == REEL_OK) {
        errno = 0; /* NULL is the end, or an error */
        const struct dirent *e = readdir(stream);
        if (!e && errno)
            status = reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", shown, strerror(errno));
        if (!e)
            break;
        if (e->d_name[0] == '.')
            *hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
        else
            status = add_entry(entries, is_directory(stream, e) ? FOLDER : OTHER, e->d_name, err);
    }
    closedir(stream);

    if (status == REEL_OK && entries->n)
        qsort(entries->items, entries->n, sizeof(char *), by_entry);
    return status;
}

/* A class that is being listed. */
struct listing {
    reel_files *files;
    int64_t label;
    reel_list seen; /* struct place: directories of this class that were listed */
};

/* Notes the directory; *again: it was listed before, by another link. */
static reel_status note_place(struct listing *l, int directory, bool *again, reel_error *err)
{
    struct stat info;
    *again = fstat(directory, &info) != 0;
    for (size_t i = 0; !*again && i < l->seen.n; i++) {
        const struct place *p = (const struct place *)l->seen.items + i;
        *again = p->device == info.st_dev && p->inode == info.st_ino;
    }
    if (*again)
        return REEL_OK;
    struct place *here = reel_list_add(&l->seen, sizeof *here);
    if (!here)
        return no_memory(err);
    *here = (struct place){info.st_dev, info.st_ino};
    return REEL_OK;
}

static reel_status walk(struct listing *l, const char *path, reel_error *err);

/* One entry of the folder at path: an image, a folder to go down into, or nothing. */
static reel_status walk_entry(struct listing *l, const char *path, const char *entry,
                              reel_error *err)
{
    if (entry[0] == OTHER && !reel_is_image_name(entry + 1))
        return REEL_OK;
    const size_t room = strlen(path) + strlen(entry) + 1;
    char *below = malloc(room);
    if (!below)
        return no_memory(err);
    snprintf(below, room, "%s/%s", path, entry + 1);
    const reel_status status = entry[0] == FOLDER
                                   ? walk(l, below, err)
                                   : reel_files_add(l->files, below, strlen(below), l->label, err);
    free(below);
    return status;
}

/* Adds the images at path (relative to the root) and below. */
static reel_status walk(struct listing *l, const char *path, reel_error *err)
{
    char shown[400];
    reel_escape(shown, sizeof shown, path);
    const int directory = openat(l->files->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));

    bool again = false;
    const reel_status noted = note_place(l, directory, &again, err);
    if (noted != REEL_OK || again) {
        close(directory);
        return noted;
    }

    entry_list entries = {0};
    reel_status status = list_entries(directory, shown, &entries, &l->files->hidden, err);
    for (size_t i = 0; status == REEL_OK && i < entries.n; i++)
        status = walk_entry(l, path, ((char **)entries.items)[i], err);
    free_entries(&entries);
    return status;
}

/* One class: its images in bytewise order of their paths. May it be empty? */
static reel_status scan_class(reel_files *f, const char *name, int64_t label, bool empty,
                              reel_error *err)
{
    const size_t first = f->samples.n;
    struct listing l = {.files = f, .label = label};
    const reel_status status = walk(&l, name, err);
    free(l.seen.items);
    REEL_TRY(status);

    if (f->samples.n == first && !empty) {
        char shown[300], extensions[200];
        reel_escape(shown, sizeof shown, name);
        reel_image_extensions(extensions, sizeof extensions);
        return reel_fail(err, REEL_ERR_INVALID, "class folder %s holds no images (%s)", shown,
                         extensions);
    }
    reel_files_sort(f, first);
    return REEL_OK;
}

/* The folders among the entries of the root, each of which is a class. */
static reel_status scan_classes(reel_opened *out, const entry_list *entries, bool empty,
                                reel_error *err)
{
    for (size_t i = 0; i < entries->n; i++) {
        const char *entry = ((char **)entries->items)[i], *name = entry + 1;
        if (entry[0] != FOLDER)
            continue;
        const int64_t label = reel_names_count(&out->classes);
        REEL_TRY(reel_names_add(&out->classes, name, strlen(name), err));
        REEL_TRY(scan_class(out->self, name, label, empty, err));
    }
    return REEL_OK;
}

reel_status reel_folder_scan(reel_opened *out, const char *root, bool empty, reel_error *err)
{
    char shown[250];
    reel_escape(shown, sizeof shown, root);
    reel_files *f;
    REEL_TRY(reel_files_open(&f, root, err));
    out->self = f;
    /* list_entries takes over what it lists; f->root stays for the samples. */
    const int again = openat(f->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));

    entry_list entries = {0};
    reel_error below = {0};
    reel_status status = list_entries(again, shown, &entries, &f->hidden, err);
    if (status == REEL_OK) {
        status = scan_classes(out, &entries, empty, &below);
        if (status != REEL_OK)
            reel_fail(err, status, "%s: %.700s", shown, below.message);
    }
    free_entries(&entries);
    REEL_TRY(status);

    if (reel_names_count(&out->classes) == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s holds no class folders: expected one folder per class", shown);
    return REEL_OK;
}

/* DATA/SPLIT with a folder per class; val may be called validation or valid. Without splits: DATA
 * itself. */
static reel_sniff folder_sniff(const char *data, const char *split, char *path)
{
    if (!reel_is_folder(data))
        return REEL_SNIFF_OTHER;

    /* "validation" as a split's own name has no other names. */
    const reel_split_names names = reel_names_of_split(split);
    const int n = split && strcmp(split, "val") == 0 ? names.n : 1;
    for (int i = 0; i < n; i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/%s", data, names.at[i]) < REEL_DATA_PATH &&
            reel_is_folder(path))
            return REEL_SNIFF_FOUND;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return split ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_FOUND;
}

static reel_status folder_open(reel_opened *out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    (void)data, (void)split;
    const bool empty = false;
    return reel_folder_scan(out, path, empty, err);
}

const reel_source reel_source_folder = {.name = "image folder",
                                        .rank = REEL_RANK_ANY_FOLDER,
                                        .sniff = folder_sniff,
                                        .open = folder_open,
                                        REEL_SAMPLES_ARE_FILES};
