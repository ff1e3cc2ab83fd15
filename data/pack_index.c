/* The index of a packed shard.
 *
 * Little-endian: "REELIDX1"; CRC-32 of all that follows; u32 records; u64 size of the tar; u32
 * classes; u32 bytes of names; then 24 bytes a record (u64 offset, u32 size, CRC-32, label, place
 * of its name) and the names, each ended by a 0. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data/pack_internal.h"

enum { MOST_CLASSES = 1 << 24, HEAD = 32, RECORD = 24, CHECKED_FROM = 12 };
static const char magic[] = "REELIDX1";

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void put64(uint8_t *p, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

void reel_pack_index_free(reel_pack_index *x)
{
    free(x->records.items);
    free(x->names.text);
    *x = (reel_pack_index){0};
}

reel_status reel_pack_index_read(reel_pack_index *x, const uint8_t *bytes, size_t size,
                                 reel_error *err)
{
    if (size < HEAD || memcmp(bytes, magic, 8) != 0)
        return reel_fail(err, REEL_ERR_FORMAT, "expected an index of packed images");
    const uint32_t crc = (uint32_t)crc32_z(0, bytes + CHECKED_FROM, size - CHECKED_FROM);
    if (crc != get32(bytes + 8))
        return reel_fail(err, REEL_ERR_FORMAT, "the index is damaged: CRC-32 %08x, expected %08x",
                         crc, get32(bytes + 8));
    return reel_pack_index_parse(x, bytes, size, err);
}

reel_status reel_pack_index_parse(reel_pack_index *x, const uint8_t *bytes, size_t size,
                                  reel_error *err)
{
    if (size < HEAD)
        return reel_fail(err, REEL_ERR_FORMAT, "expected an index of packed images");
    const uint64_t n = get32(bytes + 12), names = get32(bytes + 28);
    x->tar_size = get64(bytes + 16);
    x->classes = get32(bytes + 24);
    if (HEAD + n * RECORD + names != size || (names && bytes[size - 1] != 0))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "the index has %zu bytes, expected %" PRIu64 " for %" PRIu64 " images",
                         size, HEAD + n * RECORD + names, n);
    if (x->classes > MOST_CLASSES)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "the index has %" PRIu32 " classes, expected at most %d", x->classes,
                         MOST_CLASSES);
    const char *text = (const char *)bytes + HEAD + n * RECORD;
    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *p = bytes + HEAD + i * RECORD;
        const reel_piece r = {.offset = get64(p),
                              .size = get32(p + 8),
                              .crc = get32(p + 12),
                              .label = get32(p + 16),
                              .name = get32(p + 20)};
        if (r.offset > x->tar_size || r.size > x->tar_size - r.offset || r.size > REEL_MAX_FILE ||
            r.label >= x->classes || r.name >= names)
            return reel_fail(err, REEL_ERR_FORMAT, "record %" PRIu64 " of the index is damaged", i);
        REEL_TRY(reel_pack_index_add(x, &r, text + r.name, err));
    }
    return REEL_OK;
}

reel_status reel_pack_index_add(reel_pack_index *x, const reel_piece *record, const char *name,
                                reel_error *err)
{
    size_t at;
    REEL_TRY(reel_pool_add(&x->names, name, strlen(name), &at, err));
    reel_piece *place = reel_list_add(&x->records, sizeof *place);
    if (!place)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for an index");
    *place = *record;
    place->name = at;
    return REEL_OK;
}

reel_status reel_pack_index_write(const reel_pack_index *x, reel_bytes *bytes, reel_error *err)
{
    const size_t size = HEAD + x->records.n * RECORD + x->names.used;
    if (x->names.used > UINT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID,
                         "more names than an index can hold: use smaller shards");
    REEL_TRY(reel_bytes_reserve(bytes, size, err));
    uint8_t *p = bytes->data;
    /* No 0 behind it. NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(p, magic, 8);
    put32(p + 12, (uint32_t)x->records.n);
    put64(p + 16, x->tar_size);
    put32(p + 24, x->classes);
    put32(p + 28, (uint32_t)x->names.used);
    for (size_t i = 0; i < x->records.n; i++) {
        const reel_piece *r = (const reel_piece *)x->records.items + i;
        uint8_t *to = p + HEAD + i * RECORD;
        put64(to, r->offset);
        put32(to + 8, r->size);
        put32(to + 12, r->crc);
        put32(to + 16, r->label);
        put32(to + 20, (uint32_t)r->name);
    }
    if (x->names.used)
        memcpy(p + HEAD + x->records.n * RECORD, x->names.text, x->names.used);
    put32(p + 8, (uint32_t)crc32_z(0, p + CHECKED_FROM, size - CHECKED_FROM));
    bytes->size = size;
    return REEL_OK;
}
