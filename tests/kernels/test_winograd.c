/* The Winograd passes of every instruction set this CPU has, against direct sums in float64:
 * relative L2 error at most 5e-6, guard floats untouched, the same bits for any number of threads.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/winograd.h"
#include "core/memory.h"
#include "core/rng.h"

enum { GUARD = 64 };

typedef struct isa_row {
    const char *name;
    reel_isa isa;
    void (*pass[3])(const reel_winograd_job *);
} isa_row;

#define ROW(isa, level)                                                                            \
    {                                                                                              \
        #isa, level,                                                                               \
        {                                                                                          \
            reel_winograd_forward__##isa, reel_winograd_input_grad__##isa,                         \
                reel_winograd_weight_grad__##isa                                                   \
        }                                                                                          \
    }
static const isa_row isas[] = {
    ROW(portable, REEL_ISA_PORTABLE),
#ifdef REEL_X86
    ROW(avx2, REEL_ISA_AVX2),
    ROW(avx512, REEL_ISA_AVX512),
#endif
};
static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

static reel_isa best_isa(void)
{
    reel_ctx *ctx;
    reel_error err;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    const reel_isa isa = reel_ctx_isa(ctx);
    reel_ctx_destroy(ctx);
    return isa;
}

static float *buffer(int64_t n, uint32_t stream)
{
    float *p = malloc((size_t)(n + 2 * GUARD) * sizeof *p);
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, stream);
    for (int64_t i = 0; i < n + 2 * GUARD; i++)
        p[i] = i < GUARD || i >= n + GUARD ? 12345.0f : (float)reel_rng_normal(&rng);
    return p + GUARD;
}

static void expect_guards(const float *p, int64_t n, const char *what)
{
    for (int64_t i = 1; i <= GUARD; i++) {
        cr_assert_eq(p[-i], 12345.0f, "%s: the float %ld before the output was written", what,
                     (long)i);
        cr_assert_eq(p[n - 1 + i], 12345.0f, "%s: the float %ld behind the output was written",
                     what, (long)i);
    }
}

/* All three results by direct sums, in one sweep over (output pixel, tap, channel). */
static void reference(const reel_conv_shape *s, const float *x, const float *w, const float *bias,
                      const float *dy, double *y, double *dx, double *dw)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t i = 0; i < s->oh; i++)
            for (int64_t j = 0; j < s->ow; j++)
                for (int64_t o = 0; o < s->oc; o++) {
                    const int64_t out = ((n * s->oh + i) * s->ow + j) * s->oc + o;
                    y[out] = bias[o];
                    for (int64_t ky = 0; ky < s->kh; ky++)
                        for (int64_t kx = 0; kx < s->kw; kx++) {
                            const int64_t a = i - s->ph + ky, b = j - s->pw + kx;
                            if (a < 0 || b < 0 || a >= s->h || b >= s->w)
                                continue;
                            const int64_t in = ((n * s->h + a) * s->w + b) * s->c + o / og * cg;
                            const int64_t tap = ((o * s->kh + ky) * s->kw + kx) * cg;
                            for (int64_t c = 0; c < cg; c++) {
                                y[out] += (double)x[in + c] * w[tap + c];
                                dx[in + c] += (double)dy[out] * w[tap + c];
                                dw[tap + c] += (double)dy[out] * x[in + c];
                            }
                        }
                }
}

static double relative_error(const float *got, const double *expected, int64_t n)
{
    double difference = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (got[i] - expected[i]) * (got[i] - expected[i]);
        square += expected[i] * expected[i];
    }
    return sqrt(difference / square);
}

static void check_shape(const reel_conv_shape *s)
{
    const char *why;
    char what[200];
    cr_assert(reel_winograd_accepts(s, &why), "%s", why);
    const int64_t size[3] = {s->n * s->oh * s->ow * s->oc, s->n * s->h * s->w * s->c,
                             s->oc * s->kh * s->kw * s->c / s->groups};
    float *y = buffer(size[0], 1), *dx = buffer(size[1], 2), *dw = buffer(size[2], 3),
          *dy = buffer(size[0], 4);
    float *x = buffer(size[1], 5), *w = buffer(size[2], 6), *bias = buffer(s->oc, 7);
    double *expected[3];
    for (int p = 0; p < 3; p++)
        expected[p] = calloc((size_t)size[p], sizeof(double));
    reference(s, x, w, bias, dy, expected[0], expected[1], expected[2]);
    float *const result[3] = {y, dx, dw};
    const reel_isa best = best_isa();
    for (size_t k = 0; k < sizeof isas / sizeof *isas && isas[k].isa <= best; k++)
        for (int p = 0; p < 3; p++) {
            float *first = malloc((size_t)size[p] * sizeof(float));
            for (int threads = 1; threads <= 3; threads++) {
                size_t (*const scratch_of[3])(const reel_conv_shape *, int) = {
                    reel_winograd_forward_scratch, reel_winograd_input_grad_scratch,
                    reel_winograd_weight_grad_scratch};
                const size_t bytes = scratch_of[p](s, threads);
                void *scratch = reel_pages_alloc(bytes, NULL);
                reel_winograd_job job = {.s = s,
                                         .threads = threads,
                                         .x = x,
                                         .w = w,
                                         .bias = bias,
                                         .dy = dy,
                                         .y = y,
                                         .dx = dx,
                                         .dw = dw,
                                         .scratch = scratch};
                snprintf(what, sizeof what,
                         "%s %s, n %ld c %ld h %ld oc %ld k %ld pad %ld groups %ld, %d threads",
                         isas[k].name, pass_names[p], (long)s->n, (long)s->c, (long)s->h,
                         (long)s->oc, (long)s->kh, (long)s->ph, (long)s->groups, threads);
                isas[k].pass[p](&job);
                const double error = relative_error(result[p], expected[p], size[p]);
                cr_expect_lt(error, 5e-6, "%s: error %g", what, error);
                expect_guards(result[p], size[p], what);
                if (threads == 1)
                    memcpy(first, result[p], (size_t)size[p] * sizeof(float));
                cr_expect_eq(memcmp(first, result[p], (size_t)size[p] * sizeof(float)), 0,
                             "%s: other bits than 1 thread", what);
                if (p > 0 && threads == 1) {
                    job.accumulate = true;
                    isas[k].pass[p](&job);
                    for (int64_t i = 0; i < size[p]; i++)
                        cr_assert_eq(result[p][i], 2 * first[i],
                                     "%s: accumulating at %ld: expected %g, got %g", what, (long)i,
                                     2 * first[i], result[p][i]);
                }
                reel_pages_free(scratch, bytes);
            }
            free(first);
        }
    float *const all[] = {y, dx, dw, dy, x, w, bias};
    for (int i = 0; i < 7; i++)
        free(all[i] - GUARD);
    for (int p = 0; p < 3; p++)
        free(expected[p]);
}

static reel_conv_shape shape(int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, int64_t k,
                             int64_t pad, int64_t groups)
{
    return (reel_conv_shape){.n = n,
                             .c = c,
                             .h = h,
                             .w = w,
                             .oc = oc,
                             .oh = h + 2 * pad - k + 1,
                             .ow = w + 2 * pad - k + 1,
                             .kh = k,
                             .kw = k,
                             .sh = 1,
                             .sw = 1,
                             .ph = pad,
                             .pw = pad,
                             .dh = 1,
                             .dw = 1,
                             .groups = groups};
}

Test(winograd, equals_direct_sums_for_3x3_kernels)
{
    const reel_conv_shape shapes[] = {
        shape(2, 16, 13, 13, 48, 3, 1, 1), shape(1, 48, 5, 9, 16, 3, 0, 1),
        shape(3, 32, 3, 4, 32, 3, 2, 1), shape(2, 96, 7, 6, 64, 3, 1, 2),
        shape(5, 64, 1, 1, 16, 3, 1, 1)};
    for (int i = 0; i < 5; i++)
        check_shape(&shapes[i]);
}

Test(winograd, equals_direct_sums_for_5x5_kernels)
{
    const reel_conv_shape shapes[] = {shape(2, 16, 9, 10, 32, 5, 2, 1),
                                      shape(1, 32, 6, 5, 48, 5, 0, 1),
                                      shape(2, 32, 4, 4, 96, 5, 4, 2)};
    for (int i = 0; i < 3; i++)
        check_shape(&shapes[i]);
}

/* Many groups of tiles: the weight gradient adds up over them. */
Test(winograd, equals_direct_sums_over_many_tiles)
{
    const reel_conv_shape s = shape(70, 16, 13, 13, 16, 3, 1, 1);
    check_shape(&s);
}

Test(winograd, refuses_other_shapes_and_says_why)
{
    const char *why;
    reel_conv_shape s = shape(1, 16, 8, 8, 16, 3, 1, 1);
    cr_expect(reel_winograd_accepts(&s, &why));
    s.sh = 2;
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "stride"), "%s", why);
    s = shape(1, 20, 8, 8, 16, 3, 1, 1);
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "channels"), "%s", why);
    s = shape(1, 16, 8, 8, 16, 7, 1, 1);
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "kernel"), "%s", why);
}
