/* A host program's own optimizer, handed in at run time. It needs the norms of each parameter, as
 * LARS does, and a sum of squares that begins at 1. */
#include "tests/unit/optim/store.h"

static const char *const names[] = {"a.weight", "b.weight"};

enum { ETA, WEIGHT_DECAY };

static const reel_optim_option own_options[] = {
    [ETA] = REEL_OPTIM_OPTION(REAL, .name = "eta", .initial = 0.001, .most = 1, .help = "trust"),
    [WEIGHT_DECAY] = REEL_OPTIM_OPTION(REAL, .name = "weight-decay", .initial = 0.5, .most = 1,
                                       .help = "weight decay"),
};

/* local = eta |w| / (|g| + decay |w|);  w -= lr local (g + decay w);  s counts squares from 1. */
static void own_update(const reel_update *u)
{
    const double decay = u->values->at[WEIGHT_DECAY] * u->decay_mult;
    const double local =
        u->values->at[ETA] * u->weight_norm / (u->grad_norm + decay * u->weight_norm);
    double *w = u->w, *s = u->state[0];
    const double *g = u->g;
    for (int64_t i = 0; i < u->n; i++) {
        s[i] += g[i] * g[i];
        w[i] -= u->lr * local * (g[i] + decay * w[i]);
    }
}

static const reel_optimizer_kind own = REEL_OPTIM_KIND(
    own_options, .name = "own", .about = "layer-wise adaptive rates", .lr = 2,
    .states = {{"squares", 1}}, .uses_norms = true, .update = {[REEL_F64] = own_update});

/* |w| = 5 and |g| = 13 over both elements: local = 0.001 5 / (13 + 0.5 5) = 0.005 / 15.5. */
Test(own_kind, a_kind_of_the_host_sees_norms_and_initial_states)
{
    reel_ctx *ctx = make_ctx(2);
    const int64_t lengths[2] = {2, 2};
    reel_params *params = make_store(REEL_F64, 2, names, lengths);
    reel_param *a = reel_params_at(params, 0);
    fill(&a->value, (double[]){3, 4});
    set_grad(a, (double[]){5, 12});
    reel_optimizer_config config = reel_optimizer_config_default(&own);
    reel_optimizer *opt = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_OK, "%s",
                 err.message);
    cr_assert_eq(reel_optimizer_step(opt, 2, &err), REEL_OK, "%s", err.message);

    const double local = 0.005 / 15.5;
    expect_values(&a->value, (double[]){3 - 2 * local * 6.5, 4 - 2 * local * 14}, 1e-15, "a");
    const reel_tensor squares = reel_optimizer_state(opt, 0, 0);
    expect_values(&squares, (double[]){26, 145}, 0, "squares");
    cr_expect_null(reel_optimizer_state(opt, 0, 1).data, "b has had no gradient");
    cr_expect_str_eq(reel_optimizer_state_name(opt, 0), "squares");
    cr_expect_eq(reel_optimizer_state_count(opt), 1);
    cr_expect_eq(reel_optimizer_config_of(opt)->kind, &own);
    cr_expect_null(reel_optimizer_find("own"), "the library's table knows nothing of it");

    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

Test(own_kind, a_dtype_without_update_and_no_kind_are_refused)
{
    reel_ctx *ctx = make_ctx(1);
    const int64_t lengths[2] = {2, 2};
    reel_params *params = make_store(REEL_F32, 2, names, lengths);
    reel_optimizer *opt = NULL;
    reel_error err = {0};
    reel_optimizer_config config = reel_optimizer_config_default(&own);
    cr_expect_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "own: has no update for float32"), "%s", err.message);

    config = reel_optimizer_config_default(reel_optimizer_find("own"));
    cr_expect_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_optimizer_config_set(&config, "eta", "1", &err), REEL_ERR_INVALID);
    cr_expect_null(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

/* States that cannot be: another shape, a step that is no count, a state of a buffer. */
Test(own_kind, states_that_cannot_be_are_refused)
{
    reel_ctx *ctx = make_ctx(1);
    const int64_t lengths[2] = {2, 2}, three = 3, one = 1;
    double numbers[3] = {1.5, 2, 3};
    reel_params *params = make_store(REEL_F64, 2, names, lengths);
    const reel_optimizer_config config =
        reel_optimizer_config_default(reel_optimizer_find("adamw"));
    reel_optimizer *opt = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_optimizer_create(&opt, params, ctx, &config, &err), REEL_OK);

    const reel_tensor wrong = reel_tensor_of(numbers, REEL_F64, 1, &three),
                      half = reel_tensor_of(numbers, REEL_F64, 1, &one);
    cr_expect_eq(reel_optimizer_set_state(opt, 0, 0, &wrong, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "exp_avg of a.weight"), "%s", err.message);
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 0, &wrong, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 0, &half, &err), REEL_ERR_INVALID);
    cr_expect(strstr(err.message, "step of a.weight"), "%s", err.message);
    numbers[0] = -1;
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 0, &half, &err), REEL_ERR_INVALID);
    numbers[0] = NAN;
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 0, &half, &err), REEL_ERR_INVALID);
    reel_params_at(params, 1)->flags = REEL_PARAM_BUFFER;
    numbers[0] = 1;
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 1, &half, &err), REEL_ERR_INVALID);
    cr_expect_eq(reel_optimizer_set_state(opt, 2, 0, &half, &err), REEL_OK, "%s", err.message);

    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}
