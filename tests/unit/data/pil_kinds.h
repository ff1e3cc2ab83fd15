/* Images of every kind that JPEG and PNG know and that decoders treat in their own ways, drawn and
 * written with libjpeg and libpng: for comparison with PIL. The same bytes from the same library,
 * so that what PIL made of them can be stored. */
#ifndef REEL_TESTS_UNIT_DATA_PIL_KINDS_H
#define REEL_TESTS_UNIT_DATA_PIL_KINDS_H

#include <png.h>

#include "tests/unit/data/jpeg_of.h"

typedef struct jpeg_kind {
    const char *name;
    int components;
    J_COLOR_SPACE stored;
    int h, v, chroma_h,
        chroma_v; /* sampling of the first component and of the second and third; 0 = 1 */
    int restart, restart_rows; /* blocks, rows of blocks between restart markers */
    bool progressive, arithmetic, no_marker;
    int quality; /* 0 = 80; below 25 tables need 16 bits, which baseline has not */
} jpeg_kind;

static const jpeg_kind jpeg_kinds[] = {
    {.name = "444", 3, JCS_YCbCr, 1, 1},
    {.name = "422", 3, JCS_YCbCr, 2, 1},
    {.name = "440", 3, JCS_YCbCr, 1, 2},
    {.name = "420", 3, JCS_YCbCr, 2, 2},
    {.name = "411", 3, JCS_YCbCr, 4, 1},
    {.name = "441", 3, JCS_YCbCr, 1, 4},
    {.name = "410", 3, JCS_YCbCr, 4, 2},
    {.name = "fine_chroma", 3, JCS_YCbCr, 1, 1, 2, 2},
    {.name = "high_chroma", 3, JCS_YCbCr, 2, 2, 2, 1},
    {.name = "wide_chroma", 3, JCS_YCbCr, 2, 2, 1, 2},
    {.name = "444_progressive", 3, JCS_YCbCr, 1, 1, .progressive = true},
    {.name = "422_progressive", 3, JCS_YCbCr, 2, 1, .progressive = true},
    {.name = "440_progressive", 3, JCS_YCbCr, 1, 2, .progressive = true},
    {.name = "420_progressive", 3, JCS_YCbCr, 2, 2, .progressive = true},
    {.name = "411_progressive", 3, JCS_YCbCr, 4, 1, .progressive = true},
    {.name = "444_restart", 3, JCS_YCbCr, 1, 1, .restart = 1},
    {.name = "420_restart", 3, JCS_YCbCr, 2, 2, .restart = 7},
    {.name = "440_restart_rows", 3, JCS_YCbCr, 1, 2, .restart_rows = 1},
    {.name = "422_restart_progressive", 3, JCS_YCbCr, 2, 1, .restart = 5, .progressive = true},
    {.name = "420_arithmetic", 3, JCS_YCbCr, 2, 2, .arithmetic = true},
    {.name = "444_arithmetic_progressive",
     3,
     JCS_YCbCr,
     1,
     1,
     .arithmetic = true,
     .progressive = true},
    {.name = "420_coarse", 3, JCS_YCbCr, 2, 2, .quality = 3},
    {.name = "444_fine", 3, JCS_YCbCr, 1, 1, .quality = 100},
    {.name = "rgb", 3, JCS_RGB, 1, 1},
    {.name = "rgb_no_marker", 3, JCS_RGB, 1, 1, .no_marker = true},
    {.name = "ycc_no_marker", 3, JCS_YCbCr, 2, 2, .no_marker = true},
    {.name = "grey", 1, JCS_GRAYSCALE, 1, 1},
    {.name = "grey_sampled", 1, JCS_GRAYSCALE, 2, 2},
    {.name = "grey_progressive", 1, JCS_GRAYSCALE, 1, 1, .progressive = true},
    {.name = "grey_restart", 1, JCS_GRAYSCALE, 1, 1, .restart = 3},
    {.name = "cmyk", 4, JCS_CMYK, 1, 1},
    {.name = "cmyk_no_marker", 4, JCS_CMYK, 1, 1, .no_marker = true},
    {.name = "cmyk_progressive", 4, JCS_CMYK, 1, 1, .progressive = true},
    {.name = "ycck", 4, JCS_YCCK, 1, 1},
    {.name = "ycck_422", 4, JCS_YCCK, 2, 1},
    {.name = "ycck_420", 4, JCS_YCCK, 2, 2},
    {.name = "ycck_progressive_restart", 4, JCS_YCCK, 2, 2, .progressive = true, .restart = 4},
};

typedef struct png_kind {
    const char *name;
    int type, depth;
    bool transparent, filtered; /* a tRNS chunk; every filter type */
} png_kind;

/* Grey of 16 bits is not among them: PIL clips it to white, which no one can want. */
static const png_kind png_kinds[] = {
    {.name = "grey1", PNG_COLOR_TYPE_GRAY, 1},
    {.name = "grey2", PNG_COLOR_TYPE_GRAY, 2},
    {.name = "grey4", PNG_COLOR_TYPE_GRAY, 4},
    {.name = "grey8", PNG_COLOR_TYPE_GRAY, 8, .filtered = true},
    {.name = "grey8_transparent", PNG_COLOR_TYPE_GRAY, 8, .transparent = true},
    {.name = "grey_alpha8", PNG_COLOR_TYPE_GRAY_ALPHA, 8},
    {.name = "grey_alpha16", PNG_COLOR_TYPE_GRAY_ALPHA, 16},
    {.name = "rgb8", PNG_COLOR_TYPE_RGB, 8, .filtered = true},
    {.name = "rgb16", PNG_COLOR_TYPE_RGB, 16},
    {.name = "rgb8_transparent", PNG_COLOR_TYPE_RGB, 8, .transparent = true},
    {.name = "rgb16_transparent", PNG_COLOR_TYPE_RGB, 16, .transparent = true},
    {.name = "alpha8", PNG_COLOR_TYPE_RGB_ALPHA, 8, .filtered = true},
    {.name = "alpha16", PNG_COLOR_TYPE_RGB_ALPHA, 16},
    {.name = "palette1", PNG_COLOR_TYPE_PALETTE, 1},
    {.name = "palette2", PNG_COLOR_TYPE_PALETTE, 2},
    {.name = "palette4", PNG_COLOR_TYPE_PALETTE, 4},
    {.name = "palette8", PNG_COLOR_TYPE_PALETTE, 8},
    {.name = "palette4_transparent", PNG_COLOR_TYPE_PALETTE, 4, .transparent = true},
    {.name = "palette8_transparent", PNG_COLOR_TYPE_PALETTE, 8, .transparent = true},
};

/* Whole numbers only, so that every machine draws the same: triangle waves, an edge, noise. */
static uint8_t *drawn(int64_t width, int64_t height, int channels)
{
    uint8_t *p = malloc((size_t)(width * height * channels)), *at = p;
    uint32_t state = 12345;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < channels; c++) {
                state = state * 1664525u + 1013904223u;
                const int64_t wave = (x * (7 + 3 * c) + y * (11 - 4 * c) + 100 * c) & 511,
                              v = wave < 256 ? wave : 511 - wave;
                const bool edge =
                    x > width / 3 && x < width / 2 && y > height / 4 && y < height / 2;
                const int64_t noisy = (edge ? 255 * (c & 1) : v) + (state >> 28) - 8;
                *at++ = (uint8_t)(noisy < 0 ? 0 : noisy > 255 ? 255 : noisy);
            }
    return p;
}

static void draw_jpeg(const char *path, const jpeg_kind *k, int64_t width, int64_t height)
{
    struct jpeg_compress_struct c = {0};
    struct jpeg_error_mgr errors;
    FILE *file = fopen(path, "wb");
    uint8_t *pixels = drawn(width, height, k->components);
    cr_assert(file && pixels);
    c.err = jpeg_std_error(&errors);
    errors.trace_level = -1; /* not a word about 16-bit tables */
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, file);
    c.image_width = (JDIMENSION)width;
    c.image_height = (JDIMENSION)height;
    c.input_components = k->components;
    c.in_color_space = k->components == 1 ? JCS_GRAYSCALE : k->components == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&c);
    jpeg_set_colorspace(&c, k->stored);
    jpeg_set_quality(&c, k->quality ? k->quality : 80, FALSE);
    for (int i = 0; i < c.num_components; i++) {
        const bool chroma = i == 1 || i == 2; /* the fourth, K, is sampled as the first */
        c.comp_info[i].h_samp_factor = !chroma ? k->h : k->chroma_h ? k->chroma_h : 1;
        c.comp_info[i].v_samp_factor = !chroma ? k->v : k->chroma_v ? k->chroma_v : 1;
    }
    c.restart_interval = (unsigned)k->restart;
    c.restart_in_rows = k->restart_rows;
    c.arith_code = k->arithmetic;
    if (k->progressive)
        jpeg_simple_progression(&c);
    if (k->no_marker)
        c.write_JFIF_header = c.write_Adobe_marker = FALSE;
    jpeg_start_compress(&c, TRUE);
    for (int64_t y = 0; y < height; y++) {
        JSAMPROW row[1] = {pixels + y * width * k->components};
        jpeg_write_scanlines(&c, row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    fclose(file);
    free(pixels);
}

static void draw_png(const char *path, const png_kind *k, bool interlaced, int64_t width,
                     int64_t height)
{
    const int channels = k->type == PNG_COLOR_TYPE_GRAY || k->type == PNG_COLOR_TYPE_PALETTE ? 1
                         : k->type == PNG_COLOR_TYPE_GRAY_ALPHA                              ? 2
                         : k->type == PNG_COLOR_TYPE_RGB                                     ? 3
                                                                                             : 4;
    const int bytes = k->depth == 16 ? 2 : 1;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    FILE *file = fopen(path, "wb");
    uint8_t *pixels = drawn(width, height, channels * bytes);
    cr_assert(png && info && file && pixels);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, k->depth, k->type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (k->type == PNG_COLOR_TYPE_PALETTE) {
        png_color palette[256];
        for (int i = 0; i < 256; i++)
            palette[i] =
                (png_color){(png_byte)(i * 53 + 7), (png_byte)(i * 101 + 30), (png_byte)(255 - i)};
        png_set_PLTE(png, info, palette, 1 << k->depth);
    }
    if (k->transparent) {
        static const png_byte alpha[] = {0, 100, 255, 3};
        const png_uint_16 v = pixels[0]; /* a colour that occurs */
        png_set_tRNS(png, info, alpha, sizeof alpha, &(png_color_16){0, v, v, v, v});
    }
    if (k->filtered)
        png_set_filter(png, 0, PNG_ALL_FILTERS);
    png_write_info(png, info);
    if (k->depth < 8) { /* from a byte a pixel, whose low bits count */
        for (int64_t i = 0; i < width * height; i++)
            pixels[i] >>= 8 - k->depth;
        png_set_packing(png);
    }
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < height; y++)
            png_write_row(png, pixels + y * width * channels * bytes);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    free(pixels);
}

/* Every kind in two sizes, odd ones: larger than what evaluation wants, and smaller. Returns how
 * many files. */
static int64_t draw_kinds(const char *folder)
{
    static const int64_t sizes[2][2] = {{331, 269}, {45, 71}};
    char name[100];
    int64_t n = 0;
    for (int s = 0; s < 2; s++) {
        const int64_t w = sizes[s][0], h = sizes[s][1];
        for (int64_t i = 0; i < REEL_COUNT(jpeg_kinds); i++, n++) {
            snprintf(name, sizeof name, "kind_%s_%" PRId64 ".jpg", jpeg_kinds[i].name, w);
            draw_jpeg(join(folder, name), &jpeg_kinds[i], w, h);
        }
        for (int64_t i = 0; i < REEL_COUNT(png_kinds); i++)
            for (int interlaced = 0; interlaced < 2; interlaced++, n++) {
                snprintf(name, sizeof name, "kind_%s%s_%" PRId64 ".png", png_kinds[i].name,
                         interlaced ? "_interlaced" : "", w);
                draw_png(join(folder, name), &png_kinds[i], interlaced, w, h);
            }
    }
    return n;
}

#endif
