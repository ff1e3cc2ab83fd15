/* Reading safetensors: length, header, checks, and only then the data.
 *
 * A header is text from somebody else: before the JSON parser sees it, one scan bounds its nesting
 * and the number of its values: what the parser allocates is in proportion to the file. The largest
 * nets have a few thousand tensors; a header of any length is read. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/byte_source.h"
#include "core/files/weights_internal.h"
#include "core/memory.h"

/* One scan over the text: objects at most three deep, and few enough values. What is not JSON is
 * the parser's to find. */
static const char *scan_header(const char *text, size_t size)
{
    enum { MAX_DEPTH = 3, OBJECT_BYTES = 40, VALUE_BYTES = 10 };
    const int64_t most_objects = 10000 + (int64_t)size / OBJECT_BYTES,
                  most_values = 200000 + (int64_t)size / VALUE_BYTES / 4;
    int64_t depth = 0, objects = 0, values = 0;
    bool string = false;
    for (size_t i = 0; i < size; i++) {
        const char c = text[i];
        if (string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                string = false;
            continue;
        }

        string = c == '"';
        values += c == ',';
        objects += c == '{';
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth > MAX_DEPTH)
            return "it is nested too deep";
        if (objects > most_objects || values > most_values)
            return "it holds too many values";
    }
    return NULL;
}

static reel_status bad_header(const reel_weights *w, const char *name, reel_error *err,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));
static reel_status bad_header(const reel_weights *w, const char *name, reel_error *err,
                              const char *format, ...)
{
    char what[256];
    reel_printable room;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return reel_fail(err, REEL_ERR_FORMAT, "%s: tensor %s: %s", w->path,
                     reel_printable_name(&room, name), what);
}

static reel_status parse_dtype(const reel_weights *w, const char *name, const json_t *json,
                               reel_stored_dtype *dtype, reel_error *err)
{
    const char *text = json_string_value(json);
    if (text && reel_stored_find(text, dtype))
        return REEL_OK;
    reel_printable room;
    return bad_header(w, name, err, "dtype: expected one that safetensors has, such as F32, got %s",
                      text ? reel_printable_name(&room, text) : "no string");
}

static reel_status parse_shape(const reel_weights *w, const json_t *shape, reel_weight *t,
                               reel_error *err)
{
    if (json_array_size(shape) > REEL_MAX_DIMS)
        return bad_header(w, t->name, err, "shape: expected at most %d dimensions, got %zu",
                          REEL_MAX_DIMS, json_array_size(shape));

    t->ndim = (int)json_array_size(shape);
    for (int d = 0; d < REEL_MAX_DIMS; d++) {
        const json_t *size = d < t->ndim ? json_array_get(shape, (size_t)d) : NULL;
        t->shape[d] = size ? json_integer_value(size) : 1;
        if (size && (!json_is_integer(size) || t->shape[d] < 0))
            return bad_header(w, t->name, err,
                              "shape: expected whole numbers, 0 or more, at place %d", d);
    }
    return REEL_OK;
}

/* The bytes between the offsets are those of the shape. Offsets become pointers only after the data
 * is there: until then .data holds the offset. */
static reel_status parse_offsets(const reel_weights *w, const json_t *offsets, reel_weight *t,
                                 reel_error *err)
{
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return bad_header(w, t->name, err, "data_offsets: expected two whole numbers");
    const int64_t b = json_integer_value(begin), e = json_integer_value(end);
    if (b < 0 || e < b || (uint64_t)e > w->data_size)
        return bad_header(w, t->name, err,
                          "data_offsets: expected 0 <= begin <= end <= %zu, got %lld and %lld%s",
                          w->data_size, (long long)b, (long long)e,
                          b >= 0 && e >= b ? ": the file is cut short" : "");

    int64_t bytes = reel_shape_numel(t->ndim, t->shape);
    if (bytes < 0 || __builtin_mul_overflow(bytes, (int64_t)reel_stored_size(t->dtype), &bytes) ||
        bytes != e - b) {
        char text[128];
        return bad_header(w, t->name, err, "data_offsets: expected the bytes of %s in %s, got %lld",
                          reel_shape_text(text, sizeof text, t->ndim, t->shape),
                          reel_stored_name(t->dtype), (long long)(e - b));
    }
    t->data = (const void *)(uintptr_t)b;
    t->bytes = (size_t)bytes;
    return REEL_OK;
}

static reel_status parse_tensor(const reel_weights *w, const char *name, const json_t *json,
                                reel_weight *t, reel_error *err)
{
    const json_t *shape = json_object_get(json, "shape"),
                 *offsets = json_object_get(json, "data_offsets");
    if (!json_is_object(json) || json_object_size(json) != 3 || !json_is_array(shape) ||
        !json_is_array(offsets))
        return bad_header(w, name, err, "expected dtype, shape and data_offsets and nothing else");

    t->name = name;
    REEL_TRY(parse_dtype(w, name, json_object_get(json, "dtype"), &t->dtype, err));
    REEL_TRY(parse_shape(w, shape, t, err));
    return parse_offsets(w, offsets, t, err);
}

/* By offset; empty tensors before the one that begins at the same place, then by name, so that the
 * order is the file's. */
static int by_offset(const void *a, const void *b)
{
    const reel_weight *x = a, *y = b;
    if (x->data != y->data)
        return (uintptr_t)x->data < (uintptr_t)y->data ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static reel_status check_metadata(const reel_weights *w, reel_error *err)
{
    json_t *metadata = json_object_get(w->root, "__metadata__"), *value;
    const char *key;
    if (metadata && !json_is_object(metadata))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: __metadata__: expected an object of strings",
                         w->path);
    json_object_foreach(metadata, key, value)
    {
        reel_printable room;
        if (!json_is_string(value))
            return reel_fail(err, REEL_ERR_FORMAT, "%s: __metadata__: %s: expected a string",
                             w->path, reel_printable_name(&room, key));
    }
    return REEL_OK;
}

/* Tensors follow each other without holes up to the end of the data. */
static reel_status check_order(const reel_weights *w, reel_error *err)
{
    uintptr_t end = 0;
    for (int i = 0; i < w->count; i++) {
        const uintptr_t begin = (uintptr_t)w->list[i].data;
        if (begin != end)
            return bad_header(
                w, w->list[i].name, err, "data_offsets: expected begin %zu, got %zu: %s",
                (size_t)end, (size_t)begin,
                begin < end ? "it overlaps another tensor" : "there is a hole before it");
        end = begin + w->list[i].bytes;
    }
    if (end != w->data_size)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected %zu bytes of data as the header says, got %zu%s", w->path,
                         (size_t)end, w->data_size,
                         w->data_size < end ? ": the file is cut short" : "");
    return REEL_OK;
}

/* Integers, bool and 8-bit floats are no weights: they are passed over by name. */
static reel_status pass_over_dtypes(reel_weights *w, reel_error *err)
{
    reel_word_list passed = {.used = 0};
    int kept = 0;
    for (int i = 0; i < w->count; i++) {
        const reel_weight *t = &w->list[i];
        char text[140];
        reel_printable room;
        if (reel_stored_is_read(t->dtype)) {
            w->list[kept++] = *t;
            continue;
        }
        snprintf(text, sizeof text, "%.100s (%s)", reel_printable_name(&room, t->name),
                 reel_stored_name(t->dtype));
        reel_word_list_add(&passed, text, strlen(text));
    }
    const bool nothing = w->count > 0 && kept == 0;
    w->count = kept;
    if (passed.count == 0)
        return REEL_OK;

    char line[500];
    snprintf(line, sizeof line, "passed over: %s", reel_word_list_text(&passed));
    return nothing ? reel_fail(err, REEL_ERR_FORMAT,
                               "%s: expected tensors of F64, F32, F16 or BF16, got only %s",
                               w->path, passed.text)
                   : reel_weights_add_note(w, line, err);
}

static reel_status parse_header(reel_weights *w, reel_error *err)
{
    const char *excess = scan_header(w->header, w->header_size);
    if (excess)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: header: %s", w->path, excess);

    json_error_t where;
    w->root = json_loadb(w->header, w->header_size, JSON_REJECT_DUPLICATES, &where);
    if (!w->root) {
        reel_printable room;
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: header: expected strict JSON, got at byte %d: %s", w->path,
                         where.position, reel_printable_name(&room, where.text));
    }
    if (!json_is_object(w->root))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: header: expected a JSON object", w->path);
    REEL_TRY(check_metadata(w, err));

    w->list = calloc(json_object_size(w->root) + 1, sizeof *w->list);
    if (!w->list)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    const char *name;
    json_t *value;
    json_object_foreach(w->root, name, value)
    {
        if (strcmp(name, "__metadata__") != 0)
            REEL_TRY(parse_tensor(w, name, value, &w->list[w->count++], err));
    }
    qsort(w->list, (size_t)w->count, sizeof *w->list, by_offset);
    REEL_TRY(check_order(w, err));
    return pass_over_dtypes(w, err);
}

/* The data stays where it is; data_at: its beginning in the source. */
static reel_status note_places(reel_weights *w, uint64_t data_at, reel_error *err)
{
    w->places = malloc(((size_t)w->count + 1) * sizeof *w->places);
    if (!w->places)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    for (int i = 0; i < w->count; i++) {
        w->places[i] = data_at + (uintptr_t)w->list[i].data;
        w->list[i].data = NULL;
    }
    return REEL_OK;
}

reel_status reel_weights_from_safetensors(reel_weights *w, const reel_byte_source *s,
                                          uint64_t header, bool header_only, reel_error *err)
{
    REEL_ASSERT(header >= 2);
    w->format = "safetensors";
    w->header_size = (size_t)header;
    w->data_size = (size_t)(s->size - 8) - w->header_size;

    w->header = malloc(w->header_size);
    if (!w->header)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory: header of %zu bytes", w->path,
                         w->header_size);
    REEL_TRY(reel_byte_source_read(s, 8, w->header, w->header_size, err));
    REEL_TRY(parse_header(w, err));
    if (header_only)
        return note_places(w, 8 + header, err);

    w->data = reel_pages_alloc(w->data_size + 1, err);
    if (!w->data)
        return REEL_ERR_MEMORY;
    REEL_TRY(reel_byte_source_read(s, 8 + header, w->data, w->data_size, err));
    for (int i = 0; i < w->count; i++)
        w->list[i].data = w->data + (uintptr_t)w->list[i].data;
    return REEL_OK;
}
