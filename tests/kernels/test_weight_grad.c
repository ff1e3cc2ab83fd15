/* The gradient of a fully connected layer's weights in parts: a range of its rows has the bits that
 * these rows have in the whole. */
#include "tests/kernels/kernel_test.h"

#include "core/bf16.h"
#include "core/kernels/weight_grad.h"

static const char *const isas[] = {"portable", "avx2", "avx512", "amx", "neon"};

/* Outputs, inputs, rows of a piece, pieces. */
typedef int64_t grad_shape[4];

static void *draw_factor(reel_dtype dtype, int64_t n, uint32_t stream)
{
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, stream);
    void *numbers = malloc((size_t)n * reel_dtype_size(dtype));
    cr_assert(numbers);
    for (int64_t i = 0; i < n; i++) {
        const double x = reel_rng_normal(&rng);
        if (dtype == REEL_F64)
            ((double *)numbers)[i] = x;
        else if (dtype == REEL_F32)
            ((float *)numbers)[i] = (float)x;
        else
            ((reel_bf16 *)numbers)[i] = reel_bf16_from_float((float)x);
    }
    return numbers;
}

static void run_rows(const reel_ctx *ctx, reel_weight_grad g, int64_t begin, int64_t end)
{
    g.begin = begin;
    g.end = end;
    const size_t bytes = reel_weight_grad_scratch(ctx, &g);
    cr_assert(posix_memalign(&g.scratch, REEL_ALIGNMENT, bytes + 1) == 0);
    memset(g.scratch, 0xff, bytes);
    reel_weight_grad_run(ctx, &g);
    free(g.scratch);
}

/* The whole, and the same in ranges that end after every `step` rows. */
static void check_ranges(const reel_ctx *ctx, reel_dtype dtype, const grad_shape shape,
                         int64_t step)
{
    const int64_t out = shape[0], in = shape[1], n = shape[2] * shape[3];
    const size_t element = dtype == REEL_F64 ? sizeof(double) : sizeof(float);
    const size_t row = (size_t)in * element, bytes = (size_t)out * row;
    void *x = draw_factor(dtype, n * in, 1), *dy = draw_factor(dtype, n * out, 2);
    char *want = NULL, *got = NULL;
    cr_assert(posix_memalign((void **)&want, REEL_ALIGNMENT, bytes) == 0 &&
              posix_memalign((void **)&got, REEL_ALIGNMENT, bytes) == 0);
    memset(want, 0xff, bytes);
    memset(got, 0xff, bytes);

    reel_weight_grad g = {
        .dtype = dtype, .n = n, .in = in, .out = out, .pieces = shape[3], .x = x, .dy = dy};
    g.dw = want;
    run_rows(ctx, g, 0, out);
    g.dw = got;
    for (int64_t begin = 0; begin < out; begin += step) {
        const int64_t end = begin + step < out ? begin + step : out;
        run_rows(ctx, g, begin, end);
        cr_assert(is_untouched(got + (size_t)end * row, (size_t)(out - end) * row),
                  "rows behind %lld are written", (long long)end);
    }
    cr_expect(memcmp(got, want, bytes) == 0,
              "%s %s: (%lld, %lld), %lld pieces of %lld, %lld rows at a time",
              reel_isa_name(reel_ctx_isa(ctx)), reel_dtype_name(dtype), (long long)out,
              (long long)in, (long long)shape[3], (long long)shape[2], (long long)step);
    free(x);
    free(dy);
    free(want);
    free(got);
}

/* Sums within a block and over several; few rows, which are added up in another way by themselves;
 * sizes that kernels add up inside, and those that they do not. */
Test(weight_grad, rows_have_the_bits_of_the_whole)
{
    static const grad_shape shapes[] = {
        {1, 1, 1, 1},    {9, 5, 3, 2},     {8, 40, 20, 3},   {17, 33, 700, 1},  {17, 33, 300, 3},
        {33, 300, 8, 4}, {70, 131, 16, 5}, {40, 257, 90, 6}, {24, 520, 600, 2}, {65, 130, 1, 7}};
    static const int64_t steps[] = {1, 3, 8, 9, 16, 31};
    static const reel_dtype dtypes[] = {REEL_F32, REEL_F64, REEL_BF16};
    for (int i = 0; i < REEL_COUNT(isas) * 4; i++) {
        /* bf16 in both ways: by instructions of its own, and by float32 copies. */
        cr_assert(setenv("REEL_BF16", i % 2 ? "native" : "widen", 1) == 0);
        reel_ctx *ctx = context_with(isas[i / 4], 1 + i / 2 % 2);
        for (int j = 0; ctx && j < REEL_COUNT(shapes) * REEL_COUNT(dtypes); j++) {
            const reel_dtype dtype = dtypes[j % REEL_COUNT(dtypes)];
            if (i % 2 && dtype != REEL_BF16)
                continue;
            for (int s = 0; s < REEL_COUNT(steps); s++)
                check_ranges(ctx, dtype, shapes[j / REEL_COUNT(dtypes)], steps[s]);
        }
        reel_ctx_destroy(ctx);
    }
}
