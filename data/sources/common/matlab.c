/* The devkit's meta.mat: which WNID an ILSVRC2012_ID stands for.
 *
 * MATLAB level 5 MAT-file: elements of a tag (type, bytes) and data; an array of structs `synsets`
 * with the fields ILSVRC2012_ID and WNID among others; elements may be compressed (zlib). Only what
 * that needs is read, little-endian. Every size is checked against its container. Format:
 * MathWorks, "MAT-File Format", level 5. */
#include "data/sources/common/matlab.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/bytes_internal.h"

enum {
    INT8 = 1,
    UINT8 = 2,
    INT16 = 3,
    UINT16 = 4,
    INT32 = 5,
    UINT32 = 6,
    DOUBLE = 9,
    MATRIX = 14,
    COMPRESSED = 15,
    UTF16 = 17,
    CLASS_STRUCT = 2,
    CLASS_CHAR = 4,
    MOST_ID = 4096,
    WNID_LENGTH = 31,
    HEADER = 128
};
#define MOST_UNPACKED ((size_t)64 << 20)

struct part { /* bytes of which some are read */
    const uint8_t *at;
    size_t left;
};

struct element {
    uint32_t type;
    const uint8_t *data;
    size_t size;
};

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Takes the next element of a MATLAB v5 file off the front of p. False: no bytes are left, or its
 * size runs past the end. Elements are padded to 8 bytes; compressed ones are not. */
static bool take_element(struct part *p, struct element *e)
{
    if (p->left < 8)
        return false;
    const uint32_t first = u32(p->at);
    if (first >> 16) { /* small: size and type in one word, up to 4 bytes of data in the other */
        *e = (struct element){first & 0xffff, p->at + 4, first >> 16};
        if (e->size > 4)
            return false;
        p->at += 8;
        p->left -= 8;
        return true;
    }

    *e = (struct element){first, p->at + 8, u32(p->at + 4)};
    if (e->size > p->left - 8)
        return false;
    size_t whole = e->size;
    if (e->type != COMPRESSED)
        whole += (8 - whole % 8) % 8;
    if (whole > p->left - 8)
        whole = p->left - 8; /* the last one may lack its padding */
    p->at += 8 + whole;
    p->left -= 8 + whole;
    return true;
}

/* Flags, dimensions and name of a matrix; what follows stays in p. */
static bool open_matrix(const struct element *e, struct part *p, int *class, size_t *numel)
{
    struct element flags, dims, name;
    *p = (struct part){e->data, e->size};
    if (e->type != MATRIX || !take_element(p, &flags) || flags.size < 8 ||
        !take_element(p, &dims) || dims.size < 8 || dims.size % 4 || !take_element(p, &name))
        return false;
    *class = flags.data[0];
    *numel = 1;
    for (size_t i = 0; i < dims.size; i += 4) {
        const uint32_t d = u32(dims.data + i);
        if (d > 1 << 20 || *numel > (size_t)1 << 20)
            return false;
        *numel *= d;
    }
    return *numel <= (size_t)1 << 20;
}

/* Bytes of a number; 0 = of no type that is read. Ids are positive: signs are of no interest. */
static int bytes_of_type(uint32_t type)
{
    switch (type) {
    case INT8:
    case UINT8:
        return 1;
    case INT16:
    case UINT16:
        return 2;
    case INT32:
    case UINT32:
        return 4;
    case DOUBLE:
        return 8;
    default:
        return 0;
    }
}

static bool read_id(const struct element *e, uint32_t *id)
{
    struct part p;
    struct element value;
    int class;
    size_t numel;
    if (!open_matrix(e, &p, &class, &numel) || numel != 1 || !take_element(&p, &value))
        return false;

    double real = 0;
    const int bytes = bytes_of_type(value.type);
    if (!bytes || value.size < (size_t)bytes)
        return false;
    if (value.type == DOUBLE)
        memcpy(&real, value.data, 8);
    else if (bytes == 1)
        real = value.data[0];
    else if (bytes == 2)
        real = value.data[0] | value.data[1] << 8;
    else
        real = u32(value.data);
    if (!(real >= 1 && real <= MOST_ID))
        return false;
    *id = (uint32_t)real;
    return true;
}

static bool read_wnid(const struct element *e, char *text)
{
    struct part p;
    struct element value;
    int class;
    size_t numel;
    if (!open_matrix(e, &p, &class, &numel) || class != CLASS_CHAR || !take_element(&p, &value))
        return false;

    const size_t width = value.type == UINT16 || value.type == UTF16 ? 2 : 1;
    const size_t n = value.size / width;
    if (n < 1 || n > WNID_LENGTH)
        return false;
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = value.data[i * width];
        if (c <= ' ' || c >= 127 || (width == 2 && value.data[i * width + 1]))
            return false;
        text[i] = (char)c;
    }
    text[n] = 0;
    return true;
}

/* Fields of the struct: where the two stand. */
static bool read_fields(struct part *p, size_t *fields, size_t *id_at, size_t *name_at)
{
    struct element width, names;
    if (!take_element(p, &width) || width.size < 4 || !take_element(p, &names))
        return false;
    const size_t w = u32(width.data);
    if (w < 1 || w > 256)
        return false;

    *fields = names.size / w;
    *id_at = *name_at = SIZE_MAX;
    for (size_t i = 0; i < *fields; i++) {
        char text[257] = {0};
        memcpy(text, names.data + i * w, w);
        if (strcmp(text, "ILSVRC2012_ID") == 0)
            *id_at = i;
        if (strcmp(text, "WNID") == 0)
            *name_at = i;
    }
    return *id_at != SIZE_MAX && *name_at != SIZE_MAX;
}

typedef char wnid_text[WNID_LENGTH + 1];

/* The struct array's elements: the WNID of each id into table. False: damaged, or no such struct.
 */
static bool read_synsets(const struct element *e, wnid_text *table, uint32_t *highest)
{
    struct part p;
    int class;
    size_t numel, fields, id_at, name_at;
    if (!open_matrix(e, &p, &class, &numel) || class != CLASS_STRUCT ||
        !read_fields(&p, &fields, &id_at, &name_at))
        return false;

    for (size_t i = 0; i < numel; i++) {
        uint32_t id = 0;
        wnid_text name = "";
        for (size_t f = 0; f < fields; f++) {
            struct element value;
            if (!take_element(&p, &value))
                return false;
            if (f == id_at && !read_id(&value, &id))
                return false;
            if (f == name_at && !read_wnid(&value, name))
                return false;
        }
        /* Both fields were there: read_id takes no id below 1. */
        memcpy(table[id - 1], name, sizeof name);
        if (id > *highest)
            *highest = id;
    }
    return numel > 0;
}

/* Unpacked, up to MOST_UNPACKED bytes. */
static reel_status inflate_element(reel_bytes *out, const struct element *e, reel_error *err)
{
    enum { PIECE = 65536 };
    z_stream z = {.next_in = (Bytef *)e->data, .avail_in = (uInt)e->size};
    if (inflateInit(&z) != Z_OK)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for zlib");

    reel_status status = REEL_OK;
    int code = Z_OK;
    out->size = 0;
    while (code == Z_OK && out->size < MOST_UNPACKED) {
        REEL_TRY_GOTO(reel_bytes_reserve(out, out->size + PIECE, err), done);
        z.next_out = out->data + out->size;
        z.avail_out = PIECE;
        code = inflate(&z, Z_NO_FLUSH);
        out->size += PIECE - z.avail_out;
    }
    if (code != Z_STREAM_END)
        status = reel_fail(err, REEL_ERR_FORMAT, "MAT-file: a compressed part is damaged");
done:
    inflateEnd(&z);
    return status;
}

/* The first element that is the array of structs. */
static reel_status search(const uint8_t *bytes, size_t size, wnid_text *table, uint32_t *highest,
                          reel_error *err)
{
    struct part file = {bytes + HEADER, size - HEADER};
    struct element e;
    reel_bytes unpacked = {0};
    reel_status status = REEL_OK;
    while (status == REEL_OK && *highest == 0 && take_element(&file, &e)) {
        struct element inner = e;
        if (e.type == COMPRESSED) {
            status = inflate_element(&unpacked, &e, err);
            struct part p = {unpacked.data, unpacked.size};
            if (status != REEL_OK || !take_element(&p, &inner))
                continue;
        }
        if (!read_synsets(&inner, table, highest))
            *highest = 0;
    }
    reel_bytes_free(&unpacked);

    if (status != REEL_OK || *highest)
        return status;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "MAT-file: no array of structs with ILSVRC2012_ID and WNID in it");
}

reel_status reel_matlab_synsets(reel_names *wnids, const uint8_t *bytes, size_t size,
                                reel_error *err)
{
    if (size < HEADER || memcmp(bytes + 124, "\0\1IM", 4) != 0)
        return reel_fail(err, REEL_ERR_FORMAT, "expected a MAT-file of level 5, little-endian");
    wnid_text *table = calloc(MOST_ID, sizeof *table);
    if (!table)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory to read a MAT-file");
    uint32_t highest = 0;
    reel_status status = search(bytes, size, table, &highest, err);
    for (uint32_t id = 0; status == REEL_OK && id < highest; id++)
        status = reel_names_add(wnids, table[id], strlen(table[id]), err);
    free(table);
    return status;
}
