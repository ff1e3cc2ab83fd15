/* The index of a packed shard.
 *
 * Little-endian: "REELIDX1"; CRC-32 of all that follows; u32 records; u64 size of the tar; u32
 * classes; u32 bytes of names; then 24 bytes a record (u64 offset, u32 size, CRC-32, label, place
 * of its name) and the names, each ended by a 0. */
#include "data/sources/common/pack_index.h"
#include "core/system_error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "data/bytes_internal.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/source.h"

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

/* Where fields stand. The head: magic, CRC-32, records, size of the tar, classes, bytes of names.
 */
enum { CRC_AT = 8, RECORDS_AT = 12, TAR_AT = 16, CLASSES_AT = 24, NAMES_AT = 28 };

/* 24 bytes: offset, size, CRC-32, label, name. */
static reel_piece get_record(const uint8_t *p)
{
    return (reel_piece){.offset = get64(p),
                        .size = get32(p + 8),
                        .crc = get32(p + 12),
                        .label = get32(p + 16),
                        .name = get32(p + 20)};
}

static void put_record(uint8_t *p, const reel_piece *r)
{
    put64(p, r->offset);
    put32(p + 8, r->size);
    put32(p + 12, r->crc);
    put32(p + 16, r->label);
    put32(p + 20, (uint32_t)r->name);
}

/* The head's numbers against the bytes that are there. */
static reel_status parse_head(reel_pack_index *x, const uint8_t *bytes, size_t size,
                              reel_error *err)
{
    if (size < HEAD)
        return reel_fail(err, REEL_ERR_FORMAT, "expected an index of packed images");
    const uint64_t n = get32(bytes + RECORDS_AT), names = get32(bytes + NAMES_AT);
    x->tar_size = get64(bytes + TAR_AT);
    x->classes = get32(bytes + CLASSES_AT);
    if (HEAD + n * RECORD + names != size || (names && bytes[size - 1] != 0))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "the index has %zu bytes, expected %" PRIu64 " for %" PRIu64 " images",
                         size, HEAD + n * RECORD + names, n);
    if (x->classes > MOST_CLASSES)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "the index has %" PRIu32 " classes, expected at most %d", x->classes,
                         MOST_CLASSES);
    return REEL_OK;
}

reel_status reel_pack_index_parse(reel_pack_index *x, const uint8_t *bytes, size_t size,
                                  reel_error *err)
{
    REEL_TRY(parse_head(x, bytes, size, err));
    const uint64_t n = get32(bytes + RECORDS_AT), names = get32(bytes + NAMES_AT);
    const char *text = (const char *)bytes + HEAD + n * RECORD;
    for (uint64_t i = 0; i < n; i++) {
        const reel_piece r = get_record(bytes + HEAD + i * RECORD);
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
    return reel_piece_append(&x->records, &x->names, record, name, err);
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
    put32(p + RECORDS_AT, (uint32_t)x->records.n);
    put64(p + TAR_AT, x->tar_size);
    put32(p + CLASSES_AT, x->classes);
    put32(p + NAMES_AT, (uint32_t)x->names.used);

    for (size_t i = 0; i < x->records.n; i++)
        put_record(p + HEAD + i * RECORD, (const reel_piece *)x->records.items + i);
    if (x->names.used)
        memcpy(p + HEAD + x->records.n * RECORD, x->names.text, x->names.used);

    /* At last: the CRC-32 of all that follows it. */
    put32(p + CRC_AT, (uint32_t)crc32_z(0, p + CHECKED_FROM, size - CHECKED_FROM));
    bytes->size = size;
    return REEL_OK;
}

void reel_pack_path(char *path, const char *folder, const char *split, int64_t k, const char *end)
{
    if (snprintf(path, REEL_DATA_PATH, "%s/%s-%05" PRId64 ".%s", folder, split, k, end) >=
        REEL_DATA_PATH)
        path[0] = 0;
}

static reel_status read_index(reel_pack_index *x, const char *path, reel_error *err)
{
    reel_bytes bytes = {0};
    reel_error why = {0};
    REEL_TRY(reel_read_plain(&bytes, path, REEL_MAX_FILE, err));
    const reel_status status = reel_pack_index_read(x, bytes.data, bytes.size, &why);
    if (status != REEL_OK)
        reel_fail(err, status, "%s: %s", path, why.message);
    reel_bytes_free(&bytes);
    return status;
}

reel_status reel_pack_index_open(reel_pack_index *x, const char *folder, const char *split,
                                 int64_t k, reel_error *err)
{
    char path[REEL_DATA_PATH], tar[REEL_DATA_PATH];
    reel_pack_path(path, folder, split, k, "idx");
    reel_pack_path(tar, folder, split, k, "tar");
    REEL_TRY(read_index(x, path, err));

    struct stat info;
    if (stat(tar, &info) != 0)
        return reel_fail_system(err, errno, "%s: cannot be opened", tar);
    if ((uint64_t)info.st_size != x->tar_size)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: %" PRId64 " bytes, expected %" PRIu64, tar,
                         (int64_t)info.st_size, x->tar_size);
    return REEL_OK;
}
