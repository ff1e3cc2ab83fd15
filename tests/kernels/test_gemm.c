/* Matrix products of every instruction set, in float32 and float64, against plain sums in float64: sizes around every tile
 * edge, all four orientations, bias, accumulation, guard values around C, the same bits for any number of threads. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/gemm.h"
#include "core/memory.h"
#include "core/rng.h"

static reel_ctx *context(const char *isa, int threads)
{
    reel_ctx *ctx;
    reel_error err;
    const reel_ctx_config config = {.threads = threads, .isa = isa};
    return reel_ctx_create(&ctx, &config, &err) == REEL_OK ? ctx : NULL;
}

typedef struct product_case {
    int64_t m, n, k;
    bool ta, tb, bias, accumulate;
} product_case;

static void draw(double *v, int64_t n, uint32_t stream)
{
    reel_rng rng = reel_rng_at(11, REEL_STREAM_CHECK, 1, stream);
    for (int64_t i = 0; i < n; i++) v[i] = (double)(float)reel_rng_normal(&rng);
}

/* Runs in float or double; ldc is wider than n, and the gap is guarded. Values come and go as double. */
static void run(const reel_ctx *ctx, bool f64, const product_case *p, const double *a, const double *b, const double *bias,
                double *c, int64_t ldc)
{
    const int64_t lda = p->ta ? p->m : p->k, ldb = p->tb ? p->k : p->n, nc = p->m * ldc;
    if (f64) {
        void *scratch = reel_pages_alloc(reel_gemm_scratch_f64(ctx, p->ta, p->tb, p->m, p->n, p->k) + 1, NULL);
        reel_gemm_f64(ctx, p->ta, p->tb, p->m, p->n, p->k, a, lda, b, ldb, p->bias ? bias : NULL, p->accumulate, c, ldc,
                      scratch);
        reel_pages_free(scratch, reel_gemm_scratch_f64(ctx, p->ta, p->tb, p->m, p->n, p->k) + 1);
        return;
    }
    float *fa = malloc((size_t)(p->m * p->k + 1) * 4), *fb = malloc((size_t)(p->n * p->k + 1) * 4),
          *fc = malloc((size_t)(nc + 1) * 4);
    float *fbias = malloc((size_t)p->n * 4);
    /* One float off the allocation: every operand misaligned. */
    for (int64_t i = 0; i < p->m * p->k; i++) fa[i + 1] = (float)a[i];
    for (int64_t i = 0; i < p->n * p->k; i++) fb[i + 1] = (float)b[i];
    for (int64_t i = 0; i < nc; i++) fc[i + 1] = (float)c[i];
    for (int64_t i = 0; i < p->n; i++) fbias[i] = (float)bias[i];
    const size_t bytes = reel_gemm_scratch_f32(ctx, p->ta, p->tb, p->m, p->n, p->k) + 1;
    void *scratch = reel_pages_alloc(bytes, NULL);
    reel_gemm_f32(ctx, p->ta, p->tb, p->m, p->n, p->k, fa + 1, lda, fb + 1, ldb, p->bias ? fbias : NULL, p->accumulate, fc + 1,
                  ldc, scratch);
    reel_pages_free(scratch, bytes);
    for (int64_t i = 0; i < nc; i++) c[i] = (double)fc[i + 1];
    free(fa), free(fb), free(fc), free(fbias);
}

static void check(const char *isa, const reel_ctx *ctx, const reel_ctx *ctx3, bool f64, const product_case *p)
{
    enum { GAP = 3 };
    const int64_t ldc = p->n + GAP;
    double *a = malloc((size_t)(p->m * p->k) * 8 + 8), *b = malloc((size_t)(p->n * p->k) * 8 + 8),
           *bias = malloc((size_t)p->n * 8);
    double *start = malloc((size_t)(p->m * ldc) * 8), *c = malloc((size_t)(p->m * ldc) * 8),
           *c3 = malloc((size_t)(p->m * ldc) * 8);
    draw(a, p->m * p->k, 1);
    draw(b, p->n * p->k, 2);
    draw(bias, p->n, 3);
    draw(start, p->m * ldc, 4);
    memcpy(c, start, (size_t)(p->m * ldc) * 8);
    memcpy(c3, start, (size_t)(p->m * ldc) * 8);
    run(ctx, f64, p, a, b, bias, c, ldc);
    run(ctx3, f64, p, a, b, bias, c3, ldc);
    const double bound = (f64 ? 4.4e-16 : 2.4e-7) * (double)(p->k + 8); /* 2 eps a term, terms of size 1 */
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < ldc; j++) {
            const int64_t at = i * ldc + j;
            double expected = j < p->n ? (p->accumulate ? start[at] : 0) + (p->bias ? bias[j] : 0) : start[at];
            for (int64_t q = 0; j < p->n && q < p->k; q++)
                expected += a[p->ta ? q * p->m + i : i * p->k + q] * b[p->tb ? j * p->k + q : q * p->n + j];
            const double allowed = j < p->n ? bound : 0;
            cr_assert(fabs(c[at] - expected) <= allowed,
                      "%s %s m %ld n %ld k %ld ta %d tb %d bias %d accumulate %d at (%ld, %ld): "
                      "expected %.9g, got %.9g",
                      isa, f64 ? "f64" : "f32", (long)p->m, (long)p->n, (long)p->k, p->ta, p->tb, p->bias, p->accumulate,
                      (long)i, (long)j, expected, c[at]);
            cr_assert_eq(c[at], c3[at], "%s: 1 and 3 threads differ at (%ld, %ld): %.9g, %.9g", isa, (long)i, (long)j, c[at],
                         c3[at]);
        }
    free(a), free(b), free(bias), free(start), free(c), free(c3);
}

static void for_each_isa(void (*f)(const char *, const reel_ctx *, const reel_ctx *, bool))
{
    static const char *const isas[] = {"portable", "avx2", "avx512"};
    for (int i = 0; i < 3; i++) {
        reel_ctx *one = context(isas[i], 1), *three = context(isas[i], 3);
        for (int f64 = 0; one && f64 < 2; f64++) f(isas[i], one, three, f64);
        reel_ctx_destroy(one);
        reel_ctx_destroy(three);
    }
}

static void small_sizes(const char *isa, const reel_ctx *one, const reel_ctx *three, bool f64)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 7, 8, 13, 14, 15, 16, 17, 28, 31, 32, 33, 47, 63, 64, 65, 70};
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 2, f64);
    for (int i = 0; i < 150; i++) {
        const uint64_t flags = reel_rng_below(&rng, 16);
        const product_case p = {.m = sizes[reel_rng_below(&rng, 20)],
                                .n = sizes[reel_rng_below(&rng, 20)],
                                .k = sizes[reel_rng_below(&rng, 20)],
                                .ta = flags & 1,
                                .tb = flags & 2,
                                .bias = flags & 4,
                                .accumulate = flags & 8};
        check(isa, one, three, f64, &p);
    }
}

Test(gemm, equals_plain_sums_around_every_edge)
{
    for_each_isa(small_sizes);
}

/* Larger than a block in rows, in depth and in columns. */
static void large_sizes(const char *isa, const reel_ctx *one, const reel_ctx *three, bool f64)
{
    for (int flags = 0; flags < 16; flags++) {
        const product_case tall = {241, 37, 1030, flags & 1, flags & 2, flags & 4, flags & 8};
        const product_case wide = {19, 150, 530, flags & 1, flags & 2, flags & 4, flags & 8};
        check(isa, one, three, f64, &tall);
        check(isa, one, three, f64, &wide);
    }
}

Test(gemm, equals_plain_sums_over_several_blocks)
{
    for_each_isa(large_sizes);
}

static void empty_sum(const char *isa, const reel_ctx *one, const reel_ctx *three, bool f64)
{
    const product_case plain = {3, 4, 0, false, false, true, false}, adding = {3, 4, 0, false, true, false, true};
    check(isa, one, three, f64, &plain);
    check(isa, one, three, f64, &adding);
}

Test(gemm, an_empty_sum_is_zero)
{
    for_each_isa(empty_sum);
}
