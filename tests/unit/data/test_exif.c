/* Images turned upright: the bits of turning the decoded image first, whatever is cut out of it;
 * and EXIF data that lies. */
#include "tests/unit/data/exact.h"
#include "tests/unit/data/exif_of.h"
#include "tests/unit/data/jpeg_of.h"

enum { SIZE = 40 };

static reel_transform_scratch scratch;
static reel_error err;

/* What EXIF 2.32 says about row 0 and column 0 of the stored image (table of tag 0112), pixel by
 * pixel. */
static reel_image upright_of(const reel_image *in, int orientation)
{
    const int64_t w = in->width, h = in->height;
    reel_image out = {0};
    MUST(reel_image_resize_buffer(&out, orientation >= 5 ? h : w, orientation >= 5 ? w : h, &err),
         err);
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++) {
            const int64_t to_x[9] = {x, x, w - 1 - x, w - 1 - x, x, y, h - 1 - y, h - 1 - y, y};
            const int64_t to_y[9] = {y, y, y, h - 1 - y, h - 1 - y, x, x, w - 1 - x, w - 1 - x};
            memcpy(out.rgb + (to_y[orientation] * out.width + to_x[orientation]) * 3,
                   in->rgb + (y * w + x) * 3, 3);
        }
    return out;
}

static reel_rng stream(uint32_t sample)
{
    return reel_rng_at(5, REEL_STREAM_AUGMENT, 0, sample);
}

static void expect_upright(const reel_transform *t, const reel_bytes *bytes, int orientation,
                           uint32_t sample, const char *what)
{
    static float a[10 * SIZE * SIZE * 3], b[10 * SIZE * SIZE * 3];
    reel_image stored = {0};
    MUST(reel_image_decode(&stored, bytes->data, bytes->size, &err), err);
    reel_image upright = upright_of(&stored, orientation);
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    MUST(reel_transform_image(t, &upright, stream(sample), &scratch, a, &err), err);
    MUST(reel_transform_bytes(t, bytes->data, bytes->size, stream(sample), &scratch, b, &err), err);
    const int64_t at = first_difference(a, b, sizeof a);
    cr_expect(at < 0,
              "%s, orientation %d, crop %d, sample %u: float %" PRId64 " is %g, expected %g", what,
              orientation, (int)t->crop, sample, at / 4, b[at < 0 ? 0 : at / 4],
              a[at < 0 ? 0 : at / 4]);
    reel_image_free(&stored);
    reel_image_free(&upright);
}

Test(exif, every_orientation_gives_the_bits_of_turning_the_image_before_everything_else)
{
    static const int samplings[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}};
    for (uint32_t i = 0; i < 8; i++) {
        const int64_t width = 90 + 13 * i, height = 150 - 11 * i;
        reel_image drawn = draw(width, height, i);
        reel_bytes jpeg = jpeg_of(drawn.rgb, width, height, 3, JCS_RGB, JCS_YCbCr,
                                  samplings[i % 4][0], samplings[i % 4][1], i >= 6, 0);
        reel_bytes png = encoded(width, height, i, true);
        for (int o = 1; o <= 8; o++) {
            reel_bytes held = jpeg_held(&jpeg, o), other = png_held(&png, o, i % 2);
            for (int crop = 0; crop < 3; crop++)
                for (uint32_t sample = 0; sample < 6; sample++) {
                    const reel_transform t = {.size = SIZE,
                                              .resize = 46,
                                              .crop = (reel_crop)crop,
                                              .flip = 0.5,
                                              .hue = sample % 3 ? 0 : 0.2,
                                              .exif = REEL_EXIF_APPLY};
                    expect_upright(&t, &held, o, 100 * i + sample, "JPEG");
                    if (sample < 2)
                        expect_upright(&t, &other, o, 100 * i + sample, "PNG");
                }
            const reel_transform ten = {
                .size = SIZE, .resize = 46, .views = 10, .exif = REEL_EXIF_APPLY};
            expect_upright(&ten, &held, o, i, "ten crops");
            reel_bytes_free(&held);
            reel_bytes_free(&other);
        }
        reel_image_free(&drawn);
        reel_bytes_free(&jpeg);
        reel_bytes_free(&png);
    }
    reel_transform_scratch_free(&scratch);
}

Test(exif, a_single_row_and_a_single_column_are_turned)
{
    for (int o = 1; o <= 8; o++)
        for (int tall = 0; tall < 2; tall++) {
            reel_bytes png = encoded(tall ? 1 : 9, tall ? 9 : 1, 3, true),
                       held = png_held(&png, o, false);
            const reel_transform t = {
                .size = SIZE, .crop = REEL_CROP_RANDOM_RESIZED, .exif = REEL_EXIF_APPLY};
            expect_upright(&t, &held, o, 1, tall ? "a column" : "a row");
            reel_bytes_free(&held);
            reel_bytes_free(&png);
        }
    reel_transform_scratch_free(&scratch);
}

/* Plain upsampling and a smaller scale: other bits, but nearly the same picture. */
Test(exif, the_fast_decoder_shows_the_same_part_turned_the_same_way)
{
    static float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];
    reel_image drawn = {0};
    MUST(reel_image_resize_buffer(&drawn, 403, 299, &err), err);
    for (int64_t i = 0; i < 403 * 299; i++) { /* smooth: what is compared is place and side */
        drawn.rgb[3 * i] = (uint8_t)(i % 403 / 2);
        drawn.rgb[3 * i + 1] = (uint8_t)(i / 403 / 2);
        drawn.rgb[3 * i + 2] = (uint8_t)((i % 403 + i / 403) / 3);
    }
    reel_bytes jpeg = jpeg_of(drawn.rgb, 403, 299, 3, JCS_RGB, JCS_YCbCr, 2, 2, false, 0);
    for (int o = 1; o <= 8; o++) {
        reel_bytes held = jpeg_held(&jpeg, o);
        reel_image upright = upright_of(&drawn, o);
        for (int crop = 0; crop < 3; crop++)
            for (uint32_t sample = 0; sample < 20; sample++) {
                const reel_transform t = {.size = SIZE,
                                          .crop = (reel_crop)crop,
                                          .pixel_scale = 1,
                                          .decode = REEL_DECODE_FAST,
                                          .exif = REEL_EXIF_APPLY};
                MUST(reel_transform_image(&t, &upright, stream(sample), &scratch, a, &err), err);
                MUST(reel_transform_bytes(&t, held.data, held.size, stream(sample), &scratch, b,
                                          &err),
                     err);
                for (int i = 0; i < SIZE * SIZE * 3; i++)
                    cr_assert(
                        fabsf(a[i] - b[i]) <= 5,
                        "orientation %d, crop %d, sample %u: float %d is %g, expected about %g", o,
                        crop, sample, i, b[i], a[i]);
            }
        reel_image_free(&upright);
        reel_bytes_free(&held);
    }
    reel_image_free(&drawn);
    reel_bytes_free(&jpeg);
    reel_transform_scratch_free(&scratch);
}

static void expect_as_stored(const reel_bytes *bytes, reel_exif exif, const reel_bytes *plain,
                             const char *what, int64_t which)
{
    static float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];
    const reel_transform stored = {.size = SIZE}, t = {.size = SIZE, .exif = exif};
    MUST(reel_transform_bytes(&stored, plain->data, plain->size, stream(0), &scratch, a, &err),
         err);
    uint8_t *exact = malloc(bytes->size); /* ASan sees what is read behind it */
    memcpy(exact, bytes->data, bytes->size);
    const reel_status status =
        reel_transform_bytes(&t, exact, bytes->size, stream(0), &scratch, b, &err);
    free(exact);
    if (status == REEL_ERR_FORMAT)
        return; /* the change has damaged the image itself */
    cr_assert(status == REEL_OK, "%s %" PRId64 ": status %d", what, which, status);
    const int64_t at = first_difference(a, b, sizeof a);
    cr_expect(at < 0, "%s %" PRId64 ": float %" PRId64 " is %g, expected %g", what, which, at / 4,
              b[at < 0 ? 0 : at / 4], a[at < 0 ? 0 : at / 4]);
}

Test(exif, it_is_not_looked_at_unless_told_to)
{
    reel_bytes jpeg = encoded(60, 90, 1, false), png = encoded(60, 90, 1, true);
    for (int o = 1; o <= 8; o++) {
        reel_bytes a = jpeg_held(&jpeg, o), b = png_held(&png, o, false);
        expect_as_stored(&a, REEL_EXIF_IGNORE, &jpeg, "JPEG", o);
        expect_as_stored(&b, REEL_EXIF_IGNORE, &png, "PNG", o);
        reel_bytes_free(&a);
        reel_bytes_free(&b);
    }
    reel_bytes_free(&jpeg);
    reel_bytes_free(&png);
    reel_transform_scratch_free(&scratch);
}

Test(exif, damaged_data_is_as_if_there_were_none)
{
    reel_bytes jpeg = encoded(60, 90, 1, false), png = encoded(60, 90, 1, true);
    for (int o = 0; o < 256; o = o ? o + 1 : 9) { /* no such orientation */
        reel_bytes a = jpeg_held(&jpeg, o), b = png_held(&png, o, o % 2);
        expect_as_stored(&a, REEL_EXIF_APPLY, &jpeg, "orientation in a JPEG", o);
        expect_as_stored(&b, REEL_EXIF_APPLY, &png, "orientation in a PNG", o);
        reel_bytes_free(&a);
        reel_bytes_free(&b);
    }
    /* Every bit of the PNG's data and CRC-32: it no longer holds. Of the JPEG's data, all but the
     * orientation itself. */
    reel_bytes a = jpeg_held(&jpeg, 6), b = png_held(&png, 6, true);
    for (int64_t bit = 0; bit < 30 * 8; bit++) {
        uint8_t *at = b.data + b.size - 12 - 30 + bit / 8;
        *at ^= (uint8_t)(1 << bit % 8);
        expect_as_stored(&b, REEL_EXIF_APPLY, &png, "bit of a PNG", bit);
        *at ^= (uint8_t)(1 << bit % 8);
    }
    for (int64_t bit = 0; bit < 26 * 8; bit++) {
        if (bit / 8 == 30 - 10 || bit / 8 == 31 - 10 || bit / 8 >= 22 || bit / 8 == 19 ||
            bit / 8 == 8 || bit / 8 == 9)
            continue;
        uint8_t *at = a.data + 12 + bit / 8;
        *at ^= (uint8_t)(1 << bit % 8);
        expect_as_stored(&a, REEL_EXIF_APPLY, &jpeg, "bit of a JPEG", bit);
        *at ^= (uint8_t)(1 << bit % 8);
    }
    reel_bytes_free(&a);
    reel_bytes_free(&b);
    reel_bytes_free(&jpeg);
    reel_bytes_free(&png);
    reel_transform_scratch_free(&scratch);
}

/* By PIL 9.4: bytes and text are no numbers to it, fractions are not read here. */
Test(exif, an_orientation_of_any_integer_type_counts)
{
    static const int width[] = {0, 0, 0, 2, 4, 0, 1, 0, 2,
                                4, 0, 0, 0, 4, 0, 0, 0}; /* bytes by type; 0: not taken */
    reel_bytes jpeg = encoded(9, 7, 1, false);
    for (int type = 0; type < 17; type++)
        for (int little = 0; little < 2; little++) {
            reel_bytes b = jpeg_held(&jpeg, 1);
            uint8_t *tiff = b.data + 12, *entry = tiff + 10;
            memcpy(tiff, little ? "II*\0\x08\0\0\0\x01\0" : "MM\0*\0\0\0\x08\0\x01", 10);
            memcpy(entry,
                   little ? "\x12\x01\0\0\x01\0\0\0\0\0\0\0" : "\x01\x12\0\0\0\0\0\x01\0\0\0\0",
                   12);
            entry[little ? 2 : 3] = (uint8_t)type;
            entry[8 + (little || width[type] == 0 ? 0 : width[type] - 1)] = 6;
            const int expected = width[type] ? 6 : 0, o = orientation_of(b.data, b.size);
            cr_expect(o == expected, "type %d, %s: expected %d, got %d", type, little ? "II" : "MM",
                      expected, o);
            if (width[type] > 1) {
                entry[8 + (little ? width[type] - 1 : 0)] = 1; /* 6 and more */
                cr_expect(orientation_of(b.data, b.size) == 0, "type %d, %s: 0x..06 is taken for 6",
                          type, little ? "II" : "MM");
            }
            reel_bytes_free(&b);
        }
    reel_bytes_free(&jpeg);
}

Test(exif, a_png_that_is_cut_or_whose_lengths_lie_is_read_no_further_than_it_goes)
{
    reel_bytes png = encoded(9, 7, 1, true);
    for (int behind = 0; behind < 2; behind++) {
        reel_bytes b = png_held(&png, 6, behind);
        cr_expect(orientation_of(b.data, b.size) == 6, "got %d", orientation_of(b.data, b.size));
        const size_t end = behind ? b.size - 12 : 33 + 38;
        for (size_t n = 0; n < b.size; n++) {
            const int o = orientation_of(b.data, n), expected = n >= end ? 6 : 0;
            cr_expect(o == expected, "cut to %zu of %zu: expected %d, got %d", n, b.size, expected,
                      o);
        }
        static const uint8_t lengths[][4] = {{0, 0, 0, 0},         {0, 0, 0, 12},
                                             {0, 0, 1, 0},         {0x7f, 255, 255, 255},
                                             {255, 255, 255, 255}, {255, 255, 255, 244}};
        for (int i = 0; i < (int)REEL_COUNT(lengths); i++)
            for (size_t at = 8; at == 8 || at == 33; at += 25) {
                uint8_t before[4];
                memcpy(before, b.data + at, 4);
                memcpy(b.data + at, lengths[i], 4);
                const int o = orientation_of(b.data, b.size);
                cr_expect(o == 0, "length %d at %zu: expected 0, got %d", i, at, o);
                memcpy(b.data + at, before, 4);
            }
        reel_bytes_free(&b);
    }
    reel_bytes_free(&png);
}

Test(exif, other_content_has_no_orientation_and_a_wrong_setting_is_refused)
{
    static float out[SIZE * SIZE * 3];
    const uint8_t ppm[] = "P6 1 1 255\nabc";
    cr_expect(orientation_of(ppm, sizeof ppm - 1) == 0 && orientation_of(ppm, 0) == 0);
    const reel_transform t = {.size = SIZE, .exif = REEL_EXIF_APPLY},
                         wrong = {.size = SIZE, .exif = (reel_exif)7};
    cr_expect(reel_transform_bytes(&t, ppm, sizeof ppm - 1, stream(0), &scratch, out, &err) ==
              REEL_OK);
    cr_expect(reel_transform_bytes(&wrong, ppm, sizeof ppm - 1, stream(0), &scratch, out, &err) ==
              REEL_ERR_INVALID);
    check_message(&err);
    reel_transform_scratch_free(&scratch);
}
