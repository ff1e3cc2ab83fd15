/* The decoder that serves image after image: parts against wholes in both qualities, nothing
 * carried over from one image to the next, no memory taken once it is warm. */
#include "tests/support/built_as.h"
#include "tests/unit/data/jpeg_of.h"

static const struct {
    const char *name;
    int64_t w, h;
    int sh, sv, components;
    bool progressive;
    int restart;
} kinds[] = {
    {"4:4:4", 203, 151, 1, 1, 3, false, 0},
    {"4:2:2", 203, 151, 2, 1, 3, false, 0},
    {"4:2:0", 203, 151, 2, 2, 3, false, 0},
    {"4:4:0", 203, 151, 1, 2, 3, false, 0},
    {"4:1:1", 203, 151, 4, 1, 3, false, 0},
    {"grey", 203, 151, 1, 1, 1, false, 0},
    {"CMYK", 203, 151, 1, 1, 4, false, 0},
    {"progressive", 203, 151, 2, 2, 3, true, 0},
    {"4:4:4 restarts", 203, 151, 1, 1, 3, false, 7},
    {"4:2:0 restarts", 203, 151, 2, 2, 3, false, 5},
    {"narrow", 33, 300, 2, 2, 3, false, 0},
    {"flat", 300, 7, 2, 2, 3, false, 0},
    {"one block", 16, 16, 2, 2, 3, false, 0},
    {"one pixel", 1, 1, 1, 1, 3, false, 0},
};

static reel_bytes bytes_of(int64_t kind)
{
    const int64_t w = kinds[kind].w, h = kinds[kind].h;
    const int n = kinds[kind].components;
    static const J_COLOR_SPACE in[5] = {0, JCS_GRAYSCALE, 0, JCS_RGB, JCS_CMYK};
    reel_image drawn =
        draw(w * n / 3 + 1, h, (uint32_t)kind + 1); /* n bytes a pixel out of three */
    reel_bytes bytes =
        jpeg_of(drawn.rgb, w, h, n, in[n], n == 3 ? JCS_YCbCr : in[n], kinds[kind].sh,
                kinds[kind].sv, kinds[kind].progressive, kinds[kind].restart);
    reel_image_free(&drawn);
    return bytes;
}

static reel_error err;

struct part { /* what was decoded: in pixels of the image at that scale */
    reel_rect at;
    int64_t eighths;
};

static struct part read_part(reel_decoders **decoders, const reel_bytes *b, const reel_want *want,
                             reel_image *image)
{
    reel_decoding d;
    MUST(reel_decoding_begin(&d, decoders, b->data, b->size, &err), err);
    MUST(reel_decoding_finish(&d, want, image, &err), err);
    return (struct part){{d.left, d.top, d.pixels.width, d.pixels.height}, d.eighths};
}

/* 0 x 0 pixels are wanted at an eighth of the size: any target that the part covers at n / 8 and
 * not at less. */
static void aim(reel_want *want, int64_t n)
{
    want->width = want->part.w * n / 8 > 0 ? want->part.w * n / 8 : 1;
    want->height = want->part.h * n / 8 > 0 ? want->part.h * n / 8 : 1;
}

static void compare_parts(reel_decoders **decoders, int64_t kind, bool fast, int64_t n,
                          reel_rng *rng)
{
    const int64_t w = kinds[kind].w, h = kinds[kind].h;
    reel_bytes bytes = bytes_of(kind);
    reel_image whole = {0}, part = {0};
    reel_want all = {.part = {0, 0, w, h}, .fast = fast};
    aim(&all, n);
    const struct part at_all = read_part(decoders, &bytes, fast ? &all : NULL, &whole);
    for (int k = 0; k < 60; k++) {
        reel_want want = {.fast = fast};
        reel_rect *r = &want.part;
        r->w = 1 + (int64_t)reel_rng_below(rng, (uint64_t)w);
        r->h = 1 + (int64_t)reel_rng_below(rng, (uint64_t)h);
        r->x = (int64_t)reel_rng_below(rng, (uint64_t)(w - r->w + 1));
        r->y = (int64_t)reel_rng_below(rng, (uint64_t)(h - r->h + 1));
        aim(&want, n);
        const struct part got = read_part(decoders, &bytes, &want, &part);
        if (got.eighths != at_all.eighths)
            continue; /* a part so small that rounding chose another scale */
        const int64_t m = got.eighths, x0 = r->x * m / 8, x1 = ((r->x + r->w) * m + 7) / 8;
        const int64_t y0 = r->y * m / 8, y1 = ((r->y + r->h) * m + 7) / 8;
        cr_assert(got.at.x <= x0 && got.at.y <= y0 && got.at.x + got.at.w >= x1 &&
                      got.at.y + got.at.h >= y1,
                  "%s, %" PRId64 "/8: the part does not cover what was wanted", kinds[kind].name,
                  m);
        for (int64_t y = y0; y < y1; y++) {
            const uint8_t *a = part.rgb + ((y - got.at.y) * got.at.w + x0 - got.at.x) * 3;
            const uint8_t *b = whole.rgb + (y * whole.width + x0) * 3;
            const int64_t at = first_difference(a, b, (x1 - x0) * 3);
            cr_assert(at < 0,
                      "%s, %s, %" PRId64 "/8, part %" PRId64 " x %" PRId64 " at %" PRId64
                      ",%" PRId64 ", row %" PRId64 ", byte %" PRId64 ": %d, expected %d",
                      kinds[kind].name, fast ? "fast" : "exact", m, r->w, r->h, r->x, r->y, y, at,
                      a[at < 0 ? 0 : at], b[at < 0 ? 0 : at]);
        }
    }
    reel_bytes_free(&bytes);
    reel_image_free(&whole);
    reel_image_free(&part);
}

Test(decode, a_part_has_the_bits_of_the_whole_in_both_qualities_and_at_every_scale)
{
    reel_rng rng = reel_rng_at(2, REEL_STREAM_CHECK, 0, 0);
    reel_decoders *decoders = NULL;
    for (int64_t kind = 0; kind < REEL_COUNT(kinds); kind++) {
        compare_parts(&decoders, kind, false, 8, &rng);
        for (int64_t n = 1; n <= 8; n *= 2)
            compare_parts(&decoders, kind, true, n, &rng);
    }
    reel_decoders_free(decoders);
}

Test(decode, a_used_decoder_and_a_new_one_agree_also_on_what_they_refuse)
{
    reel_decoders *used = NULL;
    reel_image a = {0}, b = {0};
    reel_bytes full = bytes_of(2), bare = bytes_of(0);
    for (size_t i = 0; i + 1 < bare.size;
         i++) /* the quantisation table becomes a comment: the file has none */
        if (bare.data[i] == 0xff && bare.data[i + 1] == 0xdb)
            bare.data[i + 1] = 0xfe;
    for (size_t i = 0; i < 40; i++) {
        read_part(&used, &full, NULL, &a);
        reel_status status = decode_with(&used, &a, &bare, NULL, NULL, &err);
        cr_assert(status == REEL_ERR_FORMAT, "a file without tables: status %d, expected %d",
                  (int)status, (int)REEL_ERR_FORMAT);
        const size_t cut = full.size * i / 40; /* left in the middle, at every stage */
        if (cut < 3)
            continue; /* no JPEG any more */
        const reel_bytes piece = {.data = full.data, .size = cut};
        status = decode_with(&used, &a, &piece, NULL, NULL, &err);
        cr_assert(status == REEL_ERR_FORMAT, "cut to %zu bytes: status %d", cut, (int)status);
    }
    for (int64_t kind = 0; kind < REEL_COUNT(kinds); kind++) {
        reel_bytes bytes = bytes_of(kind);
        read_part(&used, &bytes, NULL, &a);
        MUST(reel_image_decode(&b, bytes.data, bytes.size, &err), err);
        cr_expect(a.width == b.width && a.height == b.height &&
                      first_difference(a.rgb, b.rgb, a.width * a.height * 3) < 0,
                  "%s: the used decoder gives other pixels", kinds[kind].name);
        reel_bytes_free(&bytes);
    }
    reel_decoders_free(used);
    reel_bytes_free(&full);
    reel_bytes_free(&bare);
    reel_image_free(&a);
    reel_image_free(&b);
}

Test(decode, a_file_cut_short_is_refused_for_a_part_that_lies_before_the_cut)
{
    reel_decoders *decoders = NULL;
    reel_image image = {0};
    for (int64_t kind = 0; kind < 10; kind++)
        for (int fast = 0; fast < 2; fast++) {
            reel_bytes b = bytes_of(kind);
            const reel_want want = {.part = {0, 0, 8, 8}, .fast = fast, .width = 8, .height = 8};
            for (size_t cut = 1; cut < 16 + 3; cut++) {
                const size_t size = cut < 16 ? b.size * cut / 16 : b.size - (cut - 15);
                const reel_bytes piece = {.data = b.data, .size = size};
                const reel_status status =
                    decode_with(&decoders, &image, &piece, &want, NULL, &err);
                cr_expect(status == REEL_ERR_FORMAT,
                          "%s, fast %d, cut to %zu of %zu bytes: status %d", kinds[kind].name, fast,
                          size, b.size, (int)status);
            }
            reel_bytes_free(&b);
        }
    reel_decoders_free(decoders);
    reel_image_free(&image);
}

Test(decode, fast_pixels_are_close_to_exact_ones_and_smaller_only_where_the_part_is_large)
{
    enum { SIZE = 64 };
    static float exact[SIZE * SIZE * 3], fast[SIZE * SIZE * 3];
    reel_transform_scratch scratch = {0};
    for (int64_t side = 70; side <= 560; side *= 2) {
        reel_bytes b = encoded(side, side, 3, false);
        reel_transform t = {.size = SIZE,
                            .crop = REEL_CROP_RANDOM_RESIZED,
                            .scale = {0.9, 1},
                            .flip = 0.5,
                            .pixel_scale = 1};
        double difference = 0;
        for (uint32_t i = 0; i < 8; i++) {
            const reel_rng rng = reel_rng_at(1, REEL_STREAM_AUGMENT, 0, i);
            t.decode = REEL_DECODE_EXACT;
            MUST(reel_transform_bytes(&t, b.data, b.size, rng, &scratch, exact, &err), err);
            t.decode = REEL_DECODE_FAST;
            MUST(reel_transform_bytes(&t, b.data, b.size, rng, &scratch, fast, &err), err);
            for (int64_t k = 0; k < SIZE * SIZE * 3; k++)
                difference += fabs((double)exact[k] - fast[k]);
        }
        difference /= 8 * SIZE * SIZE * 3;
        cr_expect(difference < 4, "side %" PRId64 ": fast differs by %g on average, of 255", side,
                  difference);
        reel_bytes_free(&b);
    }
    reel_transform_scratch_free(&scratch);
}

#if !BUILT_WITH_SANITIZER && defined(__GLIBC__)
/* Counts what the C library is asked for. */
void *__libc_malloc(size_t size);
static int64_t taken = -1;

void *malloc(size_t size)
{
    if (taken >= 0)
        taken++;
    return __libc_malloc(size);
}

Test(decode, a_warm_scratch_takes_no_memory)
{
    enum { SIZE = 64 };
    static float out[SIZE * SIZE * 3];
    for (int fast = 0; fast < 2; fast++) {
        reel_transform_scratch scratch = {0};
        const reel_transform t = {.size = SIZE,
                                  .crop = REEL_CROP_RANDOM_RESIZED,
                                  .flip = 0.5,
                                  .decode = (reel_decode)fast};
        reel_bytes bytes[6];
        for (int64_t i = 0; i < 6; i++)
            bytes[i] = bytes_of(i);
        for (uint32_t i = 0; i < 600; i++) {
            if (i == 300)
                taken = 0;
            const reel_bytes *b = &bytes[i % 6];
            MUST(reel_transform_bytes(&t, b->data, b->size,
                                      reel_rng_at(1, REEL_STREAM_AUGMENT, 0, i % 300), &scratch,
                                      out, &err),
                 err);
        }
        const int64_t count = taken;
        taken = -1;
        cr_expect(count == 0, "fast %d: %" PRId64 " allocations for 300 images", fast, count);
        for (int64_t i = 0; i < 6; i++)
            reel_bytes_free(&bytes[i]);
        reel_transform_scratch_free(&scratch);
    }
}
#endif
