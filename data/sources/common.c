/* What the sources share: lists, pools of strings, lines of text, class names, files that gzip may
 * have packed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/sources/gzip.h"
#include "data/sources/sources.h"

void *reel_list_add(reel_list *l, size_t item)
{
    if (l->n == l->capacity) {
        const size_t capacity = l->capacity ? 2 * l->capacity : 16;
        void *items = realloc(l->items, capacity * item);
        if (!items)
            return NULL;
        l->items = items;
        l->capacity = capacity;
    }
    return (char *)l->items + item * l->n++;
}

reel_status reel_pool_add(reel_pool *pool, const char *text, size_t length, size_t *at,
                          reel_error *err)
{
    if (pool->used + length + 1 > pool->capacity) {
        const size_t capacity = pool->capacity + pool->capacity / 2 + length + 4096;
        char *grown = realloc(pool->text, capacity);
        if (!grown)
            return reel_fail(err, REEL_ERR_MEMORY, "no memory for the names of samples");
        pool->text = grown;
        pool->capacity = capacity;
    }
    *at = pool->used;
    memcpy(pool->text + pool->used, text, length);
    pool->text[pool->used + length] = 0;
    pool->used += length + 1;
    return REEL_OK;
}

/* ---- names ---- */
reel_status reel_names_add(reel_names *names, const char *text, size_t length, reel_error *err)
{
    char *copy = malloc(length + 1),
         **place = copy ? reel_list_add(&names->list, sizeof *place) : NULL;
    if (!place) {
        free(copy);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the names of classes");
    }
    memcpy(copy, text, length);
    copy[length] = 0;
    *place = copy;
    return REEL_OK;
}

const char *reel_names_at(const reel_names *names, int64_t i)
{
    return ((char *const *)names->list.items)[i];
}

int64_t reel_names_count(const reel_names *names)
{
    return (int64_t)names->list.n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void reel_names_sort(reel_names *names)
{
    char **items = names->list.items;
    if (names->list.n == 0)
        return;
    qsort(items, names->list.n, sizeof *items, by_name);
    size_t n = 1;
    for (size_t i = 1; i < names->list.n; i++)
        if (strcmp(items[i], items[n - 1]) != 0)
            items[n++] = items[i];
        else
            free(items[i]);
    names->list.n = n;
}

int64_t reel_names_find(const reel_names *sorted, const char *text, size_t length)
{
    size_t low = 0, high = sorted->list.n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const char *name = reel_names_at(sorted, (int64_t)middle);
        int order = strncmp(name, text, length);
        if (order == 0) { /* text may hold a zero byte, where the comparison ends */
            const size_t own = strlen(name);
            if (own == length)
                return (int64_t)middle;
            order = own < length ? -1 : 1;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

void reel_names_free(reel_names *names)
{
    for (size_t i = 0; i < names->list.n; i++)
        free(((char **)names->list.items)[i]);
    free(names->list.items);
    *names = (reel_names){0};
}

/* ---- paths ---- */
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

reel_look reel_look_file(const char *data, const char *split, char *path)
{
    static const char *const val[] = {"val", "validation", "valid", "test"};
    const char *base = reel_base_name(data);
    if (snprintf(path, REEL_DATA_PATH, "%s", data) >= REEL_DATA_PATH)
        return REEL_LOOK_OTHER;
    if (reel_names_split(base, split))
        return REEL_LOOK_FOUND;
    bool held = false; /* is DATA the other half? */
    for (int i = 0; i < 4; i++)
        held |= reel_has_word(base, val[i]);
    if (strcmp(split, "train") == 0) {
        for (int i = 0; i < 4; i++)
            if (reel_has_word(base, val[i]) && neighbour(data, val[i], "train", path))
                return REEL_LOOK_FOUND;
        snprintf(path, REEL_DATA_PATH, "%s", data);
        return held ? REEL_LOOK_NO_SPLIT : REEL_LOOK_FOUND;
    }
    if (!reel_has_word(base, "train"))
        return REEL_LOOK_NO_SPLIT;
    if (neighbour(data, "train", split, path))
        return REEL_LOOK_FOUND;
    for (int i = 0; strcmp(split, "val") == 0 && i < 4; i++)
        if (neighbour(data, "train", val[i], path))
            return REEL_LOOK_FOUND;
    return REEL_LOOK_NO_SPLIT;
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

static bool is_gzip(int file)
{
    uint8_t magic[2] = {0};
    return pread(file, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

size_t reel_read_head(const char *path, uint8_t *head, size_t size)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0)
        return 0;
    size_t got = 0;
    reel_gzip *gz = NULL;
    if (!is_gzip(file)) {
        const ssize_t n = pread(file, head, size, 0);
        got = n > 0 ? (size_t)n : 0;
    } else if (reel_gzip_open(&gz, file, NULL) == REEL_OK) {
        /* What comes before a damage is a head, too. */
        (void)reel_gzip_read(gz, head, size, &got, NULL);
        reel_gzip_close(gz);
    }
    close(file);
    return got;
}

reel_status reel_folder_names(reel_names *names, const char *path, reel_error *err)
{
    DIR *stream = opendir(path);
    if (!stream)
        return reel_fail(err, REEL_ERR_IO, "cannot list %s: %s", path, strerror(errno));
    reel_status status = REEL_OK;
    for (const struct dirent *e; status == REEL_OK && (e = readdir(stream));) {
        struct stat info;
        if (e->d_name[0] == '.')
            continue;
        if (fstatat(dirfd(stream), e->d_name, &info, 0) != 0 || !S_ISDIR(info.st_mode))
            continue;
        status = reel_names_add(names, e->d_name, strlen(e->d_name), err);
    }
    closedir(stream);
    reel_names_sort(names);
    return status;
}

/* ---- files that gzip may have packed ---- */
static int unnamed_file(void)
{
    const char *folders[] = {getenv("TMPDIR"), "/var/tmp", "/tmp"};
    for (int i = 0; i < 3; i++) {
        if (!folders[i] || !*folders[i])
            continue;
        int file = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (file >= 0)
            return file;
        char path[4200];
        if (snprintf(path, sizeof path, "%s/reel-XXXXXX", folders[i]) >= (int)sizeof path)
            continue;
        file = mkostemp(path, O_CLOEXEC);
        if (file >= 0)
            unlink(path);
        if (file >= 0)
            return file;
    }
    return -1;
}

static reel_status write_unpacked(int to, const char *bytes, size_t size, reel_error *err)
{
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(to, bytes + done, size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return reel_fail(
                err, REEL_ERR_IO,
                "cannot unpack it into a temporary file ($TMPDIR): %s; gunzip it first",
                strerror(errno));
        done += (size_t)n;
    }
    return REEL_OK;
}

/* Ends soon after `most` bytes, whose reader refuses what has more. */
static reel_status unpack_file(int packed, int to, uint64_t most, uint64_t *size, reel_error *err)
{
    enum { BLOCK = 1 << 18 };
    *size = 0;
    char *block = malloc(BLOCK);
    if (!block)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to unpack it");
    reel_gzip *gz;
    reel_status status = reel_gzip_open(&gz, packed, err);
    for (size_t got = BLOCK; status == REEL_OK && got == BLOCK && *size <= most; *size += got) {
        status = reel_gzip_read(gz, block, BLOCK, &got, err);
        if (status == REEL_OK)
            status = write_unpacked(to, block, got, err);
    }
    reel_gzip_close(gz);
    free(block);
    return status;
}

/* most: of what gzip packed, no more is unpacked than shows that there is more. */
static reel_status open_plain(int *file, uint64_t most, uint64_t *size, const char *path,
                              reel_error *err)
{
    *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat info;
    if (*file < 0 || fstat(*file, &info) != 0) {
        const int reason = errno;
        if (*file >= 0)
            close(*file);
        *file = -1;
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", path, strerror(reason));
    }
    reel_status status = REEL_OK;
    if (!S_ISREG(info.st_mode)) {
        status = reel_fail(err, REEL_ERR_IO, "%s: expected a regular file, got another kind", path);
    } else if (is_gzip(*file)) {
        reel_error why = {0};
        const int to = unnamed_file();
        if (to < 0)
            status =
                reel_fail(err, REEL_ERR_IO, "%s: no temporary file ($TMPDIR) to unpack it into: %s",
                          path, strerror(errno));
        else if ((status = unpack_file(*file, to, most, size, &why)) != REEL_OK)
            reel_fail(err, status, "%.400s: %.500s", path, why.message);
        close(*file);
        *file = to;
    } else {
        *size = (uint64_t)info.st_size;
    }
    if (status == REEL_OK)
        return REEL_OK;
    if (*file >= 0)
        close(*file);
    *file = -1;
    return status;
}

reel_status reel_open_plain(int *file, uint64_t *size, const char *path, reel_error *err)
{
    return open_plain(file, UINT64_MAX, size, path, err);
}

reel_status reel_read_plain(reel_bytes *bytes, const char *path, size_t most, reel_error *err)
{
    int file = -1;
    uint64_t size = 0;
    REEL_TRY(open_plain(&file, most, &size, path, err));
    reel_status status = REEL_OK;
    if (size > most)
        status = reel_fail(err, REEL_ERR_FORMAT,
                           "%s: %" PRIu64 " bytes or more, expected at most %zu", path, size, most);
    if (status == REEL_OK)
        status = reel_bytes_reserve(bytes, (size_t)size + 1, err);
    if (status == REEL_OK)
        status = reel_span_read(&(reel_span){.file = file, .size = size}, 0, bytes->data,
                                (size_t)size, err);
    close(file);
    if (status != REEL_OK)
        return status;
    bytes->size = (size_t)size;
    bytes->data[size] = 0;
    return REEL_OK;
}

/* ---- text ---- */
bool reel_lines_next(reel_lines *l, const char **line, size_t *length)
{
    if (!l->begun && l->end - l->at >= 3 && memcmp(l->at, "\xef\xbb\xbf", 3) == 0)
        l->at += 3;
    l->begun = true;
    if (l->at >= l->end)
        return false;
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    *line = l->at;
    l->at = stop ? stop + 1 : l->end;
    if (!stop)
        stop = l->end;
    while (stop > *line && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
    *length = (size_t)(stop - *line);
    l->number++;
    return true;
}

bool reel_parse_number(const char *text, size_t length, uint64_t most, uint64_t *number)
{
    if (length == 0 || length > 20)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || n > (UINT64_MAX - 9) / 10)
            return false;
        n = n * 10 + (uint64_t)(text[i] - '0');
    }
    *number = n;
    return n <= most;
}

/* A file that is too large is another thing of that name; one that cannot be read is an error:
 * names would be lost without a word. */
static reel_status names_from(reel_names *names, const char *path, int64_t n, bool *good,
                              reel_error *err)
{
    reel_bytes bytes = {0};
    *good = false;
    reel_status status = reel_read_plain(&bytes, path, 16 << 20, err);
    if (status == REEL_ERR_FORMAT)
        return REEL_OK;
    reel_lines lines = {.at = (char *)bytes.data, .end = (char *)bytes.data + bytes.size};
    const char *line;
    size_t length;
    while (status == REEL_OK && reel_names_count(names) < 1 << 24 &&
           reel_lines_next(&lines, &line, &length))
        if (length && !memchr(line, 0, length))
            status = reel_names_add(names, line, length, err);
    *good = status == REEL_OK && reel_names_count(names) >= n;
    reel_bytes_free(&bytes);
    return status;
}

reel_status reel_number_names(reel_names *names, const char *folder, int64_t n, reel_error *err)
{
    static const char *const files[] = {"classes.txt", "class_names.txt", "labels.txt",
                                        "synsets.txt"};
    for (int i = 0; folder && i < (int)REEL_COUNT(files); i++) {
        char path[REEL_DATA_PATH];
        bool good;
        if (snprintf(path, sizeof path, "%s/%s", folder, files[i]) >= (int)sizeof path ||
            !reel_is_file(path))
            continue;
        REEL_TRY(names_from(names, path, n, &good, err));
        if (good)
            return REEL_OK;
        reel_names_free(names);
    }
    for (int64_t c = 0; c < n; c++) {
        char text[24];
        const int length = snprintf(text, sizeof text, "%" PRId64, c);
        REEL_TRY(reel_names_add(names, text, (size_t)length, err));
    }
    return REEL_OK;
}

reel_status reel_create_named(reel_dataset **out, const reel_source *source, void *self,
                              reel_names *names, reel_error *err)
{
    const reel_status status =
        reel_dataset_create(out, source, self, names->list.items, reel_names_count(names), err);
    reel_names_free(names);
    return status;
}
