/* The moving average of weights against torchvision's, and what holds for every average. */
#include "optim/ema.h"

#include <stdlib.h>

#include "tests/support/torch_cases.h"
#include "tests/unit/optim/store.h"

static reel_ema *make_ema(reel_params *params, const reel_ctx *ctx, double decay)
{
    reel_ema *ema = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_ema_create(&ema, params, ctx, decay, &err), REEL_OK, "%s", err.message);
    return ema;
}

/* As make_torch_cases.py: decay 0.9, an update every 2 steps, copies during the first 5. */
static double follow_torch(reel_dtype dtype)
{
    static const char *const names[] = {"weight", "running"};
    const int64_t lengths[] = {5, 3};
    reel_ctx *ctx = make_ctx(1);
    reel_params *params = make_store(dtype, 2, names, lengths);
    reel_params_at(params, 1)->flags = REEL_PARAM_BUFFER;
    reel_ema *ema = make_ema(params, ctx, 0.9);
    bool copies = true;
    double worst = 0;

    for (int64_t s = 0; s < 16; s++) {
        for (int p = 0; p < 2; p++) {
            const reel_tensor values = torch_tensor("ema/%s/values", names[p]);
            for (int64_t i = 0; i < lengths[p]; i++)
                reel_tensor_set(&reel_params_at(params, p)->value, &i,
                                reel_tensor_get(&values, (int64_t[]){s, i}));
        }
        if (s % 2 == 0) {
            reel_ema_update(ema, copies);
            copies = s < 5;
        }
        for (int p = 0; p < 2; p++) {
            const reel_tensor after = torch_tensor("ema/%s/after", names[p]),
                              average = reel_ema_average(ema, p);
            for (int64_t i = 0; i < lengths[p]; i++)
                worst = fmax(worst, fabs(reel_tensor_get(&average, &i) -
                                         reel_tensor_get(&after, (int64_t[]){s, i})));
        }
    }
    reel_ema_destroy(ema);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
    return worst;
}

Test(ema, equals_torchvision_over_sixteen_steps)
{
    const double f64 = follow_torch(REEL_F64), f32 = follow_torch(REEL_F32);
    cr_log_info("float64 %.2g, float32 %.2g", f64, f32);
    cr_expect(f64 < 1e-15, "float64 differs by %g", f64);
    cr_expect(f32 < 1e-6, "float32 differs by %g", f32);
}

/* python3 -c 'print(1 - min(1.0, (1.0 - 0.99998) * (1 * 32 * 32 / 30)))' */
Test(ema, the_decay_is_adjusted_to_the_length_of_the_run)
{
    cr_expect(fabs(reel_ema_decay(0.99998, 32 * 32, 30) - 0.9993173333333326) < 1e-15);
    cr_expect_eq(reel_ema_decay(0.9, 1e6, 1), 0, "an average that is a copy");
    cr_expect_eq(reel_ema_decay(1, 1024, 30), 1, "an average that stays");
}

Test(ema, one_and_two_and_five_threads_give_the_same_bits)
{
    static const int threads[] = {1, 2, 5};
    reel_params *params[3];
    for (int t = 0; t < 3; t++) {
        reel_ctx *ctx = make_ctx(threads[t]);
        params[t] = make_long_store();
        reel_ema *ema = make_ema(params[t], ctx, 0.7);
        for (int s = 0; s < 3; s++) {
            for (int i = 0; i < LONG; i++)
                fill_noise(&reel_params_at(params[t], i)->value, s);
            reel_ema_update(ema, s == 0);
        }
        reel_ema_swap(ema); /* the store holds the average */
        reel_ema_destroy(ema);
        reel_ctx_destroy(ctx);
    }
    expect_same_bits(params[0], params[1]);
    expect_same_bits(params[0], params[2]);
    for (int t = 0; t < 3; t++)
        reel_params_destroy(params[t]);
}

Test(ema, swapping_twice_changes_nothing)
{
    reel_ctx *ctx = make_ctx(2);
    reel_params *params = make_long_store(), *before = make_long_store();
    reel_ema *ema = make_ema(params, ctx, 0.5);
    reel_ema_swap(ema);
    const reel_tensor zero = reel_params_at(params, 0)->value;
    cr_expect_eq(reel_tensor_get(&zero, &(int64_t){70000}), 0);
    reel_ema_swap(ema);
    expect_same_bits(params, before);
    reel_ema_destroy(ema);
    reel_params_destroy(params);
    reel_params_destroy(before);
    reel_ctx_destroy(ctx);
}

Test(ema, what_cannot_be_is_refused)
{
    static const double bad[] = {-0.1, 1.1, NAN};
    reel_ctx *ctx = make_ctx(1);
    reel_params *params = make_long_store(), *empty = NULL;
    reel_ema *ema = NULL;
    for (int i = 0; i < REEL_COUNT(bad); i++)
        cr_expect_eq(reel_ema_create(&ema, params, ctx, bad[i], NULL), REEL_ERR_INVALID);
    cr_assert_eq(reel_params_create(&empty, REEL_F32, NULL), REEL_OK);
    cr_expect_eq(reel_ema_create(&ema, empty, ctx, 0.9, NULL), REEL_ERR_INVALID);
    cr_expect_null(ema);
    reel_ema_destroy(NULL);
    reel_params_destroy(params);
    reel_params_destroy(empty);
    reel_ctx_destroy(ctx);
}

/* Elements of the share take part, those of others stay; the array is the caller's. */
Test(ema, a_share_is_updated_and_swapped_by_itself)
{
    enum { FIRST = 17 + 15 }; /* elements of features.0.bias in the flat array: two lines */
    reel_ctx *ctx = make_ctx(2);
    reel_params *params = make_long_store(), *before = make_long_store();
    reel_ema *ema = make_ema(params, ctx, 0.5);
    const reel_param *bias = reel_params_at(params, 1), *weight = reel_params_at(params, 2);
    cr_assert_eq(weight->offset - bias->offset, FIRST);
    const reel_optim_share share = {.begin = bias->offset, .end = weight->offset};
    cr_assert_eq(reel_ema_set_share(ema, &share, NULL), REEL_OK);

    float *array = calloc((size_t)reel_params_flat_size(params), sizeof *array);
    cr_assert_not_null(array);
    reel_ema_update(ema, true);
    cr_assert_eq(reel_ema_place(ema, array, NULL), REEL_OK);
    cr_expect(memcmp(array + bias->offset, bias->value.data, 17 * sizeof *array) == 0,
              "the average moves to the new array");
    cr_expect_eq(array[0], 0, "others have their own average");

    memset(bias->value.data, 0, 17 * sizeof *array);
    reel_ema_swap(ema);
    expect_same_bits(params, before);
    cr_expect_eq(array[bias->offset], 0);
    cr_expect_eq(array[weight->offset], 0);
    reel_ema_destroy(ema);
    free(array);
    reel_params_destroy(params);
    reel_params_destroy(before);
    reel_ctx_destroy(ctx);
}
