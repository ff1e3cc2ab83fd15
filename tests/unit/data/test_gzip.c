/* gzip files: whole ones are read to their last byte, cut and damaged ones are errors at any place.
 */
#include "data/sources/common/gzip.h"

#include <fcntl.h>
#include <zlib.h>

#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "tests/unit/data/sets.h"

enum { TEXT = 1000 };

static reel_error err;
static uint8_t text[2 * TEXT];
static reel_bytes packed, out; /* text as two streams; what was unpacked */
static size_t first;           /* where the second stream begins */

/* Appends one gzip stream of TEXT bytes that do not pack well. */
static void put_stream(reel_bytes *to, const uint8_t *from)
{
    z_stream z = {.next_in = (Bytef *)from, .avail_in = TEXT};
    cr_assert(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    MUST(reel_bytes_reserve(to, to->size + 2 * TEXT, &err), err);
    z.next_out = to->data + to->size;
    z.avail_out = 2 * TEXT;
    cr_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
    to->size += z.total_out;
    deflateEnd(&z);
}

static void pack_two_streams(void)
{
    make_root();
    uint32_t state = 1;
    for (int i = 0; i < 2 * TEXT; i++) {
        state = state * 1664525 + 1013904223;
        text[i] = (uint8_t)('a' + (state >> 24) % 16);
    }
    put_stream(&packed, text);
    first = packed.size;
    put_stream(&packed, text + TEXT);
}

static void free_streams(void)
{
    reel_bytes_free(&packed);
    reel_bytes_free(&out);
    remove_root();
}

/* Writes `size` bytes to a file and unpacks it, `piece` bytes at a time. */
static reel_status unpack_all(const char *path, const uint8_t *bytes, size_t size, size_t piece)
{
    write_file(path, bytes, size);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(file >= 0);
    reel_gzip *gz;
    MUST(reel_gzip_open(&gz, file, &err), err);
    out.size = 0;
    reel_status status = REEL_OK;
    for (size_t got = piece; status == REEL_OK && got == piece;) {
        MUST(reel_bytes_reserve(&out, out.size + piece, &err), err);
        status = reel_gzip_read(gz, out.data + out.size, piece, &got, &err);
        out.size += got;
    }
    reel_gzip_close(gz);
    close(file);
    return status;
}

TestSuite(gzip, .init = pack_two_streams, .fini = free_streams);

Test(gzip, streams_behind_each_other_are_one_file)
{
    const size_t pieces[] = {1, 7, TEXT, 2 * TEXT, 3 * TEXT};
    for (size_t i = 0; i < REEL_COUNT(pieces); i++) {
        MUST(unpack_all(join(root, "f.gz"), packed.data, packed.size, pieces[i]), err);
        cr_expect(out.size == 2 * TEXT && memcmp(out.data, text, 2 * TEXT) == 0,
                  "pieces of %zu bytes: %zu bytes, expected %d", pieces[i], out.size, 2 * TEXT);
    }
}

Test(gzip, a_file_cut_at_any_byte_is_an_error_but_between_streams)
{
    for (size_t size = 2; size < packed.size; size++) {
        const reel_status status = unpack_all(join(root, "f.gz"), packed.data, size, TEXT);
        const bool whole = size == first || size == first + 1; /* one byte is no stream: padding */
        cr_expect(status == (whole ? REEL_OK : REEL_ERR_FORMAT),
                  "cut after %zu of %zu bytes: status %d", size, packed.size, status);
        cr_expect(memcmp(out.data, text, out.size) == 0);
        if (!whole)
            cr_expect(strstr(err.message, "it ends within a stream") != NULL, "%s", err.message);
    }
}

Test(gzip, a_wrong_crc_or_length_is_an_error)
{
    for (size_t i = 1; i <= 8; i++) { /* CRC-32 and length are the last 8 bytes of a stream */
        packed.data[first - i] ^= 1;
        const reel_status status = unpack_all(join(root, "f.gz"), packed.data, packed.size, TEXT);
        cr_expect(status == REEL_ERR_FORMAT, "byte %zu from the end: status %d", i, status);
        cr_expect(strstr(err.message, "damaged or cut gzip data after 1000 bytes: ") != NULL, "%s",
                  err.message);
        packed.data[first - i] ^= 1;
    }
}

Test(gzip, padding_behind_the_last_stream_is_passed_over)
{
    MUST(reel_bytes_reserve(&packed, packed.size + 512, &err), err);
    memset(packed.data + packed.size, 0, 512);
    MUST(unpack_all(join(root, "f.gz"), packed.data, packed.size + 512, TEXT), err);
    cr_expect(out.size == 2 * TEXT, "%zu bytes", out.size);
}

Test(gzip, the_head_of_a_cut_file_is_what_is_there)
{
    uint8_t head[TEXT];
    write_file(join(root, "f.gz"), packed.data, packed.size);
    cr_expect(reel_read_head(join(root, "f.gz"), head, 300) == 300 && memcmp(head, text, 300) == 0);
    write_file(join(root, "f.gz"), packed.data, first / 2);
    const size_t n = reel_read_head(join(root, "f.gz"), head, TEXT);
    cr_expect(n > TEXT / 4 && n < TEXT && memcmp(head, text, n) == 0, "%zu bytes", n);
    write_file(join(root, "plain"), text, 100);
    cr_expect(reel_read_head(join(root, "plain"), head, TEXT) == 100 &&
              memcmp(head, text, 100) == 0);
    cr_expect(reel_read_head(join(root, "missing"), head, TEXT) == 0);
}
