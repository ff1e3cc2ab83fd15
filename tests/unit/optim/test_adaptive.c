/* AdamW, Adam and RMSprop against PyTorch's trajectories, and against numbers derived by hand. */
#include "tests/support/torch_cases.h"
#include "tests/unit/optim/store.h"

static const char *const names[] = {"w"};

/* An option and its value as text. */
typedef const char *option_text[2];

static const struct {
    const char *kind, *name;
    int n;
    option_text options[4];
} torch[] = {
    {"adamw", "defaults", 0, {{NULL}}},
    {"adamw", "no_decay", 1, {{"weight-decay", "0"}}},
    {"adamw", "short_memory", 3, {{"betas", "0.5,0.9"}, {"eps", "1e-3"}, {"weight-decay", "0.3"}}},
    {"adam", "defaults", 0, {{NULL}}},
    {"adam", "decay", 1, {{"weight-decay", "0.05"}}},
    {"adam", "short_memory", 3, {{"betas", "0.5,0.9"}, {"eps", "1e-3"}, {"weight-decay", "0.3"}}},
    {"rmsprop", "defaults", 0, {{NULL}}},
    {"rmsprop", "momentum", 1, {{"momentum", "0.9"}}},
    {"rmsprop", "decay", 2, {{"momentum", "0.9"}, {"weight-decay", "0.05"}}},
    {"rmsprop",
     "torchvision",
     4,
     {{"momentum", "0.9"}, {"alpha", "0.9"}, {"eps", "0.0316"}, {"weight-decay", "1e-5"}}},
    {"rmsprop", "centered", 2, {{"centered", "true"}, {"alpha", "0.7"}}},
    {"rmsprop",
     "centered_momentum",
     3,
     {{"centered", "true"}, {"momentum", "0.5"}, {"weight-decay", "0.05"}}},
};

/* The largest difference from PyTorch over all steps, relative to |w| or 1, whichever is larger. */
static double follow(int which, reel_dtype dtype, const reel_ctx *ctx)
{
    const char *kind = torch[which].kind, *name = torch[which].name;
    const reel_tensor start = torch_tensor("%s/%s/start", kind, name),
                      lr = torch_tensor("%s/%s/lr", kind, name),
                      gradients = torch_tensor("%s/%s/gradients", kind, name),
                      after = torch_tensor("%s/%s/after", kind, name);
    reel_params *params = make_store(dtype, 1, names, start.shape);
    reel_optimizer *opt = make_optimizer(kind, params, ctx, torch[which].options, torch[which].n);
    reel_param *p = reel_params_at(params, 0);
    reel_tensor_copy(&p->value, &start);
    double worst = 0;

    cr_assert_eq(gradients.shape[0], 20);
    for (int64_t s = 0; s < gradients.shape[0]; s++) {
        for (int64_t i = 0; i < start.shape[0]; i++)
            reel_tensor_set(&p->grad, &i, reel_tensor_get(&gradients, (int64_t[]){s, i}));
        p->has_grad = true;
        cr_assert_eq(reel_optimizer_step(opt, reel_tensor_get(&lr, &s), NULL), REEL_OK);
        for (int64_t i = 0; i < start.shape[0]; i++) {
            const double want = reel_tensor_get(&after, (int64_t[]){s, i});
            const double off = fabs(reel_tensor_get(&p->value, &i) - want) / fmax(1, fabs(want));
            worst = fmax(worst, off);
        }
    }
    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    return worst;
}

Test(adaptive, equals_pytorch_over_twenty_steps)
{
    reel_ctx *ctx = make_ctx(1);
    for (int c = 0; c < REEL_COUNT(torch); c++) {
        const double f64 = follow(c, REEL_F64, ctx), f32 = follow(c, REEL_F32, ctx);
        const char *kind = torch[c].kind, *name = torch[c].name;
        cr_log_info("%s, %s: float64 %.2g, float32 %.2g", kind, name, f64, f32);
        cr_expect(f64 < 1e-12, "%s, %s: float64 differs by %g", kind, name, f64);
        cr_expect(f32 < 1e-5, "%s, %s: float32 differs by %g", kind, name, f32);
    }
    reel_ctx_destroy(ctx);
}

static optim_case one_weight(const char *kind, option_text *options, int n)
{
    optim_case c = {.ctx = make_ctx(1)};
    c.params = make_store(REEL_F64, 1, names, &(const int64_t){1});
    c.opt = make_optimizer(kind, c.params, c.ctx, options, n);
    return c;
}

/* The weight 1 after one step with gradient 2 and rate 0.1. */
static double first_step(optim_case c)
{
    reel_param *p = set_param(c, 0, (double[]){1}, (double[]){2});
    cr_assert_eq(reel_optimizer_step(c.opt, 0.1, NULL), REEL_OK);
    return reel_tensor_get(&p->value, (int64_t[]){0});
}

static void expect_states(optim_case c, const double *want, int n)
{
    cr_assert_eq(reel_optimizer_state_count(c.opt), n);
    for (int s = 0; s < n; s++) {
        const reel_tensor state = reel_optimizer_state(c.opt, s, 0);
        const double got = reel_tensor_get(&state, (int64_t[]){0});
        cr_expect(fabs(got - want[s]) < 1e-15, "%s: %.17g", reel_optimizer_state_name(c.opt, s),
                  got);
    }
}

/* g 2, lr 0.1, decay 0.5, w 1. After one step m / (1 - beta1) = 2 and sqrt(s / (1 - beta2)) = 2, so
 * w = 1 (1 - 0.05) - 0.1 2 / (2 + eps): decay does not pass through the gradient. */
Test(adaptive, adamw_decays_apart_and_its_first_step_has_the_size_of_the_rate)
{
    const optim_case c =
        one_weight("adamw", (option_text[]){{"weight-decay", "0.5"}, {"eps", "0"}}, 2);
    cr_expect(fabs(first_step(c) - 0.85) < 1e-15);
    /* Running means without their correction, and the count of steps. */
    expect_states(c, (const double[]){0.1 * 2, 0.001 * 4, 1}, 3);
    close_case(c);
}

/* d = 2 + 0.5 1: decay is in the means, and the first step has the size of the rate all the same.
 */
Test(adaptive, adam_decays_through_the_gradient)
{
    const optim_case c =
        one_weight("adam", (option_text[]){{"weight-decay", "0.5"}, {"eps", "0"}}, 2);
    cr_expect(fabs(first_step(c) - 0.9) < 1e-15);
    expect_states(c, (const double[]){0.1 * 2.5, 0.001 * 6.25, 1}, 3);
    close_case(c);
}

/* s = 0.01 4, so q = 2 / 0.2: nothing corrects the mean that began as 0. */
Test(adaptive, rmsprop_does_not_correct_its_mean)
{
    const optim_case c = one_weight("rmsprop", (option_text[]){{"eps", "0"}}, 1);
    cr_expect(fabs(first_step(c) - (1 - 0.1 * 10)) < 1e-15);
    const reel_tensor square = reel_optimizer_state(c.opt, 0, 0);
    cr_expect(fabs(reel_tensor_get(&square, (int64_t[]){0}) - 0.04) < 1e-15);
    cr_expect_null(reel_optimizer_state(c.opt, 1, 0).data, "a momentum that is not used");
    cr_expect_null(reel_optimizer_state(c.opt, 2, 0).data, "a mean that is not used");
    close_case(c);
}

/* s - a^2 may come out below 0 by rounding where the gradient has stood still. */
Test(adaptive, centered_rmsprop_stays_finite_on_a_constant_gradient)
{
    const optim_case c = one_weight(
        "rmsprop", (option_text[]){{"centered", "true"}, {"alpha", "0.3"}, {"eps", "1e-3"}}, 3);
    for (int i = 0; i < 200; i++)
        cr_assert(isfinite(first_step(c)), "step %d", i);
    close_case(c);
}

Test(adaptive, settings_that_cannot_work_are_refused)
{
    static const char *const bad[][3] = {
        {"adamw", "beta1", "1"},         {"adamw", "beta2", "1"},
        {"adamw", "beta1", "-0.1"},      {"adamw", "eps", "-1"},
        {"adamw", "weight-decay", "-1"}, {"adam", "beta1", "1"},
        {"adam", "beta2", "1"},          {"adam", "weight-decay", "-1"},
        {"rmsprop", "alpha", "1"},       {"rmsprop", "alpha", "-1"},
        {"rmsprop", "momentum", "1"},    {"lars", "momentum", "1"},
        {"lars", "momentum", "-1"},      {"lars", "trust-coefficient", "-1"}};
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        const char *name = bad[i][1];
        reel_optimizer_config config =
            reel_optimizer_config_default(reel_optimizer_find(bad[i][0]));
        cr_assert_eq(reel_optimizer_config_check(&config, NULL), REEL_OK);
        cr_assert_eq(reel_optimizer_config_set(&config, name, bad[i][2], NULL), REEL_OK);
        cr_expect_eq(reel_optimizer_config_check(&config, &err), REEL_ERR_INVALID, "%s %s", name,
                     bad[i][2]);
        cr_expect(strncmp(err.message, name, strlen(name)) == 0, "%s", err.message);
    }
    reel_optimizer_config adamw = reel_optimizer_config_default(reel_optimizer_find("adamw"));
    cr_expect_eq(reel_optimizer_config_set(&adamw, "momentum", "0.9", NULL), REEL_ERR_INVALID);
}

/* "betas" sets both numbers or none. */
Test(adaptive, one_name_sets_both_betas)
{
    static const char *const bad[] = {"",   "0.9", ",0.9", "0.9,", "0.9;0.99", "0.9,0.99,0.999",
                                      "x,1"};
    reel_optimizer_config config = reel_optimizer_config_default(reel_optimizer_find("adam"));
    cr_assert_eq(reel_optimizer_config_set(&config, "betas", "0.8,0.95", NULL), REEL_OK);
    cr_expect_eq(config.values.at[0], 0.8);
    cr_expect_eq(config.values.at[1], 0.95);
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        cr_expect_eq(reel_optimizer_config_set(&config, "betas", bad[i], &err), REEL_ERR_INVALID,
                     "'%s'", bad[i]);
        cr_expect(strncmp(err.message, "beta", 4) == 0, "%s", err.message);
        cr_expect_eq(config.values.at[0], 0.8);
    }
}
