/* An ONNX file is a protobuf message: ModelProto holds graph (7) and metadata_props (14),
 * GraphProto initializer (5), TensorProto dims (1), data_type (2), name (8) and values. Every
 * length is compared with what is left of the message around it before it is followed; nothing is
 * read twice; names are cut, their number is bounded. */
#include "train/cli/onnx_list.h"

#include "core/system_error.h"
#include "core/tensor.h"
#include "train/cli/input_file.h"
#include "train/run/json_util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_TENSORS = 10000, MOST_TEXT = 1 << 16 };

typedef struct {
    FILE *file;
    json_t *tensors, *metadata;
    int64_t at, elements, bytes;
    bool graph;
} list;

/* A field: its number, wire type, and for type 2 the end of its bytes, else its value. */
typedef struct {
    int number, type;
    uint64_t value;
    int64_t end;
} field;

static bool read_varint(list *l, int64_t end, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 64 && l->at < end; shift += 7) {
        const int byte = getc(l->file);
        if (byte == EOF)
            return false;
        l->at++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return true;
    }
    return false;
}

static bool skip_to(list *l, int64_t to)
{
    if (l->at != to && fseeko(l->file, to, SEEK_SET) != 0)
        return false;
    l->at = to;
    return true;
}

/* The next field of the message that ends at `end`; false at damage. */
static bool next_field(list *l, int64_t end, field *f)
{
    uint64_t key;
    if (!read_varint(l, end, &key) || key >> 3 == 0 || key >> 32)
        return false;

    *f = (field){.number = (int)(key >> 3), .type = (int)(key & 7)};
    if (f->type == 0) {
        if (!read_varint(l, end, &f->value))
            return false;
        f->end = l->at;
        return true;
    }

    if (f->type == 2) {
        if (!read_varint(l, end, &f->value) || f->value > (uint64_t)(end - l->at))
            return false;
        f->end = l->at + (int64_t)f->value;
        return true;
    }

    /* Fixed sizes; a type that is none of these never fits. */
    int64_t size = end + 1;
    if (f->type == 1)
        size = 8;
    if (f->type == 5)
        size = 4;
    f->end = l->at + (size <= end - l->at ? size : 0);
    return size <= end - l->at;
}

static bool read_name(list *l, const field *f, char *text, size_t size)
{
    const size_t n = f->value < size - 1 ? (size_t)f->value : size - 1;
    if (f->type != 2 || fread(text, 1, n, l->file) != n)
        return false;
    text[n] = '\0';
    l->at += (int64_t)n;
    return true;
}

static bool read_dims(list *l, const field *f, int *ndim, int64_t *shape)
{
    uint64_t d = f->value;
    if (f->type != 0 && f->type != 2)
        return false;
    do {
        if (f->type == 2 && (l->at == f->end || !read_varint(l, f->end, &d)))
            return l->at == f->end;
        if (*ndim == REEL_MAX_DIMS || d > INT32_MAX)
            return false;
        shape[(*ndim)++] = (int64_t)d;
    } while (f->type == 2 && l->at < f->end);
    return true;
}

static bool read_tensor(list *l, int64_t end)
{
    static const char *const kinds[] = {"?",          "float32", "uint8",  "int8",   "uint16",
                                        "int16",      "int32",   "int64",  "string", "bool",
                                        "float16",    "float64", "uint32", "uint64", "complex64",
                                        "complex128", "bfloat16"};
    char name[1100] = "";
    int ndim = 0;
    int64_t shape[REEL_MAX_DIMS], elements = 1, bytes = 0;
    uint64_t kind = 0;

    field f;
    while (l->at < end) {
        if (!next_field(l, end, &f))
            return false;
        if (f.number == 1 && !read_dims(l, &f, &ndim, shape))
            return false;
        if (f.number == 2)
            kind = f.value;
        if (f.number == 8 && !read_name(l, &f, name, sizeof name))
            return false;
        if (f.type == 2 && ((f.number >= 4 && f.number <= 7) || (f.number >= 9 && f.number <= 11)))
            bytes += (int64_t)f.value; /* values, of whichever type */
        if (!skip_to(l, f.end))
            return false;
    }

    /* A product of sides that overflows is a lie: it counts as very large. */
    json_t *row = json_array();
    for (int d = 0; d < ndim; d++) {
        json_array_append_new(row, json_integer(shape[d]));
        if (__builtin_mul_overflow(elements, shape[d], &elements))
            elements = INT64_MAX / MOST_TENSORS;
    }

    l->bytes += bytes;
    if (__builtin_add_overflow(l->elements, elements, &l->elements))
        l->elements = INT64_MAX;

    const char *dtype = kinds[kind < (uint64_t)REEL_COUNT(kinds) ? kind : 0];
    return json_array_append_new(
               l->tensors, json_pack("{s:o, s:s, s:o, s:I}", "name", reel_json_text(name), "dtype",
                                     dtype, "shape", row, "bytes", (json_int_t)bytes)) == 0 &&
           json_array_size(l->tensors) <= MOST_TENSORS;
}

static bool read_graph(list *l, int64_t end)
{
    field f;
    while (l->at < end)
        if (!next_field(l, end, &f) || (f.number == 5 && (f.type != 2 || !read_tensor(l, f.end))) ||
            !skip_to(l, f.end))
            return false;
    return true;
}

static bool read_metadata(list *l, int64_t end)
{
    static char key[256], value[MOST_TEXT]; /* one file a process */
    key[0] = value[0] = '\0';
    field f;
    while (l->at < end)
        if (!next_field(l, end, &f) || (f.number == 1 && !read_name(l, &f, key, sizeof key)) ||
            (f.number == 2 && !read_name(l, &f, value, sizeof value)) || !skip_to(l, f.end))
            return false;
    json_t *text = reel_json_text(value);
    return json_object_size(l->metadata) < 100 && text &&
           json_object_set_new(l->metadata, key, text) == 0;
}

static bool read_model(list *l, int64_t end)
{
    field f;
    while (l->at < end) {
        if (!next_field(l, end, &f))
            return false;
        if (f.number == 7)
            l->graph = true;
        if (f.number == 7 && (f.type != 2 || !read_graph(l, f.end)))
            return false;
        if (f.number == 14 && (f.type != 2 || !read_metadata(l, f.end)))
            return false;
        if (!skip_to(l, f.end))
            return false;
    }
    return l->graph;
}

reel_status reel_onnx_list(json_t **out, const char *path, reel_error *err)
{
    struct stat st;
    FILE *in;
    reel_error why;
    *out = NULL;
    const reel_status opened = reel_input_open(&in, path, &why);
    if (opened != REEL_OK)
        return reel_fail(err, opened, "%s: %s", path, why.message);
    list l = {.file = in, .tensors = json_array(), .metadata = json_object()};

    const bool file = fstat(fileno(l.file), &st) == 0 && S_ISREG(st.st_mode),
               fine = file && read_model(&l, st.st_size);
    fclose(l.file);

    /* The list is made in any case: it owns tensors and metadata from here. */
    *out =
        json_pack("{s:s, s:I, s:I, s:o, s:o}", "format", "onnx", "elements", (json_int_t)l.elements,
                  "bytes", (json_int_t)l.bytes, "metadata", l.metadata, "tensors", l.tensors);
    if (fine && *out)
        return REEL_OK;
    json_decref(*out);
    *out = NULL;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: is not an ONNX model, or damaged at byte %" PRId64 " of %" PRId64, path,
                     l.at, file ? (int64_t)st.st_size : 0);
}
