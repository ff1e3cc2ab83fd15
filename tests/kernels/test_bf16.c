/* bf16 kernels of every instruction set this CPU has: conversions bit for bit, and the matrix
 * product against sums in float64.
 *
 * Bound of the product: operands are rounded before it is computed, so what is left is float32's,
 * rounding_growth(k) u sum |a b|, and half a step of bf16 where the result is one. */
#include "tests/kernels/kernel_test.h"

#include "core/kernels/bf16.h"
#include "core/kernels/kernels.h"
#include "core/pieces.h"

enum { THREADS = 3 };

static float float_of_pattern(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Every upper half with lower halves around the middle, in pieces of odd lengths. */
Test(bf16, conversions_have_the_bits_of_the_plain_ones)
{
    static const uint32_t low[5] = {0, 1, 0x7fff, 0x8000, 0x8001};
    enum { N = 5 * 0x10000 + 3 };
    float *from = malloc(N * sizeof *from), *wide = malloc(N * sizeof *wide);
    reel_bf16 *half = malloc(N * sizeof *half);
    for (int i = 0; i < N; i++)
        from[i] = float_of_pattern((uint32_t)(i / 5) << 16 | low[i % 5]);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        reel_ctx *ctx = context_with(reel_isa_name(isa), THREADS);
        if (!ctx)
            continue;
        for (int skip = 0; skip < 3; skip++) {
            const int n = N - skip;
            reel_bf16_round(ctx, from + skip, half, n);
            reel_bf16_widen(ctx, half, wide, n);
            for (int i = 0; i < n; i++) {
                const reel_bf16 plain = reel_bf16_from_float(from[skip + i]);
                const float again = reel_bf16_to_float(plain);
                cr_assert_eq(half[i], plain, "%s: %a became %04x, expected %04x",
                             reel_isa_name(isa), (double)from[skip + i], half[i], plain);
                cr_assert(memcmp(&wide[i], &again, sizeof again) == 0, "%s: %04x",
                          reel_isa_name(isa), plain);
            }
        }
        reel_ctx_destroy(ctx);
    }
    free(from);
    free(wide);
    free(half);
}

typedef struct product_case {
    int64_t m, n, k, pieces;
    bool a_along, a_wide, b_along, b_wide;
    bool by_column, bias, relu, accumulate, rounds;
} product_case;

/* Operands as float32 values; what the product reads, wide or half; the expected sums and bounds.
 */
typedef struct product_data {
    float *values[2];
    reel_bf16 *half[2];
    float bias[256];
    double *expected, *bound;
    float *before;
} product_data;

static double operand_at(const product_data *d, int side, int64_t at)
{
    return (double)reel_bf16_to_float(d->half[side][at]);
}

static product_data product_data_of(const product_case *t)
{
    product_data d;
    const int64_t sizes[2] = {t->m * t->k, t->k * t->n};
    reel_rng rng = reel_rng_at(3, REEL_STREAM_CHECK, 0, (uint32_t)(t->m * 71 + t->n * 7 + t->k));
    for (int side = 0; side < 2; side++) {
        d.values[side] = malloc((size_t)sizes[side] * sizeof(float));
        d.half[side] = malloc((size_t)sizes[side] * sizeof(reel_bf16));
        for (int64_t i = 0; i < sizes[side]; i++) {
            d.values[side][i] = (float)reel_rng_normal(&rng);
            d.half[side][i] = reel_bf16_from_float(d.values[side][i]);
        }
    }
    for (int i = 0; i < 256; i++)
        d.bias[i] = (float)reel_rng_normal(&rng);

    const size_t outputs = (size_t)(t->m * t->n);
    d.expected = malloc(outputs * sizeof(double));
    d.bound = malloc(outputs * sizeof(double));
    d.before = malloc(outputs * sizeof(float));
    for (int64_t i = 0; i < t->m; i++)
        for (int64_t j = 0; j < t->n; j++) {
            const int64_t at = t->by_column ? i + j * t->m : i * t->n + j;
            double sum = 0, size = 0;
            for (int64_t p = 0; p < t->k; p++) {
                const double term = operand_at(&d, 0, t->a_along ? p * t->m + i : i * t->k + p) *
                                    operand_at(&d, 1, t->b_along ? p * t->n + j : j * t->k + p);
                sum += term;
                size += fabs(term);
            }
            d.before[at] = reel_bf16_to_float(reel_bf16_from_float((float)reel_rng_normal(&rng)));
            const double bias = t->bias ? (double)d.bias[i] : 0,
                         old = t->accumulate ? (double)d.before[at] : 0;
            sum += bias + old;
            size += fabs(bias) + fabs(old);
            d.expected[at] = t->relu && sum < 0 ? 0 : sum;
            d.bound[at] =
                rounding_growth(t->k) * 0x1p-24 * size + (t->rounds ? 0x1.01p-8 * fabs(sum) : 0);
        }
    return d;
}

static void product_data_free(product_data *d)
{
    for (int side = 0; side < 2; side++) {
        free(d->values[side]);
        free(d->half[side]);
    }
    free(d->expected);
    free(d->bound);
    free(d->before);
}

static reel_bf16_product product_of(const product_case *t, const product_data *d)
{
    return (reel_bf16_product){.m = t->m,
                               .n = t->n,
                               .k = t->k,
                               .a = {t->a_wide ? (const void *)d->values[0] : d->half[0],
                                     t->a_along ? t->m : t->k, t->a_along, t->a_wide},
                               .b = {t->b_wide ? (const void *)d->values[1] : d->half[1],
                                     t->b_along ? t->n : t->k, t->b_along, t->b_wide},
                               .bias = t->bias ? d->bias : NULL,
                               .relu = t->relu,
                               .accumulate = t->accumulate,
                               .rounds = t->rounds,
                               .c_row = t->by_column ? 1 : t->n,
                               .c_col = t->by_column ? t->m : 1,
                               .pieces = t->pieces};
}

/* Runs one function and compares; `first` keeps the bits of the first run. */
static void check_run(reel_bf16_product_fn *run, const reel_ctx *ctx, const product_case *t,
                      const product_data *d, buffer *first)
{
    const int threads = reel_ctx_threads(ctx);
    const size_t outputs = (size_t)(t->m * t->n), size = t->rounds ? 2 : 4;
    reel_bf16_product p = product_of(t, d);
    scratch_block scratch = scratch_new(reel_bf16_product_scratch(ctx, &p));
    buffer c = buffer_new(outputs, size, true);
    for (size_t i = 0; i < outputs; i++)
        if (t->rounds)
            ((reel_bf16 *)c.data)[i] = reel_bf16_from_float(d->before[i]);
        else
            ((float *)c.data)[i] = d->before[i];
    p.c = c.data;
    p.scratch = scratch.data;
    run(threads, &p);

    char what[120];
    snprintf(what, sizeof what, "%s, %d threads, %lldx%lldx%lld, %lld pieces",
             reel_isa_name(reel_ctx_isa(ctx)), threads, (long long)t->m, (long long)t->n,
             (long long)t->k, (long long)t->pieces);
    for (size_t i = 0; i < outputs; i++) {
        const double got = t->rounds ? (double)reel_bf16_to_float(((reel_bf16 *)c.data)[i])
                                     : (double)((float *)c.data)[i];
        cr_assert(fabs(got - d->expected[i]) <= d->bound[i], "%s: element %zu: %.9g, expected %.9g",
                  what, i, got, d->expected[i]);
    }
    expect_guards_untouched(&c, what);
    scratch_free(&scratch, what);
    if (!first->data) {
        *first = c;
        return;
    }
    cr_assert(memcmp(first->data, c.data, outputs * size) == 0, "%s: other bits", what);
    buffer_free(&c);
}

static void check_product(const product_case *t)
{
    product_data d = product_data_of(t);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        const reel_kernels *k = reel_kernels_at(isa);
        buffer first = {0};
        if (!k->bf16_product || !k->bf16_product_runs())
            continue;
        for (int threads = 1; threads <= THREADS; threads++) {
            reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
            if (!ctx)
                continue;
            check_run(k->bf16_product, ctx, t, &d, &first);
            reel_ctx_destroy(ctx);
        }
        buffer_free(&first);
    }
    product_data_free(&d);
}

/* Each size from 1 to 70 on each side; the other sides and the way operands lie follow from it. */
Test(bf16, products_of_all_small_sizes)
{
    for (int64_t i = 1; i <= 70; i++)
        for (int64_t j = 1; j <= 70; j += 1 + (i % 3)) {
            const unsigned way = (unsigned)(i * 31 + j);
            const product_case t = {.m = i,
                                    .n = j,
                                    .k = 1 + (i * 17 + j * 29) % 70,
                                    .pieces = 1,
                                    .a_along = way & 1,
                                    .a_wide = way & 2,
                                    .b_along = way & 4,
                                    .b_wide = way & 8,
                                    .by_column = way & 16,
                                    .bias = way & 32,
                                    .relu = way & 64,
                                    .accumulate = way & 1,
                                    .rounds = way & 2};
            check_product(&t);
        }
}

Test(bf16, products_of_long_sums_and_many_rows)
{
    static const product_case cases[] = {
        {.m = 229,
         .n = 33,
         .k = 1537,
         .a_wide = true,
         .by_column = true,
         .bias = true,
         .rounds = true},
        {.m = 113, .n = 64, .k = 1025, .a_along = true, .a_wide = true, .by_column = true},
        {.m = 115, .n = 1100, .k = 37, .a_along = true, .b_along = true},
        {.m = 30, .n = 530, .k = 513, .a_along = true, .b_along = true, .accumulate = true},
    };
    for (int i = 0; i < REEL_COUNT(cases); i++)
        check_product(&cases[i]);
}

/* A sum in pieces has the bits of its pieces, added up along the tree. */
Test(bf16, sums_in_pieces_have_the_bits_of_the_pieces)
{
    for (int64_t pieces = 2; pieces <= 5; pieces++)
        for (int64_t depth = 1; depth < 20; depth += 6) {
            const product_case t = {.m = 37,
                                    .n = 41,
                                    .k = pieces * depth,
                                    .pieces = pieces,
                                    .a_along = true,
                                    .b_along = true};
            check_product(&t);
        }
}

static void add_up(const float *of, reel_pieces pieces, int64_t n, float *sum)
{
    if (pieces.count == 1) {
        memcpy(sum, of + pieces.first * n, (size_t)n * sizeof *sum);
        return;
    }
    float *right = malloc((size_t)n * sizeof *right);
    const int64_t left = reel_pieces_left(pieces.count);
    add_up(of, (reel_pieces){pieces.first, left}, n, sum);
    add_up(of, (reel_pieces){pieces.first + left, pieces.count - left}, n, right);
    for (int64_t i = 0; i < n; i++)
        sum[i] += right[i];
    free(right);
}

Test(bf16, pieces_alone_add_up_to_the_whole)
{
    enum { M = 37, N = 41, PIECES = 5, DEPTH = 7, OUT = M * N };
    const product_case t = {
        .m = M, .n = N, .k = PIECES * DEPTH, .pieces = PIECES, .a_along = true, .b_along = true};
    product_data d = product_data_of(&t);
    static float whole[OUT], parts[PIECES * OUT], sum[OUT];
    reel_ctx *ctx = context_with(NULL, 2);
    reel_bf16_product p = product_of(&t, &d);
    scratch_block scratch = scratch_new(reel_bf16_product_scratch(ctx, &p));
    p.c = whole;
    p.scratch = scratch.data;
    reel_bf16_multiply(ctx, &p);
    for (int64_t i = 0; i < PIECES; i++) {
        reel_bf16_product one = p;
        one.pieces = 1;
        one.k = DEPTH;
        one.a.data = d.half[0] + i * DEPTH * M;
        one.b.data = d.half[1] + i * DEPTH * N;
        one.c = parts + i * OUT;
        reel_bf16_multiply(ctx, &one);
    }
    add_up(parts, (reel_pieces){0, PIECES}, OUT, sum);
    cr_expect(memcmp(sum, whole, sizeof sum) == 0);
    scratch_free(&scratch, "pieces");
    product_data_free(&d);
    reel_ctx_destroy(ctx);
}

/* A NaN of A stays in its row, one of B in its column, where tiles or vectors are filled up too. */
static void check_nan(reel_bf16_product_fn *run, const reel_ctx *ctx, product_case t, bool in_a)
{
    product_data d = product_data_of(&t);
    const int64_t row = t.m - 1, column = t.n - 1, p = t.k - 1;
    if (in_a)
        d.half[0][t.a_along ? p * t.m + row : row * t.k + p] = 0x7fc0;
    else
        d.half[1][t.b_along ? p * t.n + column : column * t.k + p] = 0x7fc0;
    reel_bf16_product job = product_of(&t, &d);
    scratch_block scratch = scratch_new(reel_bf16_product_scratch(ctx, &job));
    float *c = malloc((size_t)(t.m * t.n) * sizeof *c);
    job.c = c;
    job.scratch = scratch.data;
    run(reel_ctx_threads(ctx), &job);
    for (int64_t i = 0; i < t.m; i++)
        for (int64_t j = 0; j < t.n; j++)
            cr_assert_eq(isnan(c[i * t.n + j]) != 0, in_a ? i == row : j == column,
                         "%s, %d threads, %lldx%lldx%lld: (%d, %d)",
                         reel_isa_name(reel_ctx_isa(ctx)), reel_ctx_threads(ctx), (long long)t.m,
                         (long long)t.n, (long long)t.k, (int)i, (int)j);
    free(c);
    scratch_free(&scratch, "a NaN");
    product_data_free(&d);
}

Test(bf16, a_nan_stays_in_its_row_or_column)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {17, 33, 31}, {32, 32, 32}, {99, 40, 515}};
    for (int isa = 0; isa < reel_isa_count(); isa++)
        for (int threads = 1; threads <= THREADS; threads++) {
            const reel_kernels *k = reel_kernels_at(isa);
            reel_ctx *ctx = k->bf16_product && k->bf16_product_runs()
                                ? context_with(reel_isa_name(isa), threads)
                                : NULL;
            if (!ctx)
                continue;
            for (int i = 0; i < 4 * REEL_COUNT(sizes); i++) {
                const int64_t *s = sizes[i / 4];
                const product_case t = {.m = s[0],
                                        .n = s[1],
                                        .k = s[2],
                                        .pieces = 1,
                                        .a_along = i & 1,
                                        .b_along = i & 1};
                check_nan(k->bf16_product, ctx, t, i & 2);
            }
            reel_ctx_destroy(ctx);
        }
}

/* ---- few rows times a long matrix ---- */

static void check_dots(const reel_ctx *ctx, int64_t n, int64_t m, int64_t k, buffer *first)
{
    buffer x = buffer_new((size_t)(n * k), sizeof(float), true),
           w = buffer_new((size_t)(m * k), sizeof(reel_bf16), true),
           y = buffer_new((size_t)(n * m), sizeof(float), true);
    float bias[200];
    buffer_random(&x, 1);
    reel_rng rng = reel_rng_at(3, REEL_STREAM_CHECK, 0, 2);
    for (int64_t i = 0; i < m * k; i++)
        ((reel_bf16 *)w.data)[i] = reel_bf16_from_float((float)reel_rng_normal(&rng));
    for (int64_t i = 0; i < m; i++)
        bias[i] = (float)reel_rng_normal(&rng);
    reel_bf16_dots(ctx, &(reel_bf16_dots_job){n, m, k, (const float *)x.data,
                                              (const reel_bf16 *)w.data, bias, (float *)y.data});

    char what[120];
    snprintf(what, sizeof what, "%s, %d threads, %lldx%lldx%lld", reel_isa_name(reel_ctx_isa(ctx)),
             reel_ctx_threads(ctx), (long long)n, (long long)m, (long long)k);
    for (int64_t s = 0; s < n; s++)
        for (int64_t i = 0; i < m; i++) {
            double sum = (double)bias[i], size = fabs(sum);
            for (int64_t p = 0; p < k; p++) {
                const double term =
                    buffer_at(&x, (size_t)(s * k + p)) *
                    (double)reel_bf16_to_float(((const reel_bf16 *)w.data)[i * k + p]);
                sum += term;
                size += fabs(term);
            }
            const double got = buffer_at(&y, (size_t)(s * m + i));
            cr_assert(fabs(got - sum) <= rounding_growth(k) * 0x1p-24 * size,
                      "%s: (%d, %d) is %.9g, expected %.9g", what, (int)s, (int)i, got, sum);
        }
    expect_guards_untouched(&y, what);
    buffer_free(&x);
    buffer_free(&w);
    if (!first->data) {
        *first = y;
        return;
    }
    cr_assert(memcmp(first->data, y.data, y.count * sizeof(float)) == 0, "%s: other bits", what);
    buffer_free(&y);
}

Test(bf16, few_rows_times_a_long_matrix)
{
    static const int64_t sizes[][2] = {{1, 1}, {2, 15}, {3, 16}, {4, 33}, {100, 64}, {200, 517}};
    for (int isa = 0; isa < reel_isa_count(); isa++)
        for (int64_t n = 1; n <= REEL_BF16_FEW; n++)
            for (int i = 0; i < REEL_COUNT(sizes); i++) {
                buffer first = {0};
                for (int threads = 1; threads <= THREADS; threads++) {
                    reel_ctx *ctx = context_with(reel_isa_name(isa), threads);
                    if (!ctx)
                        continue;
                    check_dots(ctx, n, sizes[i][0], sizes[i][1], &first);
                    reel_ctx_destroy(ctx);
                }
                buffer_free(&first);
            }
}
