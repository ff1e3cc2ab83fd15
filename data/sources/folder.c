/* Image folder: a folder per class below root, class index = bytewise rank of the folder's name.
 *
 * The whole tree is listed once. Entries are sorted before they are descended into, and a real
 * directory is listed once per class whatever links lead to it, so symbolic links can neither loop
 * nor make the order depend on the file system. Nothing is opened but directories: a file that
 * cannot be read, a dangling link, is found when its turn comes, and is the loader's to replace. */
#include "data/sources/folder.h"
#include "core/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/sources/common/files.h"
#include "data/sources/common/outputs.h"
#include "data/sources/common/part_words.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/splits.h"
#include "data/sources/common/table_beside.h"

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
        return reel_fail_system(err, reason, "cannot list %s", shown);
    }

    reel_status status = REEL_OK;
    while (status == REEL_OK) {
        errno = 0; /* NULL is the end, or an error */
        const struct dirent *e = readdir(stream);
        if (!e && errno)
            status = reel_fail_system(err, errno, "cannot list %s", shown);
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

/* Is it a folder that Reel wrote: the one that the run at hand writes to, that of another run, or
 * one of `reel predict`? It is no class. Images that a user has in it would be lost from view:
 * those of the run at hand are refused, others are named. */
static reel_status leave_out_output(reel_opened *out, int root, const char *path, bool *left,
                                    reel_error *err)
{
    const char *output = out->request->output_dir;
    char whole[REEL_DATA_PATH], shown[200];
    struct stat here, there;
    const bool fits = snprintf(whole, sizeof whole, "%s/%s", out->root, path) < (int)sizeof whole;
    const bool run = fits && reel_is_run_folder(whole);
    const bool own = output && fstatat(root, path, &here, 0) == 0 && stat(output, &there) == 0 &&
                     here.st_dev == there.st_dev && here.st_ino == there.st_ino;
    const bool written =
        !run && !own && !out->request->names_only && fits && reel_is_written_folder(whole);
    *left = run || own || written;
    if (written)
        reel_left_out_add(&out->left_out, "folder that reel predict wrote", NULL, 1);
    if (!run && !own)
        return REEL_OK;

    reel_left_out_add(&out->left_out, "folder of a run", NULL, 1);
    char inside[REEL_DATA_PATH + 8];
    snprintf(inside, sizeof inside, "%s/.", whole); /* the folder may be a link to one elsewhere */
    const int64_t images = reel_count_images(AT_FDCWD, inside);
    reel_escape(shown, sizeof shown, path);
    if (images > 0 && !run)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s is the folder for results and holds %" PRId64
                         " images: expected one outside the class folders",
                         shown, images);
    if (images == 0)
        return REEL_OK;
    return reel_opened_note(out, err, "%s holds a run and %" PRId64 " images: not taken as a class",
                            shown, images);
}

/* A class that is being listed. */
struct listing {
    reel_opened *out;
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

static reel_status walk_unless_written(struct listing *l, const char *path, reel_error *err)
{
    bool left;
    REEL_TRY(leave_out_output(l->out, l->files->root, path, &left, err));
    return left ? REEL_OK : walk(l, path, err);
}

/* One entry of the folder at path: an image, a folder to go down into, or nothing. */
static reel_status walk_entry(struct listing *l, const char *path, const char *entry,
                              reel_error *err)
{
    const reel_data_request *r = l->out->request;
    const size_t room = strlen(path) + strlen(entry) + 1;
    char *below = malloc(room);
    if (!below)
        return no_memory(err);
    snprintf(below, room, "%s/%s", path, entry + 1);
    reel_status status = REEL_OK;
    if (entry[0] == FOLDER)
        status = walk_unless_written(l, below, err);
    else if (reel_is_image_file(l->files->root, below, r->names_only, &l->out->left_out))
        status = reel_files_add(l->files, below, strlen(below), l->label, err);
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
        return reel_fail_system(err, errno, "cannot open the folder %s", shown);

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

/* How many files look like pictures that cannot be had: HEIC, say. */
static int64_t count_unusable(const reel_left_out *l)
{
    int64_t n = 0;
    for (int i = 0; i < l->n; i++)
        if (l->kinds[i].why && strncmp(l->kinds[i].why, "cannot", 6) == 0)
            n += l->kinds[i].n;
    return n;
}

/* before: the pictures that cannot be had in other classes. */
static reel_status refuse_empty_class(const reel_opened *out, const char *name, int64_t before,
                                      reel_error *err)
{
    char shown[200], extensions[200], left_out[250];
    reel_left_out here = out->left_out;
    reel_escape(shown, sizeof shown, name);
    here.undecoded -= before;
    if (*reel_left_out_undecoded(&here, left_out, sizeof left_out))
        return reel_fail(err, REEL_ERR_INVALID, "class folder %s: %s", shown, left_out);
    reel_image_extensions(extensions, sizeof extensions);
    reel_left_out_clause(&out->left_out, left_out, sizeof left_out);
    return reel_fail(err, REEL_ERR_INVALID, "class folder %s holds no images (%s)%s", shown,
                     extensions, left_out);
}

/* A folder below the root: a class with its images in bytewise order of their paths. A folder
 * without images is none, unless it holds pictures that would be missed. empty: it is one. */
static reel_status scan_class(reel_opened *out, const char *name, bool empty, reel_error *err)
{
    reel_files *f = out->self;
    const size_t first = f->samples.n;
    const int64_t unusable = count_unusable(&out->left_out), undecoded = out->left_out.undecoded;
    struct listing l = {.out = out, .files = f, .label = reel_names_count(&out->classes)};
    const reel_status status = walk(&l, name, err);
    free(l.seen.items);
    REEL_TRY(status);

    const bool images = f->samples.n > first;
    if (!images && !empty && count_unusable(&out->left_out) > unusable)
        return refuse_empty_class(out, name, undecoded, err);
    if (!images && !empty) {
        reel_left_out_folder(&out->left_out, name, 0);
        return REEL_OK;
    }
    reel_files_sort(f, first);
    return reel_names_add(&out->classes, name, strlen(name), err);
}

/* A file beside the class folders. */
static void note_loose(reel_opened *out, const char *name)
{
    static const char beside[] = "beside the class folders";
    if (reel_is_image_name(name))
        reel_left_out_file(&out->left_out, name, beside);
    else
        reel_left_out_file(&out->left_out, name, NULL);
}

/* Class folders that hold the same folders are most likely parts of a data set. */
static reel_status doubt_parts(reel_opened *out, bool *doubted, reel_error *err)
{
    const int64_t n = reel_names_count(&out->classes);
    reel_names common = {0};
    char folders[3][60] = {""}, inner[2][60];
    *doubted = false;
    if (n < 2)
        return REEL_OK;
    reel_status status = reel_common_folders(&common, out->root, &out->classes, err);
    const int64_t same = reel_names_count(&common);
    for (int64_t i = 0; i < n && i < 3; i++)
        reel_escape(folders[i], sizeof *folders, reel_names_at(&out->classes, i));
    for (int64_t i = 0; i < same && i < 2; i++)
        reel_escape(inner[i], sizeof *inner, reel_names_at(&common, i));
    reel_names_free(&common);
    if (status != REEL_OK || same < 2)
        return status;

    *doubted = true;
    return reel_opened_note(
        out, err,
        "%s/, %s/%s%s%s hold the same folders (%s, %s%s): each is taken for one class; if they are "
        "parts of the data, call them train and val",
        folders[0], folders[1], n > 2 ? ", " : "", folders[2],
        n > 3   ? "/, ..."
        : n > 2 ? "/"
                : "",
        inner[0], inner[1], same > 2 ? ", ..." : "");
}

/* Folders that may be something else than classes. */
static reel_status doubt_classes(reel_opened *out, reel_error *err)
{
    const int64_t n = reel_names_count(&out->classes);
    int64_t parts = 0;
    bool doubted;
    REEL_TRY(doubt_parts(out, &doubted, err));
    if (doubted)
        return REEL_OK;
    for (int64_t c = 0; c < n; c++)
        parts += reel_looks_like_split(reel_names_at(&out->classes, c));
    char name[60];
    reel_escape(name, sizeof name, n ? reel_names_at(&out->classes, 0) : "");
    if (n && parts == n)
        return reel_opened_note(out, err,
                                "all of its class folders, %s among them, are called like parts "
                                "of a data set, not like classes",
                                name);
    if (n == 1 && reel_is_heap_name(reel_names_at(&out->classes, 0)))
        return reel_opened_note(out, err,
                                "its only folder, %s, is taken for the only class: expected one "
                                "folder per class",
                                name);
    return REEL_OK;
}

/* The folders among the entries of the root, each of which may be a class. */
static reel_status scan_classes(reel_opened *out, const entry_list *entries, bool empty,
                                reel_error *err)
{
    const char *hollow = NULL; /* the first that was meant as a class and holds no images */
    for (size_t i = 0; i < entries->n; i++) {
        const char *entry = ((char **)entries->items)[i], *name = entry + 1;
        const int64_t classes = reel_names_count(&out->classes);
        if (entry[0] != FOLDER) {
            note_loose(out, name);
            continue;
        }
        bool left;
        REEL_TRY(leave_out_output(out, ((reel_files *)out->self)->root, name, &left, err));
        if (left)
            continue;
        REEL_TRY(scan_class(out, name, empty, err));
        if (reel_names_count(&out->classes) == classes && !hollow && !reel_is_litter(name))
            hollow = name;
    }

    /* One class would be left of several. */
    if (hollow && reel_names_count(&out->classes) < 2)
        return refuse_empty_class(out, hollow, out->left_out.undecoded, err);
    return doubt_classes(out, err);
}

/* No class folders. A table here may say what the classes are, or one beside DATA/train: other
 * tables beside the folder have nothing to do with it. */
static reel_status refuse_flat_folder(const char *root, const char *shown, reel_error *err)
{
    char above[REEL_DATA_PATH], name[256], table[120] = "", advice[200] = "";
    const char *slash = strrchr(root, '/');
    const bool is_part = reel_part_of_folder(slash ? slash + 1 : root) != REEL_NO_PART;
    snprintf(above, sizeof above, "%s/..", root);
    if (reel_find_any_table(root, name, sizeof name) ||
        (is_part && reel_find_any_table(above, name, sizeof name)))
        reel_escape(table, sizeof table, name);
    if (*table)
        snprintf(advice, sizeof advice, "; if %s lists the images, give it as DATA", table);
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s holds no class folders: expected one folder per class%s", shown, advice);
}

reel_status reel_folder_scan(reel_opened *out, const char *root, bool empty, reel_error *err)
{
    char shown[250];
    reel_escape(shown, sizeof shown, root);
    reel_files *f;
    REEL_TRY(reel_files_open(&f, root, err));
    out->self = f;
    out->root = root;
    /* list_entries takes over what it lists; f->root stays for the samples. */
    const int again = openat(f->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return reel_fail_system(err, errno, "cannot open the folder %s", shown);

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
        return refuse_flat_folder(root, shown, err);
    return REEL_OK;
}

/* DATA/SPLIT with a folder per class, by the names of splits in use; without splits, DATA itself.
 * Where a folder holds nothing but one folder of folders, that is looked into. */
static reel_sniff folder_sniff(const char *data, const char *split, char *path)
{
    enum { MOST_LEVELS = 3 };
    char base[REEL_DATA_PATH];
    if (!reel_is_folder(data) || snprintf(base, sizeof base, "%s", data) >= (int)sizeof base)
        return REEL_SNIFF_OTHER;

    for (int level = 0; level < MOST_LEVELS; level++) {
        if (reel_split_folder(base, split ? split : "train", path))
            return REEL_SNIFF_FOUND;
        if (!reel_descend_into_only_folder(base))
            break;
    }
    snprintf(path, REEL_DATA_PATH, "%s", split ? data : base);
    return split ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_FOUND;
}

/* Where the images were found, unless that is where they are expected. */
static reel_status note_place_of_split(reel_opened *out, const char *path, reel_error *err)
{
    const char *split = out->request->split, *below = path + strlen(out->request->data);
    const reel_split_names own = reel_names_of_split(split);
    char name[200];
    while (*below == '/')
        below++;
    for (int i = 0; i < own.n; i++)
        if (!*below || strcmp(below, own.at[i]) == 0)
            return REEL_OK;
    reel_escape(name, sizeof name, below);
    if (split)
        return reel_opened_note(out, err, "%s/ is taken for the %s images", name,
                                reel_is_val(split) ? "validation" : split);
    return reel_opened_note(out, err, "the folders in %s/ are taken for the classes", name);
}

static reel_status folder_open(reel_opened *out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    const bool empty = false;
    REEL_TRY(note_place_of_split(out, path, err));
    REEL_TRY(reel_folder_scan(out, path, empty, err));

    /* Beside the training data, so that both sides together count a folder once. */
    if (!split || strcmp(split, "train") == 0)
        reel_split_count_unused(&out->left_out, data, path);
    return REEL_OK;
}

const reel_source reel_source_folder = REEL_SOURCE(
    folder, .name = "image folder", .rank = REEL_RANK_ANY_FOLDER, REEL_SAMPLES_ARE_FILES);
