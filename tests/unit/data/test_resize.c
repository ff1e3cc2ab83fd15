/* The resize against CRCs of what PIL 9.4 makes of the same pixels, and the window against the
 * whole. */
#include <zlib.h>

#include "tests/unit/data/data_test.h"

/* Noise that a line of Python repeats. */
static reel_image noise(int64_t w, int64_t h)
{
    reel_image image = {0};
    reel_error err;
    MUST(reel_image_resize_buffer(&image, w, h, &err), err);
    uint32_t state = (uint32_t)(w * 31 + h) * 2654435761u + 1;
    for (int64_t i = 0; i < w * h * 3; i++) {
        state = state * 1664525u + 1013904223u;
        image.rgb[i] = (uint8_t)(state >> 24);
    }
    return image;
}

Test(resize, has_the_bits_of_pil_for_every_shape)
{
    static const struct {
        int64_t w, h, ow, oh;
        double box[4];
        uint32_t crc;
    } cases[] = {
        {53, 37, 24, 16, {0, 0, 53, 37}, 0x178f788fu},
        {53, 37, 100, 75, {0, 0, 53, 37}, 0x1af00b9eu},
        {200, 3, 64, 64, {0, 0, 200, 3}, 0xb5a2ae64u},
        {1, 40, 16, 16, {0, 0, 1, 40}, 0xd15bbe9cu},
        {40, 1, 16, 16, {0, 0, 40, 1}, 0xdd045c17u},
        {2, 2, 5, 5, {0, 0, 2, 2}, 0xa0df5861u},
        {1, 1, 7, 9, {0, 0, 1, 1}, 0x09aaf677u},
        {53, 37, 53, 20, {0, 0, 53, 37}, 0x30f0a17fu},
        {53, 37, 20, 37, {0, 0, 53, 37}, 0x09c0bef0u},
        {53, 37, 53, 37, {0, 0, 53, 37}, 0x208ae751u},
        {53, 37, 31, 17, {3, 5, 37, 25}, 0x7fbe8abeu},
        {53, 37, 31, 17, {0.25, 1.5, 49.875, 35.25}, 0x64964968u},
        {53, 37, 53, 37, {0, 0, 26.5, 18.5}, 0x9d234fdau},
        {700, 500, 9, 4, {0, 0, 700, 500}, 0x44bacd62u},
    };
    for (int64_t i = 0; i < REEL_COUNT(cases); i++) {
        reel_image src = noise(cases[i].w, cases[i].h), dst = {0};
        reel_error err;
        MUST(reel_image_resize(&dst, cases[i].ow, cases[i].oh, &src, cases[i].box, &err), err);
        const uint32_t crc = (uint32_t)crc32(0, dst.rgb, (unsigned)(dst.width * dst.height * 3));
        cr_expect(crc == cases[i].crc, "case %" PRId64 ": CRC %08x, PIL's %08x", i, crc,
                  cases[i].crc);
        reel_image_free(&src);
        reel_image_free(&dst);
    }
}

Test(resize, a_window_has_the_bits_of_the_whole)
{
    reel_rng rng = reel_rng_at(3, REEL_STREAM_CHECK, 0, 0);
    static const int64_t shapes[][4] = {
        {71, 45, 30, 33}, {71, 45, 90, 100}, {71, 45, 71, 20}, {71, 45, 20, 45}, {71, 45, 71, 45}};
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++) {
        const int64_t w = shapes[i][0], h = shapes[i][1], ow = shapes[i][2], oh = shapes[i][3];
        reel_image src = noise(w, h), dst = {0};
        reel_error err;
        reel_buffer scratch = {0};
        const double box[4] = {0, 0, (double)w, (double)h};
        reel_resizing what = {.src = {src.rgb, w, h, w * 3},
                              .box = {0, 0, (double)w, (double)h},
                              .width = ow,
                              .height = oh,
                              .isa = reel_isa_default()};
        MUST(reel_image_resize(&dst, ow, oh, &src, box, &err), err);
        for (int k = 0; k < 50; k++) {
            reel_rect r = {.w = 1 + (int64_t)reel_rng_below(&rng, (uint64_t)ow),
                           .h = 1 + (int64_t)reel_rng_below(&rng, (uint64_t)oh)};
            r.x = (int64_t)reel_rng_below(&rng, (uint64_t)(ow - r.w + 1));
            r.y = (int64_t)reel_rng_below(&rng, (uint64_t)(oh - r.h + 1));
            uint8_t *part = malloc((size_t)(r.w * r.h * 3));
            what.window = r;
            MUST(reel_resize_window(part, r.w * 3, &what, &scratch, &err), err);
            for (int64_t y = 0; y < r.h; y++) {
                const int64_t at = first_difference(part + y * r.w * 3,
                                                    dst.rgb + ((r.y + y) * ow + r.x) * 3, r.w * 3);
                cr_assert(at < 0, "shape %" PRId64 ", window %d, row %" PRId64 ", byte %" PRId64, i,
                          k, y, at);
            }
            free(part);
        }
        free(scratch.data);
        reel_image_free(&src);
        reel_image_free(&dst);
    }
}

Test(resize, a_box_outside_the_image_or_an_empty_result_is_refused)
{
    static const double boxes[][4] = {{-1, 0, 5, 5}, {0, 0, 11, 5}, {0, 8, 5, 3},
                                      {0, 0, 0, 5},  {0, 0, -3, 5}, {NAN, 0, 1, 1}};
    reel_image src = noise(10, 10), dst = {0};
    reel_error err;
    for (int64_t i = 0; i < REEL_COUNT(boxes); i++) {
        cr_expect(reel_image_resize(&dst, 4, 4, &src, boxes[i], &err) == REEL_ERR_INVALID,
                  "box %" PRId64, i);
        check_message(&err);
    }
    cr_expect(reel_image_resize(&dst, 0, 4, &src, (double[]){0, 0, 10, 10}, &err) ==
              REEL_ERR_INVALID);
    reel_image_free(&src);
}

Test(resize, every_instruction_set_gives_the_same_bits)
{
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 0);
    const reel_isa best = reel_isa_default();
    reel_buffer scratch = {0};
    reel_error err;
    for (int i = 0; i < 1500; i++) {
        const uint64_t most = i % 3 ? 60 : 700;
        const int64_t w = 1 + (int64_t)reel_rng_below(&rng, most),
                      h = 1 + (int64_t)reel_rng_below(&rng, 40);
        const int64_t ow = 1 + (int64_t)reel_rng_below(&rng, 90),
                      oh = 1 + (int64_t)reel_rng_below(&rng, 50);
        reel_image src =
            noise(w, h); /* exactly as large as it must be: a sanitizer sees a read behind it */
        if (i % 5 == 0)
            memset(src.rgb, 255, (size_t)(w * h * 3));
        reel_resizing what = {.src = {src.rgb, w, h, w * 3},
                              .box = {0.25 * (i % 2), 0, (double)w - 0.5 * (i % 2), (double)h},
                              .width = ow,
                              .height = oh,
                              .window = {0, 0, ow, oh},
                              .how = (reel_interpolation)(i % 7 % REEL_N_INTERPOLATIONS)};
        uint8_t *expected = malloc((size_t)(ow * oh * 3)), *got = malloc((size_t)(ow * 3));
        for (int isa = 0; isa <= best; isa++) {
            reel_resizer r;
            what.isa = isa;
            MUST(reel_resizer_begin(&r, &what, &scratch, &err), err);
            for (int64_t y = 0; y < oh; y++) {
                reel_resizer_row(&r, y, isa == 0 ? expected + y * ow * 3 : got);
                const int64_t at =
                    isa == 0 ? -1 : first_difference(got, expected + y * ow * 3, ow * 3);
                cr_assert(at < 0,
                          "%s, %" PRId64 " x %" PRId64 " to %" PRId64 " x %" PRId64 ", row %" PRId64
                          ", byte %" PRId64 ": %d, expected %d",
                          reel_isa_name(isa), w, h, ow, oh, y, at, got[at < 0 ? 0 : at],
                          expected[y * ow * 3 + (at < 0 ? 0 : at)]);
            }
        }
        free(expected);
        free(got);
        reel_image_free(&src);
    }
    free(scratch.data);
}
