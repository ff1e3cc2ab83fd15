/* NaN and infinity are found wherever they stand, and nothing else is taken for one. */
#include <criterion/criterion.h>
#include <float.h>
#include <math.h>

#include "optim/optim.h"

enum { N = 70001 };

static void check(reel_dtype dtype, double bad)
{
    reel_ctx *ctx;
    reel_params *params;
    reel_optimizer *opt;
    int small, large, frozen;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, NULL), REEL_OK);
    cr_assert_eq(reel_params_create(&params, dtype, NULL), REEL_OK);
    reel_params_add(params, "small", 1, (int64_t[]){7}, 0, &small, NULL);
    reel_params_add(params, "large", 1, (int64_t[]){N}, 0, &large, NULL);
    reel_params_add(params, "frozen", 1, (int64_t[]){3}, REEL_PARAM_FROZEN, &frozen, NULL);
    cr_assert_eq(reel_params_commit(params, NULL), REEL_OK);
    cr_assert_eq(reel_sgd_create(&opt, params, ctx, &(reel_sgd_config){.momentum = 0.9}, NULL),
                 REEL_OK);
    const double edge = dtype == REEL_F64 ? DBL_MAX : FLT_MAX,
                 tiny = dtype == REEL_F64 ? 5e-324 : 1e-45;
    for (int p = 0; p < 3; p++) {
        reel_param *q = reel_params_at(params, p);
        q->has_grad = true;
        for (int64_t i = 0; i < reel_tensor_numel(&q->grad); i++)
            reel_tensor_set(&q->grad, (int64_t[REEL_MAX_DIMS]){i},
                            i % 3 == 0   ? edge
                            : i % 3 == 1 ? -edge
                                         : tiny);
    }
    cr_expect_eq(reel_grad_not_finite(params, ctx), -1,
                 "largest and smallest numbers were taken for infinity");
    const struct {
        int param;
        int64_t at;
    } places[] = {{0, 0}, {0, 6}, {1, 0}, {1, 31}, {1, 32}, {1, 65535}, {1, 65536}, {1, N - 1}};
    for (int i = 0; i < REEL_COUNT(places); i++) {
        const reel_tensor *g = &reel_params_at(params, places[i].param)->grad,
                          *w = &reel_params_at(params, places[i].param)->value;
        const int64_t at[REEL_MAX_DIMS] = {places[i].at};
        const double was = reel_tensor_get(g, at);
        reel_tensor_set(g, at, bad);
        cr_expect_eq(reel_grad_not_finite(params, ctx), places[i].param, "%g at %lld of %d: got %d",
                     bad, (long long)places[i].at, places[i].param,
                     reel_grad_not_finite(params, ctx));
        reel_tensor_set(g, at, was);
        cr_expect_eq(reel_optimizer_not_finite(opt), -1);
        reel_tensor_set(w, at, bad);
        cr_expect_eq(reel_optimizer_not_finite(opt), places[i].param);
        reel_tensor_set(w, at, 1);
    }
    const int64_t first[REEL_MAX_DIMS] = {0};
    reel_tensor_set(&reel_params_at(params, frozen)->grad, first, bad);
    cr_expect_eq(reel_grad_not_finite(params, ctx), -1,
                 "the gradient of a frozen parameter is of no interest");
    reel_tensor_set(&reel_params_at(params, small)->grad, first, bad);
    reel_tensor_set(&reel_params_at(params, large)->grad, first, bad);
    cr_expect_eq(reel_grad_not_finite(params, ctx), large,
                 "the last parameter comes first, as in backward");
    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

Test(finite, nan_and_infinity_are_found_at_every_place_in_float_and_double)
{
    const double bad[] = {NAN, -NAN, INFINITY, -INFINITY};
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        check(REEL_F32, bad[i]);
        check(REEL_F64, bad[i]);
    }
}
