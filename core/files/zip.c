/* From the end of the file backwards: end record, zip64 end record, directory, members. Every
 * number is compared with the size of the file before it is used, so that nothing is allocated or
 * sought on its word alone. */
#include "core/files/zip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/files/crc32.h"
#include "core/files/weights_internal.h"

enum {
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MOST_COMMENT = 65535
};
enum { MOST_DIRECTORY = 4 << 20 }; /* some 40,000 members; the largest models have a few thousand */

static uint64_t le_number(const void *at, int bytes)
{
    uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | ((const unsigned char *)at)[i];
    return value;
}

static reel_status bad_zip(const reel_zip *zip, reel_error *err, const char *field, uint64_t want,
                           uint64_t got)
{
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: zip: %s: expected %llu, got %llu: the file is damaged or cut short",
                     zip->source->path, field, (unsigned long long)want, (unsigned long long)got);
}

static reel_status bad_member(const reel_zip *zip, const reel_zip_member *m, reel_error *err,
                              const char *what)
{
    char name[64];
    reel_printable room;
    const size_t length = m->name_length < sizeof name - 1 ? m->name_length : sizeof name - 1;
    memcpy(name, m->name, length);
    name[length] = '\0';
    return reel_fail(err, REEL_ERR_FORMAT, "%s: zip: member %s: %s", zip->source->path,
                     reel_printable_name(&room, name), what);
}

typedef struct zip_directory {
    uint64_t entries, size, at;
} zip_directory;

/* The zip64 end record, which its locator in front of the end record points to. Fields of the end
 * record that do not say "look there" (all ones) must agree with it: an archive that shows two
 * faces is refused. */
static reel_status read_end64(const reel_zip *zip, const unsigned char *locator,
                              uint64_t locator_at, zip_directory *d, uint64_t *end, reel_error *err)
{
    unsigned char record[END64_BYTES];
    const uint64_t at = le_number(locator + 8, 8);
    if (le_number(locator + 4, 4) != 0 || le_number(locator + 16, 4) > 1)
        return bad_zip(zip, err, "zip64 locator: number of volumes", 1, le_number(locator + 16, 4));
    if (locator_at < END64_BYTES || at > locator_at - END64_BYTES)
        return bad_zip(zip, err, "zip64 locator: position of the zip64 end record",
                       locator_at < END64_BYTES ? 0 : locator_at - END64_BYTES, at);
    REEL_TRY(reel_byte_source_read(zip->source, at, record, sizeof record, err));
    if (memcmp(record, "PK\6\6", 4) != 0)
        return bad_zip(zip, err, "zip64 end record: signature", 0x06064b50, le_number(record, 4));
    if (le_number(record + 4, 8) != locator_at - at - 12)
        return bad_zip(zip, err, "zip64 end record: its size", locator_at - at - 12,
                       le_number(record + 4, 8));

    /* The record and the end record must not contradict each other. */
    const zip_directory wide = {le_number(record + 32, 8), le_number(record + 40, 8),
                                le_number(record + 48, 8)};
    if (le_number(record + 24, 8) != wide.entries)
        return bad_zip(zip, err, "zip64 end record: entries on this volume", wide.entries,
                       le_number(record + 24, 8));
    if (d->entries != 0xffff && d->entries != wide.entries)
        return bad_zip(zip, err, "zip64 end record: entries", d->entries, wide.entries);
    if (d->size != 0xffffffff && d->size != wide.size)
        return bad_zip(zip, err, "zip64 end record: size of the directory", d->size, wide.size);
    if (d->at != 0xffffffff && d->at != wide.at)
        return bad_zip(zip, err, "zip64 end record: position of the directory", d->at, wide.at);
    *d = wide;
    *end = at;
    return REEL_OK;
}

/* Where the end record begins in the file's last bytes: its comment must reach to the end. -1:
 * there is none. */
static int64_t find_end(const unsigned char *bytes, size_t tail)
{
    int64_t at = (int64_t)tail - END_BYTES;
    while (at >= 0 && (memcmp(bytes + at, "PK\5\6", 4) != 0 ||
                       (uint64_t)at + END_BYTES + le_number(bytes + at + 20, 2) != tail))
        at--;
    return at;
}

/* The directory lies right before the end record at end_at, and its entries fit into it. */
static reel_status check_directory(const reel_zip *zip, const zip_directory *d, uint64_t end_at,
                                   reel_error *err)
{
    if (d->at > end_at || d->size != end_at - d->at)
        return bad_zip(zip, err, "size of the directory", d->at > end_at ? 0 : end_at - d->at,
                       d->size);
    if (d->entries > d->size / ENTRY_BYTES || d->size > MOST_DIRECTORY)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: zip: directory: expected at most %d bytes and an entry for %d of "
                         "them, got %llu bytes and %llu entries",
                         zip->source->path, MOST_DIRECTORY, ENTRY_BYTES,
                         (unsigned long long)d->size, (unsigned long long)d->entries);
    return REEL_OK;
}

static reel_status find_directory(const reel_zip *zip, zip_directory *d, reel_error *err)
{
    reel_status status;
    const uint64_t size = zip->source->size;
    const size_t most = END_BYTES + LOCATOR_BYTES + MOST_COMMENT;
    const size_t tail = size < most ? (size_t)size : most;
    unsigned char *bytes = malloc(tail + 1);
    if (!bytes)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", zip->source->path);
    REEL_TRY_GOTO(reel_byte_source_read(zip->source, size - tail, bytes, tail, err), done);

    const int64_t at = find_end(bytes, tail);
    if (at < 0) {
        status = reel_fail(err, REEL_ERR_FORMAT,
                           "%s: zip: expected an end record, got none: the file is cut short",
                           zip->source->path);
        goto done;
    }
    const unsigned char *end = bytes + at;
    uint64_t end_at = size - tail + (uint64_t)at;
    *d = (zip_directory){le_number(end + 10, 2), le_number(end + 12, 4), le_number(end + 16, 4)};
    if (le_number(end + 4, 4) != 0 || le_number(end + 8, 2) != d->entries) {
        status = bad_zip(zip, err, "end record: entries on this volume", d->entries,
                         le_number(end + 8, 2));
        goto done;
    }

    /* A zip64 archive has a locator in front of the end record. */
    if (at >= LOCATOR_BYTES && memcmp(end - LOCATOR_BYTES, "PK\6\7", 4) == 0)
        REEL_TRY_GOTO(read_end64(zip, end - LOCATOR_BYTES, end_at - LOCATOR_BYTES, d, &end_at, err),
                      done);
    status = check_directory(zip, d, end_at, err);
done:
    free(bytes);
    return status;
}

/* Sizes of all ones stand in the zip64 extra field, in this order, those that are not are left out
 * (4.5.3). */
static bool read_extra64(reel_zip_member *m, const unsigned char *extra, size_t length)
{
    bool wide_sizes = m->size == 0xffffffff || m->packed == 0xffffffff || m->header == 0xffffffff;
    while (wide_sizes && length >= 4) { /* a field: id and length, 2 bytes each, then its data */
        size_t field = le_number(extra + 2, 2);
        const bool is64 = le_number(extra, 2) == 1;
        extra += 4;
        length -= 4;
        if (field > length)
            return false;
        length -= field;

        const unsigned char *next = extra + field;
        uint64_t *const wide[] = {&m->size, &m->packed, &m->header};
        for (int i = 0; is64 && i < 3; i++) {
            if (*wide[i] != 0xffffffff)
                continue;
            if (field < 8)
                return false;
            *wide[i] = le_number(extra, 8);
            extra += 8;
            field -= 8;
        }
        if (is64)
            wide_sizes = false;
        extra = next;
    }
    return !wide_sizes;
}

static int members_by_name(const void *a, const void *b)
{
    const reel_zip_member *x = a, *y = b;
    const int order =
        memcmp(x->name, y->name, x->name_length < y->name_length ? x->name_length : y->name_length);
    if (order)
        return order;
    return (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

static reel_status read_directory(reel_zip *zip, const zip_directory *d, reel_error *err)
{
    zip->directory = malloc((size_t)d->size + 1);
    zip->list = malloc((size_t)(d->entries + 1) * sizeof *zip->list);
    if (!zip->directory || !zip->list)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", zip->source->path);
    REEL_TRY(reel_byte_source_read(zip->source, d->at, zip->directory, (size_t)d->size, err));

    const unsigned char *at = (const unsigned char *)zip->directory, *end = at + d->size;
    for (uint64_t i = 0; i < d->entries; i++) {
        if ((size_t)(end - at) < ENTRY_BYTES || memcmp(at, "PK\1\2", 4) != 0)
            return bad_zip(zip, err, "directory: number of entries", d->entries, i);
        const size_t name = le_number(at + 28, 2), extra = le_number(at + 30, 2),
                     comment = le_number(at + 32, 2);
        if ((size_t)(end - at) - ENTRY_BYTES < name + extra + comment)
            return bad_zip(zip, err, "directory: bytes of an entry", (uint64_t)(end - at),
                           ENTRY_BYTES + name + extra + comment);

        reel_zip_member *m = &zip->list[zip->count++];
        *m = (reel_zip_member){.name = (const char *)at + ENTRY_BYTES,
                               .name_length = (uint32_t)name,
                               .flags = (uint16_t)le_number(at + 8, 2),
                               .method = (uint16_t)le_number(at + 10, 2),
                               .crc = (uint32_t)le_number(at + 16, 4),
                               .packed = le_number(at + 20, 4),
                               .size = le_number(at + 24, 4),
                               .header = le_number(at + 42, 4)};
        if (!read_extra64(m, at + ENTRY_BYTES + name, extra))
            return bad_member(zip, m, err, "its zip64 field is damaged");
        at += ENTRY_BYTES + name + extra + comment;
    }
    if (at != end)
        return bad_zip(zip, err, "directory: bytes", (uint64_t)((const char *)at - zip->directory),
                       d->size);

    qsort(zip->list, (size_t)zip->count, sizeof *zip->list, members_by_name);
    for (int i = 1; i < zip->count; i++)
        if (members_by_name(&zip->list[i - 1], &zip->list[i]) == 0)
            return bad_member(zip, &zip->list[i], err, "expected each name once, got it twice");
    return REEL_OK;
}

reel_status reel_zip_open(reel_zip *zip, const reel_byte_source *source, reel_error *err)
{
    *zip = (reel_zip){.source = source};
    zip_directory d = {0};
    reel_status status;
    REEL_TRY_GOTO(find_directory(zip, &d, err), failed);
    zip->directory_at = d.at;
    REEL_TRY_GOTO(read_directory(zip, &d, err), failed);
    return REEL_OK;
failed:
    reel_zip_close(zip);
    return status;
}

void reel_zip_close(reel_zip *zip)
{
    free(zip->directory);
    free(zip->list);
    *zip = (reel_zip){0};
}

const reel_zip_member *reel_zip_find(const reel_zip *zip, const char *name, size_t length)
{
    const reel_zip_member key = {.name = name, .name_length = (uint32_t)length};
    if (length > UINT16_MAX || zip->count == 0)
        return NULL;
    return bsearch(&key, zip->list, (size_t)zip->count, sizeof *zip->list, members_by_name);
}

reel_status reel_zip_check(const reel_zip *zip, const reel_zip_member *m, reel_error *err)
{
    if (m->flags & 0x41)
        return bad_member(zip, m, err, "expected plain data, got an encrypted member");
    if (m->method != 0 && m->method != 8)
        return bad_member(zip, m, err, "expected it stored or deflated, got another method");
    if (m->header > zip->directory_at || zip->directory_at - m->header < LOCAL_BYTES ||
        m->packed > zip->directory_at - m->header - LOCAL_BYTES)
        return bad_member(zip, m, err,
                          "expected it before the directory, got a place or size beyond");
    if (m->method == 0 && m->packed != m->size)
        return bad_member(zip, m, err,
                          "expected equal sizes of a stored member, got two different ones");
    if (m->method == 8 && m->size / 1032 > m->packed)
        return bad_member(zip, m, err,
                          "expected at most 1032 bytes from one deflated byte, got a size beyond");
    return REEL_OK;
}

static reel_status inflate_into(const reel_zip *zip, const reel_zip_member *m, uint64_t at,
                                unsigned char *into, reel_error *err)
{
    enum { PIECE = 1 << 15 };
    z_stream z = {0};
    unsigned char *piece = malloc(PIECE), spare[1];
    reel_status status = REEL_OK;
    if (!piece || inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        free(piece);
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", zip->source->path);
    }

    uint64_t left = m->packed, room = m->size;
    int code = Z_OK;
    z.next_out = into;
    while (status == REEL_OK && code == Z_OK) {
        if (z.avail_in == 0 && left > 0) {
            const size_t take = left < PIECE ? (size_t)left : PIECE;
            status = reel_byte_source_read(zip->source, at, piece, take, err);
            at += take;
            left -= take;
            z.next_in = piece;
            z.avail_in = (uInt)take;
        }
        if (status != REEL_OK)
            break;

        /* The stream's end may need another call when everything is out already: then there is room
         * for one byte more, which must not be used. */
        if (z.avail_out == 0) {
            const size_t more = room < (uint64_t)1 << 30 ? (size_t)room : (size_t)1 << 30;
            room -= more;
            if (more == 0)
                z.next_out = spare;
            z.avail_out = more ? (uInt)more : 1;
        }
        code = inflate(&z, Z_NO_FLUSH);
        if (z.next_out == spare + 1)
            break;
    }

    const uint64_t out = z.total_out;
    inflateEnd(&z);
    free(piece);
    if (status != REEL_OK)
        return status;
    if (code != Z_STREAM_END || out != m->size || left > 0 || z.avail_in > 0)
        return bad_member(zip, m, err,
                          "expected a deflate stream of the stated size, got a damaged one");
    return REEL_OK;
}

reel_status reel_zip_extract(const reel_zip *zip, const reel_zip_member *m, void *into,
                             reel_error *err)
{
    unsigned char local[LOCAL_BYTES];
    REEL_TRY(reel_zip_check(zip, m, err));
    REEL_TRY(reel_byte_source_read(zip->source, m->header, local, sizeof local, err));
    if (memcmp(local, "PK\3\4", 4) != 0)
        return bad_member(zip, m, err, "expected a local header at its place, got none");

    const uint64_t at =
        m->header + LOCAL_BYTES + le_number(local + 26, 2) + le_number(local + 28, 2);
    if (le_number(local + 8, 2) != m->method || le_number(local + 26, 2) != m->name_length)
        return bad_member(zip, m, err, "its local header disagrees with the directory");
    if (at > zip->directory_at || m->packed > zip->directory_at - at)
        return bad_member(zip, m, err, "expected it before the directory, got a size beyond");
    if (m->method == 0)
        REEL_TRY(reel_byte_source_read(zip->source, at, into, (size_t)m->size, err));
    else
        REEL_TRY(inflate_into(zip, m, at, into, err));
    if (m->crc != 0 && reel_crc32(0, into, (size_t)m->size) != m->crc)
        return bad_member(zip, m, err, "its CRC-32 differs: the file is damaged");
    return REEL_OK;
}
