/* The convolution passes of every instruction set this CPU has, against direct sums.
 *
 * float64, and float32 with an implementation forced that sums directly: each value within
 * rounding_growth(terms) u sum |products| of the exact one. float32 as chosen, where Winograd may
 * run: relative L2 error at most 5e-6. */
#include "tests/kernels/conv_shape.h"
#include "tests/kernels/kernel_test.h"

#include "core/kernels/conv.h"
#include "core/kernels/conv_choice.h"
#include "core/kernels/depthwise.h"

enum { Y, DX, DW, RESULTS };
static const char *const result_names[] = {"y", "dx", "dw"};

typedef struct conv_case {
    reel_conv_shape s;
    bool bias, accumulate, misaligned;
} conv_case;

typedef struct conv_data {
    buffer x, w, bias, dy, before[RESULTS];
    double *expected[RESULTS], *magnitude[RESULTS];
    size_t count[RESULTS];
    int64_t terms[RESULTS]; /* products that one value may sum */
    double error[RESULTS];  /* relative L2 that is allowed */
} conv_data;

static void describe(char *line, size_t bytes, const conv_case *t, size_t size, const char *isa,
                     const char *forced, int threads)
{
    const reel_conv_shape *s = &t->s;
    snprintf(line, bytes,
             "%s f%zu, %s, %d threads: n %lld, %lldx%lldx%lld -> %lld, kernel %lldx%lld, stride "
             "%lldx%lld, padding %lldx%lld, "
             "dilation "
             "%lldx%lld, groups %lld%s%s%s",
             isa, 8 * size, forced, threads, (long long)s->n, (long long)s->c, (long long)s->h,
             (long long)s->w, (long long)s->oc, (long long)s->kh, (long long)s->kw,
             (long long)s->sh, (long long)s->sw, (long long)s->ph, (long long)s->pw,
             (long long)s->dh, (long long)s->dw, (long long)s->groups, t->bias ? ", bias" : "",
             t->accumulate ? ", accumulate" : "", t->misaligned ? ", misaligned" : "");
}

/* Every product of the convolution goes into y, dx and dw: one sweep over (output pixel, tap,
 * channel). */
static void direct_sums(const reel_conv_shape *s, conv_data *d)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    for (int64_t pixel = 0; pixel < s->n * s->oh * s->ow; pixel++)
        for (int64_t o = 0; o < s->oc; o++) {
            const int64_t n = pixel / (s->oh * s->ow), i = pixel / s->ow % s->oh, j = pixel % s->ow;
            const size_t out = (size_t)(pixel * s->oc + o);
            const double dy = buffer_at(&d->dy, out);
            for (int64_t tap = 0; tap < s->kh * s->kw; tap++) {
                const int64_t y = i * s->sh - s->ph + tap / s->kw * s->dh,
                              x = j * s->sw - s->pw + tap % s->kw * s->dw;
                if (y < 0 || x < 0 || y >= s->h || x >= s->w)
                    continue;
                for (int64_t c = 0; c < cg; c++) {
                    const size_t in =
                        (size_t)(((n * s->h + y) * s->w + x) * s->c + o / og * cg + c);
                    const size_t weight = (size_t)((o * s->kh * s->kw + tap) * cg + c);
                    const double xv = buffer_at(&d->x, in), wv = buffer_at(&d->w, weight);
                    d->expected[Y][out] += xv * wv;
                    d->magnitude[Y][out] += fabs(xv * wv);
                    d->expected[DX][in] += dy * wv;
                    d->magnitude[DX][in] += fabs(dy * wv);
                    d->expected[DW][weight] += dy * xv;
                    d->magnitude[DW][weight] += fabs(dy * xv);
                }
            }
        }
}

static conv_data conv_data_new(const conv_case *t, size_t size)
{
    const reel_conv_shape *s = &t->s;
    const int64_t in = s->n * s->h * s->w * s->c, out = s->n * s->oh * s->ow * s->oc,
                  taps = s->kh * s->kw;
    const int64_t weights = s->oc * taps * s->c / s->groups;
    conv_data d = {
        .count = {(size_t)out, (size_t)in, (size_t)weights},
        .terms = {taps * s->c / s->groups, taps * s->oc / s->groups, s->n * s->oh * s->ow},
        .error = {5e-6, 5e-6, 5e-6}};
    d.x = buffer_new((size_t)in, size, t->misaligned);
    d.w = buffer_new((size_t)weights, size, t->misaligned);
    d.dy = buffer_new((size_t)out, size, t->misaligned);
    d.bias = buffer_new((size_t)s->oc, size, t->misaligned);
    buffer_random(&d.x, 1);
    buffer_random(&d.w, 2);
    buffer_random(&d.dy, 3);
    buffer_random(&d.bias, 4);
    for (int r = 0; r < RESULTS; r++) {
        d.before[r] = buffer_new(d.count[r], size, t->misaligned);
        buffer_random(&d.before[r], 5 + (uint32_t)r);
        d.expected[r] = calloc(d.count[r] + 1, sizeof(double));
        d.magnitude[r] = calloc(d.count[r] + 1, sizeof(double));
    }
    direct_sums(s, &d);
    for (int r = 0; r < RESULTS; r++)
        for (size_t i = 0; i < d.count[r]; i++) {
            const double extra = r == Y ? (t->bias ? buffer_at(&d.bias, i % (size_t)s->oc) : 0)
                                 : t->accumulate ? buffer_at(&d.before[r], i)
                                                 : 0;
            d.expected[r][i] += extra;
            d.magnitude[r][i] += fabs(extra);
        }
    return d;
}

static void conv_data_free(conv_data *d)
{
    buffer_free(&d->x);
    buffer_free(&d->w);
    buffer_free(&d->bias);
    buffer_free(&d->dy);
    for (int r = 0; r < RESULTS; r++) {
        buffer_free(&d->before[r]);
        free(d->expected[r]);
        free(d->magnitude[r]);
    }
}

/* One pass, with scratch of its own whose guards are checked. */
static void run_pass(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass, reel_conv_job job,
                     const char *what)
{
    scratch_block block = scratch_new(reel_conv_scratch(ctx, dtype, pass, job.s));
    job.scratch = block.data;
    reel_conv_run(ctx, dtype, pass, &job);
    scratch_free(&block, what);
}

/* All three passes; forward with ReLU, too, which must be what ReLU makes of forward. */
static void run(const conv_case *t, const conv_data *d, size_t size, const reel_ctx *ctx,
                buffer *out, const char *what)
{
    const reel_dtype dtype = size == sizeof(float) ? REEL_F32 : REEL_F64;
    reel_conv_job job = {.s = &t->s,
                         .x = d->x.data,
                         .w = d->w.data,
                         .dy = d->dy.data,
                         .bias = t->bias ? d->bias.data : NULL,
                         .out = out[Y].data};
    run_pass(ctx, dtype, REEL_CONV_FORWARD, job, what);

    buffer rectified = buffer_new(out[Y].count, size, t->misaligned);
    job.relu = true;
    job.out = rectified.data;
    run_pass(ctx, dtype, REEL_CONV_FORWARD, job, what);
    for (size_t i = 0; i < out[Y].count; i++)
        cr_assert(buffer_at(&rectified, i) == fmax(buffer_at(&out[Y], i), 0),
                  "%s: with ReLU y[%zu] is %.9g, without %.9g", what, i, buffer_at(&rectified, i),
                  buffer_at(&out[Y], i));
    buffer_free(&rectified);

    job.relu = false;
    job.bias = NULL;
    job.accumulate = t->accumulate;
    job.out = out[DX].data;
    run_pass(ctx, dtype, REEL_CONV_INPUT_GRAD, job, what);
    job.out = out[DW].data;
    run_pass(ctx, dtype, REEL_CONV_WEIGHT_GRAD, job, what);
}

static void compute(const conv_case *t, const conv_data *d, size_t size, const reel_ctx *ctx,
                    buffer *out, const char *what)
{
    for (int r = 0; r < RESULTS; r++) {
        out[r] = buffer_new(d->count[r], size, t->misaligned);
        if (t->accumulate && r != Y)
            memcpy(out[r].data, d->before[r].data, out[r].count * size);
    }
    run(t, d, size, ctx, out, what);
    for (int r = 0; r < RESULTS; r++)
        expect_guards_untouched(&out[r], what);
}

static void compare(const conv_data *d, const buffer *out, size_t size, int r, bool each_value,
                    const char *what)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < d->count[r]; i++) {
        const double got = buffer_at(&out[r], i), expected = d->expected[r][i];
        const double bound =
            rounding_growth(d->terms[r]) * unit_roundoff(size) * d->magnitude[r][i];
        if (each_value)
            cr_assert(fabs(got - expected) <= bound,
                      "%s: %s[%zu] is %.9g, expected %.9g within %.3g", what, result_names[r], i,
                      got, expected, bound);
        difference += (got - expected) * (got - expected);
        square += expected * expected;
    }
    const double error = square > 0 ? sqrt(difference / square) : sqrt(difference);
    cr_assert(error <= d->error[r], "%s: %s has a relative error of %.3g, expected at most %.3g",
              what, result_names[r], error, d->error[r]);
}

/* forced: the value of REEL_CONV, "" for the library's own choice. */
static void check_forced(const conv_case *t, const conv_data *d, size_t size, const char *forced)
{
    const bool each_value = size == sizeof(double) || *forced;
    setenv("REEL_CONV", forced, 1);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        buffer one[RESULTS] = {{0}};
        for (int threads = 1; threads <= 3; threads++) {
            char what[300];
            describe(what, sizeof what, t, size, reel_isa_name(isa),
                     *forced ? forced : "own choice", threads);
            reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
            if (!ctx)
                break;
            buffer out[RESULTS];
            compute(t, d, size, ctx, out, what);
            reel_ctx_destroy(ctx);
            for (int r = 0; r < RESULTS; r++) {
                if (threads > 1)
                    cr_assert(memcmp(out[r].data, one[r].data, out[r].count * size) == 0,
                              "%s: %s has other bits than with one thread", what, result_names[r]);
                else
                    compare(d, out, size, r, each_value, what);
                if (threads > 1)
                    buffer_free(&out[r]);
                else
                    one[r] = out[r];
            }
        }
        for (int r = 0; r < RESULTS; r++)
            buffer_free(&one[r]);
    }
    unsetenv("REEL_CONV");
}

static void check(const conv_case *t, size_t size)
{
    conv_data d = conv_data_new(t, size);
    check_forced(t, &d, size, "");
    check_forced(t, &d, size, "direct");
    if (size == sizeof(float))
        check_forced(t, &d, size, "gemm");
    conv_data_free(&d);
}

static void check_all(const reel_conv_shape *shapes, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const conv_case t = {
            .s = shapes[i], .bias = i % 2 == 0, .accumulate = i % 3 == 1, .misaligned = i % 4 > 1};
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

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

Test(conv, first_layers_of_any_kind_are_right)
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

/* Four pixels ask for at most as many values as they read; for strides up to the kernel, for all
 * that the row below reads first. */
Test(conv, depthwise_asks_for_no_more_than_it_reads)
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

Test(conv, depthwise_convolutions_of_every_tail_and_edge_are_right)
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
        shape(1, 3, 12, 12, 3, 9, 9, 1, 1, 4, 4, 1, 1, 3), /* too many taps: matrix products */
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
 * was there. */
Test(conv, shapes_that_winograd_takes_are_right)
{
    static const reel_conv_shape sizes[] = {
        {.n = 4, .c = 32, .h = 13, .w = 13, .oc = 48, .kh = 3, .ph = 1, .groups = 1},
        {.n = 3, .c = 16, .h = 14, .w = 17, .oc = 48, .kh = 5, .ph = 2, .groups = 1},
        {.n = 5, .c = 64, .h = 11, .w = 12, .oc = 96, .kh = 3, .ph = 1, .groups = 2},
        {.n = 33, .c = 32, .h = 6, .w = 5, .oc = 16, .kh = 3, .ph = 0, .groups = 1},
        {.n = 2, .c = 48, .h = 23, .w = 19, .oc = 80, .kh = 5, .ph = 2, .groups = 1}};
    for (int64_t i = 0; i < REEL_COUNT(sizes); i++) {
        const reel_conv_shape *s = &sizes[i];
        const conv_case t = {.s = shape(s->n, s->c, s->h, s->w, s->oc, s->kh, s->kh, 1, 1, s->ph,
                                        s->ph, 1, 1, s->groups),
                             .bias = i % 2 == 0,
                             .accumulate = i % 2 == 1,
                             .misaligned = i % 3 != 2};
        reel_ctx *ctx = context_with("portable", 1);
        for (int pass = REEL_CONV_FORWARD; pass <= REEL_CONV_WEIGHT_GRAD; pass++) {
            const reel_conv_kind *runs = reel_conv_choose(ctx, &t.s, (reel_conv_pass)pass, false);
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
        shape(1, 4, 60, 58, 48, 5, 5, 2, 2, 2, 2, 1, 1, 1),   /* a half panel */
        shape(3, 4, 44, 40, 32, 9, 9, 2, 2, 4, 4, 1, 1, 1),
        shape(2, 4, 70, 66, 16, 10, 7, 3, 2, 1, 5, 1, 1, 1),   /* unlike down and across */
        shape(3, 2, 83, 45, 32, 12, 11, 4, 4, 14, 9, 1, 1, 1), /* padding beyond the kernel */
    };
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++) {
        reel_ctx *ctx = context_with("portable", 1);
        for (int pass = REEL_CONV_FORWARD; pass <= REEL_CONV_WEIGHT_GRAD; pass += 2) {
            const reel_conv_kind *runs =
                reel_conv_choose(ctx, &shapes[i], (reel_conv_pass)pass, false);
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
        const reel_conv_kind *runs = reel_conv_choose(ctx, &t.s, REEL_CONV_FORWARD, false);
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
