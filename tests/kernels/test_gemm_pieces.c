/* A matrix product whose sum has pieces: the bits of a product for each piece, added up along the
 * tree. And products of several pieces' rows in one: the bits of each piece's rows alone. */
#include "tests/kernels/kernel_test.h"

#include "core/kernels/add_into.h"
#include "core/kernels/gemm.h"
#include "core/pieces.h"

static const char *const isas[] = {"portable", "avx2", "avx512", "amx", "neon"};

static void *scratch_for(const reel_ctx *ctx, reel_dtype dtype, reel_gemm_job *job)
{
    void *scratch = NULL;
    const size_t bytes = reel_gemm_scratch(ctx, dtype, job);
    cr_assert(posix_memalign(&scratch, REEL_ALIGNMENT, bytes + 1) == 0);
    memset(scratch, 0xff, bytes);
    job->scratch = scratch;
    return scratch;
}

static void multiply(const reel_ctx *ctx, reel_dtype dtype, reel_gemm_job job)
{
    void *scratch = scratch_for(ctx, dtype, &job);
    reel_gemm(ctx, dtype, &job);
    free(scratch);
}

/* C = A^T B, the pieces of `part` alone and then added up. */
static void product_tree(const reel_ctx *ctx, reel_dtype dtype, const reel_gemm_job *whole,
                         reel_pieces part, void *c)
{
    const size_t element = reel_dtype_size(dtype);
    const int64_t depth = whole->k / whole->pieces, count = whole->m * whole->n;
    if (part.count == 1) {
        reel_gemm_job one = *whole;
        one.k = depth;
        one.pieces = 1;
        one.a = (const char *)whole->a + (size_t)(part.first * depth * whole->lda) * element;
        one.b = (const char *)whole->b + (size_t)(part.first * depth * whole->ldb) * element;
        one.c = c;
        multiply(ctx, dtype, one);
        return;
    }
    const int64_t left = reel_pieces_left(part.count);
    void *rest = malloc((size_t)count * element);
    cr_assert(rest);
    product_tree(ctx, dtype, whole, (reel_pieces){part.first, left}, c);
    product_tree(ctx, dtype, whole, (reel_pieces){part.first + left, part.count - left}, rest);
    const reel_tensor to = reel_tensor_of(c, dtype, 1, &count),
                      from = reel_tensor_of(rest, dtype, 1, &count);
    reel_add_tensor(ctx, &to, &from);
    free(rest);
}

static void check_sum(const char *isa, int threads, size_t size, const int64_t shape[4])
{
    const int64_t m = shape[0], n = shape[1], k = shape[2] * shape[3];
    const reel_dtype dtype = size == sizeof(double) ? REEL_F64 : REEL_F32;
    reel_ctx *ctx = context_with(isa, threads);
    if (!ctx)
        return;
    buffer a = buffer_new((size_t)(k * m), size, false),
           b = buffer_new((size_t)(k * n), size, false);
    buffer got = buffer_new((size_t)(m * n), size, false),
           want = buffer_new((size_t)(m * n), size, false);
    buffer_random(&a, 1);
    buffer_random(&b, 2);

    reel_gemm_job job = {.ta = true,
                         .m = m,
                         .n = n,
                         .k = k,
                         .a = a.data,
                         .lda = m,
                         .b = b.data,
                         .ldb = n,
                         .c = got.data,
                         .ldc = n,
                         .pieces = shape[3]};
    multiply(ctx, dtype, job);
    product_tree(ctx, dtype, &job, (reel_pieces){0, shape[3]}, want.data);
    cr_expect(memcmp(got.data, want.data, (size_t)(m * n) * size) == 0,
              "%s f%zu, %d threads: %lld x %lld, %lld pieces of %lld", isa, 8 * size, threads,
              (long long)m, (long long)n, (long long)shape[3], (long long)shape[2]);
    buffer_free(&a);
    buffer_free(&b);
    buffer_free(&got);
    buffer_free(&want);
    reel_ctx_destroy(ctx);
}

/* Rows, columns, terms of a piece, pieces: small ones, those that the kernels add up themselves,
 * and those of which C is too large for a whole partial sum. */
Test(gemm_pieces, sums)
{
    static const int64_t shapes[][4] = {{10, 16, 3, 2},   {1, 5, 1, 3},      {40, 300, 8, 4},
                                        {70, 130, 5, 7},  {33, 257, 32, 6},  {130, 128, 1, 5},
                                        {65, 200, 90, 3}, {48, 160, 300, 2}, {70, 33000, 260, 2},
                                        {20, 90, 64, 9}};
    for (int i = 0; i < REEL_COUNT(shapes); i++)
        for (int isa = 0; isa < REEL_COUNT(isas); isa++) {
            if (i != 8)
                check_sum(isas[isa], 1, sizeof(float), shapes[i]);
            if (i != 8)
                check_sum(isas[isa], 2, sizeof(double), shapes[i]);
            check_sum(isas[isa], 2, sizeof(float), shapes[i]);
        }
}

/* y = x W^T and dx = dy W for `pieces` x m rows in one product. */
static void check_rows(const char *isa, size_t size, bool tb, const int64_t shape[4])
{
    const int64_t m = shape[0], n = shape[1], k = shape[2], pieces = shape[3];
    const reel_dtype dtype = size == sizeof(double) ? REEL_F64 : REEL_F32;
    reel_ctx *ctx = context_with(isa, 2);
    if (!ctx)
        return;
    buffer a = buffer_new((size_t)(pieces * m * k), size, false),
           b = buffer_new((size_t)(k * n), size, false), bias = buffer_new((size_t)n, size, false);
    buffer got = buffer_new((size_t)(pieces * m * n), size, false),
           want = buffer_new((size_t)(pieces * m * n), size, false);
    buffer_random(&a, 1);
    buffer_random(&b, 2);
    buffer_random(&bias, 3);

    reel_gemm_job job = {.tb = tb,
                         .m = pieces * m,
                         .n = n,
                         .k = k,
                         .a = a.data,
                         .lda = k,
                         .b = b.data,
                         .ldb = tb ? k : n,
                         .bias = bias.data,
                         .c = got.data,
                         .ldc = n};
    const bool agree = reel_gemm_rows_agree(&job, m);
    multiply(ctx, dtype, job);
    for (int64_t p = 0; p < pieces; p++) {
        reel_gemm_job one = job;
        one.m = m;
        one.a = a.data + (size_t)(p * m * k) * size;
        one.c = want.data + (size_t)(p * m * n) * size;
        multiply(ctx, dtype, one);
    }
    cr_expect(!agree || memcmp(got.data, want.data, (size_t)(pieces * m * n) * size) == 0,
              "%s f%zu%s: %lld pieces of %lld rows, %lld columns, %lld terms", isa, 8 * size,
              tb ? " B^T" : "", (long long)pieces, (long long)m, (long long)n, (long long)k);
    buffer_free(&a);
    buffer_free(&b);
    buffer_free(&bias);
    buffer_free(&got);
    buffer_free(&want);
    reel_ctx_destroy(ctx);
}

/* Around the numbers of rows and columns that products treat apart, and sums of several blocks. */
Test(gemm_pieces, rows)
{
    static const int64_t shapes[][4] = {{1, 10, 40, 3},    {3, 10, 40, 4},    {8, 10, 64, 2},
                                        {9, 10, 64, 2},    {16, 5, 30, 3},    {16, 8, 600, 2},
                                        {4, 300, 700, 5},  {8, 500, 1100, 2}, {9, 500, 1100, 2},
                                        {32, 400, 520, 4}, {64, 48, 513, 2},  {100, 20, 1030, 2},
                                        {7, 1, 9, 2},      {12, 2000, 96, 3}};
    for (int i = 0; i < REEL_COUNT(shapes); i++)
        for (int isa = 0; isa < REEL_COUNT(isas); isa++)
            for (int tb = 0; tb < 2; tb++) {
                check_rows(isas[isa], sizeof(float), tb, shapes[i]);
                check_rows(isas[isa], sizeof(double), tb, shapes[i]);
            }
}
