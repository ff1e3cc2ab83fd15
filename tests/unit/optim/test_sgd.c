/* SGD against PyTorch's numbers, hand-derived ones, and itself: threads, resuming. */
#include "tests/unit/optim/store.h"

/* PyTorch 1.13, float64:
 *   w = torch.tensor(start, dtype=torch.float64, requires_grad=True); o = torch.optim.SGD([w],
 * lr=0.1, **settings) for lr, g in zip(lrs, grads): o.param_groups[0]['lr'] = lr; w.grad =
 * torch.tensor(g, dtype=torch.float64); o.step() and after each step: print(', '.join('%.17g' % x
 * for x in w.tolist())) */
enum { STEPS = 4, SIZE = 4 };
static const double start[SIZE] = {1.0, -2.0, 0.5, 3.0};
static const double lrs[STEPS] = {0.1, 0.1, 0.01, 0.02};
static const double grads[STEPS][SIZE] = {{0.5, -1.0, 2.0, 0.25},
                                          {-0.75, 0.5, 1.0, -2.0},
                                          {1.5, 0.125, -0.5, 0.0},
                                          {0.25, -0.25, 0.75, 1.0}};

typedef struct reference {
    const char *label;
    reel_sgd_config config;
    double after[STEPS][SIZE];
} reference;

static const reference references[] = {
    {"plain",
     {.momentum = 0},
     {{0.94999999999999996, -1.8999999999999999, 0.29999999999999999, 2.9750000000000001},
      {1.0249999999999999, -1.95, 0.19999999999999998, 3.1750000000000003},
      {1.01, -1.9512499999999999, 0.20499999999999999, 3.1750000000000003},
      {1.0050000000000001, -1.94625, 0.18999999999999997, 3.1550000000000002}}},
    {"weight_decay=0.01",
     {.weight_decay = 0.01},
     {{0.94899999999999995, -1.8979999999999999, 0.29949999999999999, 2.972},
      {1.0230509999999999, -1.946102, 0.19920049999999997, 3.169028},
      {1.0079486948999998, -1.9471573898000001, 0.20418057994999997, 3.1687110972000001},
      {1.0027471051610197, -1.9417679583220402, 0.18913974383400997, 3.1480773549805603}}},
    {"momentum=0.9",
     {.momentum = 0.9},
     {{0.94999999999999996, -1.8999999999999999, 0.29999999999999999, 2.9750000000000001},
      {0.97999999999999998, -1.8599999999999999, 0.01999999999999999, 3.1525000000000003},
      {0.9677, -1.8576499999999998, -0.00020000000000001058, 3.1684750000000004},
      {0.94055999999999995, -1.8484199999999997, -0.051560000000000016, 3.1772300000000002}}},
    {"momentum=0.9, weight_decay=0.01",
     {.momentum = 0.9, .weight_decay = 0.01},
     {{0.94899999999999995, -1.8979999999999999, 0.29949999999999999, 2.972},
      {0.97715099999999999, -1.8543019999999999, 0.018750499999999944, 3.1438280000000001},
      {0.96458687489999995, -1.8514337498, -0.0015188300500000613, 3.1589781372000001},
      {0.93677853234501995, -1.84090061269004, -0.053003320373990075, 3.16561658853256}}},
    {"momentum=0.9, dampening=0.3, weight_decay=0.01",
     {.momentum = 0.9, .dampening = 0.3, .weight_decay = 0.01},
     {{0.94899999999999995, -1.8979999999999999, 0.29949999999999999, 2.972},
      {0.95493569999999994, -1.8398713999999998, 0.048840349999999963, 3.0847196000000001},
      {0.94490306750099995, -1.8353860350019999, 0.029777562675499959, 3.094648433628},
      {0.92321204257334977, -1.8235554239606997, -0.015039623367374624, 3.0980870833776919}}},
    {"momentum=0.9, nesterov=True, weight_decay=0.01",
     {.momentum = 0.9, .nesterov = true, .weight_decay = 0.01},
     {{0.90310000000000001, -1.8062, 0.11904999999999999, 2.9468000000000001},
      {1.0025741100000001, -1.81514822, -0.23358119500000005, 3.29852108},
      {0.97616756981910002, -1.8136462396382, -0.24676290762295006, 3.3118144701948},
      {0.94594531715674879, -1.7988302160954974, -0.30793826505446331, 3.2970778168411661}}},
};

static reel_optimizer *make_sgd(reel_params *params, const reel_ctx *ctx, reel_sgd_config config)
{
    reel_optimizer *opt = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_sgd_create(&opt, params, ctx, &config, &err), REEL_OK, "%s", err.message);
    return opt;
}

/* n parameters of one element each. */
static optim_case open_sgd(reel_dtype dtype, int n, reel_sgd_config config)
{
    optim_case c = {.ctx = make_ctx(1)};
    c.params = make_store(dtype, n, long_names, (const int64_t[]){1, 1, 1, 1});
    c.opt = make_sgd(c.params, c.ctx, config);
    return c;
}

static reel_optimizer *make_any_sgd(reel_params *params, const reel_ctx *ctx, const void *config)
{
    return make_sgd(params, ctx, *(const reel_sgd_config *)config);
}

static void step(reel_optimizer *opt, double lr)
{
    reel_error err = {0};
    cr_assert_eq(reel_optimizer_step(opt, lr, &err), REEL_OK, "%s", err.message);
}

static void group(reel_optimizer *opt, const char *pattern, double lr_mult, double decay_mult,
                  bool frozen)
{
    reel_error err = {0};
    const reel_group g = {pattern, lr_mult, decay_mult, frozen};
    cr_assert_eq(reel_optimizer_group(opt, &g, &err), REEL_OK, "%s", err.message);
}

Test(sgd, equals_pytorch_step_by_step_in_both_dtypes)
{
    reel_ctx *ctx = make_ctx(1);
    const int64_t size = SIZE;
    for (int d = 0; d < REEL_DTYPES; d++) {
        for (int r = 0; r < REEL_COUNT(references); r++) {
            reel_params *params = make_store((reel_dtype)d, 1, long_names, &size);
            reel_optimizer *opt = make_sgd(params, ctx, references[r].config);
            reel_param *p = reel_params_at(params, 0);
            fill(&p->value, start);
            for (int s = 0; s < STEPS; s++) {
                set_grad(p, grads[s]);
                step(opt, lrs[s]);
                expect_values(&p->value, references[r].after[s], d == REEL_F64 ? 2e-15 : 3e-7,
                              references[r].label);
            }
            reel_optimizer_destroy(opt);
            reel_params_destroy(params);
        }
    }
    reel_ctx_destroy(ctx);
}

/* Gradient 1 always, momentum 0.9. At one lr both give 1, 0.9, 0.71. After lr 0.1 -> 0.01,
 * PyTorch's velocity 1.9 counts with the new rate, 0.9 - 0.019 = 0.881, while the 2012 velocity
 * -0.09 - 0.01 still remembers the old: 0.9 - 0.1 = 0.8. */
Test(sgd, the_2012_convention_differs_from_pytorch_only_after_a_change_of_learning_rate)
{
    reel_ctx *ctx = make_ctx(1);
    const int64_t one = 1;
    for (int changed = 0; changed < 2; changed++) {
        double got[2];
        for (int in_velocity = 0; in_velocity < 2; in_velocity++) {
            reel_params *params = make_store(REEL_F64, 1, long_names, &one);
            reel_optimizer *opt = make_sgd(
                params, ctx, (reel_sgd_config){.momentum = 0.9, .lr_in_velocity = in_velocity});
            reel_param *p = reel_params_at(params, 0);
            fill(&p->value, (double[]){1});
            set_grad(p, (double[]){1});
            step(opt, 0.1);
            step(opt, changed ? 0.01 : 0.1);
            got[in_velocity] = *(double *)p->value.data;
            reel_optimizer_destroy(opt);
            reel_params_destroy(params);
        }
        const double want[2] = {changed ? 0.881 : 0.71, changed ? 0.8 : 0.71};
        for (int i = 0; i < 2; i++)
            cr_assert(fabs(got[i] - want[i]) < 1e-14, "lr %s, convention %d: %.17g, expected %.17g",
                      changed ? "changed" : "kept", i, got[i], want[i]);
    }
    reel_ctx_destroy(ctx);
}

/* v = 0.9 v - 0.0005 lr w - lr g, from the paper: w 2, g 3, lr 0.1: v = -0.0001 - 0.3 = -0.3001, w
 * = 1.6999; then v = -0.27009 - 0.000084995 - 0.3 = -0.570174995, w = 1.129725005. */
Test(sgd, the_2012_convention_decays_inside_the_velocity)
{
    const optim_case c = open_sgd(
        REEL_F64, 1,
        (reel_sgd_config){.momentum = 0.9, .weight_decay = 0.0005, .lr_in_velocity = true});
    reel_param *p = reel_params_at(c.params, 0);
    fill(&p->value, (double[]){2});
    set_grad(p, (double[]){3});
    step(c.opt, 0.1);
    expect_values(&p->value, (double[]){1.6999}, 1e-15, "first step");
    step(c.opt, 0.1);
    expect_values(&p->value, (double[]){1.129725005}, 1e-15, "second step");
    const reel_tensor v = reel_optimizer_state(c.opt, 0, 0);
    expect_values(&v, (double[]){-0.570174995}, 1e-15, "velocity");
    close_case(c);
}

/* w 1, g 1, lr 0.1, decay 0.5: 1 - 0.1 (1 + 0.5) = 0.85; ten times the rate: -0.5; no decay: 0.9.
 */
Test(sgd, groups_multiply_rate_and_decay_and_later_groups_override)
{
    const optim_case c = open_sgd(REEL_F64, 4, (reel_sgd_config){.weight_decay = 0.5});
    for (int i = 0; i < 4; i++) {
        fill(&reel_params_at(c.params, i)->value, (double[]){1});
        set_grad(reel_params_at(c.params, i), (double[]){1});
    }
    group(c.opt, "classifier.*", 10, 1, false);
    group(c.opt, "*.bias", 1, 0, false);
    group(c.opt, "features.?.weight", 1, 1, true);
    step(c.opt, 0.1);
    const double want[4] = {1, 0.9, -0.5, 0.9};
    for (int i = 0; i < 4; i++)
        expect_values(&reel_params_at(c.params, i)->value, &want[i], 1e-15, long_names[i]);
    cr_assert(reel_params_at(c.params, 0)->flags & REEL_PARAM_FROZEN,
              "the frozen group did not set the flag");
    group(c.opt, "*", 1, 1, false);
    cr_assert_not(reel_params_at(c.params, 0)->flags & REEL_PARAM_FROZEN,
                  "a later group did not clear the flag");
    reel_params_at(c.params, 0)->flags |= REEL_PARAM_NO_DECAY;
    step(c.opt, 0.1);
    expect_values(&reel_params_at(c.params, 0)->value, (double[]){0.9}, 1e-15, "no-decay flag");
    close_case(c);
}

Test(sgd, patterns_match_as_a_shell_would)
{
    static const struct {
        const char *pattern;
        bool first, third; /* features.0.weight, classifier.6.weight */
    } cases[] = {{"features.0.weight", true, false},
                 {"*", true, true},
                 {"*.weight", true, true},
                 {"f*", true, false},
                 {"*6*", false, true},
                 {"features.?.weight", true, false},
                 {"*a*r*.*t", true, true},
                 {"**weight**", true, true},
                 {"?lassifier.6.weight", false, true},
                 {"features.0.weigh", false, false},
                 {"eatures*", false, false},
                 {"features.0.weight?", false, false},
                 {"*.weight.*", false, false}};
    reel_ctx *ctx = make_ctx(1);
    const int64_t ones[4] = {1, 1, 1, 1};
    for (int c = 0; c < REEL_COUNT(cases); c++) {
        reel_params *params = make_store(REEL_F64, 4, long_names, ones);
        reel_optimizer *opt = make_sgd(params, ctx, (reel_sgd_config){0});
        reel_error err = {0};
        const reel_group g = {cases[c].pattern, 1, 1, true};
        const reel_status status = reel_optimizer_group(opt, &g, &err);
        const bool first = reel_params_at(params, 0)->flags & REEL_PARAM_FROZEN;
        const bool third = reel_params_at(params, 2)->flags & REEL_PARAM_FROZEN;
        cr_assert(first == cases[c].first && third == cases[c].third,
                  "pattern %s: %d %d, expected %d %d", cases[c].pattern, first, third,
                  cases[c].first, cases[c].third);
        if (!first && !third)
            cr_assert_eq(status, REEL_ERR_INVALID, "pattern %s matches nothing and was accepted",
                         g.pattern);

        /* Without an optimizer. */
        unsigned with[4];
        for (int i = 0; i < 4; i++) {
            with[i] = reel_params_at(params, i)->flags;
            reel_params_at(params, i)->flags &= ~(unsigned)REEL_PARAM_FROZEN;
        }
        cr_expect_eq(reel_params_freeze(params, g.pattern, &err), status, "pattern %s", g.pattern);
        for (int i = 0; i < 4; i++)
            cr_expect_eq(reel_params_at(params, i)->flags, with[i], "pattern %s", g.pattern);
        reel_optimizer_destroy(opt);
        reel_params_destroy(params);
    }
    reel_ctx_destroy(ctx);
}

/* As in PyTorch, a parameter without gradient keeps value and velocity: no decay, no coasting. */
Test(sgd, parameters_without_gradient_frozen_ones_and_buffers_do_not_move)
{
    const optim_case c =
        open_sgd(REEL_F64, 4, (reel_sgd_config){.momentum = 0.9, .weight_decay = 0.1});
    for (int i = 0; i < 4; i++) {
        fill(&reel_params_at(c.params, i)->value, (double[]){1});
        set_grad(reel_params_at(c.params, i), (double[]){1});
    }
    reel_params_at(c.params, 0)->flags |= REEL_PARAM_FROZEN;
    reel_params_at(c.params, 1)->flags |= REEL_PARAM_BUFFER;
    reel_params_at(c.params, 2)->has_grad = false;
    for (int s = 0; s < 3; s++)
        step(c.opt, 0.1);
    for (int i = 0; i < 3; i++) {
        expect_values(&reel_params_at(c.params, i)->value, (double[]){1}, 0, long_names[i]);
        cr_assert_null(reel_optimizer_state(c.opt, 0, i).data, "%s has formed a velocity",
                       long_names[i]);
    }
    cr_assert_not_null(reel_optimizer_state(c.opt, 0, 3).data);
    cr_assert(reel_params_at(c.params, 3)->has_grad, "the step forgot the gradient");
    close_case(c);
}

Test(sgd, one_and_two_and_five_threads_give_the_same_bits)
{
    const reel_sgd_config config = {.momentum = 0.9, .weight_decay = 1e-4, .nesterov = true};
    expect_thread_invariance(make_any_sgd, &config);
}

Test(sgd, a_resumed_run_continues_with_the_same_bits)
{
    reel_ctx *ctx = make_ctx(2);
    reel_error err = {0};
    const reel_sgd_config config = {.momentum = 0.9, .dampening = 0.1, .weight_decay = 1e-4};
    reel_params *whole = make_store(REEL_F32, 4, long_names, LONG_LENGTHS),
                *resumed = make_store(REEL_F32, 4, long_names, LONG_LENGTHS);
    for (int i = 0; i < 4; i++)
        fill_noise(&reel_params_at(whole, i)->value, 99);
    reel_optimizer *opt = make_sgd(whole, ctx, config), *again = make_sgd(resumed, ctx, config);
    run_steps(whole, opt, 0, 2);
    for (int i = 0; i < 4; i++) {
        reel_tensor_copy(&reel_params_at(resumed, i)->value, &reel_params_at(whole, i)->value);
        const reel_tensor v = reel_optimizer_state(opt, 0, i);
        cr_assert_eq(reel_optimizer_set_state(again, 0, i, &v, &err), REEL_OK, "%s", err.message);
    }
    run_steps(whole, opt, 2, 5);
    run_steps(resumed, again, 2, 5);
    expect_same_bits(whole, resumed);
    reel_optimizer_destroy(opt);
    reel_optimizer_destroy(again);
    reel_params_destroy(whole);
    reel_params_destroy(resumed);
    reel_ctx_destroy(ctx);
}

Test(sgd, forgetting_the_state_starts_anew_without_dampening)
{
    const optim_case c =
        open_sgd(REEL_F64, 1, (reel_sgd_config){.momentum = 0.9, .dampening = 0.5});
    reel_param *p = reel_params_at(c.params, 0);
    set_grad(p, (double[]){1});
    step(c.opt, 0.1);
    step(c.opt, 0.1);
    reel_optimizer_forget(c.opt, 0);
    cr_assert_null(reel_optimizer_state(c.opt, 0, 0).data);
    step(c.opt, 0.1);
    const reel_tensor v = reel_optimizer_state(c.opt, 0, 0);
    expect_values(&v, (double[]){1}, 0, "velocity");
    close_case(c);
}

Test(sgd, an_infinite_weight_without_decay_leaves_the_velocity_finite)
{
    const optim_case c = open_sgd(REEL_F32, 1, (reel_sgd_config){.momentum = 0.9});
    fill(&reel_params_at(c.params, 0)->value, (double[]){INFINITY});
    set_grad(reel_params_at(c.params, 0), (double[]){1});
    step(c.opt, 0.1);
    const reel_tensor v = reel_optimizer_state(c.opt, 0, 0);
    expect_values(&v, (double[]){1}, 0, "velocity");
    close_case(c);
}

Test(sgd, settings_that_cannot_work_are_refused)
{
    static const reel_sgd_config bad[] = {
        {.momentum = -0.1},
        {.momentum = 1},
        {.momentum = NAN},
        {.dampening = -1},
        {.weight_decay = -1e-4},
        {.weight_decay = INFINITY},
        {.nesterov = true},
        {.momentum = 0.9, .nesterov = true, .dampening = 0.1},
        {.momentum = 0.9, .lr_in_velocity = true, .nesterov = true},
        {.momentum = 0.9, .lr_in_velocity = true, .dampening = 0.1}};
    reel_ctx *ctx = make_ctx(1);
    const int64_t sizes[4] = {2, 2, 2, 2};
    reel_params *params = make_store(REEL_F32, 4, long_names, sizes);
    reel_optimizer *opt = NULL;
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        cr_assert_eq(reel_sgd_create(&opt, params, ctx, &bad[i], &err), REEL_ERR_INVALID,
                     "setting %d was accepted", i);
        cr_assert_null(opt);
        cr_assert(strlen(err.message) > 0, "setting %d: no message", i);
    }
    opt = make_sgd(params, ctx, (reel_sgd_config){.momentum = 0.9});
    reel_error err = {0};
    cr_assert_eq(reel_optimizer_step(opt, NAN, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_optimizer_step(opt, -1, &err), REEL_ERR_INVALID);
    const reel_group bad_rate = {"*", -1, 1, false}, bad_decay = {"*", 1, NAN, false};
    cr_assert_eq(reel_optimizer_group(opt, &bad_rate, &err), REEL_ERR_INVALID);
    cr_assert_eq(reel_optimizer_group(opt, &bad_decay, &err), REEL_ERR_INVALID);
    float values[3] = {0};
    const int64_t three = 3;
    const reel_tensor wrong = reel_tensor_of(values, REEL_F32, 1, &three);
    cr_assert_eq(reel_optimizer_set_state(opt, 0, 0, &wrong, &err), REEL_ERR_INVALID);
    cr_assert(strstr(err.message, "(2)") && strstr(err.message, "(3)"), "%s", err.message);
    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

/* torchvision's set_weight_decay with norm_weight_decay 0.1 and ("bias", 0.2): the bias of a
 * normalisation layer is a bias. A gradient of 0 and rate 1 leave w (1 - decay). */
Test(sgd, biases_and_normalization_layers_have_a_decay_of_their_own)
{
    static const char *const four[] = {"conv.weight", "conv.bias", "norm.weight", "norm.bias"};
    static const unsigned flags[] = {0, REEL_PARAM_BIAS, REEL_PARAM_NORM,
                                     REEL_PARAM_BIAS | REEL_PARAM_NORM};
    static const double left[] = {0.5, 0.8, 0.9, 0.8};
    optim_case c = {.ctx = make_ctx(1)};
    c.params = make_store(REEL_F64, 4, four, (const int64_t[]){1, 1, 1, 1});
    for (int i = 0; i < 4; i++) {
        set_param(c, i, (double[]){1}, (double[]){0});
        reel_params_at(c.params, i)->flags = flags[i];
    }
    c.opt = make_optimizer("sgd", c.params, c.ctx,
                           (const char *const[][2]){{"momentum", "0"}, {"wd", "0.5"}}, 2);

    cr_assert_eq(reel_optimizer_set_weight_decay(c.opt, REEL_PARAM_NORM, 0.1, NULL), REEL_OK);
    cr_assert_eq(reel_optimizer_set_weight_decay(c.opt, REEL_PARAM_BIAS, 0.2, NULL), REEL_OK);
    cr_expect_eq(reel_optimizer_set_weight_decay(c.opt, REEL_PARAM_BIAS, -1, NULL),
                 REEL_ERR_INVALID);
    cr_expect_eq(reel_optimizer_set_weight_decay(c.opt, REEL_PARAM_BIAS, NAN, NULL),
                 REEL_ERR_INVALID);
    cr_assert_eq(reel_optimizer_step(c.opt, 1, NULL), REEL_OK);
    for (int i = 0; i < 4; i++)
        expect_values(&reel_params_at(c.params, i)->value, &left[i], 1e-15, four[i]);
    close_case(c);
}
