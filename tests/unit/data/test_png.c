/* PNG: files that are cut behind their pixels, windows that are claimed too small, colour profiles.
 */
#include <zlib.h>

#include "data/inspect.h"
#include "tests/unit/data/data_test.h"

static reel_image image;
static reel_error err;

static void append(reel_bytes *to, const void *bytes, size_t size)
{
    MUST(reel_bytes_reserve(to, to->size + size, &err), err);
    if (size)
        memcpy(to->data + to->size, bytes, size);
    to->size += size;
}

static void append_number(reel_bytes *to, uint32_t v)
{
    const uint8_t big[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    append(to, big, sizeof big);
}

static void append_chunk(reel_bytes *to, const char *name, const void *data, size_t size)
{
    append_number(to, (uint32_t)size);
    const size_t begin = to->size;
    append(to, name, 4);
    append(to, data, size);
    append_number(to, (uint32_t)crc32(0, to->data + begin, (unsigned)(size + 4)));
}

/* Rows of RGB with filter 0, deflated. */
static reel_bytes packed_rows(const reel_image *drawn)
{
    reel_bytes rows = {0}, packed = {0};
    for (int64_t y = 0; y < drawn->height; y++) {
        append(&rows, "", 1);
        append(&rows, drawn->rgb + y * drawn->width * 3, (size_t)drawn->width * 3);
    }
    uLongf size = compressBound(rows.size);
    MUST(reel_bytes_reserve(&packed, size, &err), err);
    cr_assert(compress2(packed.data, &size, rows.data, rows.size, 9) == Z_OK);
    packed.size = size;
    reel_bytes_free(&rows);
    return packed;
}

/* before, after: a chunk of that name and 30 bytes in front of and behind the pixels, or NULL. */
static reel_bytes png_with(const reel_image *drawn, const reel_bytes *packed, const char *before,
                           const char *after)
{
    static const uint8_t data[30] = "k";
    reel_bytes png = {0}, head = {0};
    append(&png, "\x89PNG\r\n\x1a\n", 8);
    append_number(&head, (uint32_t)drawn->width);
    append_number(&head, (uint32_t)drawn->height);
    append(&head, "\x08\x02\0\0\0", 5);
    append_chunk(&png, "IHDR", head.data, head.size);
    if (before)
        append_chunk(&png, before, data, sizeof data);
    append_chunk(&png, "IDAT", packed->data, packed->size);
    if (after)
        append_chunk(&png, after, data, sizeof data);
    append_chunk(&png, "IEND", NULL, 0);
    reel_bytes_free(&head);
    return png;
}

/* Pixels and the verdict of PIL with LOAD_TRUNCATED_IMAGES off, whose rule data/README.md tells. */
static void expect_cut(const reel_bytes *png, size_t size, bool read, const reel_image *drawn)
{
    uint8_t *exact = malloc(size + 1);
    memcpy(exact, png->data, size);
    const reel_status status = reel_image_decode(&image, exact, size, &err);
    free(exact);
    cr_expect(status == (read ? REEL_OK : REEL_ERR_FORMAT), "cut to %zu of %zu: status %d", size,
              png->size, (int)status);
    if (status != REEL_OK)
        return;
    const int64_t at = first_difference(image.rgb, drawn->rgb, drawn->width * drawn->height * 3);
    cr_expect(at < 0, "cut to %zu of %zu: byte %" PRId64 " differs", size, png->size, at);
}

Test(png, a_file_without_its_end_is_read_where_all_pixels_are_there)
{
    enum { END = 12, AROUND = 12, CHECK_SUM = 4, HEAD = 8, TEXT = 30 };
    reel_image drawn = draw(31, 12, 4);
    reel_bytes packed = packed_rows(&drawn), plain = png_with(&drawn, &packed, NULL, NULL),
               text = png_with(&drawn, &packed, "tEXt", "tEXt");
    const size_t pixels = plain.size - END - CHECK_SUM - CHECK_SUM; /* without zlib's check sum */
    for (size_t size = 0; size <= plain.size; size++)
        expect_cut(&plain, size, size >= pixels, &drawn);

    /* A later chunk whose data are cut is refused. */
    const size_t chunk = text.size - END - AROUND - TEXT, data = chunk + HEAD;
    for (size_t size = chunk - AROUND; size <= text.size; size++)
        expect_cut(&text, size, (size >= chunk - 8 && size < data) || size >= data + TEXT, &drawn);
    reel_bytes_free(&packed);
    reel_bytes_free(&plain);
    reel_bytes_free(&text);
    reel_image_free(&drawn);
    reel_image_free(&image);
}

/* The first byte of zlib's header has the window's size, the second a check of both. */
Test(png, a_window_that_is_claimed_too_small_does_not_matter)
{
    enum { WINDOW_OF_4096 = 0x48, LEVEL_BITS = 0xe0, CHECKED_BY = 31 };
    reel_image drawn = draw(120, 120, 6);
    const size_t half = (size_t)(drawn.width * drawn.height / 2 * 3);
    memcpy(drawn.rgb + half, drawn.rgb, half); /* repeats from far above */
    reel_bytes packed = packed_rows(&drawn);
    packed.data[0] = WINDOW_OF_4096;
    packed.data[1] &= LEVEL_BITS;
    packed.data[1] |=
        (uint8_t)(CHECKED_BY - (packed.data[0] * 256 + packed.data[1]) % CHECKED_BY) % CHECKED_BY;
    reel_bytes png = png_with(&drawn, &packed, NULL, NULL);
    expect_cut(&png, png.size, true, &drawn);
    reel_bytes_free(&packed);
    reel_bytes_free(&png);
    reel_image_free(&drawn);
    reel_image_free(&image);
}

Test(png, a_profile_is_seen_and_ignored)
{
    reel_image drawn = draw(9, 8, 2);
    reel_bytes packed = packed_rows(&drawn);
    for (int with = 0; with < 2; with++) {
        reel_image_facts facts;
        reel_bytes png = png_with(&drawn, &packed, with ? "iCCP" : "gAMA", NULL);
        MUST(reel_image_inspect(&facts, &image, "a.png", png.data, png.size, &err), err);
        cr_expect(facts.profile == with, "profile is %d, expected %d", facts.profile, with);
        expect_cut(&png, png.size, true, &drawn);
        reel_bytes_free(&png);
    }
    reel_bytes_free(&packed);
    reel_image_free(&drawn);
    reel_image_free(&image);
}
