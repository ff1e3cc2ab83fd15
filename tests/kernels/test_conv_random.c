/* Random shapes of the direct kernels that take any stride: 1 x 1, and gradients of strided
 * kernels. Each is compared with direct sums in float64, for each instruction set, with 1 to 8
 * threads, and with its last image alone. */
#include "tests/kernels/conv_check.h"

#ifndef RANDOM_SHAPES
#define RANDOM_SHAPES 40 /* of each kind; more are a matter of -DRANDOM_SHAPES */
#endif

static int64_t between(reel_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)reel_rng_below(rng, (uint64_t)(high - low + 1));
}

/* Padding may exceed the kernel, a map may be one line or one column. */
static reel_conv_shape random_strided(reel_rng *rng)
{
    const int64_t kh = between(rng, 1, 5), kw = between(rng, 1, 5);
    const int64_t sh = between(rng, 1, kh), sw = between(rng, 1, kw);
    const int64_t ph = between(rng, 0, kh + 2), pw = between(rng, 0, kw + 2);
    int64_t h = between(rng, 1, 9), w = between(rng, 1, 13);
    if (h + 2 * ph < kh)
        h = kh;
    if (w + 2 * pw < kw)
        w = kw;
    return shape(between(rng, 1, 3), 32 * between(rng, 1, 3), h, w, 32 * between(rng, 1, 2), kh, kw,
                 sh, sw, ph, pw, 1, 1, 1);
}

static reel_conv_shape random_pointwise(reel_rng *rng)
{
    return shape(between(rng, 1, 3), between(rng, 16, 80), between(rng, 1, 20), between(rng, 1, 30),
                 between(rng, 16, 80), 1, 1, between(rng, 1, 3), between(rng, 1, 3), 0, 0, 1, 1, 1);
}

/* The input gradient of the last image alone has the bits that it has in the batch. */
static void check_last_image(const conv_case *t, const conv_data *d, const reel_ctx *ctx,
                             const buffer *dx, const char *what)
{
    const int64_t in = t->s.h * t->s.w * t->s.c, out = t->s.oh * t->s.ow * t->s.oc;
    const int64_t before = t->s.n - 1;
    conv_case one = *t;
    one.s.n = 1;
    buffer alone = buffer_new((size_t)in, sizeof(float), !t->misaligned);
    memcpy(alone.data, (const float *)d->before[DX].data + before * in, alone.count * alone.size);
    const reel_conv_job job = {.s = &one.s,
                               .w = d->w.data,
                               .dy = (const float *)d->dy.data + before * out,
                               .accumulate = t->accumulate,
                               .out = alone.data};
    run_pass(ctx, REEL_F32, REEL_CONV_INPUT_GRAD, job, what);
    expect_guards_untouched(&alone, what);
    cr_assert(memcmp(alone.data, (const float *)dx->data + before * in, alone.count * alone.size) ==
                  0,
              "%s: the last image alone has other bits of dx", what);
    buffer_free(&alone);
}

/* One instruction set: 1, 8 and some other number of threads. */
static void check_isa(const conv_case *t, const conv_data *d, const char *isa, int some)
{
    const int threads[] = {1, 8, some};
    buffer first[RESULTS] = {{0}};
    for (int i = 0; i < REEL_COUNT(threads); i++) {
        reel_ctx *ctx = context_with(isa, threads[i]);
        if (!ctx)
            return;
        char what[300];
        describe(what, sizeof what, t, sizeof(float), isa, "direct", threads[i]);
        buffer out[RESULTS];
        compute(t, d, sizeof(float), ctx, out, what);
        if (i == 1)
            check_last_image(t, d, ctx, &out[DX], what);
        reel_ctx_destroy(ctx);

        for (int r = 0; r < RESULTS; r++) {
            if (i == 0) {
                compare(d, out, sizeof(float), r, true, what);
                first[r] = out[r];
                continue;
            }
            cr_assert(memcmp(out[r].data, first[r].data, out[r].count * sizeof(float)) == 0,
                      "%s: %s has other bits than with one thread", what, result_names[r]);
            buffer_free(&out[r]);
        }
    }
    for (int r = 0; r < RESULTS; r++)
        buffer_free(&first[r]);
}

/* Shapes that `kind` does not take in at least one pass are drawn again. */
static void check_random(const reel_conv_kind *kind, reel_conv_shape (*draw)(reel_rng *rng),
                         uint32_t stream)
{
    reel_rng rng = reel_rng_at(11, REEL_STREAM_CHECK, 0, stream);
    setenv("REEL_CONV", "direct", 1);
    for (int done = 0; done < RANDOM_SHAPES;) {
        const conv_case t = {.s = draw(&rng),
                             .bias = reel_rng_below(&rng, 2),
                             .accumulate = reel_rng_below(&rng, 2),
                             .misaligned = reel_rng_below(&rng, 2)};
        const char *why_not;
        if (!kind->accepts(&t.s, REEL_CONV_INPUT_GRAD, &why_not))
            continue;
        conv_data d = conv_data_new(&t, sizeof(float));
        for (int isa = 0; isa < reel_isa_count(); isa++)
            check_isa(&t, &d, reel_isa_name(isa), (int)between(&rng, 2, 7));
        conv_data_free(&d);
        done++;
    }
    unsetenv("REEL_CONV");
}

Test(conv_random, one_tap_of_any_shape_is_right)
{
    check_random(&reel_conv_pointwise, random_pointwise, 1);
}

Test(conv_random, strided_gradients_of_any_shape_are_right)
{
    check_random(&reel_conv_strided, random_strided, 2);
}
