/* WebP, BMP, GIF and TIFF against what Pillow made of the same bytes, whole and cut. */
#include <zlib.h>

#include "tests/unit/data/stored_formats.h"

static reel_image decoded, turned;
static reel_error err;

static unsigned long crc_of_pixels(const reel_image *image)
{
    return crc32(0, image->rgb, (unsigned)(image->width * image->height * 3));
}

/* The upright pixels; false = this build lacks the library. */
static bool decode_upright(const stored_image *s, const reel_image **upright)
{
    const reel_status status = reel_image_decode(&decoded, s->bytes.data, s->bytes.size, &err);
    if (status != REEL_OK && lacks_library(&err))
        return false;
    cr_assert(status == REEL_OK, "%s: %s", s->name, err.message);

    const int orientation = reel_exif_orientation(s->bytes.data, s->bytes.size);
    cr_expect(orientation == s->orientation, "%s: orientation %d, expected %d", s->name,
              orientation, s->orientation);
    *upright = &decoded;
    if (orientation <= 1)
        return true;
    const reel_view view = {decoded.rgb, decoded.width, decoded.height, decoded.width * 3};
    MUST(reel_exif_turn(&turned, orientation, &view, &err), err);
    *upright = &turned;
    return true;
}

Test(formats, every_kind_has_pillows_pixels)
{
    stored_images all = stored_images_read();
    int64_t compared = 0;
    for (int64_t i = 0; i < all.n; i++) {
        const stored_image *s = &all.at[i];
        const reel_codec *codec = reel_codec_of(s->bytes.data, s->bytes.size);
        cr_assert(codec && codec == reel_codec_of_name(s->name), "%s: taken for %s", s->name,
                  codec ? codec->name : "nothing");
        const reel_image *upright;
        if (!decode_upright(s, &upright))
            continue;
        compared++;
        cr_expect(crc_of_pixels(upright) == s->crc, "%s: CRC %08lx, Pillow's %08lx", s->name,
                  crc_of_pixels(upright), s->crc);

        int64_t width, height;
        MUST(reel_image_size(s->bytes.data, s->bytes.size, &width, &height, &err), err);
        cr_expect(width == decoded.width && height == decoded.height,
                  "%s: header says %" PRId64 " x %" PRId64, s->name, width, height);
    }
    cr_expect(all.n >= 200, "%" PRId64 " images, expected at least 200", all.n);
    if (compared < all.n)
        fprintf(stderr, "note: this build lacks libraries: %" PRId64 " of %" PRId64 " compared\n",
                compared, all.n);
    stored_images_free(&all);
    reel_image_free(&decoded);
    reel_image_free(&turned);
}

/* Bytes may be missing that no pixel needs: a GIF's last ones, a TIFF's second page. */
Test(formats, a_cut_image_is_refused_or_has_all_of_its_pixels)
{
    enum { CUTS = 24, LAST = 6 };
    stored_images all = stored_images_read();
    int64_t read = 0;
    for (int64_t i = 0; i < all.n; i++) {
        const stored_image *s = &all.at[i];
        if (reel_image_decode(&decoded, s->bytes.data, s->bytes.size, &err) != REEL_OK)
            continue;
        const unsigned long whole = crc_of_pixels(&decoded);
        for (size_t cut = 0; cut < CUTS + LAST; cut++) {
            const size_t size =
                cut < CUTS ? s->bytes.size * cut / CUTS : s->bytes.size - (cut - CUTS + 1);
            uint8_t *exact = malloc(size + 1); /* a sanitizer sees a read behind it */
            memcpy(exact, s->bytes.data, size);
            const reel_status status = reel_image_decode(&decoded, exact, size, &err);
            if (status == REEL_OK) {
                read++;
                cr_expect(crc_of_pixels(&decoded) == whole,
                          "%s cut to %zu of %zu bytes: read, with other pixels", s->name, size,
                          s->bytes.size);
            } else {
                cr_expect(status == REEL_ERR_FORMAT, "%s cut to %zu: status %d", s->name, size,
                          (int)status);
                check_message(&err);
            }
            free(exact);
        }
    }
    cr_expect(read < all.n * CUTS / 8, "%" PRId64 " cut images were read", read);
    stored_images_free(&all);
    reel_image_free(&decoded);
}

static void expect_format_refused(const char *name, const void *bytes, size_t size,
                                  const char *word)
{
    const reel_status status = reel_image_decode(&decoded, bytes, size, &err);
    if (status != REEL_OK && lacks_library(&err))
        return;
    cr_expect(status == REEL_ERR_FORMAT, "%s: status %d", name, (int)status);
    cr_expect(strstr(err.message, word), "%s: \"%s\" does not say \"%s\"", name, err.message, word);
}

/* The cap is looked at before memory is taken: none of these has pixels. */
Test(formats, more_pixels_than_the_cap_are_refused_by_the_header)
{
    static const char bmp[] = "BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\xff\xff\0\0\xff\xff\0\0\1\0"
                              "\x18\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                      gif[] = "GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\x02",
                      webp[] = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x3f\0\xff\x3f\0",
                      tiff[] = "II*\0\x08\0\0\0\4\0\0\1\4\0\1\0\0\0\xff\xff\0\0\1\1\4\0\1\0\0\0"
                               "\xff\xff\0\0\x11\1\4\0\1\0\0\0\x08\0\0\0\x17\1\4\0\1\0\0\0\1\0\0\0"
                               "\0\0\0\0";
    expect_format_refused("BMP", bmp, sizeof bmp - 1, "claims 65535 x 65535");
    expect_format_refused("GIF", gif, sizeof gif - 1, "claims 65535 x 65535");
    expect_format_refused("WebP", webp, sizeof webp - 1, "claims 16384 x 16384");
    expect_format_refused("TIFF", tiff, sizeof tiff - 1, "claims 65535 x 65535");
    reel_image_free(&decoded);
}

/* Thousands of strips of the same bytes would take time that grows with the square of the file. */
Test(formats, a_tiff_whose_strips_overlap_is_refused)
{
    enum { STRIPS = 2000, DIRECTORY = 8, ENTRIES = 8, BYTES = 60000 };
    static uint8_t file[DIRECTORY + 2 + ENTRIES * 12 + 4 + 2 * 4 * STRIPS + BYTES] = "II*\0\x08";
    const uint32_t arrays = DIRECTORY + 2 + ENTRIES * 12 + 4;
    const uint32_t entries[ENTRIES][4] = {{256, 4, 1, 8}, {257, 4, 1, STRIPS},
                                          {258, 3, 1, 8}, {259, 3, 1, 32773},
                                          {262, 3, 1, 1}, {273, 4, STRIPS, arrays},
                                          {278, 4, 1, 1}, {279, 4, STRIPS, arrays + 4 * STRIPS}};
    file[DIRECTORY] = ENTRIES;
    for (int i = 0; i < ENTRIES; i++) {
        uint8_t *e = file + DIRECTORY + 2 + 12 * i;
        const uint16_t tag = (uint16_t)entries[i][0], type = (uint16_t)entries[i][1];
        memcpy(e, &tag, 2);
        memcpy(e + 2, &type, 2);
        memcpy(e + 4, &entries[i][2], 4);
        memcpy(e + 8, &entries[i][3], 4);
    }
    const uint32_t offset = arrays + 2 * 4 * STRIPS, count = BYTES;
    for (uint32_t i = 0; i < STRIPS; i++) {
        memcpy(file + arrays + 4 * i, &offset, 4);
        memcpy(file + arrays + 4 * (STRIPS + i), &count, 4);
    }
    expect_format_refused("TIFF", file, sizeof file, "overlap");
    reel_image_free(&decoded);
}

/* A BMP of one row of `width` pixels: its two headers, then `rest` (masks, palette, pixels). */
static size_t bmp_of(uint8_t *file, int width, int bits, int compression, const void *rest,
                     size_t size)
{
    enum { HEADERS = 14 + 40 };
    memset(file, 0, HEADERS);
    memcpy(file, "BM", 2);
    file[10] = HEADERS; /* where the pixels lie: behind masks and palette, if right behind here */
    file[14] = 40;
    file[18] = (uint8_t)width;
    file[22] = 1;
    file[26] = 1;
    file[28] = (uint8_t)bits;
    file[30] = (uint8_t)compression;
    memcpy(file + HEADERS, rest, size);
    return HEADERS + size;
}

Test(formats, a_bmp_whose_header_contradicts_itself_is_refused)
{
    uint8_t file[200];
    size_t size = bmp_of(file, 1, 8, 3, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
    expect_format_refused("BMP", file, size, "bitfields of 8 bits, expected 16, 24 or 32");
    size = bmp_of(file, 1, 24, 1, "abcd", 4);
    expect_format_refused("BMP", file, size, "run lengths of 24 bits a pixel");
    size = bmp_of(file, 1, 24, 4, "abcd", 4);
    expect_format_refused("BMP", file, size, "compression 4, expected 0 (none)");
    size = bmp_of(file, 1, 16, 3, "abcd", 4);
    expect_format_refused("BMP", file, size, "the header is cut");
    size = bmp_of(file, 1, 16, 3, "\x05\0\0\0\0\0\0\0\0\0\0\0\xff\xff\0\0", 16);
    expect_format_refused("BMP", file, size, "bit mask 00000005 has gaps");
    reel_image_free(&decoded);
}

/* Red has the upper 8 bits, blue the lower 5, green none. */
Test(formats, a_colour_of_a_bmp_without_bits_is_0)
{
    uint8_t file[200];
    const size_t size = bmp_of(file, 2, 16, 3, "\0\xff\0\0\0\0\0\0\x1f\0\0\0\xff\xff\x0a\x80", 16);
    MUST(reel_image_decode(&decoded, file, size, &err), err);
    cr_expect(decoded.width == 2 && decoded.height == 1);
    static const uint8_t expected[6] = {255, 0, 255, 128, 0, 10 * 255 / 31};
    for (int i = 0; i < 6; i++)
        cr_expect_eq(decoded.rgb[i], expected[i], "byte %d: %d, expected %d", i, decoded.rgb[i],
                     expected[i]);
    reel_image_free(&decoded);
}

Test(formats, a_pnm_of_other_depth_or_with_too_few_pixels_is_refused)
{
    static const char deep[] = "P6 1 1 65535\n123456", cut[] = "P6 2 2 255\n12345678901",
                      bare[] = "P6 2 2";
    expect_format_refused("PNM", deep, sizeof deep - 1, "greatest value 65535, expected 255");
    expect_format_refused("PNM", cut, sizeof cut - 1,
                          "2 x 2 is cut: 11 bytes of pixels, expected 12");
    expect_format_refused("PNM", bare, sizeof bare - 1, "its header is damaged");
    reel_image_free(&decoded);
}

/* An animation of 8 x 8 pixels whose first frame has this place and size (as stored) and these
 * chunks. */
static size_t webp_animation(uint8_t *file, const uint8_t place[12], const void *chunks,
                             size_t size)
{
    static const uint8_t head[] = "RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x07\0\0\x07\0\0"
                                  "ANIM\x06\0\0\0\0\0\0\0\0\0ANMF";
    size_t at = sizeof head - 1;
    memcpy(file, head, at);
    const uint32_t frame = (uint32_t)(16 + size);
    memcpy(file + at, &frame, 4);
    memcpy(file + at + 4, place, 12);
    memset(file + at + 16, 0, 4); /* duration and flags */
    memcpy(file + at + 20, chunks, size);
    at += 20 + size;
    const uint32_t riff = (uint32_t)at - 8;
    memcpy(file + 4, &riff, 4);
    return at;
}

Test(formats, a_webp_animation_whose_first_frame_cannot_be_is_refused)
{
    static const uint8_t whole[12] = {0, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0},
                         outside[12] = {1, 0, 0, 0, 0, 0, 7, 0, 0, 7, 0, 0};
    static const uint8_t four_by_four[] = "VP8L\x06\0\0\0\x2f\x03\xc0\0\0\0";
    uint8_t file[200];
    size_t size = webp_animation(file, outside, four_by_four, sizeof four_by_four - 1);
    expect_format_refused("WebP", file, size, "the first frame lies outside the image");
    size = webp_animation(file, whole, four_by_four, sizeof four_by_four - 1);
    expect_format_refused("WebP", file, size, "pixels of 4 x 4, expected the header's 8 x 8");
    size = webp_animation(file, whole, "VP8L\x06\0\0\0abcdef", 14);
    expect_format_refused("WebP", file, size, "WebP: damaged data");
    size = webp_animation(file, whole, four_by_four, sizeof four_by_four - 1);
    memcpy(file + 44, "XXXX", 4); /* no frame: a chunk of another kind */
    expect_format_refused("WebP", file, size, "animation without a whole frame");
    reel_image_free(&decoded);
}
