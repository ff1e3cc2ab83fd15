/* Writing safetensors so that a crash, a full disk or a kill leaves either the old file or the new one.
 *
 * CRCs have a fixed width, so the header's length is known before the data is: the header goes out with blank CRCs, the data
 * follows in one pass that computes them, the header is written again over itself. Tensors of eight-byte elements come first:
 * every tensor then lies aligned. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/weights_internal.h"

typedef struct entry {
    char *name;
    reel_tensor tensor;
    uLong crc;
} entry;

struct reel_weights_writer {
    entry *list;
    int count, capacity;
    json_t *metadata;
};

reel_status reel_weights_writer_create(reel_weights_writer **out, reel_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out) (*out)->metadata = json_object();
    if (*out && (*out)->metadata) return REEL_OK;
    free(*out);
    *out = NULL;
    return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
}

void reel_weights_writer_destroy(reel_weights_writer *writer)
{
    if (!writer) return;
    for (int i = 0; i < writer->count; i++) free(writer->list[i].name);
    free(writer->list);
    json_decref(writer->metadata);
    free(writer);
}

static bool is_utf8(const char *text)
{
    json_t *json = json_string(text);
    json_decref(json);
    return json != NULL;
}

reel_status reel_weights_writer_tensor(reel_weights_writer *writer, const char *name, const reel_tensor *t, reel_error *err)
{
    reel_printable room;
    bool taken = strcmp(name, "__metadata__") == 0 || strcmp(name, "header") == 0; /* the latter: its CRC's key */
    for (int i = 0; i < writer->count && !taken; i++) taken = strcmp(writer->list[i].name, name) == 0;
    if (taken || !is_utf8(name))
        return reel_fail(err, REEL_ERR_INVALID, "weights: tensor %s: the name is %s", reel_printable_name(&room, name),
                         taken ? "taken or reserved" : "not UTF-8");
    if (writer->count == writer->capacity) {
        const int capacity = writer->capacity ? writer->capacity * 2 : 32;
        entry *list = realloc(writer->list, (size_t)capacity * sizeof *list);
        if (!list) return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
        writer->list = list;
        writer->capacity = capacity;
    }
    char *copy = strdup(name);
    if (!copy) return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
    writer->list[writer->count++] = (entry){.name = copy, .tensor = *t};
    return REEL_OK;
}

reel_status reel_weights_writer_metadata(reel_weights_writer *writer, const char *key, const char *value, reel_error *err)
{
    reel_printable room;
    if (strncmp(key, "crc32.", 6) == 0 || !is_utf8(key) || !is_utf8(value))
        return reel_fail(err, REEL_ERR_INVALID, "weights: metadata %s: the key is reserved, or key or value is not UTF-8",
                         reel_printable_name(&room, key));
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
    return REEL_OK;
}

static json_t *crc_text(bool blank, uLong crc)
{
    return blank ? json_string("        ") : json_sprintf("%08lx", crc & 0xffffffffu);
}

/* The header's text, padded to a multiple of eight; NULL without memory. Both calls give the same length. */
static char *header_text(const reel_weights_writer *writer, bool blank, bool blank_own, uLong own, size_t *size)
{
    json_t *root = json_object(), *metadata = json_copy(writer->metadata);
    bool good = root && metadata && json_object_set(root, "__metadata__", metadata) == 0;
    int64_t at = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < writer->count && good; i++) {
            const entry *e = &writer->list[i];
            if ((e->tensor.dtype == REEL_F64) != (pass == 0)) continue;
            json_t *shape = json_array();
            for (int d = 0; d < e->tensor.ndim; d++)
                good &= json_array_append_new(shape, json_integer(e->tensor.shape[d])) == 0;
            const int64_t end = at + (int64_t)reel_tensor_bytes(&e->tensor);
            json_t *value = json_pack("{s:s, s:o, s:[I, I]}", "dtype", e->tensor.dtype == REEL_F64 ? "F64" : "F32", "shape",
                                      shape, "data_offsets", (json_int_t)at, (json_int_t)end);
            at = end;
            const size_t room = strlen(e->name) + 8;
            char *key = malloc(room);
            if (key) snprintf(key, room, "crc32.%s", e->name);
            good &= json_object_set_new(root, e->name, value) == 0; /* takes value in any case, also NULL */
            good &= key && json_object_set_new(metadata, key, crc_text(blank, e->crc)) == 0;
            free(key);
        }
    }
    good = good && json_object_set_new(metadata, "crc32.header", crc_text(blank_own, own)) == 0;
    char *text = good ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(metadata);
    json_decref(root);
    if (!text) return NULL;
    const size_t length = strlen(text);
    *size = (length + 7) / 8 * 8;
    char *padded = realloc(text, *size + 1);
    if (!padded) {
        free(text);
        return NULL;
    }
    memset(padded + length, ' ', *size - length);
    return padded;
}

typedef struct output {
    int fd;
    const char *path; /* the final one, for messages */
} output;

static reel_status io_error(const char *path, const char *what, reel_error *err)
{
    return reel_fail(err, REEL_ERR_IO, "%s: cannot be %s: %s", path, what, strerror(errno));
}

static reel_status put(const output *o, const void *bytes, size_t size, reel_error *err)
{
    const char *at = bytes;
    while (size > 0) {
        const ssize_t done = write(o->fd, at, size < (size_t)1 << 30 ? size : (size_t)1 << 30);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return io_error(o->path, "written", err);
        at += done;
        size -= (size_t)done;
    }
    return REEL_OK;
}

static bool is_row_major(const reel_tensor *t)
{
    const reel_tensor dense = reel_tensor_with_layout(t->data, t->dtype, REEL_ROW_MAJOR, t->ndim, t->shape);
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] != 1 && t->stride[d] != dense.stride[d]) return false;
    return true;
}

/* Row-major memory goes out as it is, anything else in slabs of the first dimension. */
static reel_status put_tensor(const output *o, entry *e, reel_error *err)
{
    const reel_tensor *t = &e->tensor;
    const size_t bytes = reel_tensor_bytes(t);
    e->crc = crc32_z(0, NULL, 0);
    if (bytes == 0) return REEL_OK;
    if (is_row_major(t)) {
        e->crc = crc32_z(e->crc, t->data, bytes);
        return put(o, t->data, bytes, err);
    }
    const size_t slab = bytes / (size_t)t->shape[0];
    const int64_t most = slab < (size_t)1 << 20 ? (int64_t)(((size_t)1 << 20) / slab) : 1;
    void *room = malloc((size_t)most * slab);
    if (!room) return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", o->path);
    reel_status status = REEL_OK;
    for (int64_t begin = 0; begin < t->shape[0] && status == REEL_OK; begin += most) {
        const int64_t length = t->shape[0] - begin < most ? t->shape[0] - begin : most;
        const reel_tensor from = reel_tensor_slice(*t, 0, begin, length);
        const reel_tensor to = reel_tensor_with_layout(room, t->dtype, REEL_ROW_MAJOR, t->ndim, from.shape);
        reel_tensor_copy(&to, &from);
        e->crc = crc32_z(e->crc, room, (size_t)length * slab);
        status = put(o, room, (size_t)length * slab, err);
    }
    free(room);
    return status;
}

static reel_status put_header(const output *o, const reel_weights_writer *writer, bool blank, reel_error *err)
{
    size_t size;
    char *text = header_text(writer, blank, true, 0, &size);
    if (text && !blank) {
        const uLong own = crc32_z(0, (const Bytef *)text, size);
        free(text);
        text = header_text(writer, false, false, own, &size);
    }
    if (!text) return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory for the header", o->path);
    reel_status status = REEL_OK;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    if (size > REEL_WEIGHTS_HEADER_MAX)
        status = reel_fail(err, REEL_ERR_INVALID, "%s: header: expected at most %llu bytes, got %zu", o->path,
                           (unsigned long long)REEL_WEIGHTS_HEADER_MAX, size);
    if (status == REEL_OK) status = put(o, length, sizeof length, err);
    if (status == REEL_OK) status = put(o, text, size, err);
    free(text);
    return status;
}

static reel_status put_all(const output *o, reel_weights_writer *writer, reel_error *err)
{
    REEL_TRY(put_header(o, writer, true, err));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < writer->count; i++)
            if ((writer->list[i].tensor.dtype == REEL_F64) == (pass == 0)) REEL_TRY(put_tensor(o, &writer->list[i], err));
    if (lseek(o->fd, 0, SEEK_SET) < 0) return io_error(o->path, "written", err);
    REEL_TRY(put_header(o, writer, false, err));
    if (fsync(o->fd) != 0) return io_error(o->path, "flushed to disk", err);
    return REEL_OK;
}

/* Opens a new file in the folder of path; *temporary and *folder are the caller's to free. */
static reel_status open_temporary(const char *path, char **temporary, char **folder, int *fd, reel_error *err)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    const size_t room = length + 64;
    *fd = -1;
    *folder = slash ? strndup(path, length) : strdup(".");
    *temporary = malloc(room);
    if (!*folder || !*temporary) return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    for (int n = 0; *fd < 0 && n < 10000; n++) {
        snprintf(*temporary, room, "%.*s.reel-%ld-%d.tmp", (int)length, path, (long)getpid(), n);
        *fd = open(*temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd < 0 && errno != EEXIST) break;
    }
    return *fd >= 0 ? REEL_OK : io_error(path, "created", err);
}

/* After this, a power cut finds the new name. Some file systems cannot do it to a folder and say EINVAL: then it is as good as
 * they are. */
static reel_status flush_folder(const char *folder, const char *path, reel_error *err)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return io_error(path, "flushed to disk (its folder)", err);
    const bool failed = fsync(fd) != 0 && errno != EINVAL && errno != EROFS;
    const reel_status status = failed ? io_error(path, "flushed to disk (its folder)", err) : REEL_OK;
    close(fd);
    return status;
}

reel_status reel_weights_writer_save(reel_weights_writer *writer, const char *path, reel_error *err)
{
    char *temporary = NULL, *folder = NULL;
    output o = {.fd = -1, .path = path};
    reel_status status = open_temporary(path, &temporary, &folder, &o.fd, err);
    const bool created = status == REEL_OK;
    if (status == REEL_OK) status = put_all(&o, writer, err);
    if (created && close(o.fd) != 0 && status == REEL_OK) status = io_error(path, "written", err);
    bool renamed = false;
    if (status == REEL_OK) {
        renamed = rename(temporary, path) == 0;
        status = renamed ? flush_folder(folder, path, err) : io_error(path, "put in place", err);
    }
    if (created && !renamed) unlink(temporary);
    free(temporary);
    free(folder);
    return status;
}
