/* Writing safetensors so that a crash, a full disk or a kill leaves either the old file or the new
 * one.
 *
 * CRCs have a fixed width, so the header's length is known before the data is: the header goes out
 * with blank CRCs, the data follows in one pass that computes them, the header is written again
 * over itself. Tensors of eight-byte elements come first, those of two bytes last: every tensor
 * then lies aligned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/atomic_file.h"
#include "core/files/crc32.h"
#include "core/files/weights_internal.h"

/* A tensor, values of a file that go out as they came (stored.data not NULL) or rounded to bf16
 * (`round`), or values that `fill` gives while the file is written. */
typedef struct pending_weight {
    char *name;
    reel_tensor tensor;
    reel_weights_fill_fn *fill;
    void *fill_user;
    const reel_weight *round;
    reel_weight stored; /* dtype, shape and bytes of both */
    uint32_t crc;
} pending_weight;

struct reel_weights_writer {
    pending_weight *list;
    int count, capacity;
    json_t *metadata;
};

reel_status reel_weights_writer_create(reel_weights_writer **out, reel_error *err)
{
    REEL_NEED(out, err);

    *out = calloc(1, sizeof **out);
    if (*out)
        (*out)->metadata = json_object();
    if (*out && (*out)->metadata)
        return REEL_OK;
    free(*out);
    *out = NULL;
    return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
}

void reel_weights_writer_destroy(reel_weights_writer *writer)
{
    if (!writer)
        return;
    for (int i = 0; i < writer->count; i++)
        free(writer->list[i].name);
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

static reel_status add_pending(reel_weights_writer *writer, const char *name,
                               const pending_weight *what, reel_error *err)
{
    reel_printable room;
    bool taken = strcmp(name, "__metadata__") == 0 ||
                 strcmp(name, "header") == 0; /* the latter: its CRC's key */
    for (int i = 0; i < writer->count && !taken; i++)
        taken = strcmp(writer->list[i].name, name) == 0;
    if (taken || !is_utf8(name))
        return reel_fail(err, REEL_ERR_INVALID, "weights: tensor %s: the name is %s",
                         reel_printable_name(&room, name),
                         taken ? "taken or reserved" : "not UTF-8");

    if (writer->count == writer->capacity) {
        const int capacity = writer->capacity ? writer->capacity * 2 : 32;
        pending_weight *list = realloc(writer->list, (size_t)capacity * sizeof *list);
        if (!list)
            return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
        writer->list = list;
        writer->capacity = capacity;
    }

    char *copy = strdup(name);
    if (!copy)
        return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
    writer->list[writer->count] = *what;
    writer->list[writer->count++].name = copy;
    return REEL_OK;
}

reel_status reel_weights_writer_tensor(reel_weights_writer *writer, const char *name,
                                       const reel_tensor *t, reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(name, err);
    REEL_NEED(t, err);
    const int64_t numel = t->ndim > REEL_MAX_DIMS ? -1 : reel_tensor_numel(t);
    if (t->ndim < 0 || numel < 0 || (numel > 0 && !t->data))
        return reel_fail(err, REEL_ERR_INVALID, "weights: %s: no tensor, or one without memory",
                         name);
    pending_weight e = {.tensor = *t};
    e.stored.dtype = t->dtype == REEL_F64    ? REEL_STORED_F64
                     : t->dtype == REEL_BF16 ? REEL_STORED_BF16
                                             : REEL_STORED_F32;
    e.stored.ndim = t->ndim;
    memcpy(e.stored.shape, t->shape, sizeof e.stored.shape);
    e.stored.bytes = reel_tensor_bytes(t);
    return add_pending(writer, name, &e, err);
}

reel_status reel_weights_writer_weight(reel_weights_writer *writer, const reel_weight *w,
                                       reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(w, err);
    REEL_NEED(w->name, err);
    return add_pending(writer, w->name, &(pending_weight){.stored = *w}, err);
}

reel_status reel_weights_writer_metadata(reel_weights_writer *writer, const char *key,
                                         const char *value, reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(key, err);
    REEL_NEED(value, err);

    reel_printable room;
    if (strncmp(key, "crc32.", 6) == 0 || !is_utf8(key) || !is_utf8(value))
        return reel_fail(err, REEL_ERR_INVALID,
                         "weights: metadata %s: the key is reserved, or key or value is not UTF-8",
                         reel_printable_name(&room, key));
    if (json_object_set_new(writer->metadata, key, json_string(value)) != 0)
        return reel_fail(err, REEL_ERR_MEMORY, "weights: out of memory");
    return REEL_OK;
}

reel_status reel_weights_writer_stream(reel_weights_writer *writer, const char *name, int ndim,
                                       const int64_t *shape, reel_weights_fill_fn *fill, void *user,
                                       reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(name, err);
    REEL_NEED(shape, err);
    REEL_NEED(fill, err);
    const int64_t numel = ndim < 0 || ndim > REEL_MAX_DIMS ? -1 : reel_shape_numel(ndim, shape);
    pending_weight e = {.fill = fill, .fill_user = user};
    int64_t bytes;
    if (numel < 0 || __builtin_mul_overflow(numel, (int64_t)sizeof(float), &bytes))
        return reel_fail(err, REEL_ERR_INVALID, "weights: %s: no shape of a tensor", name);
    e.stored.dtype = REEL_STORED_F32;
    e.stored.ndim = ndim;
    memcpy(e.stored.shape, shape, (size_t)ndim * sizeof *shape);
    e.stored.bytes = (size_t)bytes;
    return add_pending(writer, name, &e, err);
}

reel_status reel_weights_writer_bf16(reel_weights_writer *writer, const reel_weight *w,
                                     reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(w, err);
    if (w->dtype == REEL_STORED_BF16 || w->dtype == REEL_STORED_I64)
        return reel_weights_writer_weight(writer, w, err);
    REEL_NEED(w->name, err);
    pending_weight e = {.round = w, .stored = *w};
    e.stored.dtype = REEL_STORED_BF16;
    e.stored.data = NULL;
    e.stored.bytes = w->bytes / reel_stored_size(w->dtype) * sizeof(reel_bf16);
    return add_pending(writer, w->name, &e, err);
}

static json_t *crc_text(bool blank, uint32_t crc)
{
    return blank ? json_string("        ") : json_sprintf("%08x", crc);
}

/* Which CRCs of a header are blank. The header's own is computed over a text in which it is blank.
 */
typedef struct header_crcs {
    bool blank, blank_own;
    uint32_t own;
} header_crcs;

/* Adds a tensor to the header, and its CRC to the metadata. at: where its data begins. */
static bool add_to_header(json_t *root, json_t *metadata, const pending_weight *e, int64_t at,
                          bool blank)
{
    bool good = true;
    json_t *shape = json_array();
    for (int d = 0; d < e->stored.ndim; d++)
        good &= json_array_append_new(shape, json_integer(e->stored.shape[d])) == 0;
    json_t *value = json_pack("{s:s, s:o, s:[I, I]}", "dtype", reel_stored_name(e->stored.dtype),
                              "shape", shape, "data_offsets", (json_int_t)at,
                              (json_int_t)(at + (int64_t)e->stored.bytes));

    const size_t room = strlen(e->name) + 8;
    char *key = malloc(room);
    if (key)
        snprintf(key, room, "crc32.%s", e->name);
    good &= json_object_set_new(root, e->name, value) == 0; /* takes value in any case, also NULL */
    good &= key && json_object_set_new(metadata, key, crc_text(blank, e->crc)) == 0;
    free(key);
    return good;
}

/* The text padded with blanks to a multiple of eight; takes text. NULL without memory. */
static char *pad_header(char *text, size_t *size)
{
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

/* The header's text; NULL without memory. Its length does not depend on the CRCs. */
static char *header_text(const reel_weights_writer *writer, header_crcs crcs, size_t *size)
{
    json_t *root = json_object(), *metadata = json_copy(writer->metadata);
    bool good = root && metadata && json_object_set(root, "__metadata__", metadata) == 0;
    int64_t at = 0;
    for (size_t element = 8; element >= 2; element /= 2) {
        for (int i = 0; i < writer->count && good; i++) {
            const pending_weight *e = &writer->list[i];
            if (reel_stored_size(e->stored.dtype) != element)
                continue;
            good = add_to_header(root, metadata, e, at, crcs.blank);
            at += (int64_t)e->stored.bytes;
        }
    }

    json_t *own = crc_text(crcs.blank_own, crcs.own);
    good = json_object_set_new(metadata, "crc32.header", own) == 0 && good;
    char *text = good ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(metadata);
    json_decref(root);
    return text ? pad_header(text, size) : NULL;
}

static bool tensor_is_row_major(const reel_tensor *t)
{
    const reel_tensor dense =
        reel_tensor_with_layout(t->data, t->dtype, REEL_ROW_MAJOR, t->ndim, t->shape);
    for (int d = 0; d < t->ndim; d++)
        if (t->shape[d] != 1 && t->stride[d] != dense.stride[d])
            return false;
    return true;
}

/* Any layout: slabs of the first dimension are copied to row-major memory, about 1 MiB at a time.
 */
static reel_status put_slabs(reel_atomic_file *f, pending_weight *e, reel_error *err)
{
    const reel_tensor *t = &e->tensor;
    const size_t slab = e->stored.bytes / (size_t)t->shape[0];
    const int64_t most = slab < (size_t)1 << 20 ? (int64_t)(((size_t)1 << 20) / slab) : 1;
    void *room = malloc((size_t)most * slab);
    if (!room)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", f->path);

    reel_status status = REEL_OK;
    for (int64_t begin = 0; begin < t->shape[0] && status == REEL_OK; begin += most) {
        const int64_t length = t->shape[0] - begin < most ? t->shape[0] - begin : most;
        const reel_tensor from = reel_tensor_slice(*t, 0, begin, length);
        const reel_tensor to =
            reel_tensor_with_layout(room, t->dtype, REEL_ROW_MAJOR, t->ndim, from.shape);
        reel_tensor_copy(&to, &from);
        e->crc = reel_crc32(e->crc, room, (size_t)length * slab);
        status = reel_atomic_put(f, room, (size_t)length * slab, err);
    }
    free(room);
    return status;
}

/* About 1 MiB of a streamed tensor at a time. */
static reel_status put_stream(reel_atomic_file *f, pending_weight *e, reel_error *err)
{
    const int64_t all = (int64_t)(e->stored.bytes / sizeof(float)), most = 1 << 18;
    float *room = malloc((size_t)(all < most ? all : most) * sizeof *room);
    if (!room)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", f->path);

    reel_status status = REEL_OK;
    for (int64_t begin = 0; begin < all; begin += most) {
        const int64_t count = all - begin < most ? all - begin : most;
        REEL_TRY_GOTO(e->fill(e->fill_user, room, count, err), done);
        e->crc = reel_crc32(e->crc, room, (size_t)count * sizeof *room);
        REEL_TRY_GOTO(reel_atomic_put(f, room, (size_t)count * sizeof *room, err), done);
    }
done:
    free(room);
    return status;
}

/* A stored tensor of another dtype, rounded to bf16 on the way. */
static reel_status put_rounded(reel_atomic_file *f, pending_weight *e, reel_error *err)
{
    enum { MOST = 1 << 12 };
    reel_bf16 room[MOST];
    const int64_t all = (int64_t)(e->stored.bytes / sizeof *room);
    for (int64_t begin = 0; begin < all; begin += MOST) {
        const int64_t count = all - begin < MOST ? all - begin : MOST;
        if (!reel_weight_round(e->round, begin, count, room))
            return reel_fail(err, REEL_ERR_NONFINITE,
                             "tensor %s: a value is too large for bf16 (at most 3.39e38)", e->name);
        e->crc = reel_crc32(e->crc, room, (size_t)count * sizeof *room);
        REEL_TRY(reel_atomic_put(f, room, (size_t)count * sizeof *room, err));
    }
    return REEL_OK;
}

static reel_status put_tensor(reel_atomic_file *f, pending_weight *e, reel_error *err)
{
    const reel_tensor *t = &e->tensor;
    const void *ready = e->stored.data; /* row-major already */
    if (!ready && !e->fill && !e->round && tensor_is_row_major(t))
        ready = t->data;
    e->crc = 0;
    if (e->stored.bytes == 0)
        return REEL_OK;
    if (e->fill)
        return put_stream(f, e, err);
    if (e->round)
        return put_rounded(f, e, err);
    if (!ready)
        return put_slabs(f, e, err);
    e->crc = reel_crc32(0, ready, e->stored.bytes);
    return reel_atomic_put(f, ready, e->stored.bytes, err);
}

/* The header's own CRC is that of its text with this CRC blank, so the text is made twice. blank:
 * for a first writing, before the tensors' CRCs are known. */
static reel_status put_header(reel_atomic_file *f, const reel_weights_writer *writer, bool blank,
                              reel_error *err)
{
    reel_status status = REEL_OK;
    size_t size;
    char *text = header_text(writer, (header_crcs){blank, true, 0}, &size);
    if (text && !blank) {
        const uint32_t own = reel_crc32(0, text, size);
        free(text);
        text = header_text(writer, (header_crcs){false, false, own}, &size);
    }
    if (!text)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory for the header", f->path);

    unsigned char length[8]; /* little-endian */
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));

    REEL_TRY_GOTO(reel_atomic_put(f, length, sizeof length, err), done);
    REEL_TRY_GOTO(reel_atomic_put(f, text, size, err), done);
done:
    free(text);
    return status;
}

static reel_status put_weights(reel_atomic_file *f, reel_weights_writer *writer, reel_error *err)
{
    REEL_TRY(put_header(f, writer, true, err));
    for (size_t element = 8; element >= 2; element /= 2)
        for (int i = 0; i < writer->count; i++)
            if (reel_stored_size(writer->list[i].stored.dtype) == element)
                REEL_TRY(put_tensor(f, &writer->list[i], err));
    REEL_TRY(reel_atomic_rewind(f, err));
    return put_header(f, writer, false, err);
}

reel_status reel_weights_writer_save(reel_weights_writer *writer, const char *path, reel_error *err)
{
    REEL_NEED(writer, err);
    REEL_NEED(path, err);
    reel_atomic_file f;
    REEL_TRY(reel_atomic_open(&f, path, err));
    return reel_atomic_close(&f, put_weights(&f, writer, err), err);
}
