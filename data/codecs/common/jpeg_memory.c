/* The block that libjpeg takes its pieces from, and what happens when it is too small:
 * jpeg_memory.h tells why. */
#include "data/codecs/common/jpeg_memory.h"

#include <stdlib.h>

enum { ALIGN = 64 };
/* Larger needs are rare: malloc meets them each time, so that their memory does not stay. */
#define MAX_BLOCK ((size_t)8 << 20)

static reel_jpeg_memory *memory_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static size_t round_up(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* NULL where the block is full. */
static void *take_from_block(reel_jpeg_memory *m, size_t size)
{
    if (size > MAX_BLOCK)
        return NULL;
    size = round_up(size);
    if (m->wanted <= MAX_BLOCK)
        m->wanted += size;
    if (size > m->capacity - m->used)
        return NULL;
    void *p = m->block + m->used;
    m->used += size;
    return p;
}

static void *alloc_small(j_common_ptr cinfo, int pool, size_t size)
{
    (void)pool;
    reel_jpeg_memory *m = memory_of(cinfo);
    void *p = take_from_block(m, size);
    return p ? p : m->own.alloc_small(cinfo, JPOOL_IMAGE, size);
}

static void *alloc_large(j_common_ptr cinfo, int pool, size_t size)
{
    (void)pool;
    reel_jpeg_memory *m = memory_of(cinfo);
    void *p = take_from_block(m, size);
    return p ? p : m->own.alloc_large(cinfo, JPOOL_IMAGE, size);
}

/* Rows begin and end at multiples of 64 bytes, which libjpeg-turbo's vector code writes up to. */
static JSAMPARRAY alloc_sarray(j_common_ptr cinfo, int pool, JDIMENSION width, JDIMENSION height)
{
    (void)pool;
    reel_jpeg_memory *m = memory_of(cinfo);
    const size_t stride = round_up(width), pointers = round_up(height * sizeof(JSAMPROW));
    uint8_t *p = take_from_block(m, pointers + stride * height + ALIGN);
    if (!p)
        return m->own.alloc_sarray(cinfo, JPOOL_IMAGE, width, height);
    JSAMPARRAY rows = (JSAMPARRAY)p;
    for (JDIMENSION y = 0; y < height; y++)
        rows[y] = p + pointers + stride * y;
    return rows;
}

static void free_pool(j_common_ptr cinfo, int pool)
{
    reel_jpeg_memory *m = memory_of(cinfo);
    m->own.free_pool(cinfo, pool);
    if (m->wanted > m->capacity && m->wanted <= MAX_BLOCK) {
        free(m->block);
        m->capacity = (m->wanted + m->wanted / 4 + 65535) / 65536 * 65536;
        m->block = aligned_alloc(ALIGN, m->capacity);
        if (!m->block)
            m->capacity = 0;
    }
    m->used = m->wanted = 0;
}

void reel_jpeg_memory_install(j_decompress_ptr cinfo)
{
    reel_jpeg_memory *m = memory_of((j_common_ptr)cinfo);
    m->own = *cinfo->mem;
    cinfo->mem->alloc_small = alloc_small;
    cinfo->mem->alloc_large = alloc_large;
    cinfo->mem->alloc_sarray = alloc_sarray;
    cinfo->mem->free_pool = free_pool;
}

void reel_jpeg_memory_free(reel_jpeg_memory *m)
{
    free(m->block);
    *m = (reel_jpeg_memory){0};
}
