/* The direct convolution by tiles of bf16 against direct sums in float64 of the same numbers. */
#include "tests/kernels/conv_check.h"

#include "core/bf16.h"
#include "core/kernels/kernels.h"
#include "core/kernels/tiles_conv.h"

/* A context of an instruction set that has tiles, or NULL. */
static reel_ctx *context_with_tiles(int threads)
{
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
        if (ctx && reel_ctx_kernels(ctx)->tiles)
            return ctx;
        reel_ctx_destroy(ctx);
    }
    return NULL;
}

static reel_conv_shape tiles_shape(int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc,
                                   int64_t kh, int64_t kw, int64_t ph, int64_t pw, int64_t groups)
{
    return (reel_conv_shape){.n = n,
                             .c = c,
                             .h = h,
                             .w = w,
                             .oc = oc,
                             .oh = h + 2 * ph - kh + 1,
                             .ow = w + 2 * pw - kw + 1,
                             .kh = kh,
                             .kw = kw,
                             .sh = 1,
                             .sw = 1,
                             .ph = ph,
                             .pw = pw,
                             .dh = 1,
                             .dw = 1,
                             .groups = groups};
}

/* Numbers of bf16, and the same array in bf16. */
static reel_bf16 *halve(buffer *b)
{
    reel_bf16 *half = malloc((b->count + 1) * sizeof *half);
    for (size_t i = 0; i < b->count; i++) {
        half[i] = reel_bf16_from_float((float)buffer_at(b, i));
        buffer_set(b, i, reel_bf16_to_float(half[i]));
    }
    return half;
}

/* Which maps are stored in bf16. */
typedef struct stored_maps {
    bool in, out;
} stored_maps;

typedef struct tiles_data {
    conv_data d;
    reel_bf16 *x, *dy, *before[RESULTS];
} tiles_data;

static tiles_data tiles_data_new(const conv_case *t)
{
    conv_case plain = *t;
    tiles_data q = {.d = conv_data_new(&plain, sizeof(float))};
    conv_data *d = &q.d;
    q.x = halve(&d->x);
    q.dy = halve(&d->dy);
    for (int r = 0; r < RESULTS; r++) {
        q.before[r] = halve(&d->before[r]);
        memset(d->expected[r], 0, d->count[r] * sizeof(double));
        memset(d->magnitude[r], 0, d->count[r] * sizeof(double));
    }
    direct_sums(&t->s, d);
    for (int r = 0; r < RESULTS; r++)
        for (size_t i = 0; i < d->count[r]; i++) {
            const double extra = r == Y ? (t->bias ? buffer_at(&d->bias, i % (size_t)t->s.oc) : 0)
                                 : t->accumulate ? buffer_at(&d->before[r], i)
                                                 : 0;
            d->expected[r][i] += extra;
            d->magnitude[r][i] += fabs(extra);
        }
    return q;
}

static void tiles_data_free(tiles_data *q)
{
    conv_data_free(&q->d);
    free(q->x);
    free(q->dy);
    for (int r = 0; r < RESULTS; r++)
        free(q->before[r]);
}

static void run_tiles(const reel_ctx *ctx, const conv_case *t, const tiles_data *q, int r,
                      stored_maps in_bf16, buffer *out)
{
    const conv_data *d = &q->d;
    const bool half = in_bf16.out && r != DW;
    *out = buffer_new(d->count[r], half ? sizeof(reel_bf16) : sizeof(float), t->misaligned);
    if (t->accumulate && r != Y)
        memcpy(out->data, half ? (void *)q->before[r] : d->before[r].data, out->count * out->size);
    const reel_conv_job job = {.s = &t->s,
                               .x = in_bf16.in ? (void *)q->x : d->x.data,
                               .w = d->w.data,
                               .bias = r == Y && t->bias ? d->bias.data : NULL,
                               .dy = in_bf16.in ? (void *)q->dy : d->dy.data,
                               .accumulate = t->accumulate && r != Y,
                               .out = out->data,
                               .x_bf16 = in_bf16.in || r == DW,
                               .dy_bf16 = in_bf16.in,
                               .out_bf16 = half};
    reel_conv_job one = job;
    if (one.x_bf16)
        one.x = q->x;
    scratch_block scratch =
        scratch_new(reel_conv_scratch(ctx, REEL_BF16, (reel_conv_pass)r, &t->s));
    one.scratch = scratch.data;
    reel_conv_run(ctx, REEL_F32, (reel_conv_pass)r, &one);
    scratch_free(&scratch, result_names[r]);
    expect_guards_untouched(out, result_names[r]);
}

static void compare_tiles(const conv_data *d, const buffer *out, int r, const char *what)
{
    for (size_t i = 0; i < d->count[r]; i++) {
        const bool half = out->size == sizeof(reel_bf16);
        const double got = half ? (double)reel_bf16_to_float(((const reel_bf16 *)out->data)[i])
                                : buffer_at(out, i);
        /* Of a weight in 2 numbers of bf16, 2^-18 is left. */
        const double weights =
            r == DW ? 0
                    : ldexp(1, -9 * (r == Y ? REEL_TILES_FORWARD_LIMBS : REEL_TILES_GRAD_LIMBS));
        const double growth = rounding_growth(d->terms[r]) * unit_roundoff(sizeof(float)) + weights;
        const double bound = growth * d->magnitude[r][i] * (half ? 1.01 : 1) +
                             (half ? 0x1p-8 * fabs(d->expected[r][i]) : 0);
        cr_assert(fabs(got - d->expected[r][i]) <= bound,
                  "%s: %s[%zu] is %.9g, expected %.9g within %.3g", what, result_names[r], i, got,
                  d->expected[r][i], bound);
    }
}

/* All passes with 1 to 3 threads: near the sums, and the bits of one thread. */
static void check_tiles(const conv_case *t)
{
    tiles_data q = tiles_data_new(t);
    for (int maps = 0; maps < 3; maps++) {
        const stored_maps in_bf16 = {maps != 1, maps != 2};
        for (int r = 0; r < RESULTS; r++) {
            buffer first = {0};
            for (int threads = 1; threads <= 3; threads++) {
                reel_ctx *ctx = context_with_tiles(threads);
                char what[400];
                describe(what, sizeof what, t, sizeof(float), "tiles", "-", threads);
                cr_assert_eq(reel_conv_choose(ctx, &t->s, (reel_conv_pass)r, REEL_BF16),
                             &reel_conv_tiles, "%s", what);
                buffer out = {0};
                run_tiles(ctx, t, &q, r, in_bf16, &out);
                reel_ctx_destroy(ctx);
                if (threads == 1) {
                    compare_tiles(&q.d, &out, r, what);
                    first = out;
                    continue;
                }
                cr_assert(memcmp(first.data, out.data, out.count * out.size) == 0,
                          "%s: %s has other bits than with one thread", what, result_names[r]);
                buffer_free(&out);
            }
            buffer_free(&first);
        }
    }
    tiles_data_free(&q);
}

static bool machine_has_tiles(void)
{
    reel_ctx *ctx = context_with_tiles(1);
    const bool has = ctx;
    reel_ctx_destroy(ctx);
    return has;
}

Test(tiles_conv, every_pass_is_near_the_direct_sums)
{
    if (!machine_has_tiles())
        cr_skip_test("no instruction set with tiles");
    const conv_case cases[] = {
        {tiles_shape(3, 64, 13, 12, 96, 3, 3, 1, 1, 1), true, true, true},
        {tiles_shape(1, 32, 5, 7, 32, 1, 1, 0, 0, 1), true, false, false},
        {tiles_shape(2, 32, 9, 8, 64, 5, 5, 2, 2, 1), false, true, false},
        {tiles_shape(2, 64, 6, 17, 64, 3, 2, 0, 1, 2), true, true, true},
        {tiles_shape(5, 96, 4, 5, 192, 2, 4, 1, 3, 3), true, false, true},
        {tiles_shape(7, 32, 1, 9, 32, 1, 3, 0, 1, 1), true, true, false},
        {tiles_shape(4, 32, 9, 1, 32, 3, 1, 1, 0, 1), false, false, true},
        {tiles_shape(2, 32, 1, 1, 32, 1, 1, 0, 0, 1), true, true, true},
        {tiles_shape(2, 32, 3, 4, 32, 3, 3, 3, 3, 1), true, true, true},
        {tiles_shape(2, 32, 6, 5, 32, 1, 1, 1, 1, 1), true, true, true},
        {tiles_shape(2, 32, 4, 3, 64, 4, 5, 1, 3, 1), true, true, true},
        {tiles_shape(1, 160, 21, 19, 32, 3, 3, 1, 1, 1), true, true, true},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_tiles(&cases[i]);
}

/* Images that are cut into bands. */
Test(tiles_conv, large_images_are_cut)
{
    if (!machine_has_tiles())
        cr_skip_test("no instruction set with tiles");
    const conv_case cases[] = {
        {tiles_shape(2, 64, 67, 70, 64, 3, 3, 1, 1, 1), true, true, false},
        {tiles_shape(1, 32, 9, 900, 64, 3, 3, 1, 1, 1), true, false, true},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_tiles(&cases[i]);
}

/* A NaN, and an image's bits in batches of other sizes. */
Test(tiles_conv, an_image_is_its_own)
{
    if (!machine_has_tiles())
        cr_skip_test("no instruction set with tiles");
    enum { MANY = 21 };
    conv_case t = {tiles_shape(MANY, 64, 9, 9, 64, 3, 3, 1, 1, 1), true, true, false};
    tiles_data q = tiles_data_new(&t);
    reel_ctx *ctx = context_with_tiles(2);
    for (int r = Y; r <= DX; r++) {
        const size_t image = q.d.count[r] / MANY;
        reel_bf16 *in = r == Y ? q.x : q.dy;
        const reel_bf16 kept = in[10 * 81 * 64 + 5];
        buffer whole, poisoned, some;
        const stored_maps all = {true, true};
        run_tiles(ctx, &t, &q, r, all, &whole);

        in[10 * 81 * 64 + 5] = 0x7fc0;
        run_tiles(ctx, &t, &q, r, all, &poisoned);
        in[10 * 81 * 64 + 5] = kept;
        size_t nans = 0;
        for (size_t i = 0; i < whole.count; i++) {
            const reel_bf16 got = ((const reel_bf16 *)poisoned.data)[i];
            if (i / image == 10)
                nans += isnan(reel_bf16_to_float(got));
            else
                cr_assert_eq(got, ((const reel_bf16 *)whole.data)[i], "%s", result_names[r]);
        }
        cr_expect_eq(nans, 4 * 64, "%s: %zu of an image are NaN", result_names[r], nans);

        for (int64_t n = 1; n < MANY; n += 6) {
            conv_case few = t;
            few.s.n = n;
            cr_expect(reel_conv_images_agree(ctx, REEL_BF16, (reel_conv_pass)r, &t.s, n));
            tiles_data part = q;
            part.d.count[r] = (size_t)n * image;
            run_tiles(ctx, &few, &part, r, all, &some);
            cr_assert(memcmp(some.data, whole.data, some.count * some.size) == 0,
                      "%s of %lld images", result_names[r], (long long)n);
            buffer_free(&some);
        }
        buffer_free(&whole);
        buffer_free(&poisoned);
    }
    reel_ctx_destroy(ctx);
    tiles_data_free(&q);
}

/* What it wants: maps in bf16, stride 1, channels in multiples of 32. */
Test(tiles_conv, runs_for_maps_in_bf16_only)
{
    if (!machine_has_tiles())
        cr_skip_test("no instruction set with tiles");
    reel_ctx *ctx = context_with_tiles(1);
    const reel_conv_shape fits = tiles_shape(2, 64, 9, 9, 64, 3, 3, 1, 1, 1);
    reel_conv_shape strided = fits, odd = fits, dilated = fits;
    strided.sh = strided.sw = 2, strided.oh = strided.ow = 5;
    odd.c = 48;
    dilated.dh = dilated.dw = 2, dilated.ph = dilated.pw = 2;
    for (int pass = 0; pass < REEL_CONV_PASSES; pass++) {
        const reel_conv_pass p = (reel_conv_pass)pass;
        cr_expect_eq(reel_conv_choose(ctx, &fits, p, REEL_BF16), &reel_conv_tiles);
        cr_expect_neq(reel_conv_choose(ctx, &fits, p, REEL_F32), &reel_conv_tiles);
        cr_expect_neq(reel_conv_choose(ctx, &fits, p, REEL_F64), &reel_conv_tiles);
        cr_expect_neq(reel_conv_choose(ctx, &strided, p, REEL_BF16), &reel_conv_tiles);
        cr_expect_neq(reel_conv_choose(ctx, &odd, p, REEL_BF16), &reel_conv_tiles);
        cr_expect_neq(reel_conv_choose(ctx, &dilated, p, REEL_BF16), &reel_conv_tiles);
    }
    reel_ctx_destroy(ctx);
}
