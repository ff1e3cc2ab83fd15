/* The matrix product of every instruction set this CPU has, in both types, against plain sums in
 * long double or double.
 *
 * Bound: rounding_growth(k) u sum |a b|. */
#include "tests/kernels/kernel_test.h"

#include "core/kernels/gemm.h"

typedef struct gemm_case {
    int64_t m, n, k;
    bool ta, tb, bias, accumulate, misaligned;
    int64_t gap; /* lda, ldb, ldc beyond the least */
} gemm_case;

typedef struct gemm_data {
    buffer a, b, bias, before;
    int64_t lda, ldb, ldc;
    double *expected, *bound;
} gemm_data;

static void describe(char *line, size_t bytes, const gemm_case *t, size_t size, const char *isa,
                     int threads)
{
    snprintf(line, bytes, "%s f%zu, %d threads: %lld x %lld x %lld%s%s%s%s%s gap %lld", isa,
             8 * size, threads, (long long)t->m, (long long)t->n, (long long)t->k,
             t->ta ? " A^T" : "", t->tb ? " B^T" : "", t->bias ? " bias" : "",
             t->accumulate ? " accumulate" : "", t->misaligned ? " misaligned" : "",
             (long long)t->gap);
}

/* rows x cols with ld; the gaps between rows stay NaN. The last row has no gap behind it. */
static buffer matrix_new(int64_t rows, int64_t cols, int64_t ld, size_t size, bool misaligned,
                         uint32_t stream)
{
    const int64_t count = rows > 0 && cols > 0 ? (rows - 1) * ld + cols : 0;
    buffer b = buffer_new((size_t)count, size, misaligned);
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, stream);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            buffer_set(&b, (size_t)(i * ld + j), reel_rng_normal(&rng));
    return b;
}

static gemm_data gemm_data_new(const gemm_case *t, size_t size)
{
    gemm_data d = {.lda = (t->ta ? t->m : t->k) + t->gap,
                   .ldb = (t->tb ? t->k : t->n) + t->gap,
                   .ldc = t->n + t->gap};
    d.a = matrix_new(t->ta ? t->k : t->m, t->ta ? t->m : t->k, d.lda, size, t->misaligned, 1);
    d.b = matrix_new(t->tb ? t->n : t->k, t->tb ? t->k : t->n, d.ldb, size, t->misaligned, 2);
    d.bias = matrix_new(1, t->n, t->n, size, t->misaligned, 3);
    d.before = matrix_new(t->m, t->n, d.ldc, size, t->misaligned, 4);
    d.expected = calloc((size_t)(t->m * t->n + 1), sizeof(double));
    d.bound = calloc((size_t)(t->m * t->n + 1), sizeof(double));
    for (int64_t i = 0; i < t->m; i++)
        for (int64_t j = 0; j < t->n; j++) {
            long double sum = 0, magnitude = 0;
            for (int64_t p = 0; p < t->k; p++) {
                const long double product =
                    (long double)buffer_at(&d.a, (size_t)(t->ta ? p * d.lda + i : i * d.lda + p)) *
                    buffer_at(&d.b, (size_t)(t->tb ? j * d.ldb + p : p * d.ldb + j));
                sum += product;
                magnitude += fabsl(product);
            }
            const double extra[2] = {t->bias ? buffer_at(&d.bias, (size_t)j) : 0,
                                     t->accumulate ? buffer_at(&d.before, (size_t)(i * d.ldc + j))
                                                   : 0};
            d.expected[i * t->n + j] = (double)(sum + extra[0] + extra[1]);
            d.bound[i * t->n + j] = rounding_growth(t->k) * unit_roundoff(size) *
                                    ((double)magnitude + fabs(extra[0]) + fabs(extra[1]));
        }
    return d;
}

static void gemm_data_free(gemm_data *d)
{
    buffer_free(&d->a);
    buffer_free(&d->b);
    buffer_free(&d->bias);
    buffer_free(&d->before);
    free(d->expected);
    free(d->bound);
}

/* C as it was computed on this instruction set with that many threads; guards and gaps are checked
 * on the way. */
static buffer compute(const gemm_case *t, const gemm_data *d, size_t size, const reel_ctx *ctx,
                      const char *what)
{
    buffer c = buffer_new(d->before.count, size, t->misaligned);
    if (t->accumulate)
        memcpy(c.data, d->before.data, c.count * size);
    const reel_dtype dtype = size == sizeof(float) ? REEL_F32 : REEL_F64;
    reel_gemm_job job = {.ta = t->ta,
                         .tb = t->tb,
                         .accumulate = t->accumulate,
                         .m = t->m,
                         .n = t->n,
                         .k = t->k,
                         .a = d->a.data,
                         .lda = d->lda,
                         .b = d->b.data,
                         .ldb = d->ldb,
                         .bias = t->bias ? d->bias.data : NULL,
                         .c = c.data,
                         .ldc = d->ldc};
    scratch_block s = scratch_new(reel_gemm_scratch(ctx, dtype, &job));
    job.scratch = s.data;
    reel_gemm(ctx, dtype, &job);
    scratch_free(&s, what);
    expect_guards_untouched(&c, what);
    for (int64_t i = 0; i + 1 < t->m && t->n > 0; i++)
        cr_assert(is_untouched(c.data + (size_t)(i * d->ldc + t->n) * size, (size_t)t->gap * size),
                  "%s: the gap behind row %lld was written", what, (long long)i);
    return c;
}

static void check(const gemm_case *t, size_t size)
{
    gemm_data d = gemm_data_new(t, size);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        buffer one = {0};
        for (int threads = 1; threads <= 3; threads++) {
            char what[200];
            describe(what, sizeof what, t, size, reel_isa_name(isa), threads);
            reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
            if (!ctx)
                break;
            buffer c = compute(t, &d, size, ctx, what);
            reel_ctx_destroy(ctx);
            if (threads > 1) {
                cr_assert(memcmp(c.data, one.data, c.count * size) == 0,
                          "%s: other bits than with one thread", what);
                buffer_free(&c);
                continue;
            }
            one = c;
            for (int64_t i = 0; i < t->m; i++)
                for (int64_t j = 0; j < t->n; j++) {
                    const double got = buffer_at(&one, (size_t)(i * d.ldc + j)),
                                 expected = d.expected[i * t->n + j];
                    cr_assert(fabs(got - expected) <= d.bound[i * t->n + j],
                              "%s: C(%lld, %lld) is %.9g, expected %.9g within %.3g", what,
                              (long long)i, (long long)j, got, expected, d.bound[i * t->n + j]);
                }
        }
        buffer_free(&one);
    }
    gemm_data_free(&d);
}

static int64_t pick(reel_rng *rng, const int64_t *from, int64_t count)
{
    return from[reel_rng_u32(rng) % (uint32_t)count];
}

static const int64_t edges[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  12, 13, 14, 15, 16, 17,
                                20, 27, 28, 29, 31, 32, 33, 42, 47, 48, 49, 63, 64, 65, 70};
static const int64_t depths[] = {1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 64, 70};

static void check_samples(size_t size)
{
    reel_rng rng = reel_rng_at(11, REEL_STREAM_CHECK, 0, (uint32_t)size);
    for (int i = 0; i < 400; i++) {
        const uint32_t bits = reel_rng_u32(&rng);
        gemm_case t = {.m = pick(&rng, edges, REEL_COUNT(edges)),
                       .n = pick(&rng, edges, REEL_COUNT(edges)),
                       .k = pick(&rng, depths, REEL_COUNT(depths)),
                       .ta = i & 1,
                       .tb = i & 2,
                       .bias = bits & 1,
                       .accumulate = bits & 2,
                       .misaligned = bits & 4,
                       .gap = bits & 8 ? (int64_t)(bits >> 8 & 7) : 0};
        check(&t, size);
    }
}

Test(gemm, float32_is_within_the_rounding_bound_at_all_tile_edges)
{
    check_samples(sizeof(float));
}

Test(gemm, float64_is_within_the_rounding_bound_at_all_tile_edges)
{
    check_samples(sizeof(double));
}

/* Every height with every width of 1 to 70; depth, orientation and the rest go round, so that each
 * meets each. */
static void check_all_sizes(size_t size)
{
    for (int64_t m = 1; m <= 70; m++)
        for (int64_t n = 1; n <= 70; n++) {
            const int64_t turn = 31 * m + 17 * n;
            const gemm_case t = {.m = m,
                                 .n = n,
                                 .k = 1 + turn % 70,
                                 .ta = turn & 1,
                                 .tb = turn & 2,
                                 .bias = turn & 4,
                                 .accumulate = turn & 8,
                                 .misaligned = turn & 16,
                                 .gap = turn % 3};
            check(&t, size);
        }
}

Test(gemm, every_size_from_1_to_70_is_right_in_float32)
{
    check_all_sizes(sizeof(float));
}

Test(gemm, every_size_from_1_to_70_is_right_in_float64)
{
    check_all_sizes(sizeof(double));
}

/* Blocks of k, chunks of rows and of columns, and the shapes of fully connected layers with a small
 * batch. */
Test(gemm, is_right_across_cache_block_edges)
{
    static const int64_t shapes[][3] = {
        {15, 33, 255}, {14, 32, 256},  {13, 40, 257},   {29, 17, 511},  {5, 31, 512},
        {28, 66, 513}, {3, 8, 1025},   {111, 33, 65},   {112, 9, 64},   {113, 48, 70},
        {225, 7, 33},  {9, 300, 40},   {1, 500, 130},   {2, 260, 600},  {16, 200, 300},
        {300, 1, 520}, {33, 33, 2050}, {1, 1, 3000},    {500, 5, 3},    {250, 130, 20},
        {65, 1100, 2}, {32, 97, 270},  {128, 100, 130}, {9, 416, 1056}, {240, 20, 1056},
        {3, 832, 43},  {8, 70, 529}};
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
        for (int orientation = 0; orientation < 4; orientation++) {
            gemm_case t = {.m = shapes[i][0],
                           .n = shapes[i][1],
                           .k = shapes[i][2],
                           .ta = orientation & 1,
                           .tb = orientation & 2,
                           .bias = (i + orientation) & 1,
                           .accumulate = (i + orientation) & 2,
                           .misaligned = i & 1,
                           .gap = i % 3};
            check(&t, sizeof(float));
            if (i % 2 == orientation % 2)
                check(&t, sizeof(double));
        }
}

/* One step of a sum, as the instruction set rounds it. */
static double add_term(double a, double b, double sum, size_t size, bool fused)
{
    if (size == sizeof(float)) {
        const volatile float product = (float)a * (float)b;
        return fused ? fmaf((float)a, (float)b, (float)sum) : product + (float)sum;
    }
    const volatile double product = a * b;
    return fused ? fma(a, b, sum) : product + sum;
}

static double add_rounded(double a, double b, size_t size)
{
    return size == sizeof(float) ? (double)((float)a + (float)b) : a + b;
}

/* Every element of C is a chain over 512 terms, in order, and the chains are added up in order:
 * however many columns a kernel multiplies at a time, and into how many parts it cuts the chain. */
static void check_chains(const gemm_case *t, size_t size)
{
    enum { CHAIN = 512 };
    gemm_data d = gemm_data_new(t, size);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        /* Tiles add up products of pieces instead (templates/tiles.h), in float32. */
        if (size == sizeof(float) && strcmp(reel_isa_name(isa), "amx") == 0)
            continue;
        reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
        if (!ctx)
            continue;
        const bool fused = strcmp(reel_isa_name(isa), "portable") != 0;
        char what[200];
        describe(what, sizeof what, t, size, reel_isa_name(isa), 2);
        buffer c = compute(t, &d, size, ctx, what);
        for (int64_t i = 0; i < t->m; i++)
            for (int64_t j = 0; j < t->n; j++) {
                double total = 0, chain = 0;
                for (int64_t p = 0; p < t->k; p++) {
                    chain =
                        add_term(buffer_at(&d.a, (size_t)(t->ta ? p * d.lda + i : i * d.lda + p)),
                                 buffer_at(&d.b, (size_t)(t->tb ? j * d.ldb + p : p * d.ldb + j)),
                                 chain, size, fused);
                    if ((p + 1) % CHAIN == 0 || p + 1 == t->k) {
                        total = add_rounded(total, chain, size);
                        chain = 0;
                    }
                }
                const double got = buffer_at(&c, (size_t)(i * d.ldc + j));
                cr_assert(got == total, "%s: C(%lld, %lld) is %.17g, the chains give %.17g", what,
                          (long long)i, (long long)j, got, total);
            }
        buffer_free(&c);
        reel_ctx_destroy(ctx);
    }
    gemm_data_free(&d);
}

Test(gemm, every_element_is_a_chain_for_every_512_terms)
{
    static const int64_t shapes[][3] = {{130, 100, 1100}, {50, 230, 523}, {33, 160, 200},
                                        {140, 64, 96},    {20, 530, 128}, {540, 520, 130}};
    for (int64_t i = 0; i < REEL_COUNT(shapes); i++)
        for (int orientation = 0; orientation < 4; orientation++) {
            const gemm_case t = {.m = shapes[i][0],
                                 .n = shapes[i][1],
                                 .k = shapes[i][2],
                                 .ta = orientation & 1,
                                 .tb = orientation & 2,
                                 .misaligned = i & 1};
            check_chains(&t, sizeof(float));
            if (i % 2 == orientation % 2)
                check_chains(&t, sizeof(double));
        }
}

/* Deeper than what is packed at a time when rows are shared out. */
Test(gemm, is_right_where_the_sum_is_packed_in_stretches)
{
    for (int orientation = 0; orientation < 4; orientation++) {
        gemm_case t = {.m = 11,
                       .n = 9,
                       .k = 233300,
                       .ta = orientation & 1,
                       .tb = orientation & 2,
                       .bias = true,
                       .accumulate = orientation == 1};
        check(&t, sizeof(float));
    }
    gemm_case t = {.m = 14, .n = 12, .k = 174700, .ta = true, .accumulate = true};
    check(&t, sizeof(double));
}

/* A result larger than the caches leaves past them. */
Test(gemm, is_right_where_the_result_is_streamed)
{
    for (int bits = 0; bits < 4; bits++) {
        gemm_case t = {.m = 1030,
                       .n = 4112,
                       .k = 3,
                       .ta = true,
                       .accumulate = bits == 1,
                       .misaligned = bits == 2,
                       .gap = bits == 3 ? 16 : 0};
        check(&t, sizeof(float));
    }
    gemm_case t = {.m = 1030, .n = 2064, .k = 2, .ta = true};
    check(&t, sizeof(double));
    t = (gemm_case){.m = 1030, .n = 4112, .k = 150, .ta = true}; /* more terms than one part of B */
    check(&t, sizeof(float));

    /* Rows shared out. */
    const gemm_case tall = {.m = 65600, .n = 64, .k = 2};
    check(&tall, sizeof(float));
}

Test(gemm, an_empty_sum_gives_bias_plus_what_was_there)
{
    for (int bits = 0; bits < 16; bits++) {
        gemm_case t = {.m = 5,
                       .n = 37,
                       .k = 0,
                       .ta = bits & 1,
                       .tb = bits & 2,
                       .bias = bits & 4,
                       .accumulate = bits & 8};
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

Test(gemm, no_rows_or_no_columns_write_nothing)
{
    for (int bits = 0; bits < 16; bits++) {
        gemm_case t = {.m = bits & 4 ? 3 : 0,
                       .n = bits & 4 ? 0 : 5,
                       .k = bits & 8 ? 7 : 0,
                       .ta = bits & 1,
                       .tb = bits & 2};
        check(&t, sizeof(float));
        check(&t, sizeof(double));
    }
}

/* A NaN or infinity in one row of A must not leak into other rows, whatever is packed beside it. */
Test(gemm, a_nan_stays_in_its_row)
{
    enum { M = 31, N = 77, K = 50, ROW = 7 };
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), 2);
        if (!ctx)
            continue;
        buffer a = buffer_new(M * K, sizeof(float), false),
               b = buffer_new(K * N, sizeof(float), false);
        buffer c = buffer_new(M * N, sizeof(float), false);
        buffer_random(&a, 1);
        buffer_random(&b, 2);
        buffer_set(&a, ROW * K + 3, NAN);
        reel_gemm_job job = {.m = M,
                             .n = N,
                             .k = K,
                             .a = a.data,
                             .lda = K,
                             .b = b.data,
                             .ldb = N,
                             .c = c.data,
                             .ldc = N};
        scratch_block s = scratch_new(reel_gemm_scratch(ctx, REEL_F32, &job));
        job.scratch = s.data;
        reel_gemm(ctx, REEL_F32, &job);
        scratch_free(&s, "NaN");
        for (size_t i = 0; i < M * N; i++)
            cr_assert_eq((bool)isnan(buffer_at(&c, i)), i / N == ROW, "%s: C(%zu, %zu) is %g",
                         reel_isa_name(isa), i / N, i % N, buffer_at(&c, i));
        buffer_free(&a);
        buffer_free(&b);
        buffer_free(&c);
        reel_ctx_destroy(ctx);
    }
}
