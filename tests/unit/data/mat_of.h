/* MAT-files of level 5 with ImageNet's synsets, as the devkit's meta.mat has them: a struct array
 * with the fields ILSVRC2012_ID and WNID. */
#ifndef REEL_TESTS_UNIT_DATA_MAT_OF_H
#define REEL_TESTS_UNIT_DATA_MAT_OF_H

#include "tests/unit/data/data_test.h"

/* Types of elements (MAT-file format, table 1-1). */
enum {
    MAT_INT8 = 1,
    MAT_UINT8,
    MAT_INT16,
    MAT_UINT16,
    MAT_INT32,
    MAT_UINT32,
    MAT_SINGLE,
    MAT_DOUBLE = 9,
    MAT_MATRIX = 14
};

__attribute__((unused)) static void mat_put32(reel_bytes *b, uint32_t v)
{
    reel_error err;
    MUST(reel_bytes_reserve(b, b->size + 4, &err), err);
    memcpy(b->data + b->size, &v, 4);
    b->size += 4;
}

/* An element of this type, padded to eight bytes. */
__attribute__((unused)) static void mat_element(reel_bytes *b, uint32_t type, const void *bytes,
                                                size_t size)
{
    reel_error err;
    const size_t padded = (size + 7) / 8 * 8;
    mat_put32(b, type);
    mat_put32(b, (uint32_t)size);
    MUST(reel_bytes_reserve(b, b->size + padded + 1, &err), err);
    memset(b->data + b->size, 0, padded);
    if (size)
        memcpy(b->data + b->size, bytes, size);
    b->size += padded;
}

/* A 1 x n array of this class, without a name. */
__attribute__((unused)) static void mat_array(reel_bytes *b, uint32_t class, uint32_t n,
                                              const reel_bytes *body)
{
    reel_bytes inner = {0};
    mat_element(&inner, MAT_UINT32, (const uint32_t[]){class, 0}, 8);
    mat_element(&inner, MAT_INT32, (const uint32_t[]){1, n}, 8);
    mat_element(&inner, MAT_INT8, "", 0);
    reel_error err;
    MUST(reel_bytes_reserve(&inner, inner.size + body->size, &err), err);
    memcpy(inner.data + inner.size, body->data, body->size);
    inner.size += body->size;
    mat_element(b, MAT_MATRIX, inner.data, inner.size);
    reel_bytes_free(&inner);
}

/* The array of the synsets 1 to n with these WNIDs; their ids are numbers of id_type. */
__attribute__((unused)) static reel_bytes mat_synsets(uint32_t id_type, const char *const *wnids,
                                                      int n)
{
    enum { STRUCT = 2, CHAR = 4, NUMBER = 6 };
    static const size_t sizes[] = {
        [MAT_INT8] = 1,  [MAT_UINT8] = 1,  [MAT_INT16] = 2,  [MAT_UINT16] = 2,
        [MAT_INT32] = 4, [MAT_UINT32] = 4, [MAT_SINGLE] = 4, [MAT_DOUBLE] = 8};
    reel_bytes array = {0}, body = {0}, one = {0};
    mat_element(&body, MAT_INT32, (const uint32_t[]){16}, 4);
    mat_element(&body, MAT_INT8, "ILSVRC2012_ID\0\0\0WNID\0\0\0\0\0\0\0\0\0\0\0\0", 32);
    for (int i = 0; i < n; i++) {
        const uint32_t id = (uint32_t)i + 1;
        const double real = id;
        const float single = (float)id;
        one.size = 0;
        mat_element(&one, id_type,
                    id_type == MAT_DOUBLE   ? (const void *)&real
                    : id_type == MAT_SINGLE ? (const void *)&single
                                            : (const void *)&id,
                    sizes[id_type]);
        mat_array(&body, NUMBER, 1, &one);

        uint16_t letters[16];
        const size_t length = strlen(wnids[i]);
        for (size_t k = 0; k < length; k++)
            letters[k] = (uint8_t)wnids[i][k];
        one.size = 0;
        mat_element(&one, MAT_UINT16, letters, 2 * length);
        mat_array(&body, CHAR, (uint32_t)length, &one);
    }
    mat_array(&array, STRUCT, (uint32_t)n, &body);
    reel_bytes_free(&body);
    reel_bytes_free(&one);
    return array;
}

/* A file of these elements: its header, then the elements. */
__attribute__((unused)) static reel_bytes mat_file(const void *elements, size_t size)
{
    reel_bytes file = {0};
    reel_error err;
    MUST(reel_bytes_reserve(&file, 128 + size, &err), err);
    memset(file.data, 0, 128);
    memcpy(file.data + 124, "\0\1IM", 4);
    memcpy(file.data + 128, elements, size);
    file.size = 128 + size;
    return file;
}

#endif
