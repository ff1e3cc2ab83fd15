/* The convolution over few tiles: its error in AlexNet's layers, and what one image owes to others.
 */
#include "tests/kernels/conv_shape.h"
#include "tests/kernels/kernel_test.h"

#include "core/kernels/conv_choice.h"
#include "core/kernels/few_tiles.h"

typedef struct few_data {
    reel_conv_shape s;
    buffer x, w;
} few_data;

/* Inputs as ReLU leaves them. */
static few_data few_data_new(reel_conv_shape s)
{
    few_data d = {.s = s};
    d.x = buffer_new((size_t)(s.n * s.h * s.w * s.c), sizeof(float), false);
    d.w = buffer_new((size_t)(s.oc * 9 * s.c), sizeof(float), false);
    buffer_random(&d.x, 1);
    buffer_random(&d.w, 2);
    for (size_t i = 0; i < d.x.count; i++)
        buffer_set(&d.x, i, fmax(buffer_at(&d.x, i), 0));
    return d;
}

static void few_data_free(few_data *d)
{
    buffer_free(&d->x);
    buffer_free(&d->w);
}

/* y of the images [first, first + n). */
static buffer few_run(const few_data *d, const reel_ctx *ctx, int64_t first, int64_t n)
{
    reel_conv_shape s = d->s;
    s.n = n;
    buffer y = buffer_new((size_t)(n * s.oh * s.ow * s.oc), sizeof(float), false);
    scratch_block scratch = scratch_new(reel_conv_scratch(ctx, REEL_F32, REEL_CONV_FORWARD, &s));
    const reel_conv_job job = {.s = &s,
                               .x = (const float *)d->x.data + first * s.h * s.w * s.c,
                               .w = d->w.data,
                               .out = y.data,
                               .scratch = scratch.data};
    cr_assert_eq(reel_conv_choose(ctx, &s, REEL_CONV_FORWARD, REEL_F32), &reel_conv_few_tiles);
    reel_conv_run(ctx, REEL_F32, REEL_CONV_FORWARD, &job);
    scratch_free(&scratch, "few tiles");
    expect_guards_untouched(&y, "few tiles");
    return y;
}

static double direct_sum(const few_data *d, int64_t i, int64_t j, int64_t o)
{
    const reel_conv_shape *s = &d->s;
    const float *x = (const float *)d->x.data, *w = (const float *)d->w.data + o * 9 * s->c;
    double sum = 0;
    for (int64_t tap = 0; tap < 9; tap++, w += s->c) {
        const int64_t a = i - 1 + tap / 3, b = j - 1 + tap % 3;
        for (int64_t c = 0; c < s->c && a >= 0 && b >= 0 && a < s->h && b < s->w; c++)
            sum += (double)x[(a * s->w + b) * s->c + c] * (double)w[c];
    }
    return sum;
}

/* Relative L2 over every third output channel. */
static double few_error(const few_data *d, const buffer *y)
{
    const reel_conv_shape *s = &d->s;
    double difference = 0, square = 0;
    for (int64_t o = 0; o < s->oc; o += 3)
        for (int64_t i = 0; i < s->oh; i++)
            for (int64_t j = 0; j < s->ow; j++) {
                const double expected = direct_sum(d, i, j, o),
                             got = buffer_at(y, (size_t)((i * s->ow + j) * s->oc + o));
                difference += (got - expected) * (got - expected);
                square += expected * expected;
            }
    return sqrt(difference / square);
}

Test(few_tiles, alexnets_layers_are_within_2e_6_of_float64)
{
    static const int64_t channels[3][2] = {{192, 384}, {384, 256}, {256, 256}};
    for (int layer = 0; layer < 3; layer++) {
        few_data d = few_data_new(
            shape(1, channels[layer][0], 13, 13, channels[layer][1], 3, 3, 1, 1, 1, 1, 1, 1, 1));
        for (int isa = 0; isa < reel_isa_count(); isa++) {
            reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
            if (!ctx)
                continue;
            buffer y = few_run(&d, ctx, 0, 1);
            const double error = few_error(&d, &y);
            cr_expect_leq(error, 2e-6, "conv%d, %s: error %.3g", layer + 3, reel_isa_name(isa),
                          error);
            printf("conv%d, %s: error %.3g\n", layer + 3, reel_isa_name(isa), error);
            buffer_free(&y);
            reel_ctx_destroy(ctx);
        }
        few_data_free(&d);
    }
}

/* Each image is a column of its own: alone, with others, with an image of NaN beside it. */
Test(few_tiles, an_image_has_the_same_bits_in_any_company)
{
    few_data d = few_data_new(shape(3, 160, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1));
    const size_t in = d.x.count / 3;
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
        if (!ctx)
            continue;
        buffer all = few_run(&d, ctx, 0, 3);
        const size_t out = all.count / 3;
        for (int64_t image = 0; image < 3; image++) {
            buffer one = few_run(&d, ctx, image, 1);
            cr_expect_eq(memcmp(one.data, all.data + (size_t)image * out * sizeof(float),
                                out * sizeof(float)),
                         0, "%s: image %d has other bits alone", reel_isa_name(isa), (int)image);
            buffer_free(&one);
        }

        few_data spoilt = few_data_new(d.s);
        for (size_t i = 0; i < in; i++)
            buffer_set(&spoilt.x, in + i, NAN);
        buffer beside = few_run(&spoilt, ctx, 0, 3);
        cr_expect_eq(memcmp(beside.data, all.data, out * sizeof(float)), 0);
        cr_expect_eq(memcmp(beside.data + 2 * out * sizeof(float),
                            all.data + 2 * out * sizeof(float), out * sizeof(float)),
                     0, "%s: a NaN has left its image", reel_isa_name(isa));
        buffer_free(&beside);
        buffer_free(&all);
        few_data_free(&spoilt);
        reel_ctx_destroy(ctx);
    }
    few_data_free(&d);
}
