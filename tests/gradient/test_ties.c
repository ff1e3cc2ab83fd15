/* Corners and ties: operators that have them never fail by chance, wherever their inputs lie, and
 * what was left out is counted.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "core/gradcheck/gradcheck.h"
#include "core/ops.h"
#include "core/rng.h"

enum { SEEDS = 1000 };

/* Numbers of which many are equal, many are 0 or a limit, and many miss such a place by 1e-2 down
 * to 1e-12. */
static void plant(double *x, int64_t n, uint32_t seed)
{
    static const double places[] = {0, 0.5, -0.5};
    reel_rng rng = reel_rng_at(99, REEL_STREAM_CHECK, 7, seed);
    for (int64_t i = 0; i < n; i++) {
        const double kind = reel_rng_uniform(&rng);
        x[i] = kind < 0.4 ? reel_rng_normal(&rng) : places[reel_rng_below(&rng, 3)];
        if (kind > 0.7)
            x[i] += reel_rng_normal(&rng) * pow(10, -reel_rng_range(&rng, 2, 12));
    }
}

/* Returns how many kinks were met. All may be kinks: then nothing is compared, and that is not a
 * wrong gradient. */
static int64_t try_planted(const char *what, reel_gradcheck_fn *fn, int ndim, const int64_t *shape)
{
    double x[200];
    int64_t kinks = 0, checked = 0;
    reel_ctx *ctx;
    reel_error err = {0};
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK, "%s",
                 err.message);
    reel_tensor in = reel_tensor_of(x, REEL_F64, ndim, shape);
    cr_assert_leq(reel_tensor_numel(&in), 200);
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        reel_gradcheck_report report;
        plant(x, reel_tensor_numel(&in), seed);
        const reel_status status = reel_gradcheck(
            ctx, fn, NULL, &in, 1, &(reel_gradcheck_config){.seed = seed}, &report, &err);
        cr_assert_eq(status, REEL_OK, "%s: %s", what, err.message);
        cr_expect(report.passed || report.checked == 0, "%s, seed %u: %s", what, seed,
                  report.message);
        kinks += report.kinks;
        checked += report.checked;
    }
    reel_ctx_destroy(ctx);
    cr_expect_gt(checked, SEEDS, "%s: only %lld elements compared, %lld kinks", what,
                 (long long)checked, (long long)kinks);
    return kinks;
}

#define EXPRESSION(name, value)                                                                    \
    static reel_var name(reel_tape *tape, const reel_var *in, void *user)                          \
    {                                                                                              \
        (void)tape, (void)user;                                                                    \
        return value;                                                                              \
    }
EXPRESSION(relu, reel_relu(in[0]))
EXPRESSION(leaky_relu, reel_leaky_relu(in[0], 0.3))
EXPRESSION(clamp, reel_clamp(in[0], -0.5, 0.5))
EXPRESSION(max, reel_max(in[0], 2, false))
EXPRESSION(pool,
           reel_max_pool2d(in[0], &(reel_pool2d_attrs){
                                      .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2}))
EXPRESSION(global_pool, reel_global_max_pool(in[0]))
EXPRESSION(relu_and_pool,
           reel_max_pool2d(reel_relu(in[0]), &(reel_pool2d_attrs){.kernel_h = 2, .kernel_w = 2}))

#define SHAPE(...)                                                                                 \
    (int)REEL_COUNT(((int64_t[]){__VA_ARGS__})), (const int64_t[])                                 \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

Test(ties, relu_at_its_corner_never_fails_by_chance)
{
    cr_expect_gt(try_planted("relu", relu, SHAPE(20)), SEEDS, "corners were planted, few were met");
    cr_expect_gt(try_planted("leaky relu", leaky_relu, SHAPE(20)), SEEDS,
                 "corners were planted, few were met");
    cr_expect_gt(try_planted("clamp", clamp, SHAPE(20)), SEEDS,
                 "corners were planted, few were met");
}

Test(ties, maxima_that_are_equal_never_fail_by_chance)
{
    cr_expect_gt(try_planted("max", max, SHAPE(4, 6)), SEEDS, "ties were planted, few were met");
    cr_expect_gt(try_planted("max_pool2d", pool, SHAPE(1, 2, 5, 5)), SEEDS,
                 "ties were planted, few were met");
    cr_expect_gt(try_planted("global_max_pool", global_pool, SHAPE(2, 3, 3, 3)), SEEDS,
                 "ties were planted, few were met");
    cr_expect_gt(try_planted("relu, max_pool2d", relu_and_pool, SHAPE(1, 2, 4, 4)), SEEDS,
                 "ties were planted, few were met");
}

/* Pixels and weights from a coarse grid: the map has many equal values and zeros. */
static void grid(double *x, int64_t n, uint32_t seed)
{
    reel_rng rng = reel_rng_at(99, REEL_STREAM_CHECK, 8, seed);
    for (int64_t i = 0; i < n; i++)
        x[i] = 0.5 * ((double)reel_rng_below(&rng, 3) - 1);
}

static reel_var fused(reel_tape *tape, const reel_var *in, void *user)
{
    (void)tape, (void)user;
    return reel_conv2d_relu_max_pool2d(
        in[0], in[1], in[2], &(reel_conv2d_attrs){.padding_h = 1, .padding_w = 1},
        &(reel_pool2d_attrs){.kernel_h = 2, .kernel_w = 2, .stride_h = 1, .stride_w = 1});
}

Test(ties, convolution_relu_and_pooling_in_one_never_fail_by_chance)
{
    double x[2 * 9], w[2 * 2 * 9], b[2];
    reel_ctx *ctx;
    reel_error err = {0};
    int64_t kinks = 0;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 1}, &err), REEL_OK, "%s",
                 err.message);
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        reel_gradcheck_report report;
        reel_tensor in[] = {reel_tensor_of(x, REEL_F64, SHAPE(1, 2, 3, 3)),
                            reel_tensor_of(w, REEL_F64, SHAPE(2, 2, 3, 3)),
                            reel_tensor_of(b, REEL_F64, SHAPE(2))};
        grid(x, REEL_COUNT(x), 3 * seed);
        grid(w, REEL_COUNT(w), 3 * seed + 1);
        grid(b, REEL_COUNT(b), 3 * seed + 2);
        const reel_status status = reel_gradcheck(
            ctx, fused, NULL, in, 3, &(reel_gradcheck_config){.seed = seed}, &report, &err);
        cr_assert_eq(status, REEL_OK, "%s", err.message);
        cr_expect(report.passed || report.checked == 0, "seed %u: %s", seed, report.message);
        kinks += report.kinks;
    }
    reel_ctx_destroy(ctx);
    cr_expect_gt(kinks, SEEDS, "ties were planted, only %lld were met", (long long)kinks);
}
