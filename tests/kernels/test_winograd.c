/* The Winograd passes of every instruction set this CPU has, against direct sums in float64:
 * relative L2 error at most 5e-6, guard floats untouched, the same bits for any number of threads.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/ctx_internal.h"
#include "core/kernels/kernels.h"
#include "core/kernels/winograd.h"
#include "core/memory.h"
#include "core/rng.h"
#include "tests/kernels/conv_shape.h"

enum { GUARD = 64 };

static const char *const pass_names[] = {"forward", "input gradient", "weight gradient"};

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
                            const int64_t a = i - s->ph + ky * s->dh, b = j - s->pw + kx * s->dw;
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

/* Runs a pass with that many threads; twice: once more on top of what it gave, so that every value
 * must be exactly twice as large. */
static void run_pass(int isa, reel_conv_pass pass, int threads, reel_conv_job job, bool twice)
{
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = threads, .isa = reel_isa_name(isa)};
    cr_assert_eq(reel_ctx_create(&ctx, &config, NULL), REEL_OK);
    const size_t bytes = reel_conv_winograd.scratch(ctx, job.s, pass, false);
    job.scratch = reel_pages_alloc(bytes, NULL);
    memset(job.scratch, 0xff, bytes); /* NaN: what was not written must not be read */
    reel_conv_winograd.run(ctx, &job, pass, false);
    job.accumulate = twice;
    if (twice)
        reel_conv_winograd.run(ctx, &job, pass, false);
    reel_pages_free(job.scratch, bytes);
    reel_ctx_destroy(ctx);
}

/* Divides by scale, a power of two: exact. */
static void halve(float *values, int64_t n, double scale)
{
    for (int64_t i = 0; i < n && scale != 1; i++)
        values[i] = (float)(values[i] / scale);
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
    reel_conv_job job = {.s = s, .x = x, .w = w, .bias = bias, .dy = dy};
    for (int isa = 0; isa < reel_isa_count(); isa++)
        for (int p = 0; p < REEL_CONV_PASSES && reel_isa_runs(isa); p++) {
            float *first = malloc((size_t)size[p] * sizeof(float));
            job.out = result[p];
            for (int threads = 1; threads <= 3; threads++) {
                snprintf(what, sizeof what,
                         "%s %s, n %ld c %ld h %ld oc %ld k %ld pad %ld dilation %ld groups %ld, "
                         "%d threads",
                         reel_isa_name(isa), pass_names[p], (long)s->n, (long)s->c, (long)s->h,
                         (long)s->oc, (long)s->kh, (long)s->ph, (long)s->dh, (long)s->groups,
                         threads);
                run_pass(isa, (reel_conv_pass)p, threads, job, p > 0 && threads == 1);
                const double scale = p > 0 && threads == 1 ? 2 : 1;
                halve(result[p], size[p], scale);
                const double error = relative_error(result[p], expected[p], size[p]);
                cr_expect_lt(error, 5e-6, "%s: error %g", what, error);
                expect_guards(result[p], size[p], what);
                if (threads == 1)
                    memcpy(first, result[p], (size_t)size[p] * sizeof(float));
                cr_expect_eq(memcmp(first, result[p], (size_t)size[p] * sizeof(float)), 0,
                             "%s: other bits than 1 thread", what);
            }
            free(first);
        }
    float *const all[] = {y, dx, dw, dy, x, w, bias};
    for (int i = 0; i < 7; i++)
        free(all[i] - GUARD);
    for (int p = 0; p < 3; p++)
        free(expected[p]);
}

static void check_shapes(const reel_conv_shape *shapes, int n)
{
    for (int i = 0; i < n; i++)
        check_shape(&shapes[i]);
}

/* Square kernels at stride 1. */
static reel_conv_shape square(int64_t n, int64_t c, int64_t h, int64_t w, int64_t oc, int64_t k,
                              int64_t pad, int64_t groups)
{
    return shape(n, c, h, w, oc, k, k, 1, 1, pad, pad, 1, 1, groups);
}

Test(winograd, equals_direct_sums_for_3x3_kernels)
{
    const reel_conv_shape shapes[] = {
        square(2, 16, 13, 13, 48, 3, 1, 1), square(1, 48, 5, 9, 16, 3, 0, 1),
        square(3, 32, 3, 4, 32, 3, 2, 1), square(2, 96, 7, 6, 64, 3, 1, 2),
        square(5, 64, 1, 1, 16, 3, 1, 1)};
    check_shapes(shapes, REEL_COUNT(shapes));
}

Test(winograd, equals_direct_sums_for_5x5_kernels)
{
    const reel_conv_shape shapes[] = {square(2, 16, 9, 10, 32, 5, 2, 1),
                                      square(1, 32, 6, 5, 48, 5, 0, 1),
                                      square(2, 32, 4, 4, 96, 5, 4, 2)};
    check_shapes(shapes, REEL_COUNT(shapes));
}

/* Many groups of tiles: the weight gradient adds up over them. In the second shape, points of wide
 * tiles begin in a later group. The third has so many weights that all threads share a group. */
Test(winograd, equals_direct_sums_over_many_tiles)
{
    const reel_conv_shape shapes[] = {square(70, 16, 13, 13, 16, 3, 1, 1),
                                      square(300, 16, 5, 9, 16, 3, 1, 1),
                                      square(40, 160, 5, 9, 144, 3, 1, 1)};
    check_shapes(shapes, REEL_COUNT(shapes));
}

/* So many tiles and channels that an instruction set with tiles of bf16 multiplies in limbs: tall
 * and smaller tiles that begin within 16 rows of a group, channels that are no multiple of 32 on
 * the reading side and on the writing side, and phases. */
Test(winograd, equals_direct_sums_in_limbs)
{
    const reel_conv_shape shapes[] = {
        square(65, 144, 9, 1, 128, 3, 1, 1),
        shape(33, 128, 4, 3, 144, 3, 3, 1, 1, 2, 2, 2, 2, 1),
    };
    for (int i = 0; i < REEL_COUNT(shapes); i++)
        for (int input_grad = 0; input_grad < 2; input_grad++) {
            cr_expect(reel_winograd_plan_apply(&shapes[i], input_grad, true).in_limbs);
            cr_expect(!reel_winograd_plan_apply(&shapes[i], input_grad, false).in_limbs);
        }
    check_shapes(shapes, REEL_COUNT(shapes));
}

/* Every mixture of tall, wide and smaller tiles; channels that make a pair of panels, one panel and
 * half a one. */
Test(winograd, equals_direct_sums_for_every_size_of_map)
{
    for (int64_t size = 1; size <= 16; size++) {
        const reel_conv_shape three = square(2, 48, size, 17 - size, 112, 3, 1, 1);
        const reel_conv_shape five = square(2, 112, size, 17 - size, 48, 5, 2, 1);
        check_shape(&three);
        check_shape(&five);
    }
}

/* Phases of one size and of two; down and across unlike; padding that is no multiple of the
 * dilation, none and the most; a dilation beyond the map, and as large as an operator may get. */
Test(winograd, equals_direct_sums_for_dilated_kernels)
{
    const reel_conv_shape shapes[] = {
        shape(2, 16, 12, 14, 48, 3, 3, 1, 1, 2, 2, 2, 2, 1),
        shape(1, 48, 13, 11, 16, 3, 3, 1, 1, 3, 3, 3, 3, 1),
        shape(1, 32, 9, 15, 32, 3, 3, 1, 1, 4, 4, 4, 4, 1),
        shape(2, 96, 7, 9, 64, 3, 3, 1, 1, 1, 3, 2, 3, 2),
        shape(1, 16, 17, 10, 32, 3, 3, 1, 1, 0, 2, 4, 1, 1),
        shape(1, 32, 4, 5, 16, 3, 3, 1, 1, 8, 6, 4, 3, 1),
        shape(2, 16, 21, 11, 32, 5, 5, 1, 1, 4, 2, 2, 1, 1),
        shape(1, 32, 14, 16, 64, 5, 5, 1, 1, 7, 12, 3, 3, 2),
        shape(1, 16, 22, 33, 16, 3, 3, 1, 1, 3, 6, 3, 6, 1),
        shape(1, 16, 3, 5, 16, 3, 3, 1, 1, 4, 7, 4, 7, 1),
        shape(1, 16, 2, 3, 16, 3, 3, 1, 1, INT32_MAX, 1, INT32_MAX, 1, 1),
        /* groups of tiles that end within a phase */
        shape(20, 16, 25, 23, 16, 3, 3, 1, 1, 2, 2, 2, 2, 1),
        /* so many weights that all threads share a group */
        shape(6, 160, 13, 15, 144, 3, 3, 1, 1, 2, 2, 2, 2, 1),
    };
    check_shapes(shapes, REEL_COUNT(shapes));
}

/* Counts the tiles that each output of `covered` (images, h, w) lies in. */
static void cover(const reel_winograd_plan *p, const reel_winograd_tile *tile, int64_t h, int64_t w,
                  int *covered)
{
    const int64_t rows = p->m - !tile->tall, cols = p->m - !tile->wide;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const int64_t y = tile->top + i * p->rows.dilation,
                          x = tile->left + j * p->cols.dilation;
            if (y < h && x < w)
                covered[(tile->image * h + y) * w + x]++;
        }
}

static void check_cover(const reel_conv_shape *s)
{
    const reel_winograd_plan p = reel_winograd_plan_apply(s, false, false);
    int covered[3 * 33 * 33] = {0};
    for (int64_t place = 0; place < p.tiles; place++) {
        const reel_winograd_tile tile = reel_winograd_tile_at(&p, place);
        cover(&p, &tile, s->h, s->w, covered);
        for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++) {
            const reel_winograd_tiles has = reel_winograd_tiles_of(&p, q / 7, q % 7);
            cr_expect_eq(place >= has.first && place < has.end,
                         (q / 7 < 6 || tile.tall) && (q % 7 < 6 || tile.wide));
        }
    }
    for (int64_t i = 0; i < 3 * s->h * s->w; i++)
        cr_expect_eq(covered[i], 1, "%ld x %ld, dilation %ld x %ld, output %ld", (long)s->h,
                     (long)s->w, (long)s->dh, (long)s->dw, (long)i);
}

/* Tiles cover every output once, and stand together by the points that they have. */
Test(winograd, tiles_cover_a_map_once)
{
    for (int64_t h = 1; h <= 32; h++)
        for (int64_t k = 3; k <= 5; k += 2)
            for (int64_t d = 1; d <= 7; d++) {
                const int64_t across = 8 - d, pad = k / 2;
                const reel_conv_shape plain = square(3, 16, h, 33 - h, 16, k, pad, 1),
                                      dilated = shape(3, 16, h, 33 - h, 16, k, k, 1, 1, pad * d,
                                                      pad * across, d, across, 1);
                check_cover(d == 1 ? &plain : &dilated);
                check_cover(&dilated);
            }

    const reel_conv_shape s = square(1, 16, 13, 13, 16, 3, 1, 1);
    const reel_winograd_plan p = reel_winograd_plan_apply(&s, false, false);
    int64_t products = 0;
    for (int q = 0; q < REEL_WINOGRAD_PRODUCTS; q++) {
        const reel_winograd_tiles has = reel_winograd_tiles_of(&p, q / 7, q % 7);
        products += has.end - has.first;
    }
    cr_expect_eq(products, 361);
}

Test(winograd, refuses_other_shapes_and_says_why)
{
    const char *why;
    reel_conv_shape s = square(1, 16, 8, 8, 16, 3, 1, 1);
    cr_expect(reel_winograd_accepts(&s, &why));
    s.sh = 2;
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "stride"), "%s", why);
    s = square(1, 20, 8, 8, 16, 3, 1, 1);
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "channels"), "%s", why);
    s = square(1, 16, 8, 8, 16, 7, 1, 1);
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "kernel"), "%s", why);
    s = shape(1, 16, 8, 8, 16, 3, 3, 1, 1, 4, 5, 2, 2, 1);
    cr_expect(!reel_winograd_accepts(&s, &why) && strstr(why, "padding"), "%s", why);
}
