/* What holds for every optimizer of the table: threads, resuming, groups, frozen parameters, the
 * search for NaN, memory. A new optimizer is tested here without an edit. */
#include "tests/unit/optim/store.h"

static reel_optimizer *make_kind(reel_params *params, const reel_ctx *ctx, const void *settings)
{
    const reel_optimizer_config *config = settings;
    reel_optimizer *opt = NULL;
    reel_error err = {0};
    cr_assert_eq(reel_optimizer_create(&opt, params, ctx, config, &err), REEL_OK, "%s: %s",
                 config->kind->name, err.message);
    return opt;
}

/* One context, and two equal stores with an optimizer each. */
typedef struct kind_pair {
    reel_ctx *ctx;
    reel_params *params[2];
    reel_optimizer *opt[2];
} kind_pair;

static kind_pair open_pair(const reel_optimizer_config *config, int threads)
{
    kind_pair p = {.ctx = make_ctx(threads)};
    for (int i = 0; i < 2; i++) {
        p.params[i] = make_long_store();
        p.opt[i] = make_kind(p.params[i], p.ctx, config);
    }
    return p;
}

static void close_pair(kind_pair p)
{
    for (int i = 0; i < 2; i++) {
        reel_optimizer_destroy(p.opt[i]);
        reel_params_destroy(p.params[i]);
    }
    reel_ctx_destroy(p.ctx);
}

/* One of them. */
static optim_case open_kind(const reel_optimizer_config *config)
{
    optim_case c = {.ctx = make_ctx(1), .params = make_long_store()};
    c.opt = make_kind(c.params, c.ctx, config);
    return c;
}

static void for_each_kind(void (*test)(const reel_optimizer_config *config))
{
    cr_assert(reel_optimizer_kind_count() >= 2);
    for (int k = 0; k < reel_optimizer_kind_count(); k++) {
        const reel_optimizer_kind *kind = reel_optimizer_kind_at(k);
        const reel_optimizer_config config = reel_optimizer_config_default(kind);
        test(&config);
    }
}

static void table_is_whole(const reel_optimizer_config *config)
{
    const reel_optimizer_kind *kind = config->kind;
    cr_expect_eq(reel_optimizer_find(kind->name), kind);
    cr_expect(kind->about && *kind->about, "%s: says nothing about itself", kind->name);
    cr_expect(kind->lr > 0, "%s: has no usual learning rate", kind->name);
    cr_expect_eq(reel_optimizer_config_check(config, NULL), REEL_OK, "%s: its defaults are refused",
                 kind->name);
    for (int i = 0; i < kind->n_options; i++)
        cr_expect(kind->options[i].name && kind->options[i].help, "%s: option %d is incomplete",
                  kind->name, i);
    for (int d = 0; d < REEL_DTYPES; d++)
        cr_expect(kind->update[d], "%s: no update for dtype %d", kind->name, d);
}

Test(kinds, every_table_is_whole)
{
    for_each_kind(table_is_whole);
    cr_expect_null(reel_optimizer_find("none"));
}

static void threads_keep_bits(const reel_optimizer_config *config)
{
    expect_thread_invariance(make_kind, config);
}

Test(kinds, one_and_two_and_five_threads_give_the_same_bits)
{
    for_each_kind(threads_keep_bits);
}

static void copy_states(reel_optimizer *to, const reel_optimizer *from)
{
    reel_error err = {0};
    for (int s = 0; s < reel_optimizer_state_count(from); s++)
        for (int i = 0; i < LONG; i++) {
            const reel_tensor state = reel_optimizer_state(from, s, i);
            if (state.data)
                cr_assert_eq(reel_optimizer_set_state(to, s, i, &state, &err), REEL_OK, "%s",
                             err.message);
        }
}

/* Two steps, then three more by the same optimizer and by one that was given its states. */
static void resuming_keeps_bits(const reel_optimizer_config *config)
{
    const kind_pair p = open_pair(config, 2);
    run_steps(p.params[0], p.opt[0], 0, 2);
    for (int i = 0; i < LONG; i++)
        reel_tensor_copy(&reel_params_at(p.params[1], i)->value,
                         &reel_params_at(p.params[0], i)->value);
    copy_states(p.opt[1], p.opt[0]);
    run_steps(p.params[0], p.opt[0], 2, 5);
    run_steps(p.params[1], p.opt[1], 2, 5);
    expect_same_bits(p.params[0], p.params[1]);
    close_pair(p);
}

Test(kinds, a_resumed_run_continues_with_the_same_bits)
{
    for_each_kind(resuming_keeps_bits);
}

/* After forgetting, three steps from the same values take the same path as the first three. */
static void forgetting_starts_anew(const reel_optimizer_config *config)
{
    const kind_pair p = open_pair(config, 1);
    run_steps(p.params[0], p.opt[0], 0, 3);

    run_steps(p.params[1], p.opt[1], 7, 9);
    for (int i = 0; i < LONG; i++) {
        reel_optimizer_forget(p.opt[1], i);
        for (int s = 0; s < reel_optimizer_state_count(p.opt[1]); s++)
            cr_expect_null(reel_optimizer_state(p.opt[1], s, i).data);
        fill_noise(&reel_params_at(p.params[1], i)->value, 99);
    }
    run_steps(p.params[1], p.opt[1], 0, 3);
    expect_same_bits(p.params[0], p.params[1]);
    close_pair(p);
}

Test(kinds, a_forgotten_state_starts_anew)
{
    for_each_kind(forgetting_starts_anew);
}

static void set_group(reel_optimizer *opt, double lr_mult, double decay_mult, bool frozen)
{
    reel_error err = {0};
    const reel_group group = {"*", lr_mult, decay_mult, frozen};
    cr_assert_eq(reel_optimizer_group(opt, &group, &err), REEL_OK, "%s", err.message);
}

/* Twice the rate by a group is twice the rate by the step: a factor of 2 rounds nothing. */
static void lr_mult_scales_the_rate(const reel_optimizer_config *config)
{
    const kind_pair p = open_pair(config, 1);
    set_group(p.opt[0], 2, 1, false);

    for (int s = 0; s < 3; s++) {
        for (int i = 0; i < LONG; i++) {
            fill_noise(&reel_params_at(p.params[0], i)->grad, s);
            fill_noise(&reel_params_at(p.params[1], i)->grad, s);
            reel_params_at(p.params[0], i)->has_grad = reel_params_at(p.params[1], i)->has_grad =
                true;
        }
        cr_assert_eq(reel_optimizer_step(p.opt[0], 0.01, NULL), REEL_OK);
        cr_assert_eq(reel_optimizer_step(p.opt[1], 0.02, NULL), REEL_OK);
    }
    expect_same_bits(p.params[0], p.params[1]);
    close_pair(p);
}

Test(kinds, lr_mult_scales_the_rate)
{
    for_each_kind(lr_mult_scales_the_rate);
}

/* Without decay: by the option, by a group's multiplier, and by the parameter's flag. */
static void decay_has_three_switches(const reel_optimizer_config *config)
{
    reel_optimizer_config off = *config, on = *config;
    if (reel_optimizer_config_set(&off, "weight-decay", "0", NULL))
        return; /* an optimizer without decay */
    cr_assert_eq(reel_optimizer_config_set(&on, "weight-decay", "0.01", NULL), REEL_OK);
    reel_ctx *ctx = make_ctx(1);
    reel_params *params[4];
    for (int way = 0; way < 4; way++) {
        params[way] = make_long_store();
        reel_optimizer *opt = make_kind(params[way], ctx, way == 0 ? &off : &on);
        if (way == 1)
            set_group(opt, 1, 0, false);
        for (int i = 0; way == 2 && i < LONG; i++)
            reel_params_at(params[way], i)->flags |= REEL_PARAM_NO_DECAY;
        run_steps(params[way], opt, 0, 3);
        reel_optimizer_destroy(opt);
    }

    expect_same_bits(params[0], params[1]);
    expect_same_bits(params[0], params[2]);
    const reel_tensor without = reel_params_at(params[0], 0)->value,
                      with = reel_params_at(params[3], 0)->value;
    cr_expect(memcmp(without.data, with.data, reel_tensor_bytes(&with)) != 0,
              "%s: decay changes nothing", config->kind->name);
    for (int way = 0; way < 4; way++)
        reel_params_destroy(params[way]);
    reel_ctx_destroy(ctx);
}

Test(kinds, decay_is_switched_off_by_option_group_and_flag)
{
    for_each_kind(decay_has_three_switches);
}

/* A frozen parameter, a buffer and one without gradient keep their value, and no state forms. */
static void who_stands_still(const reel_optimizer_config *config)
{
    const optim_case c = open_kind(config);
    reel_params *before = make_long_store();
    set_group(c.opt, 1, 1, true);
    reel_params_at(c.params, 1)->flags = REEL_PARAM_BUFFER;
    reel_params_at(c.params, 3)->flags = 0; /* of length 1: nothing but its gradient moves it */
    run_steps(c.params, c.opt, 0, 2);
    reel_tensor_copy(&reel_params_at(c.params, 3)->value, &reel_params_at(before, 3)->value);
    expect_same_bits(c.params, before);

    for (int i = 0; i < 3; i++)
        for (int s = 0; s < reel_optimizer_state_count(c.opt); s++)
            cr_expect_null(reel_optimizer_state(c.opt, s, i).data, "%s: %s of %s has formed",
                           config->kind->name, reel_optimizer_state_name(c.opt, s), long_names[i]);
    reel_params_destroy(before);
    close_case(c);
}

Test(kinds, frozen_parameters_and_buffers_stand_still)
{
    for_each_kind(who_stands_still);
}

static void nan_is_found(const reel_optimizer_config *config)
{
    const optim_case c = open_kind(config);
    run_steps(c.params, c.opt, 0, 2);
    cr_assert_eq(reel_optimizer_not_finite(c.opt), -1);

    const int64_t last[REEL_MAX_DIMS] = {LONG_LENGTHS[2] - 1};
    for (int s = 0; s < reel_optimizer_state_count(c.opt); s++) {
        const reel_tensor state = reel_optimizer_state(c.opt, s, 2);
        if (!state.data || state.ndim == 0)
            continue;
        const double was = reel_tensor_get(&state, last);
        reel_tensor_set(&state, last, NAN);
        cr_expect_eq(reel_optimizer_not_finite(c.opt), 2, "%s: NaN in %s", config->kind->name,
                     reel_optimizer_state_name(c.opt, s));
        reel_tensor_set(&state, last, was);
    }
    close_case(c);
}

Test(kinds, nan_is_found_in_every_state)
{
    for_each_kind(nan_is_found);
}

/* What the memory plan counts is what the states take. */
static void bytes_are_counted(const reel_optimizer_config *config)
{
    reel_ctx *ctx = make_ctx(1);
    const int64_t sixteen = 16; /* no padding in the flat array */
    reel_params *params = make_store(REEL_F64, 1, long_names, &sixteen);
    reel_optimizer *opt = make_kind(params, ctx, config);
    reel_params_at(params, 0)->has_grad = true;
    memset(reel_params_at(params, 0)->grad.data, 0, 16 * sizeof(double));
    cr_assert_eq(reel_optimizer_step(opt, 0.1, NULL), REEL_OK);

    size_t bytes = 0;
    for (int s = 0; s < reel_optimizer_state_count(opt); s++) {
        const reel_tensor state = reel_optimizer_state(opt, s, 0);
        bytes += state.data && state.ndim > 0 ? reel_tensor_bytes(&state) : 0;
    }
    cr_expect_eq(reel_optimizer_config_bytes(config, 16 * sizeof(double)), bytes, "%s",
                 config->kind->name);
    reel_optimizer_destroy(opt);
    reel_params_destroy(params);
    reel_ctx_destroy(ctx);
}

Test(kinds, the_bytes_of_a_config_are_those_of_its_states)
{
    for_each_kind(bytes_are_counted);
}
