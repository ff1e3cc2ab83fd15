/* The direct convolutions with vector code: first layers, depthwise, 1 x 1 with few channels. */
#include "tests/kernels/conv_check.h"

#include "core/kernels/depthwise.h"
#include "core/kernels/pointwise.h"

/*                                n   c   h   w  oc kh kw sh sw ph pw dh dw g */
Test(conv_direct, first_layers_of_any_kind_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(3, 3, 71, 43, 32, 11, 11, 4, 4, 2, 2, 1, 1, 1), /* two bands of rows */
        shape(2, 1, 28, 26, 16, 5, 5, 1, 1, 2, 2, 1, 1, 1),   /* runs shorter than a vector */
        shape(2, 4, 20, 21, 48, 4, 8, 2, 3, 1, 3, 1, 1,
              1), /* runs of two whole vectors, a half panel */
        shape(3, 3, 30, 26, 16, 7, 7, 2, 2, 3, 3, 1, 1, 1),
        shape(12, 3, 50, 11, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1),
        shape(1, 2, 3, 3, 16, 3, 3, 5, 5, 1, 1, 1, 1, 1),
        shape(1, 3, 2, 5, 64, 2, 2, 1, 1, 3, 2, 1, 1, 1),
        shape(40, 1, 60, 5, 16, 3, 2, 1, 1, 1, 1, 1, 1, 1), /* more than 32 parts */
        shape(2, 3, 19, 17, 19, 3, 3, 2, 2, 1, 1, 1, 1,
              1), /* output channels in no whole vectors: only the input gradient */
        shape(1, 4, 3, 9, 33, 3, 2, 1, 1, 2, 1, 1, 1, 1), /* fewer rows than bands */
    };
    check_all(shapes, REEL_COUNT(shapes));
}

Test(conv_direct, first_layers_of_27_taps_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 3, 9, 16, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1),   /* VGG's, the narrowest */
        shape(1, 3, 21, 43, 48, 3, 3, 2, 2, 0, 0, 1, 1, 1),  /* SqueezeNet's; a half panel */
        shape(1, 3, 18, 34, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1),  /* MobileNet's */
        shape(1, 3, 5, 29, 16, 3, 3, 3, 1, 1, 1, 1, 1, 1),   /* a block that reaches back */
        shape(2, 3, 4, 15, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1),   /* too narrow for blocks */
        shape(1, 3, 7, 60, 32, 3, 3, 1, 3, 1, 2, 1, 1, 1),   /* too long a stride */
        shape(1, 3, 2, 20, 80, 3, 3, 2, 2, 4, 6, 1, 1, 1),   /* rows of padding alone */
        shape(33, 3, 70, 18, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1), /* more than 256 bands */
    };
    check_all(shapes, REEL_COUNT(shapes));
}

/* Four pixels ask for at most as many values as they read; for strides up to the kernel, for all
 * that the row below reads first. */
Test(conv_direct, depthwise_asks_for_no_more_than_it_reads)
{
    const reel_depthwise_met y = {.count = 2, .at = 5};
    for (int64_t k = 1; k <= 8; k++)
        for (int64_t stride = 1; stride <= 64; stride++) {
            const reel_conv_shape s = {.kh = k, .kw = k, .sh = stride, .sw = stride};
            const reel_depthwise_ahead a = reel_depthwise_look_ahead(&s, false, &y);
            const int64_t asked = a.rows * a.runs * a.pixels;
            cr_expect_leq(asked, 4 * k * k, "kernel %d, stride %d: %d", (int)k, (int)stride,
                          (int)asked);
            if (stride <= k)
                cr_expect(a.row == 7 && asked == 4 * stride * stride && a.runs == 1);
            else
                cr_expect(a.row == 5 + stride && a.rows == k && a.apart == stride);
        }
}

Test(conv_direct, depthwise_convolutions_of_every_tail_and_edge_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 32, 12, 12, 32, 3, 3, 1, 1, 1, 1, 1, 1, 32), /* MobileNet's, smaller */
        shape(2, 48, 13, 14, 48, 3, 3, 2, 2, 1, 1, 1, 1, 48),
        shape(3, 35, 7, 7, 35, 3, 3, 1, 1, 1, 1, 1, 1, 35),
        shape(1, 17, 9, 23, 17, 5, 5, 1, 1, 2, 2, 1, 1, 17),
        shape(2, 19, 11, 9, 19, 7, 7, 2, 2, 3, 3, 1, 1, 19),
        shape(1, 5, 10, 12, 5, 3, 3, 1, 1, 2, 2, 2, 2, 5),
        shape(2, 16, 8, 15, 16, 2, 4, 3, 2, 1, 0, 1, 3, 16),
        shape(1, 3, 5, 4, 3, 3, 3, 1, 1, 6, 5, 1, 1, 3),    /* pixels that meet nothing */
        shape(1, 24, 2, 3, 24, 5, 5, 1, 1, 2, 2, 1, 1, 24), /* a kernel wider than the map */
        shape(1, 33, 3, 4, 33, 1, 1, 5, 5, 0, 0, 1, 1, 33), /* a stride longer than the map */
        shape(4, 18, 1, 40, 18, 1, 9, 1, 1, 0, 4, 1, 1, 18),
        shape(2, 2, 9, 9, 2, 8, 8, 1, 1, 4, 4, 1, 1, 2),
        shape(1, 3, 12, 12, 3, 9, 9, 1, 1, 4, 4, 1, 1, 3),   /* too many taps: matrix products */
        shape(1, 18, 4, 95, 18, 3, 3, 1, 1, 1, 1, 1, 1, 18), /* several groups of four in a row */
        shape(1, 33, 5, 98, 33, 3, 3, 2, 2, 1, 1, 1, 1, 33),
        shape(1, 20, 3, 70, 20, 3, 3, 1, 1, 2, 2, 2, 2, 20),
    };
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            const conv_case t = {.s = shapes[i],
                                 .bias = accumulate,
                                 .accumulate = accumulate,
                                 .misaligned = i % 2 == 0};
            check(&t, sizeof(float));
        }
    const reel_conv_shape narrow = shape(1, 1, 6, 9, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1);
    for (int64_t c = 2; c <= 40; c++) {
        conv_case t = {
            .s = narrow, .bias = c % 3 == 0, .accumulate = c % 5 == 0, .misaligned = c % 2};
        t.s.c = t.s.oc = t.s.groups = c;
        check(&t, sizeof(float));
    }
}

Test(conv_direct, one_tap_over_few_channels_is_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 16, 4, 4, 16, 1, 1, 1, 1, 0, 0, 1, 1, 1),   /* the fewest pixels */
        shape(3, 24, 9, 7, 144, 1, 1, 1, 1, 0, 0, 1, 1, 1),  /* MobileNet's, smaller */
        shape(1, 70, 11, 6, 47, 1, 1, 1, 1, 0, 0, 1, 1, 1),  /* panels that reach back */
        shape(2, 64, 9, 12, 40, 1, 1, 2, 2, 0, 0, 1, 1, 1),  /* pixels behind the last output */
        shape(3, 33, 8, 12, 32, 1, 1, 2, 3, 0, 0, 1, 1, 1),  /* rows even between images */
        shape(2, 16, 21, 16, 31, 1, 1, 5, 1, 0, 0, 1, 1, 1), /* strided along one axis */
        shape(1, 18, 16, 1, 29, 1, 1, 1, 9, 0, 0, 1, 1, 1),
        shape(2, 256, 5, 4, 100, 1, 1, 1, 1, 0, 0, 1, 1, 1),
        shape(20, 16, 50, 60, 20, 1, 1, 1, 1, 0, 0, 1, 1, 1), /* several tiles in a part */
    };
    reel_ctx *ctx = context_with("portable", 1);
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
        for (int pass = 0; pass < REEL_CONV_PASSES; pass++)
            cr_expect_eq(reel_conv_choose(ctx, &shapes[i], (reel_conv_pass)pass, REEL_F32),
                         &reel_conv_pointwise, "shape %d, pass %d", (int)i, pass);
    reel_ctx_destroy(ctx);
    check_all(shapes, REEL_COUNT(shapes));
    for (int64_t c = 16; c <= 70; c++) {
        const conv_case t = {.s = shape(1, c, 5, 5, 86 - c, 1, 1, 1 + c % 2, 1, 0, 0, 1, 1, 1),
                             .bias = c % 3 == 0,
                             .accumulate = c % 5 < 2,
                             .misaligned = c % 2};
        check(&t, sizeof(float));
    }
}

Test(conv_direct, strided_gradients_of_every_phase_are_right)
{
    const reel_conv_shape shapes[] = {
        shape(2, 32, 9, 11, 96, 3, 3, 2, 2, 1, 1, 1, 1, 1),  /* ResNet's, smaller */
        shape(9, 64, 5, 6, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1),   /* several images a tile */
        shape(1, 96, 30, 31, 64, 3, 3, 2, 2, 1, 1, 1, 1, 1), /* several tiles an image */
        shape(3, 32, 8, 9, 32, 2, 3, 2, 1, 0, 2, 1, 1, 1),   /* strided along one axis */
        shape(2, 32, 17, 6, 64, 5, 4, 3, 4, 2, 1, 1, 1, 1),
        shape(2, 32, 2, 1, 32, 3, 3, 3, 3, 2, 4, 1, 1, 1),   /* a stride longer than the map */
        shape(2, 32, 6, 7, 32, 2, 2, 2, 2, 4, 5, 1, 1, 1),   /* pixels that meet padding alone */
        shape(2, 32, 5, 7, 288, 3, 4, 2, 2, 1, 1, 1, 1, 1),  /* two blocks of terms a line */
        shape(1, 64, 4, 290, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1), /* lines longer than a tile */
    };
    reel_ctx *ctx = context_with("portable", 1);
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
        for (int pass = REEL_CONV_INPUT_GRAD; pass < REEL_CONV_PASSES; pass++)
            cr_expect_eq(reel_conv_choose(ctx, &shapes[i], (reel_conv_pass)pass, REEL_F32),
                         &reel_conv_strided, "shape %d, pass %d", (int)i, pass);
    reel_ctx_destroy(ctx);
    check_all(shapes, REEL_COUNT(shapes));
}

/* Every column of a row is written by exactly one panel. */
Test(conv_direct, panels_of_a_row_cover_it_once)
{
    for (int64_t vector = 4; vector <= 16; vector *= 2)
        for (int64_t n = 16; n <= 200; n++) {
            int64_t next = 0;
            for (int64_t q = 0; q < reel_pointwise_panels(n, 2 * vector, vector); q++) {
                const reel_pointwise_panel p = reel_pointwise_panel_at(n, 2 * vector, vector, q);
                cr_assert(p.at >= 0 && p.at + p.skip == next && p.packed == next, "%d columns",
                          (int)n);
                next = p.at + p.width;
            }
            cr_assert_eq(next, n);
        }
}

/* Forward and input gradient have the bits of the matrix product. */
Test(conv_direct, one_tap_has_the_bits_of_the_product)
{
    const conv_case t = {.s = shape(3, 40, 9, 8, 56, 1, 1, 1, 1, 0, 0, 1, 1, 1), .bias = true};
    conv_data d = conv_data_new(&t, sizeof(float));
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        buffer out[2][RESULTS];
        bool runs = false;
        for (int forced = 0; forced < 2; forced++) {
            setenv("REEL_CONV", forced ? "gemm" : "direct", 1);
            reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
            runs = ctx != NULL;
            if (!ctx)
                break;
            compute(&t, &d, sizeof(float), ctx, out[forced], reel_isa_name(isa));
            reel_ctx_destroy(ctx);
        }
        for (int r = Y; r <= DX && runs; r++)
            cr_expect(memcmp(out[0][r].data, out[1][r].data, out[0][r].count * sizeof(float)) == 0,
                      "%s: %s", reel_isa_name(isa), result_names[r]);
        for (int r = 0; r < 2 * RESULTS && runs; r++)
            buffer_free(&out[r / RESULTS][r % RESULTS]);
    }
    unsetenv("REEL_CONV");
    conv_data_free(&d);
}
