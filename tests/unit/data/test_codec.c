/* Codecs against files written with libjpeg and libpng directly: every colour type, and parts
 * against the whole. */
#include <png.h>

#include "tests/unit/data/jpeg_of.h"

static void collect(png_structp png, png_bytep data, size_t n)
{
    reel_bytes *bytes = png_get_io_ptr(png);
    reel_error err;
    MUST(reel_bytes_reserve(bytes, bytes->size + n, &err), err);
    memcpy(bytes->data + bytes->size, data, n);
    bytes->size += n;
}

/* rows: already in PNG's packing. palette: 3 bytes an entry. */
static reel_bytes png_of(const uint8_t *rows, int64_t stride, int64_t width, int64_t height,
                         int type, int depth, int interlace, const uint8_t *palette, int entries)
{
    reel_bytes bytes = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &bytes, collect, NULL);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, depth, type, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (palette)
        png_set_PLTE(png, info, (png_const_colorp)palette, entries);
    png_write_info(png, info);
    const int passes = interlace ? png_set_interlace_handling(png) : 1;
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < height; y++)
            png_write_row(png, rows + y * stride);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return bytes;
}

static double mean_difference(const reel_image *a, const uint8_t *expected)
{
    double sum = 0;
    const int64_t n = a->width * a->height * 3;
    for (int64_t i = 0; i < n; i++)
        sum += abs(a->rgb[i] - expected[i]);
    return sum / (double)n;
}

/* Decodes and expects exactly these pixels. */
static void expect_pixels(const char *what, reel_bytes *bytes, int64_t width, int64_t height,
                          const uint8_t *expected)
{
    reel_image image = {0};
    reel_error err;
    int64_t w, h;
    MUST(reel_image_size(bytes->data, bytes->size, &w, &h, &err), err);
    cr_expect(w == width && h == height, "%s: header says %" PRId64 " x %" PRId64, what, w, h);
    MUST(reel_image_decode(&image, bytes->data, bytes->size, &err), err);
    cr_assert(image.width == width && image.height == height);
    const int64_t at = first_difference(image.rgb, expected, width * height * 3);
    cr_expect(at < 0, "%s: byte %" PRId64 " is %d, expected %d", what, at,
              image.rgb[at < 0 ? 0 : at], expected[at < 0 ? 0 : at]);
    reel_image_free(&image);
    reel_bytes_free(bytes);
}

Test(codec, a_jpeg_comes_back_close_and_a_png_exactly)
{
    char *folder = scratch_folder();
    reel_image drawn = draw(101, 67, 3), back = {0};
    reel_error err;
    const struct {
        bool full;
        double most;
    } modes[] = {{true, 4}, {false, 10}};
    for (int i = 0; i < 2; i++) {
        MUST(reel_image_write_jpeg(&drawn, join(folder, "x.jpg"), 95, modes[i].full, &err), err);
        reel_bytes bytes = read_file(join(folder, "x.jpg"));
        MUST(reel_image_decode(&back, bytes.data, bytes.size, &err), err);
        const double d = mean_difference(&back, drawn.rgb);
        cr_expect(d < modes[i].most, "full chroma %d: mean difference %g, expected below %g",
                  modes[i].full, d, modes[i].most);
        reel_bytes_free(&bytes);
    }
    MUST(reel_image_write_png(&drawn, join(folder, "x.png"), &err), err);
    reel_bytes bytes = read_file(join(folder, "x.png"));
    expect_pixels("RGB png", &bytes, 101, 67, drawn.rgb);
    reel_image_free(&back);
    reel_image_free(&drawn);
    remove_folder(folder);
}

Test(codec, grey_and_progressive_and_rgb_jpegs_become_rgb)
{
    reel_image drawn = draw(90, 70, 5), image = {0};
    reel_error err;
    uint8_t grey[90 * 70];
    for (int64_t i = 0; i < 90 * 70; i++)
        grey[i] = drawn.rgb[3 * i + 1];
    reel_bytes bytes = jpeg_of(grey, 90, 70, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, 1, 1, false, 0);
    MUST(reel_image_decode(&image, bytes.data, bytes.size, &err), err);
    for (int64_t i = 0; i < 90 * 70; i++) {
        const uint8_t *p = image.rgb + 3 * i;
        cr_assert(p[0] == p[1] && p[1] == p[2] && abs(p[0] - grey[i]) < 25,
                  "pixel %" PRId64 ": %d %d %d, drawn %d", i, p[0], p[1], p[2], grey[i]);
    }
    reel_bytes_free(&bytes);
    for (int kind = 0; kind < 3; kind++) {
        bytes = jpeg_of(drawn.rgb, 90, 70, 3, JCS_RGB, kind == 2 ? JCS_RGB : JCS_YCbCr, 1, 1,
                        kind == 1, 0);
        MUST(reel_image_decode(&image, bytes.data, bytes.size, &err), err);
        const double d = mean_difference(&image, drawn.rgb);
        cr_expect(d < 4, "kind %d: mean difference %g, expected below 4", kind, d);
        reel_bytes_free(&bytes);
    }
    reel_image_free(&image);
    reel_image_free(&drawn);
}

Test(codec, cmyk_and_ycck_are_read_as_adobe_stores_them_inverted)
{
    enum { W = 40, H = 24 };
    static uint8_t cmyk[W * H * 4];
    static const uint8_t patches[5][4] = {{255, 255, 255, 255},
                                          {0, 255, 255, 255},
                                          {255, 0, 0, 255},
                                          {128, 128, 128, 255},
                                          {200, 100, 50, 128}};
    for (int64_t i = 0; i < W * H; i++)
        memcpy(cmyk + 4 * i, patches[i % W / 8], 4);
    for (int ycck = 0; ycck < 2; ycck++) {
        reel_bytes bytes =
            jpeg_of(cmyk, W, H, 4, JCS_CMYK, ycck ? JCS_YCCK : JCS_CMYK, 1, 1, false, 0);
        reel_image image = {0};
        reel_error err;
        MUST(reel_image_decode(&image, bytes.data, bytes.size, &err), err);
        for (int patch = 0; patch < 5; patch++)
            for (int c = 0; c < 3; c++) {
                const int got = image.rgb[(12 * W + patch * 8 + 4) * 3 + c];
                const int expected = patches[patch][c] * patches[patch][3] / 255;
                cr_expect(abs(got - expected) <= 4,
                          "ycck %d, patch %d, channel %d: %d, expected about %d", ycck, patch, c,
                          got, expected);
            }
        reel_image_free(&image);
        reel_bytes_free(&bytes);
    }
}

Test(codec, a_part_of_a_jpeg_has_the_bits_of_the_whole)
{
    static const struct {
        int64_t w, h;
        int sh, sv, components;
        bool progressive;
    } cases[] = {{203, 151, 1, 1, 3, false}, {203, 151, 2, 1, 3, false}, {203, 151, 2, 2, 3, false},
                 {203, 151, 1, 2, 3, false}, {203, 151, 4, 1, 3, false}, {203, 151, 2, 2, 3, true},
                 {203, 151, 1, 1, 1, false}, {33, 300, 2, 2, 3, false},  {300, 7, 2, 2, 3, false},
                 {16, 16, 2, 2, 3, false}};
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        const int64_t w = cases[i].w, h = cases[i].h;
        reel_image drawn = draw(w, h, (uint32_t)i), whole = {0}, part = {0};
        reel_error err;
        const bool grey = cases[i].components == 1;
        reel_bytes bytes = jpeg_of(drawn.rgb, grey ? w : w, h, grey ? 1 : 3,
                                   grey ? JCS_GRAYSCALE : JCS_RGB, grey ? JCS_GRAYSCALE : JCS_YCbCr,
                                   cases[i].sh, cases[i].sv, cases[i].progressive, 0);
        MUST(reel_image_decode(&whole, bytes.data, bytes.size, &err), err);
        for (int k = 0; k < 120; k++) {
            reel_rect want = {.w = 1 + (int64_t)reel_rng_below(&rng, (uint64_t)w),
                              .h = 1 + (int64_t)reel_rng_below(&rng, (uint64_t)h)};
            want.x = (int64_t)reel_rng_below(&rng, (uint64_t)(w - want.w + 1));
            want.y = (int64_t)reel_rng_below(&rng, (uint64_t)(h - want.h + 1));
            reel_rect got;
            MUST(decode_part(&part, &bytes, &want, &got, &err), err);
            cr_assert(got.x <= want.x && got.y <= want.y && got.x + got.w >= want.x + want.w &&
                          got.y + got.h >= want.y + want.h,
                      "case %" PRId64 ": the part does not cover what was wanted", i);
            for (int64_t y = 0; y < want.h; y++) {
                const uint8_t *a = part.rgb + ((want.y + y - got.y) * got.w + want.x - got.x) * 3;
                const uint8_t *b = whole.rgb + ((want.y + y) * w + want.x) * 3;
                const int64_t at = first_difference(a, b, want.w * 3);
                cr_assert(at < 0,
                          "case %" PRId64 ", part at %" PRId64 ",%" PRId64 ", row %" PRId64
                          ", byte %" PRId64 ": %d, expected %d",
                          i, want.x, want.y, y, at, a[at < 0 ? 0 : at], b[at < 0 ? 0 : at]);
            }
        }
        reel_bytes_free(&bytes);
        reel_image_free(&drawn);
        reel_image_free(&whole);
        reel_image_free(&part);
    }
}

enum { W = 29, H = 13 };

Test(codec, png_of_8_and_16_bits_with_and_without_alpha_and_interlacing_is_exact)
{
    static const int types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                PNG_COLOR_TYPE_RGB_ALPHA};
    static const int channels[] = {1, 2, 3, 4};
    for (int depth = 8; depth <= 16; depth += 8)
        for (int kind = 0; kind < 4; kind++)
            for (int interlace = 0; interlace < 2; interlace++) {
                static uint8_t rows[W * H * 8], expected[W * H * 3];
                const int n = channels[kind], size = depth / 8;
                for (int i = 0; i < W * H * n * size; i++)
                    rows[i] = (uint8_t)(i * 37 + i / 11 * 5);
                for (int i = 0; i < W * H; i++)
                    for (int c = 0; c < 3; c++)
                        expected[3 * i + c] =
                            rows[(i * n + (n >= 3 ? c : 0)) * size]; /* high byte first */
                reel_bytes bytes =
                    png_of(rows, W * n * size, W, H, types[kind], depth, interlace, NULL, 0);
                char what[60];
                snprintf(what, sizeof what, "%d bits, %d channels, interlaced %d", depth, n,
                         interlace);
                expect_pixels(what, &bytes, W, H, expected);
            }
}

Test(codec, png_palettes_and_small_greys_are_expanded)
{
    uint8_t palette[16 * 3];
    for (int i = 0; i < 48; i++)
        palette[i] = (uint8_t)(i * 53 + 7);
    for (int depth = 1; depth <= 8; depth *= 2)
        for (int kind = 0; kind < 4; kind++) {
            const bool grey = kind & 1, interlace = kind & 2;
            const int values = depth == 8 ? 16 : 1 << depth;
            static uint8_t rows[W * H], expected[W * H * 3];
            const int64_t stride = (W * depth + 7) / 8;
            memset(rows, 0, sizeof rows);
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    const int v = (x * 5 + y * 3) % (values < 16 ? values : 16);
                    rows[y * stride + x * depth / 8] |= (uint8_t)(v << (8 - depth - x * depth % 8));
                    for (int c = 0; c < 3; c++)
                        expected[(y * W + x) * 3 + c] =
                            grey ? (uint8_t)(v * 255 / ((1 << depth) - 1)) : palette[3 * v + c];
                }
            reel_bytes bytes =
                png_of(rows, stride, W, H, grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_PALETTE,
                       depth, interlace, grey ? NULL : palette, values);
            char what[60];
            snprintf(what, sizeof what, "%d bits, grey %d, interlaced %d", depth, grey, interlace);
            expect_pixels(what, &bytes, W, H, expected);
        }
}

Test(codec, the_content_counts_and_not_the_name)
{
    char *folder = scratch_folder();
    reel_image drawn = draw(20, 20, 1);
    reel_error err;
    MUST(reel_image_write_png(&drawn, join(folder, "x.JPEG"), &err), err);
    reel_bytes bytes = read_file(join(folder, "x.JPEG"));
    expect_pixels("PNG named JPEG", &bytes, 20, 20, drawn.rgb);
    reel_image_free(&drawn);
    remove_folder(folder);
}

Test(codec, exif_is_ignored_whole_or_damaged_and_so_is_what_follows_the_image)
{
    static const uint8_t turned[] =
        "\xff\xe1\0\x22"
        "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    reel_bytes plain = encoded(30, 20, 4, false);
    reel_image expected = {0};
    reel_error err;
    MUST(reel_image_decode(&expected, plain.data, plain.size, &err), err);
    for (int damaged = 0; damaged < 2; damaged++) {
        reel_bytes b = {0};
        MUST(reel_bytes_reserve(&b, plain.size + 36 + 100, &err), err);
        memcpy(b.data, plain.data, 2);
        memcpy(b.data + 2, turned, 36);
        if (damaged)
            memset(b.data + 12, 0xee, 20);
        memcpy(b.data + 38, plain.data + 2, plain.size - 2);
        memset(b.data + 36 + plain.size, 'x', 100);
        b.size = plain.size + 36 + 100;
        expect_pixels(damaged ? "damaged EXIF" : "EXIF orientation 6", &b, 30, 20, expected.rgb);
    }
    reel_image_free(&expected);
    reel_bytes_free(&plain);
}

Test(codec, writers_refuse_what_cannot_be_written_and_leave_nothing_behind)
{
    reel_image drawn = draw(8, 8, 1), none = {0};
    reel_error err;
    cr_expect(reel_image_write_jpeg(&drawn, "/nonexistent/x.jpg", 90, true, &err) == REEL_ERR_IO);
    check_message(&err);
    cr_expect(reel_image_write_png(&drawn, "/nonexistent/x.png", &err) == REEL_ERR_IO);
    cr_expect(reel_image_write_jpeg(&drawn, "/dev/null", 0, true, &err) == REEL_ERR_INVALID);
    cr_expect(reel_image_write_jpeg(&drawn, "/dev/null", 101, true, &err) == REEL_ERR_INVALID);
    cr_expect(reel_image_write_jpeg(&none, "/dev/null", 90, true, &err) == REEL_ERR_INVALID);
    cr_expect(reel_image_write_png(&none, "/dev/null", &err) == REEL_ERR_INVALID);
    reel_image_free(&drawn);
}
