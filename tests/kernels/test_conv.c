/* The convolution passes of every instruction set this CPU has, against direct sums. */
#include "tests/kernels/conv_check.h"

/*                                n   c   h   w  oc kh kw sh sw ph pw dh dw g */
Test(conv, every_layer_kind_of_alexnet_is_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 3, 43, 39, 20, 11, 11, 4, 4, 2, 2, 1, 1, 1), /* the first layer, smaller */
        shape(2, 3, 43, 43, 16, 11, 11, 4, 4, 0, 0, 1, 1, 1), /* the first layer of 2012 */
        shape(2, 16, 9, 9, 32, 5, 5, 1, 1, 2, 2, 1, 1, 1),
        shape(3, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1),
        shape(2, 32, 7, 7, 32, 5, 5, 1, 1, 2, 2, 1, 1, 2), /* two groups */
        shape(3, 16, 12, 12, 17, 3, 3, 1, 1, 1, 1, 1, 1, 1),
    };
    check_all(shapes, REEL_COUNT(shapes));
}

Test(conv, strides_paddings_dilations_and_groups_of_any_kind_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1),
        shape(2, 5, 6, 7, 4, 1, 1, 1, 1, 0, 0, 1, 1, 1),
        shape(1, 4, 8, 9, 6, 3, 2, 1, 1, 1, 0, 1, 1, 1),
        shape(2, 3, 9, 7, 5, 2, 5, 2, 1, 0, 2, 1, 1, 1),
        shape(1, 6, 11, 8, 4, 3, 3, 1, 2, 2, 1, 1, 1, 2),
        shape(2, 6, 10, 9, 9, 3, 3, 1, 1, 0, 3, 2, 1, 3),
        shape(1, 8, 9, 9, 8, 3, 3, 2, 2, 1, 1, 1, 1, 8),
        shape(1, 7, 12, 5, 14, 4, 1, 3, 1, 2, 0, 1, 1, 7),
        shape(2, 2, 13, 13, 3, 3, 3, 2, 3, 2, 4, 3, 2, 1),
        shape(1, 33, 5, 6, 35, 3, 3, 1, 1, 1, 1, 1, 1, 1),
        shape(1, 3, 10, 11, 65, 5, 3, 1, 1, 4, 2, 1, 1, 1),
        shape(1, 16, 6, 6, 16, 3, 3, 1, 1, 2, 2, 1, 1, 1),
        shape(5, 4, 3, 3, 8, 3, 3, 1, 1, 0, 0, 1, 1, 1),
        shape(2, 4, 9, 9, 6, 2, 2, 3, 3, 0, 0, 1, 1, 1), /* stride > kernel */
        shape(1, 4, 9, 9, 6, 1, 1, 2, 2, 0, 0, 1, 1, 2),
        shape(1, 2, 3, 4, 3, 2, 3, 7, 5, 4, 3, 2, 1, 1), /* stride > map */
        shape(1, 130, 4, 4, 70, 2, 2, 1, 1, 1, 1, 1, 1, 1),
        shape(1, 2, 4, 30, 3, 1, 9, 1, 5, 0, 4, 1, 1, 1),
        shape(1, 10, 7, 6, 20, 3, 3, 2, 2, 2, 1, 2, 2, 5),
        shape(3, 3, 17, 1, 4, 7, 1, 2, 1, 3, 0, 1, 1, 1),
        shape(1, 1, 20, 20, 1, 3, 3, 1, 1, 7, 7, 1, 1, 1), /* all padding */
    };
    check_all(shapes, REEL_COUNT(shapes));
}

Test(conv, one_tap_that_meets_every_pixel_is_a_plain_product)
{
    for (int64_t i = 0; i < 24; i++) {
        const int64_t groups = i % 4 == 3 ? 2 : 1, c = (1 + i * 7 % 40) * groups,
                      oc = (1 + i * 5 % 37) * groups;
        const conv_case t = {.s = shape(2, c, 5, 7, oc, 1, 1, 1, 1, 0, 0, 1, 1, groups),
                             .bias = i % 2,
                             .accumulate = i % 3 == 0,
                             .misaligned = i % 5 < 2};
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

/* As the library runs them: between guards, misaligned, with ReLU and without bias, on top of what
 * was there. Dilations with padding that is a multiple, and that is not; phases of two sizes. */
Test(conv, shapes_that_winograd_takes_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(4, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1),
        shape(3, 16, 14, 17, 48, 5, 5, 1, 1, 2, 2, 1, 1, 1),
        shape(5, 64, 11, 12, 96, 3, 3, 1, 1, 1, 1, 1, 1, 2),
        shape(33, 32, 6, 5, 16, 3, 3, 1, 1, 0, 0, 1, 1, 1),
        shape(2, 48, 23, 19, 80, 5, 5, 1, 1, 2, 2, 1, 1, 1),
        shape(2, 32, 17, 18, 48, 3, 3, 1, 1, 2, 2, 2, 2, 1),
        shape(1, 16, 21, 31, 32, 3, 3, 1, 1, 3, 3, 3, 3, 1),
        shape(1, 64, 27, 25, 32, 3, 3, 1, 1, 4, 4, 4, 4, 2),
        shape(2, 32, 23, 22, 16, 3, 3, 1, 1, 1, 3, 2, 4, 1),
        shape(2, 16, 23, 17, 48, 3, 3, 1, 1, 0, 2, 3, 1, 1),
        shape(2, 16, 15, 17, 32, 5, 5, 1, 1, 4, 6, 2, 3, 1),
    };
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++) {
        const conv_case t = {
            .s = shapes[i], .bias = i % 2 == 0, .accumulate = i % 2 == 1, .misaligned = i % 3 != 2};
        reel_ctx *ctx = context_with("portable", 1);
        for (int pass = REEL_CONV_FORWARD; pass <= REEL_CONV_WEIGHT_GRAD; pass++) {
            const reel_conv_kind *runs =
                reel_conv_choose(ctx, &t.s, (reel_conv_pass)pass, REEL_F32);
            cr_expect_eq(runs, &reel_conv_winograd, "shape %d, pass %d runs as %s", (int)i, pass,
                         runs->name);
        }
        reel_ctx_destroy(ctx);
        check(&t, sizeof(float));
    }
}

/* Strided first layers of every number of taps, with tails of tiles, of vectors and of panels; of
 * one pass each that polyphase refuses, the input gradient runs directly. */
Test(conv, shapes_that_polyphase_takes_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 3, 71, 95, 64, 11, 11, 4, 4, 2, 2, 1, 1, 1), /* AlexNet's, smaller */
        shape(2, 3, 83, 87, 96, 11, 11, 4, 4, 0, 0, 1, 1, 1), /* that of 2012 */
        shape(3, 3, 50, 47, 64, 7, 7, 2, 2, 3, 3, 1, 1, 1),   /* ResNet's */
        shape(1, 4, 60, 58, 48, 5, 5, 2, 2, 2, 2, 1, 1,
              1), /* one panel of three vectors with AVX-512 */
        shape(2, 3, 46, 51, 80, 7, 7, 2, 2, 3, 3, 1, 1, 1), /* panels of unlike widths */
        shape(3, 4, 44, 40, 32, 9, 9, 2, 2, 4, 4, 1, 1, 1),
        shape(2, 4, 70, 66, 16, 10, 7, 3, 2, 1, 5, 1, 1, 1),    /* unlike down and across */
        shape(3, 2, 83, 45, 32, 12, 11, 4, 4, 14, 9, 1, 1, 1),  /* padding beyond the kernel */
        shape(1, 3, 27, 2391, 16, 11, 11, 4, 4, 0, 0, 1, 1, 1), /* 120 tiles in one row */
        shape(4, 3, 8, 960, 16, 7, 7, 2, 2, 3, 3, 1, 1, 1),     /* a row an image, half the parts */
    };
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++) {
        reel_ctx *ctx = context_with("portable", 1);
        for (int pass = REEL_CONV_FORWARD; pass <= REEL_CONV_WEIGHT_GRAD; pass += 2) {
            const reel_conv_kind *runs =
                reel_conv_choose(ctx, &shapes[i], (reel_conv_pass)pass, REEL_F32);
            cr_expect_eq(runs, &reel_conv_polyphase, "shape %d, pass %d runs as %s", (int)i, pass,
                         runs->name);
        }
        reel_ctx_destroy(ctx);
        const conv_case t = {
            .s = shapes[i], .bias = i % 2 == 0, .accumulate = i % 2 == 1, .misaligned = i % 3 != 0};
        conv_data d = conv_data_new(&t, sizeof(float));
        d.error[Y] = 2e-6;
        check_forced(&t, &d, sizeof(float), "");
        conv_data_free(&d);
    }
}

/* Forward passes of few tiles: padding of 0 to 2, maps of one tile and of partial ones, two images
 * in a vector, groups, channels that threads share unevenly, two slices of input channels. */
Test(conv, shapes_of_few_tiles_are_right)
{
    static const reel_conv_shape sizes[] = {
        {.n = 1, .c = 32, .h = 13, .w = 13, .oc = 48, .ph = 1, .pw = 1, .groups = 1},
        {.n = 3, .c = 16, .h = 13, .w = 13, .oc = 32, .ph = 1, .pw = 1, .groups = 1},
        {.n = 1, .c = 160, .h = 14, .w = 15, .oc = 16, .ph = 0, .pw = 2, .groups = 1},
        {.n = 2, .c = 64, .h = 11, .w = 12, .oc = 96, .ph = 1, .pw = 1, .groups = 2},
        {.n = 4, .c = 16, .h = 8, .w = 7, .oc = 80, .ph = 2, .pw = 1, .groups = 1},
        {.n = 2, .c = 48, .h = 17, .w = 10, .oc = 112, .ph = 0, .pw = 0, .groups = 1}};
    for (int64_t i = 0; i < REEL_COUNT(sizes); i++) {
        const reel_conv_shape *s = &sizes[i];
        const conv_case t = {
            .s = shape(s->n, s->c, s->h, s->w, s->oc, 3, 3, 1, 1, s->ph, s->pw, 1, 1, s->groups),
            .bias = i % 2 == 0,
            .accumulate = i % 2 == 1,
            .misaligned = i % 3 != 2};
        reel_ctx *ctx = context_with("portable", 1);
        const reel_conv_kind *runs = reel_conv_choose(ctx, &t.s, REEL_CONV_FORWARD, REEL_F32);
        cr_expect_eq(runs, &reel_conv_few_tiles, "shape %d runs as %s", (int)i, runs->name);
        reel_ctx_destroy(ctx);
        check(&t, sizeof(float));
    }
}

Test(conv, shapes_drawn_at_random_are_right)
{
    reel_rng rng = reel_rng_at(17, REEL_STREAM_CHECK, 0, 0);
#define DRAW(from, to) ((from) + (int64_t)reel_rng_below(&rng, (uint64_t)((to) - (from) + 1)))
    for (int i = 0; i < 40; i++) {
        const int64_t groups = i % 3 ? 1 : DRAW(1, 4), kh = DRAW(1, 5), kw = DRAW(1, 5),
                      dh = DRAW(1, 2), dw = DRAW(1, 2);
        const int64_t h = dh * (kh - 1) + DRAW(1, 9), w = dw * (kw - 1) + DRAW(1, 9);
        conv_case t = {.bias = DRAW(0, 1), .accumulate = DRAW(0, 1), .misaligned = DRAW(0, 1)};
        t.s = shape(DRAW(1, 3), groups * DRAW(1, 12), h, w, groups * DRAW(1, 20), kh, kw,
                    DRAW(1, 4), DRAW(1, 4), DRAW(0, kh), DRAW(0, kw), dh, dw, groups);
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

Test(conv, gradients_that_fill_several_blocks_of_the_sum_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(4, 8, 24, 24, 12, 3, 3, 1, 1, 1, 1, 1, 1,
              1), /* weight gradient: a sum of 2,304 pixels */
        shape(1, 96, 5, 5, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1),  /* forward: a sum of 864 */
        shape(1, 20, 6, 6, 130, 3, 3, 1, 1, 1, 1, 1, 1, 1), /* input gradient: a sum of 1,170 */
        shape(1, 700, 2, 2, 3100, 1, 1, 2, 2, 0, 0, 1, 1,
              1), /* strided input gradient, packed in stretches */
    };
    check_all(shapes, REEL_COUNT(shapes));
}
