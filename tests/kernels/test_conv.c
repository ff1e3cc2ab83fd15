/* Convolutions of every instruction set, in float32 and float64, against direct sums in float64: strides, paddings, dilations,
 * groups, asymmetric kernels, all passes, accumulation, the same bits for any number of threads. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/conv.h"
#include "core/memory.h"
#include "core/rng.h"

static void draw(double *v, int64_t n, uint32_t stream)
{
    reel_rng rng = reel_rng_at(13, REEL_STREAM_CHECK, 3, stream);
    for (int64_t i = 0; i < n; i++) v[i] = (double)(float)reel_rng_normal(&rng);
}

static reel_conv_shape shape(int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, int64_t kh, int64_t kw, int64_t sh,
                             int64_t sw, int64_t ph, int64_t pw, int64_t dh, int64_t dw, int64_t groups)
{
    return (reel_conv_shape){n,
                             c,
                             h,
                             w,
                             oc,
                             (h + 2 * ph - dh * (kh - 1) - 1) / sh + 1,
                             (w + 2 * pw - dw * (kw - 1) - 1) / sw + 1,
                             kh,
                             kw,
                             sh,
                             sw,
                             ph,
                             pw,
                             dh,
                             dw,
                             groups};
}

/* Adds the direct sums to y, dx, dw. */
static void reference(const reel_conv_shape *s, const double *x, const double *w, const double *dy, double *y, double *dx,
                      double *dw)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    for (int64_t n = 0; n < s->n; n++)
        for (int64_t i = 0; i < s->oh; i++)
            for (int64_t j = 0; j < s->ow; j++)
                for (int64_t o = 0; o < s->oc; o++) {
                    const int64_t out = ((n * s->oh + i) * s->ow + j) * s->oc + o;
                    for (int64_t ky = 0; ky < s->kh; ky++)
                        for (int64_t kx = 0; kx < s->kw; kx++) {
                            const int64_t a = i * s->sh - s->ph + ky * s->dh, b = j * s->sw - s->pw + kx * s->dw;
                            if (a < 0 || b < 0 || a >= s->h || b >= s->w) continue;
                            const int64_t in = ((n * s->h + a) * s->w + b) * s->c + o / og * cg;
                            const int64_t tap = ((o * s->kh + ky) * s->kw + kx) * cg;
                            for (int64_t c = 0; c < cg; c++) {
                                y[out] += x[in + c] * w[tap + c];
                                dx[in + c] += dy[out] * w[tap + c];
                                dw[tap + c] += dy[out] * x[in + c];
                            }
                        }
                }
}

/* A pass of the library on doubles: converts where the library's dtype is float32. Outputs start from `out`. */
static void run_pass(const reel_ctx *ctx, const reel_conv_shape *s, int pass, bool f64, bool accumulate, const double *x,
                     const double *w, const double *bias, const double *dy, double *out, const int64_t size[3])
{
    const int64_t n_out = pass == 0 ? size[0] : pass == 1 ? size[1] : size[2];
    size_t (*const bytes_of[2][3])(const reel_ctx *, const reel_conv_shape *) = {
        {reel_conv_forward_scratch_f32, reel_conv_input_grad_scratch_f32, reel_conv_weight_grad_scratch_f32},
        {reel_conv_forward_scratch_f64, reel_conv_input_grad_scratch_f64, reel_conv_weight_grad_scratch_f64}};
    const size_t bytes = bytes_of[f64][pass](ctx, s) + 1;
    void *scratch = reel_pages_alloc(bytes, NULL);
    if (f64) {
        if (pass == 0) reel_conv_forward_f64(ctx, s, x, w, bias, out, scratch);
        if (pass == 1) reel_conv_input_grad_f64(ctx, s, dy, w, accumulate, out, scratch);
        if (pass == 2) reel_conv_weight_grad_f64(ctx, s, x, dy, accumulate, out, scratch);
    } else {
        const double *from[5] = {x, w, bias, dy, out};
        const int64_t n[5] = {size[1], size[2], s->oc, size[0], n_out};
        float *f[5];
        for (int k = 0; k < 5; k++) {
            f[k] = malloc((size_t)n[k] * sizeof(float));
            for (int64_t i = 0; i < n[k]; i++) f[k][i] = (float)from[k][i];
        }
        if (pass == 0) reel_conv_forward_f32(ctx, s, f[0], f[1], f[2], f[4], scratch);
        if (pass == 1) reel_conv_input_grad_f32(ctx, s, f[3], f[1], accumulate, f[4], scratch);
        if (pass == 2) reel_conv_weight_grad_f32(ctx, s, f[0], f[3], accumulate, f[4], scratch);
        for (int64_t i = 0; i < n_out; i++) out[i] = (double)f[4][i];
        for (int k = 0; k < 5; k++) free(f[k]);
    }
    reel_pages_free(scratch, bytes);
}

static double relative_error(const double *got, const double *expected, int64_t n)
{
    double difference = 0, square = 1e-300;
    for (int64_t i = 0; i < n; i++) {
        difference += (got[i] - expected[i]) * (got[i] - expected[i]);
        square += expected[i] * expected[i];
    }
    return sqrt(difference / square);
}

static void check_shape(const reel_conv_shape *s)
{
    static const char *const isas[] = {"portable", "avx2", "avx512"}, *const passes[] = {"forward", "input gradient",
                                                                                         "weight gradient"};
    const int64_t size[3] = {s->n * s->oh * s->ow * s->oc, s->n * s->h * s->w * s->c, s->oc * s->kh * s->kw * s->c / s->groups};
    double *x = malloc((size_t)size[1] * 8), *w = malloc((size_t)size[2] * 8), *dy = malloc((size_t)size[0] * 8);
    double *bias = malloc((size_t)s->oc * 8), *expected[3], *start[3];
    draw(x, size[1], 1), draw(w, size[2], 2), draw(dy, size[0], 3), draw(bias, s->oc, 4);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        for (int p = 0; p < 3; p++) {
            expected[p] = malloc((size_t)size[p] * 8);
            start[p] = malloc((size_t)size[p] * 8);
            draw(start[p], size[p], 5);
            for (int64_t i = 0; i < size[p]; i++) expected[p][i] = p == 0 ? bias[i % s->oc] : accumulate ? start[p][i] : 0;
        }
        reference(s, x, w, dy, expected[0], expected[1], expected[2]);
        for (int row = 0; row < 12; row++) {
            const bool f64 = row & 1;
            const int threads = row & 2 ? 3 : 1;
            reel_ctx *ctx;
            if (reel_ctx_create(&ctx, &(reel_ctx_config){.isa = isas[row >> 2], .threads = threads}, NULL) != REEL_OK) continue;
            for (int p = 0; p < 3; p++) {
                char what[200];
                double *out = malloc((size_t)size[p] * 8);
                memcpy(out, start[p], (size_t)size[p] * 8);
                run_pass(ctx, s, p, f64, accumulate, x, w, bias, dy, out, size);
                snprintf(what, sizeof what,
                         "%s %s %s, n %ld c %ld %ldx%ld -> %ld, kernel %ldx%ld stride %ld,%ld groups %ld, %d threads",
                         isas[row >> 2], f64 ? "f64" : "f32", passes[p], (long)s->n, (long)s->c, (long)s->h, (long)s->w,
                         (long)s->oc, (long)s->kh, (long)s->kw, (long)s->sh, (long)s->sw, (long)s->groups, threads);
                const double error = relative_error(out, expected[p], size[p]);
                cr_expect_lt(error, f64 ? 1e-14 : 1e-5, "%s: relative error %g", what, error);
                free(out);
            }
            reel_ctx_destroy(ctx);
        }
        for (int p = 0; p < 3; p++) free(expected[p]), free(start[p]);
    }
    free(x), free(w), free(dy), free(bias);
}

Test(conv, equals_direct_sums)
{
    const reel_conv_shape shapes[] = {
        shape(2, 3, 23, 27, 8, 11, 11, 4, 4, 2, 2, 1, 1, 1), /* AlexNet's first */
        shape(2, 5, 9, 8, 7, 3, 3, 1, 1, 1, 1, 1, 1, 1),     /* odd channels */
        shape(1, 6, 10, 9, 4, 3, 2, 2, 3, 1, 0, 1, 1, 2),    /* groups, asymmetric kernel and stride */
        shape(2, 4, 11, 12, 6, 3, 3, 1, 1, 2, 2, 2, 2, 1),   /* dilation */
        shape(1, 6, 12, 10, 9, 3, 3, 2, 1, 3, 2, 2, 3, 3),   /* dilation, stride and groups */
        shape(3, 8, 6, 6, 8, 3, 3, 1, 1, 1, 1, 1, 1, 8),     /* depthwise */
        shape(2, 24, 5, 7, 40, 1, 1, 1, 1, 0, 0, 1, 1, 1),   /* 1x1 */
        shape(2, 10, 7, 7, 12, 1, 1, 2, 2, 0, 0, 1, 1, 1),   /* 1x1 with stride */
        shape(2, 32, 13, 13, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1), /* Winograd, 3x3 */
        shape(3, 32, 9, 9, 32, 5, 5, 1, 1, 2, 2, 1, 1, 2),   /* Winograd, 5x5 with groups */
        shape(1, 2, 3, 3, 2, 3, 3, 1, 1, 0, 0, 1, 1, 1),     /* one output pixel */
        shape(1, 1, 1, 1, 1, 3, 3, 1, 1, 1, 1, 1, 1, 1),     /* one input pixel */
        shape(4, 70, 6, 6, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1),   /* deeper than a block of the product */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_shape(&shapes[i]);
}

Test(conv, has_the_same_bits_for_any_number_of_threads)
{
    const reel_conv_shape shapes[] = {shape(5, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1),
                                      shape(3, 3, 31, 31, 16, 11, 11, 4, 4, 2, 2, 1, 1, 1)};
    for (int k = 0; k < 2; k++) {
        const reel_conv_shape *s = &shapes[k];
        const int64_t size[3] = {s->n * s->oh * s->ow * s->oc, s->n * s->h * s->w * s->c,
                                 s->oc * s->kh * s->kw * s->c / s->groups};
        double *x = malloc((size_t)size[1] * 8), *w = malloc((size_t)size[2] * 8), *dy = malloc((size_t)size[0] * 8);
        double bias[64];
        draw(x, size[1], 1), draw(w, size[2], 2), draw(dy, size[0], 3), draw(bias, s->oc, 4);
        for (int p = 0; p < 3; p++) {
            double *out[2];
            for (int t = 0; t < 5; t++) {
                reel_ctx *ctx;
                cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = t + 1}, NULL), REEL_OK);
                double *got = calloc((size_t)size[p], 8);
                run_pass(ctx, s, p, false, false, x, w, bias, dy, got, size);
                out[t > 0] = got;
                if (t > 0) {
                    cr_expect_eq(memcmp(out[0], got, (size_t)size[p] * 8), 0, "pass %d, %d threads", p, t + 1);
                    free(got);
                }
                reel_ctx_destroy(ctx);
            }
            free(out[0]);
        }
        free(x), free(w), free(dy);
    }
}
