/* AdamW against PyTorch's trajectories, and against numbers derived by hand. */
#include "tests/support/torch_cases.h"
#include "tests/unit/optim/store.h"

static const char *const names[] = {"w"};

static reel_optimizer *make_adamw(reel_params *params, const reel_ctx *ctx,
                                  const char *const options[][2], int n)
{
    reel_error err = {0};
    reel_optimizer *opt = NULL;
    reel_optimizer_config config = reel_optimizer_config_default(reel_optimizer_find("adamw"));
    for (int i = 0; i < n; i++)
        cr_assert_eq(reel_optimizer_config_set(&config, options[i][0], options[i][1], &err),
                     REEL_OK, "%s", err.message);
    cr_assert_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_OK, "%s",
                 err.message);
    return opt;
}

static const struct {
    const char *name;
    const char *options[4][2];
    int n;
} torch[] = {
    {"defaults", {{NULL, NULL}}, 0},
    {"no_decay", {{"weight-decay", "0"}}, 1},
    {"short_memory",
     {{"beta1", "0.5"}, {"beta2", "0.9"}, {"eps", "1e-3"}, {"weight-decay", "0.3"}},
     4},
};

/* The largest difference from PyTorch over all steps, relative to |w| or 1, whichever is larger. */
static double follow(int which, reel_dtype dtype, const reel_ctx *ctx)
{
    const char *name = torch[which].name;
    const reel_tensor start = torch_tensor("adamw/%s/start", name),
                      lr = torch_tensor("adamw/%s/lr", name),
                      gradients = torch_tensor("adamw/%s/gradients", name),
                      after = torch_tensor("adamw/%s/after", name);
    reel_params *params = make_store(dtype, 1, names, start.shape);
    reel_optimizer *opt = make_adamw(params, ctx, torch[which].options, torch[which].n);
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

Test(adamw, equals_pytorch_over_twenty_steps)
{
    reel_ctx *ctx = make_ctx(1);
    for (int c = 0; c < REEL_COUNT(torch); c++) {
        const double f64 = follow(c, REEL_F64, ctx), f32 = follow(c, REEL_F32, ctx);
        cr_log_info("%s: float64 %.2g, float32 %.2g", torch[c].name, f64, f32);
        cr_expect(f64 < 1e-12, "%s: float64 differs by %g", torch[c].name, f64);
        cr_expect(f32 < 1e-5, "%s: float32 differs by %g", torch[c].name, f32);
    }
    reel_ctx_destroy(ctx);
}

/* g 2, lr 0.1, decay 0.5, w 1. After one step m / (1 - beta1) = 2 and sqrt(s / (1 - beta2)) = 2, so
 * w = 1 (1 - 0.05) - 0.1 2 / (2 + eps): decay does not pass through the gradient. */
Test(adamw, decay_is_decoupled_and_the_first_step_has_the_size_of_the_rate)
{
    optim_case c = {.ctx = make_ctx(1)};
    c.params = make_store(REEL_F64, 1, names, &(const int64_t){1});
    c.opt = make_adamw(c.params, c.ctx,
                       (const char *const[][2]){{"weight-decay", "0.5"}, {"eps", "0"}}, 2);
    reel_param *p = set_param(c, 0, (double[]){1}, (double[]){2});
    cr_assert_eq(reel_optimizer_step(c.opt, 0.1, NULL), REEL_OK);
    expect_values(&p->value, (double[]){0.85}, 1e-15, "w");

    /* The states: running means without their correction, and the count of steps. */
    const double want[3] = {0.1 * 2, 0.001 * 4, 1};
    cr_assert_eq(reel_optimizer_state_count(c.opt), 3);
    for (int s = 0; s < 3; s++) {
        const reel_tensor state = reel_optimizer_state(c.opt, s, 0);
        const double got = reel_tensor_get(&state, (int64_t[]){0});
        cr_expect(fabs(got - want[s]) < 1e-15, "%s: %.17g", reel_optimizer_state_name(c.opt, s),
                  got);
    }
    close_case(c);
}

Test(adamw, settings_that_cannot_work_are_refused)
{
    static const char *const bad[][2] = {
        {"beta1", "1"}, {"beta2", "1"}, {"beta1", "-0.1"}, {"eps", "-1"}, {"weight-decay", "-1"}};
    reel_optimizer_config good = reel_optimizer_config_default(reel_optimizer_find("adamw"));
    cr_assert_eq(reel_optimizer_config_check(&good, NULL), REEL_OK);
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        reel_optimizer_config config = good;
        cr_assert_eq(reel_optimizer_config_set(&config, bad[i][0], bad[i][1], NULL), REEL_OK);
        cr_expect_eq(reel_optimizer_config_check(&config, &err), REEL_ERR_INVALID, "%s %s",
                     bad[i][0], bad[i][1]);
        cr_expect(strncmp(err.message, bad[i][0], strlen(bad[i][0])) == 0, "%s", err.message);
    }
    cr_expect_eq(reel_optimizer_config_set(&good, "momentum", "0.9", NULL), REEL_ERR_INVALID);
}
