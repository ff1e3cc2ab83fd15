/* The passes of batch normalisation against the formula, for every instruction set, channel counts
 * with every tail, misaligned data; all instruction sets give the same bits. */
#include "tests/kernels/kernel_test.h"

#include "core/kernels/batch_norm.h"
#include "core/kernels/bf16.h"

enum { ROWS = 150, MOST = 40 /* channels */ };

typedef struct norm_case {
    size_t size; /* of a real */
    int64_t ch;
    bool misaligned, rectified;
} norm_case;

/* Terms of each channel, and results: sums, y, dx. */
typedef struct norm_results {
    buffer y, dx;
    double moments[2 * MOST], grads[2 * MOST];
} norm_results;

static const double cap = 1.5, opens = 0;
static double mean[MOST], of_g[MOST], of_x[MOST], rest[MOST];

static void run_passes(const reel_ctx *ctx, const norm_case *t, const buffer *x, const buffer *dy,
                       const buffer *terms, norm_results *out)
{
    const reel_dtype dtype = t->size == sizeof(float) ? REEL_F32 : REEL_F64;
    const size_t step = (size_t)t->ch * t->size;
    double *parts = malloc((size_t)(reel_batch_norm_parts(ROWS) * 2 * t->ch) * sizeof *parts);
    reel_batch_norm_job job = {.rows = ROWS,
                               .ch = t->ch,
                               .x = x->data,
                               .dy = dy->data,
                               .centre = terms->data,
                               .factor = terms->data + step,
                               .beta = terms->data + 2 * step,
                               .rectified = t->rectified,
                               .opens = opens,
                               .cap = cap,
                               .mean = mean,
                               .of_g = of_g,
                               .of_x = of_x,
                               .rest = rest,
                               .parts = parts};

    reel_batch_norm_run(ctx, dtype, REEL_BATCH_NORM_MOMENTS, job);
    memcpy(out->moments, parts, (size_t)(2 * t->ch) * sizeof *parts);
    reel_batch_norm_run(ctx, dtype, REEL_BATCH_NORM_GRAD_SUMS, job);
    memcpy(out->grads, parts, (size_t)(2 * t->ch) * sizeof *parts);
    job.out = out->y.data;
    reel_batch_norm_run(ctx, dtype, REEL_BATCH_NORM_OUTPUT, job);

    /* Over dy, as the tape has it. */
    memcpy(out->dx.data, dy->data, dy->count * dy->size);
    job.dy = job.out = out->dx.data;
    reel_batch_norm_run(ctx, dtype, REEL_BATCH_NORM_INPUT_GRAD, job);
    free(parts);
}

static void expect_formula(const norm_case *t, const buffer *x, const buffer *dy,
                           const buffer *terms, const norm_results *got, const char *what)
{
    const double u = 40 * unit_roundoff(t->size);
    for (int64_t k = 0; k < t->ch; k++) {
        const size_t at = (size_t)k, ch = (size_t)t->ch;
        double sums[4] = {0};
        for (size_t row = 0; row < ROWS; row++) {
            const double value = buffer_at(x, row * ch + at), d = value - mean[k];
            const double z = (value - buffer_at(terms, at)) * buffer_at(terms, ch + at) +
                             buffer_at(terms, 2 * ch + at);
            const bool through = !t->rectified || (z >= opens && z <= cap);
            const double g = through ? buffer_at(dy, row * ch + at) : 0;
            const double y = t->rectified ? fmin(fmax(z, 0), cap) : z;
            const double dx = of_g[k] * g + of_x[k] * d + rest[k];
            cr_assert(fabs(buffer_at(&got->y, row * ch + at) - y) <= u * 10, "%s: y", what);
            cr_assert(fabs(buffer_at(&got->dx, row * ch + at) - dx) <= u * 10, "%s: dx", what);
            sums[0] += d;
            sums[1] += d * d;
            sums[2] += g;
            sums[3] += g * d;
        }
        cr_assert(fabs(got->moments[k] - sums[0]) <= 1e-10, "%s: sum of d", what);
        cr_assert(fabs(got->moments[t->ch + k] - sums[1]) <= 1e-10, "%s: sum of d d", what);
        cr_assert(fabs(got->grads[k] - sums[2]) <= 1e-10, "%s: sum of g", what);
        cr_assert(fabs(got->grads[t->ch + k] - sums[3]) <= 1e-10, "%s: sum of g d", what);
    }
}

static norm_results results_new(const norm_case *t)
{
    const size_t map = (size_t)(ROWS * t->ch);
    return (norm_results){.y = buffer_new(map, t->size, t->misaligned),
                          .dx = buffer_new(map, t->size, t->misaligned)};
}

/* The first instruction set's results stay, for the others to be compared with. */
static void check_isa(const reel_ctx *ctx, const norm_case *t, const buffer *x, const buffer *dy,
                      const buffer *terms, norm_results *first)
{
    char what[120];
    norm_results got = results_new(t);
    snprintf(what, sizeof what, "%s, %zu bits, %lld channels%s", reel_isa_name(reel_ctx_isa(ctx)),
             t->size * 8, (long long)t->ch, t->rectified ? ", rectified" : "");
    run_passes(ctx, t, x, dy, terms, &got);
    expect_formula(t, x, dy, terms, &got, what);
    expect_guards_untouched(&got.y, what);
    expect_guards_untouched(&got.dx, what);

    if (first->y.data) {
        const size_t bytes = got.y.count * t->size, sums = (size_t)(2 * t->ch) * sizeof(double);
        cr_assert(memcmp(got.y.data, first->y.data, bytes) == 0, "%s: other bits of y", what);
        cr_assert(memcmp(got.dx.data, first->dx.data, bytes) == 0, "%s: other bits of dx", what);
        cr_assert(memcmp(got.moments, first->moments, sums) == 0, "%s: other moments", what);
        cr_assert(memcmp(got.grads, first->grads, sums) == 0, "%s: other sums", what);
        buffer_free(&got.y);
        buffer_free(&got.dx);
    } else {
        *first = got;
    }
}

static void check_case(const norm_case *t)
{
    const size_t map = (size_t)(ROWS * t->ch);
    buffer x = buffer_new(map, t->size, t->misaligned), dy = buffer_new(map, t->size, false);
    buffer terms = buffer_new((size_t)(3 * t->ch), t->size, t->misaligned);
    buffer_random(&x, 1);
    buffer_random(&dy, 2);
    buffer_random(&terms, 3);
    norm_results first = {0};
    for (int isa = 0; isa < reel_isa_count(); isa++)
        for (int threads = 1; threads <= 3; threads++) {
            reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
            if (ctx)
                check_isa(ctx, t, &x, &dy, &terms, &first);
            reel_ctx_destroy(ctx);
        }
    buffer *all[] = {&x, &dy, &terms, &first.y, &first.dx};
    for (int i = 0; i < 5; i++)
        buffer_free(all[i]);
}

Test(batch_norm, equals_the_formula_with_the_same_bits_for_every_instruction_set)
{
    for (int k = 0; k < MOST; k++) {
        mean[k] = 0.1 * k;
        of_g[k] = 0.3 + 0.1 * k;
        of_x[k] = -0.2;
        rest[k] = 0.05 * k;
    }
    for (int64_t ch = 1; ch <= MOST; ch++)
        for (int rectified = 0; rectified < 2; rectified++) {
            check_case(&(norm_case){sizeof(float), ch, ch % 3 == 0, rectified});
            check_case(&(norm_case){sizeof(double), ch, ch % 3 == 1, rectified});
        }
}

/* ---- maps in bf16 ---- */

enum { BF16_ROWS = 1100, BF16_MOST = 700 /* channels */ };

/* One pass on maps in bf16, and on float32 copies of them with the result rounded: the same bits.
 */
static void check_bf16_pass(const reel_ctx *ctx, reel_batch_norm_pass pass, reel_batch_norm_job job,
                            const reel_bf16 *x, const reel_bf16 *dy)
{
    const int64_t n = job.rows * job.ch, parts = reel_batch_norm_parts(job.rows) * 2 * job.ch;
    float *wide = malloc((size_t)n * 3 * sizeof *wide);
    reel_bf16 *half = malloc((size_t)n * 2 * sizeof *half);
    double *sums = malloc((size_t)parts * 2 * sizeof *sums);
    reel_bf16_widen(ctx, x, wide, n);
    reel_bf16_widen(ctx, dy, wide + n, n);
    memcpy(wide + 2 * n, wide + n, (size_t)n * sizeof *wide);
    memcpy(half, dy, (size_t)n * sizeof *half);

    const bool writes = pass == REEL_BATCH_NORM_OUTPUT || pass == REEL_BATCH_NORM_INPUT_GRAD;
    job.x = wide;
    job.dy = wide + n;
    job.out = writes ? wide + 2 * n : NULL;
    job.parts = sums;
    reel_batch_norm_run(ctx, REEL_F32, pass, job);
    reel_bf16_round(ctx, wide + 2 * n, half + n, n);

    job.x = x;
    job.dy = half; /* over which the result lies */
    job.out = writes ? half : NULL;
    job.parts = sums + parts;
    job.x_bf16 = job.dy_bf16 = true;
    job.out_bf16 = writes;
    reel_batch_norm_run(ctx, REEL_F32, pass, job);

    cr_expect(memcmp(half, half + n, (size_t)n * sizeof *half) == 0, "pass %d: result", (int)pass);
    if (!writes)
        cr_expect(memcmp(sums, sums + parts, (size_t)(2 * job.ch) * sizeof *sums) == 0,
                  "pass %d: sums", (int)pass);
    free(wide);
    free(half);
    free(sums);
}

Test(batch_norm, maps_in_bf16_are_rounded_once)
{
    static double terms[4][BF16_MOST];
    static float reals[3][BF16_MOST];
    static const int64_t channels[] = {1, 19, 64, BF16_MOST};
    reel_bf16 *maps = malloc((size_t)BF16_ROWS * BF16_MOST * 2 * sizeof *maps);
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 9);
    for (int64_t i = 0; i < 2 * BF16_ROWS * BF16_MOST; i++)
        maps[i] = reel_bf16_from_float((float)reel_rng_normal(&rng));
    for (int k = 0; k < BF16_MOST; k++)
        for (int i = 0; i < 4; i++) {
            terms[i][k] = reel_rng_normal(&rng);
            if (i < 3)
                reals[i][k] = (float)reel_rng_normal(&rng);
        }

    for (int threads = 1; threads <= 3; threads++) {
        reel_ctx *ctx = context_with(NULL, threads);
        for (int i = 0; i < 2 * REEL_COUNT(channels); i++)
            for (int pass = 0; pass < REEL_BATCH_NORM_PASSES; pass++) {
                const reel_batch_norm_job job = {.rows = BF16_ROWS,
                                                 .ch = channels[i / 2],
                                                 .accumulate = threads == 2,
                                                 .centre = reals[0],
                                                 .factor = reals[1],
                                                 .beta = reals[2],
                                                 .rectified = i % 2,
                                                 .opens = opens,
                                                 .cap = cap,
                                                 .mean = terms[0],
                                                 .of_g = terms[1],
                                                 .of_x = terms[2],
                                                 .rest = terms[3]};
                check_bf16_pass(ctx, (reel_batch_norm_pass)pass, job, maps,
                                maps + BF16_ROWS * BF16_MOST);
            }
        reel_ctx_destroy(ctx);
    }
    free(maps);
}
