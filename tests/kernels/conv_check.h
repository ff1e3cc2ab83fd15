/* What the tests of the convolution passes share: a case, its direct sums, the passes of every
 * instruction set that this CPU has with 1 to 3 threads, comparison.
 *
 * float64, and float32 with an implementation forced that sums directly: each value within
 * rounding_growth(terms) u sum |products| of the exact one. float32 as chosen, where Winograd may
 * run: relative L2 error at most 5e-6. */
#ifndef REEL_TESTS_KERNELS_CONV_CHECK_H
#define REEL_TESTS_KERNELS_CONV_CHECK_H

#include "tests/kernels/conv_shape.h"
#include "tests/kernels/kernel_test.h"

#include "core/kernels/conv.h"
#include "core/kernels/conv_choice.h"

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

static inline void describe(char *line, size_t bytes, const conv_case *t, size_t size,
                            const char *isa, const char *forced, int threads)
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
static inline void direct_sums(const reel_conv_shape *s, conv_data *d)
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

static inline conv_data conv_data_new(const conv_case *t, size_t size)
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

static inline void conv_data_free(conv_data *d)
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
static inline void run_pass(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                            reel_conv_job job, const char *what)
{
    scratch_block block = scratch_new(reel_conv_scratch(ctx, dtype, pass, job.s));
    job.scratch = block.data;
    reel_conv_run(ctx, dtype, pass, &job);
    scratch_free(&block, what);
}

/* All three passes; forward with ReLU, too, which must be what ReLU makes of forward. */
static inline void run(const conv_case *t, const conv_data *d, size_t size, const reel_ctx *ctx,
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

static inline void compute(const conv_case *t, const conv_data *d, size_t size, const reel_ctx *ctx,
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

static inline void compare(const conv_data *d, const buffer *out, size_t size, int r,
                           bool each_value, const char *what)
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
static inline void check_forced(const conv_case *t, const conv_data *d, size_t size,
                                const char *forced)
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

static inline void check(const conv_case *t, size_t size)
{
    conv_data d = conv_data_new(t, size);
    check_forced(t, &d, size, "");
    check_forced(t, &d, size, "direct");
    if (size == sizeof(float))
        check_forced(t, &d, size, "gemm");
    conv_data_free(&d);
}

static inline void check_all(const reel_conv_shape *shapes, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        const conv_case t = {
            .s = shapes[i], .bias = i % 2 == 0, .accumulate = i % 3 == 1, .misaligned = i % 4 > 1};
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

#endif
