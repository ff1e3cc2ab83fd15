/* Image folder: a folder per class below root, class index = bytewise rank of the folder's name.
 *
 * The whole tree is listed once, into one pool of paths relative to root; a sample is an offset into it. Entries are sorted
 * before they are descended into, and a real directory is listed once per class whatever links lead to it, so symbolic links
 * can neither loop nor make the order depend on the file system. Nothing is opened but directories: a file that cannot be read,
 * a dangling link, is found when its turn comes, and is the loader's to replace. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/data_internal.h"

struct list { /* of any plain type */
    void *items;
    size_t n, capacity;
};

struct folder {
    int root;    /* directory descriptor: samples are found even if the program changes its working directory */
    char *paths; /* pool of strings */
    size_t used, capacity;
    struct list samples; /* struct sample */
    int64_t hidden;
};

struct sample {
    size_t path; /* offset into the pool */
    int64_t label;
};

struct place { /* identity of a directory */
    dev_t device;
    ino_t inode;
};

/* Grows by doubling; NULL when there is no memory. Returns the place of a new item. */
static void *list_add(struct list *l, size_t item)
{
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 16;
        void *items = realloc(l->items, capacity * item);
        if (!items) return NULL;
        l->items = items;
        l->capacity = capacity;
    }
    return (char *)l->items + item * l->n++;
}

static int64_t folder_count(const void *self)
{
    return (int64_t)((const struct folder *)self)->samples.n;
}

static int64_t folder_label(const void *self, int64_t index)
{
    return ((const struct sample *)((const struct folder *)self)->samples.items)[index].label;
}

static int64_t folder_hidden(const void *self)
{
    return ((const struct folder *)self)->hidden;
}

static const char *sample_path(const struct folder *f, int64_t index)
{
    return f->paths + ((const struct sample *)f->samples.items)[index].path;
}

static void folder_name(const void *self, int64_t index, char *text, size_t size)
{
    reel_escape(text, size, sample_path(self, index));
}

static void folder_destroy(void *self)
{
    struct folder *f = self;
    if (f->root >= 0) close(f->root);
    free(f->paths);
    free(f->samples.items);
    free(f);
}

static reel_status read_all(int file, reel_bytes *bytes, reel_error *err)
{
    struct stat info;
    if (fstat(file, &info) != 0) return reel_fail(err, REEL_ERR_IO, "cannot look at the file: %s", strerror(errno));
    if (!S_ISREG(info.st_mode)) return reel_fail(err, REEL_ERR_IO, "expected a regular file, got another kind");
    if ((uint64_t)info.st_size > REEL_MAX_FILE)
        return reel_fail(err, REEL_ERR_FORMAT, "file of %" PRId64 " bytes, expected at most %zu", (int64_t)info.st_size,
                         REEL_MAX_FILE);
    size_t room = (size_t)info.st_size + 1; /* one more, to see the end without another call */
    for (;;) {
        REEL_TRY(reel_bytes_reserve(bytes, room, err));
        const ssize_t got = read(file, bytes->data + bytes->size, room - bytes->size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return reel_fail(err, REEL_ERR_IO, "cannot read: %s", strerror(errno));
        if (got == 0) return REEL_OK;
        bytes->size += (size_t)got;
        if (bytes->size > REEL_MAX_FILE) return reel_fail(err, REEL_ERR_FORMAT, "file grows beyond %zu bytes", REEL_MAX_FILE);
        if (bytes->size == room) room += room / 2 + 4096; /* it has grown since fstat */
    }
}

static reel_status folder_read(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    const struct folder *f = self;
    /* Without O_NONBLOCK a named pipe called x.jpg would wait for a writer for ever. */
    const int file = openat(f->root, sample_path(f, index), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) return reel_fail(err, REEL_ERR_IO, "cannot open: %s", strerror(errno));
    const reel_status status = read_all(file, bytes, err);
    close(file);
    return status;
}

static bool is_image_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int by_path(const void *a, const void *b, void *paths)
{
    return strcmp((char *)paths + ((const struct sample *)a)->path, (char *)paths + ((const struct sample *)b)->path);
}

static void free_names(struct list *names)
{
    for (size_t i = 0; i < names->n; i++) free(((char **)names->items)[i]);
    free(names->items);
}

static reel_status no_memory(reel_error *err)
{
    return reel_fail(err, REEL_ERR_MEMORY, "no memory to list the image folder");
}

/* The visible entries of a directory, sorted bytewise: char* each, whose first byte is 'd' for a directory and 'f' for anything
 * else, so that kind and name travel together. Takes over the descriptor. */
static reel_status list_entries(int directory, const char *shown, struct list *names, int64_t *hidden, reel_error *err)
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
            if (errno) status = reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", shown, strerror(errno));
            break;
        }
        if (e->d_name[0] == '.') {
            *hidden += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
            continue;
        }
        bool is_directory = e->d_type == DT_DIR;
        if (e->d_type == DT_LNK || e->d_type == DT_UNKNOWN) {
            struct stat info;
            is_directory = fstatat(dirfd(stream), e->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
        }
        char *name = malloc(strlen(e->d_name) + 2), **place = list_add(names, sizeof name);
        if (place) *place = name;
        if (!name || !place) {
            if (!place) free(name);
            status = no_memory(err);
            break;
        }
        name[0] = is_directory ? 'd' : 'f';
        strcpy(name + 1, e->d_name);
    }
    closedir(stream);
    if (status == REEL_OK && names->n) qsort(names->items, names->n, sizeof(char *), by_name);
    return status;
}

static reel_status add_sample(struct folder *f, const char *path, int64_t label, reel_error *err)
{
    const size_t length = strlen(path) + 1;
    if (f->used + length > f->capacity) {
        const size_t capacity = 2 * f->capacity + length + 4096;
        char *paths = realloc(f->paths, capacity);
        if (!paths) return no_memory(err);
        f->paths = paths;
        f->capacity = capacity;
    }
    struct sample *s = list_add(&f->samples, sizeof *s);
    if (!s) return no_memory(err);
    *s = (struct sample){f->used, label};
    memcpy(f->paths + f->used, path, length);
    f->used += length;
    return REEL_OK;
}

/* Adds the images at path (relative to root) and below. seen: directories of this class listed so far. */
static reel_status walk(struct folder *f, const char *path, int64_t label, struct list *seen, reel_error *err)
{
    char shown[400];
    reel_escape(shown, sizeof shown, path);
    const int directory = openat(f->root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));
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
    struct place *here = list_add(seen, sizeof *here);
    if (!here) {
        close(directory);
        return no_memory(err);
    }
    *here = (struct place){info.st_dev, info.st_ino};

    struct list names = {0};
    reel_status status = list_entries(directory, shown, &names, &f->hidden, err);
    for (size_t i = 0; status == REEL_OK && i < names.n; i++) {
        const char *name = ((char **)names.items)[i];
        if (name[0] == 'f' && !is_image_name(name + 1)) continue;
        char *below = malloc(strlen(path) + strlen(name) + 1);
        if (!below) {
            status = no_memory(err);
            break;
        }
        strcpy(below, path);
        strcat(below, "/");
        strcat(below, name + 1);
        status = name[0] == 'd' ? walk(f, below, label, seen, err) : add_sample(f, below, label, err);
        free(below);
    }
    free_names(&names);
    return status;
}

/* One class: its images in bytewise order of their paths. */
static reel_status scan_class(struct folder *f, const char *name, int64_t label, reel_error *err)
{
    const size_t first = f->samples.n;
    struct list seen = {0};
    const reel_status status = walk(f, name, label, &seen, err);
    free(seen.items);
    if (status != REEL_OK) return status;
    if (f->samples.n == first) {
        char shown[300];
        reel_escape(shown, sizeof shown, name);
        return reel_fail(err, REEL_ERR_INVALID, "class folder %s holds no images (.jpg, .jpeg, .png)", shown);
    }
    qsort_r((struct sample *)f->samples.items + first, f->samples.n - first, sizeof(struct sample), by_path, f->paths);
    return REEL_OK;
}

static const reel_source source = {.kind = "folder",
                                   .count = folder_count,
                                   .label = folder_label,
                                   .read = folder_read,
                                   .name = folder_name,
                                   .destroy = folder_destroy,
                                   .hidden = folder_hidden};

/* Lists root into f and its class names (in order) into classes. */
static reel_status scan_root(struct folder *f, const char *shown, struct list *names, struct list *classes, reel_error *err)
{
    const int again = openat(f->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (again < 0) return reel_fail(err, REEL_ERR_IO, "cannot open the folder %s: %s", shown, strerror(errno));
    REEL_TRY(list_entries(again, shown, names, &f->hidden, err));
    for (size_t i = 0; i < names->n; i++) {
        const char *name = ((char **)names->items)[i];
        if (name[0] != 'd') continue;
        const char **place = list_add(classes, sizeof *place);
        if (!place) return no_memory(err);
        *place = name + 1;
        reel_error below = {0};
        const reel_status status = scan_class(f, name + 1, (int64_t)classes->n - 1, &below);
        if (status != REEL_OK) return reel_fail(err, status, "%s: %.700s", shown, below.message);
    }
    if (classes->n == 0)
        return reel_fail(err, REEL_ERR_INVALID, "%s holds no class folders: expected one folder per class", shown);
    return REEL_OK;
}

reel_status reel_dataset_folder(reel_dataset **out, const char *root, reel_error *err)
{
    *out = NULL;
    char shown[250];
    reel_escape(shown, sizeof shown, root);
    struct folder *f = calloc(1, sizeof *f);
    if (!f) return no_memory(err);
    f->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->root < 0) {
        const int reason = errno;
        free(f);
        return reel_fail(err, REEL_ERR_IO, "cannot open the image folder %s: %s", shown, strerror(reason));
    }
    struct list names = {0}, classes = {0};
    reel_status status = scan_root(f, shown, &names, &classes, err);
    if (status == REEL_OK)
        status = reel_dataset_create(out, &source, f, classes.items, (int64_t)classes.n, err);
    else
        folder_destroy(f);
    free(classes.items);
    free_names(&names);
    return status;
}
