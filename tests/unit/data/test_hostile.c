/* Bytes that are not what they claim: refused, named, quickly, and never a crash. */
#include "tests/unit/data/exif_of.h"
#include "tests/unit/data/jpeg_of.h"

static reel_image image;
static reel_error err;

static void expect_refused(const char *what, const void *data, size_t size, const char *word)
{
    err.message[0] = 0;
    const reel_status status = reel_image_decode(&image, data, size, &err);
    cr_expect(status == REEL_ERR_FORMAT, "%s: status %d, expected %d", what, (int)status,
              (int)REEL_ERR_FORMAT);
    check_message(&err);
    cr_expect(strstr(err.message, word) != NULL, "%s: \"%s\" does not say \"%s\"", what,
              err.message, word);
}

Test(hostile, other_content_is_refused_by_its_name)
{
    static const struct {
        const char *bytes, *word;
    } cases[] = {{"", "empty"},
                 {"This is no image at all.\n", "text"},
                 {"<!DOCTYPE html><html><body>404</body></html>", "HTML"},
                 {"\r\n  <html lang=en>", "HTML"},
                 {"\xef\xbb\xbf<HTML>", "HTML"},
                 {"GIF89a\x01", "GIF"},
                 {"RIFF\x10\x20\x30\x40WEBPVP8 ", "WebP"},
                 {"BM\x01\x02\x03\x04", "BMP"},
                 {"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git-lfs"},
                 {"PK\x03\x04xxxx", "zip"},
                 {"%PDF-1.4", "PDF"},
                 {"\x01\x02\x03\x04", "01 02 03 04"},
                 {"\xff\xd8", "ff d8"},
                 {"\x89PNG", "89 50 4e 47"}};
    for (int64_t i = 0; i < REEL_COUNT(cases); i++)
        expect_refused(cases[i].word, cases[i].bytes, strlen(cases[i].bytes), cases[i].word);
}

enum { BASELINE, PNG, PROGRESSIVE, RESTARTS, CMYK, KINDS };

static reel_bytes of_kind(int kind, int64_t width, int64_t height, uint32_t seed)
{
    if (kind <= PNG)
        return encoded(width, height, seed, kind == PNG);
    reel_image drawn = draw(width, height, seed);
    reel_bytes bytes = kind == CMYK ? jpeg_of(drawn.rgb, width / 4 * 3, height / 4 * 3, 4, JCS_CMYK,
                                              JCS_YCCK, 2, 2, false, 0)
                                    : jpeg_of(drawn.rgb, width, height, 3, JCS_RGB, JCS_YCbCr, 2, 2,
                                              kind == PROGRESSIVE, kind == RESTARTS ? 3 : 0);
    reel_image_free(&drawn);
    return bytes;
}

Test(hostile, an_image_cut_anywhere_is_refused_whole_or_in_part)
{
    reel_error none;
    for (int kind = 0; kind < 2 * KINDS; kind++) {
        reel_bytes b = of_kind(kind / 2, 160, 120, 9);
        for (size_t cut = 0; cut < 16 + 3; cut++) {
            const size_t size = cut < 16
                                    ? b.size * cut / 16
                                    : b.size - (cut - 15); /* sixteenths, then the last bytes */
            uint8_t *exact =
                malloc(size + 1); /* its own block, so that a sanitizer sees a read beyond it */
            memcpy(exact, b.data, size);
            reel_rect want = {0, 0, 8, 8}, got;
            const reel_bytes cut_short = {.data = exact, .size = size};
            const reel_status status = kind % 2
                                           ? decode_part(&image, &cut_short, &want, &got, &none)
                                           : reel_image_decode(&image, exact, size, &none);
            /* Behind a PNG's pixels stand only check sums and an end mark (test_png.c). */
            const reel_status expected = kind / 2 == PNG && cut >= 16 ? REEL_OK : REEL_ERR_FORMAT;
            cr_expect(status == expected, "kind %d cut to %zu of %zu bytes: status %d, expected %d",
                      kind, size, b.size, (int)status, (int)expected);
            free(exact);
        }
        reel_bytes_free(&b);
    }
}

Test(hostile, ten_thousand_images_with_random_bytes_never_crash)
{
    reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, 0);
    const reel_transform t = {
        .size = 32, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5, .hue = 0.1, .contrast = 0.3};
    reel_transform_scratch scratch = {0};
    static float out[32 * 32 * 3];
    int64_t refused = 0;
    for (int kind = 0; kind < KINDS; kind++) {
        reel_bytes b = of_kind(kind, 97, 61, 2);
        uint8_t *bent = malloc(b.size);
        for (int i = 0; i < 2000; i++) {
            memcpy(bent, b.data, b.size);
            const uint64_t flips = 1 + reel_rng_below(&rng, 8),
                           range = i % 2 ? b.size : 200; /* headers more often */
            for (uint64_t k = 0; k < flips; k++)
                bent[reel_rng_below(&rng, range < b.size ? range : b.size)] =
                    (uint8_t)reel_rng_u32(&rng);
            const reel_status whole = reel_image_decode(&image, bent, b.size, &err);
            const reel_status part =
                reel_transform_bytes(&t, bent, b.size, rng, &scratch, out, &err);
            refused += whole != REEL_OK;
            cr_expect(whole == REEL_OK || whole == REEL_ERR_FORMAT, "kind %d, file %d: status %d",
                      kind, i, (int)whole);
            /* Below the part nothing is decoded: damage there is not met. */
            cr_expect(part == whole || (kind != PNG && kind != PROGRESSIVE && part == REEL_OK),
                      "kind %d, file %d: status %d in part, %d in full: %s", kind, i, (int)part,
                      (int)whole, err.message);
        }
        free(bent);
        reel_bytes_free(&b);
    }
    cr_expect(refused > 1000,
              "%" PRId64 " of 10000 were refused, expected more: does the test bend anything?",
              refused);
    reel_transform_scratch_free(&scratch);
    reel_image_free(&image);
}

/* Where the SOF segment's height and width stand. */
static size_t find_frame(const reel_bytes *b)
{
    size_t at = 2;
    while (!(b->data[at + 1] >= 0xc0 && b->data[at + 1] <= 0xc2))
        at += 2 + (size_t)b->data[at + 2] * 256 + b->data[at + 3];
    return at + 5;
}

Test(hostile, a_jpeg_that_claims_65500_by_65500_is_refused_in_ten_milliseconds)
{
    reel_bytes b = encoded(16, 16, 1, false);
    const size_t at = find_frame(&b);
    b.data[at] = b.data[at + 2] = 0xff;
    b.data[at + 1] = b.data[at + 3] = 0xdc;
    const double begin = now();
    expect_refused("65500 x 65500", b.data, b.size, "65500 x 65500");
    const double spent = now() - begin;
    cr_expect(spent < 0.010, "took %g s, expected less than 0.01", spent);
    int64_t w, h;
    cr_expect(reel_image_size(b.data, b.size, &w, &h, &err) == REEL_ERR_FORMAT);
    cr_expect(image.capacity == 0, "%zu bytes were allocated", image.capacity);
    reel_bytes_free(&b);
}

Test(hostile, a_size_that_the_file_cannot_hold_is_refused_before_memory_is_touched)
{
    reel_bytes b = encoded(16, 16, 1, false);
    const size_t at = find_frame(&b);
    b.data[at] = b.data[at + 2] = 0x2e; /* 11,776 x 11,776: under the cap */
    b.data[at + 1] = b.data[at + 3] = 0x00;
    const double begin = now();
    expect_refused("11776 x 11776", b.data, b.size, "cannot hold");
    const double spent = now() - begin;
    cr_expect(spent < 0.010, "took %g s, expected less than 0.01", spent);
    cr_expect(image.capacity == 0, "%zu bytes were allocated", image.capacity);
    reel_bytes_free(&b);
}

/* A header and nothing else: 118 bytes that ask for 12 GB. */
Test(hostile, a_jpeg_header_of_118_bytes_is_refused_in_ten_milliseconds)
{
    static const uint8_t begin
        [] = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43",
   end[] =
        "\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\3\1\x11\0\2\x11\0\3\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0";
    uint8_t bytes[118];
    memcpy(bytes, begin, 24);
    bytes[24] = 0;
    memset(bytes + 25, 1, 64);
    memcpy(bytes + 89, end, 29);
    const reel_transform t = {.size = 224, .crop = REEL_CROP_RANDOM_RESIZED};
    reel_transform_scratch scratch = {0};
    static float out[224 * 224 * 3];
    const double start = now();
    expect_refused("a header alone", bytes, sizeof bytes, "65500 x 65500");
    const reel_status status =
        reel_transform_bytes(&t, bytes, sizeof bytes, (reel_rng){0}, &scratch, out, &err);
    const double spent = now() - start;
    cr_expect(status == REEL_ERR_FORMAT && strstr(err.message, "65500 x 65500"), "status %d: %s",
              (int)status, err.message);
    cr_expect(spent < 0.010, "took %g s, expected less than 0.01", spent);
    cr_expect(image.capacity == 0, "%zu bytes were allocated", image.capacity);
    reel_transform_scratch_free(&scratch);
}

static uint32_t crc_of(const uint8_t *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    }
    return ~c;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

Test(hostile, png_sizes_and_chunk_lengths_that_lie_are_refused)
{
    static const uint32_t sizes[][2] = {{0x7fffffff, 0x7fffffff}, {0xffffffff, 1}, {0, 5},
                                        {13000, 13000},           {900000, 190},   {2000000, 1}};
    for (int64_t i = 0; i < REEL_COUNT(sizes); i++) {
        reel_bytes b = encoded(16, 16, 1, true);
        put32(b.data + 16, sizes[i][0]);
        put32(b.data + 20, sizes[i][1]);
        put32(b.data + 29, crc_of(b.data + 12, 17));
        const double begin = now();
        expect_refused("PNG size", b.data, b.size, "PNG");
        cr_expect(now() - begin < 0.05, "size %" PRId64 " took long", i);
        cr_expect(image.capacity == 0, "size %" PRId64 ": %zu bytes were allocated", i,
                  image.capacity);
        put32(b.data + 33, 0x7ffffff0); /* length of the next chunk */
        expect_refused("PNG chunk", b.data, b.size, "PNG");
        reel_bytes_free(&b);
    }
}

/* libjpeg-turbo 3 would read them. */
Test(hostile, jpegs_of_12_bits_and_lossless_ones_are_refused_with_any_libjpeg)
{
    reel_bytes b = encoded(16, 16, 1, false);
    uint8_t *frame = memmem(b.data, b.size, "\xff\xc0\0\x11\x08", 5);
    uint8_t *scan = memmem(b.data, b.size, "\xff\xda\0\x0c", 4);
    cr_assert(frame && scan);
    for (int bits = 2; bits <= 16; bits++) {
        frame[4] = (uint8_t)bits;
        if (bits != 8)
            expect_refused("bits a sample", b.data, b.size, "precision");
    }

    frame[1] = 0xc3;
    frame[11] = 0x11; /* no subsampling */
    for (int bits = 2; bits <= 16; bits++)
        for (int predictor = 1; predictor <= 7; predictor++) {
            frame[4] = (uint8_t)bits;
            scan[11] = (uint8_t)predictor;
            scan[12] = 0;
            expect_refused("a lossless JPEG", b.data, b.size, "JPEG");
        }
    reel_bytes_free(&b);
}

/* Some of these chunks are known to libpng from 1.6.45 on, and its versions differ in what they
 * check. */
Test(hostile, png_chunks_that_do_not_matter_are_not_looked_into)
{
    static const char *const kinds[] = {"bKGD", "cHRM", "cICP", "cLLI", "eXIf", "gAMA",
                                        "hIST", "iCCP", "iTXt", "mDCV", "oFFs", "pCAL",
                                        "pHYs", "sBIT", "sCAL", "sPLT", "sRGB", "sTER",
                                        "tEXt", "tIME", "tRNS", "zTXt", "acTL", "zzZz"};
    reel_bytes plain = encoded(16, 16, 1, true);
    reel_image expected = {0};
    MUST(reel_image_decode(&expected, plain.data, plain.size, &err), err);
    for (int64_t i = 0; i < REEL_COUNT(kinds); i++) {
        uint8_t chunk[19] = "\0\0\0\x07....\xff\xff\xff\xff\xff\xff\xff";
        memcpy(chunk + 4, kinds[i], 4);
        put32(chunk + 15, crc_of(chunk + 4, 11));
        reel_bytes b = bytes_with(&plain, 33, chunk, sizeof chunk); /* behind IHDR */
        MUST(reel_image_decode(&image, b.data, b.size, &err), err);
        cr_expect(memcmp(image.rgb, expected.rgb, 16 * 16 * 3) == 0, "%s: other pixels", kinds[i]);
        reel_bytes_free(&b);
    }
    reel_bytes_free(&plain);
    reel_image_free(&expected);
    reel_image_free(&image);
}

Test(hostile, a_progressive_jpeg_with_thousands_of_scans_is_refused)
{
    /* Grey, one block; then the same refinement again and again: each costs a pass for a dozen
     * bytes. */
    static const uint8_t head[] = {0xff, 0xd8, 0xff, 0xdb, 0, 67, 0};
    static const uint8_t frame[] = {0xff, 0xc2, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0};
    static const uint8_t table[] = {0xff, 0xc4, 0, 20, 0, 1, 0, 0, 0, 0, 0,
                                    0,    0,    0, 0,  0, 0, 0, 0, 0, 0, 0};
    static const uint8_t scan[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0x7f};
    reel_bytes b = {0};
    MUST(reel_bytes_reserve(&b, 100000, &err), err);
    uint8_t *p = b.data;
    memcpy(p, head, sizeof head), p += sizeof head;
    memset(p, 1, 64), p += 64;
    memcpy(p, frame, sizeof frame), p += sizeof frame;
    memcpy(p, table, sizeof table), p += sizeof table;
    uint8_t *scans = p;
    for (int i = 0; i < 5; i++)
        memcpy(p, scan, sizeof scan), p += sizeof scan;
    memcpy(p, "\xff\xd9", 2);
    b.size = (size_t)(p + 2 - b.data);
    MUST(reel_image_decode(&image, b.data, b.size, &err), err); /* five are legal, if odd */
    for (p = scans; p < scans + 5000 * sizeof scan; p += sizeof scan)
        memcpy(p, scan, sizeof scan);
    memcpy(p, "\xff\xd9", 2);
    b.size = (size_t)(p + 2 - b.data);
    expect_refused("5000 scans", b.data, b.size, "scans");
    reel_bytes_free(&b);
    reel_image_free(&image);
}

Test(hostile, an_image_buffer_beyond_the_cap_is_refused)
{
    static const int64_t sizes[][2] = {
        {0, 1}, {1, 0}, {-1, 5}, {INT64_MAX, INT64_MAX}, {178956971, 1}, {1 << 20, 1 << 20}};
    for (int64_t i = 0; i < REEL_COUNT(sizes); i++)
        cr_expect(reel_image_resize_buffer(&image, sizes[i][0], sizes[i][1], &err) ==
                      REEL_ERR_INVALID,
                  "size %" PRId64, i);
}

Test(hostile, names_become_one_printable_line)
{
    static const struct {
        const char *raw, *text;
    } cases[] = {{"plain/x.jpg", "plain/x.jpg"},
                 {"a b\nc", "a b\\x0ac"},
                 {"\xff\xfe", "\\xff\\xfe"},
                 {"caf\xc3\xa9", "caf\xc3\xa9"},
                 {"\xc3", "\\xc3"},
                 {"\xc0\x80", "\\xc0\\x80"},
                 {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
                 {"\xc2\x9b", "\\xc2\\x9b"},
                 {"a\\b", "a\\x5cb"},
                 {"-rf", "-rf"},
                 {"\x7f", "\\x7f"},
                 {"\xf0\x9f\x90\x88", "\xf0\x9f\x90\x88"}};
    char text[100];
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_escape(text, sizeof text, cases[i].raw);
        cr_expect(strcmp(text, cases[i].text) == 0, "name %" PRId64 ": \"%s\", expected \"%s\"", i,
                  text, cases[i].text);
        reel_escape(text, 3, cases[i].raw);
        cr_expect(strlen(text) < 3);
    }
}
