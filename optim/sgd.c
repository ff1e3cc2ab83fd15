/* Stochastic gradient descent with momentum: PyTorch's rule and that of AlexNet's authors.
 *
 * With d = g + decay w:
 *   plain       w -= lr d
 *   momentum    v = mu v + keep d;  w -= lr v
 *   Nesterov    v = mu v + keep d;  w -= lr (d + mu v)
 *   2012        v = mu v - lr d;    w += v                 Krizhevsky et al. 2012, section 5
 *
 * keep is 1 - dampening, but 1 in the first step.
 *
 * PyTorch keeps the learning rate outside the velocity, the 2012 paper inside. At a constant rate
 * the weights are the same. After the rate drops tenfold, PyTorch's whole velocity slows at once;
 * the paper's goes on at the old speed for about 1 / (1 - mu) steps.
 *
 * v begins as 0, so the first step needs no loop of its own: mu 0 + 1 d is d, PyTorch's undampened
 * start.
 *
 * Memory is what a step waits for (62 million float parameters are 1.2 GB of traffic), so decay,
 * momentum and update are one pass: w, g and v are read once, w and v written once. */
#include "core/real.h"
#include "optim/rows.h"

enum { MOMENTUM, DAMPENING, WEIGHT_DECAY, NESTEROV, LR_IN_VELOCITY };

typedef enum sgd_rule { SGD_PLAIN, SGD_MOMENTUM, SGD_NESTEROV, SGD_2012 } sgd_rule;

/* One rule as a loop. `rule` and `decays` are constants where the loop is called, so that its
 * branches are gone once it is inlined, and each of the eight loops vectorises. */
static inline __attribute__((always_inline)) void sgd_loop(const reel_update *u, double keep_,
                                                           sgd_rule rule, bool decays)
{
    const double *option = u->values->at;
    const reel_real lr = (reel_real)u->lr, mu = (reel_real)option[MOMENTUM],
                    keep = (reel_real)keep_,
                    decay = (reel_real)(option[WEIGHT_DECAY] * u->decay_mult);
    reel_real *restrict w = u->w;
    reel_real *restrict v = u->state[0];
    const reel_real *restrict g = u->g;

    for (int64_t i = 0; i < u->n; i++) {
        /* Without decay the weight is not looked at: an infinite one must not reach v. */
        const reel_real d = decays ? g[i] + decay * w[i] : g[i];
        if (rule == SGD_PLAIN) {
            w[i] -= lr * d;
            continue;
        }

        const reel_real m = rule == SGD_2012 ? mu * v[i] - lr * d : mu * v[i] + keep * d;
        v[i] = m;
        if (rule == SGD_2012)
            w[i] += m;
        else
            w[i] -= lr * (rule == SGD_NESTEROV ? d + mu * m : m);
    }
}

static inline __attribute__((always_inline)) void sgd_loops(const reel_update *u, double keep,
                                                            sgd_rule rule)
{
    if (u->values->at[WEIGHT_DECAY] * u->decay_mult != 0)
        sgd_loop(u, keep, rule, true);
    else
        sgd_loop(u, keep, rule, false);
}

reel_update_fn REEL_FN(reel_sgd_update);
void REEL_FN(reel_sgd_update)(const reel_update *u)
{
    const double *option = u->values->at;
    const double keep = u->step == 1 ? 1 : 1 - option[DAMPENING];

    if (option[MOMENTUM] == 0)
        sgd_loops(u, keep, SGD_PLAIN);
    else if (option[LR_IN_VELOCITY] != 0)
        sgd_loops(u, keep, SGD_2012);
    else if (option[NESTEROV] != 0)
        sgd_loops(u, keep, SGD_NESTEROV);
    else
        sgd_loops(u, keep, SGD_MOMENTUM);
}

#ifdef REEL_ONCE
reel_update_fn reel_sgd_update_f64;

static const reel_optim_option options[] = {
    [MOMENTUM] = MOMENTUM_OPTION(0.9),
    [DAMPENING] = REEL_OPTIM_OPTION(REAL, .name = "dampening", .most = 1, .rare = true,
                                    .help = "dampening of the momentum"),
    [WEIGHT_DECAY] = WEIGHT_DECAY_OPTION(5e-4),
    [NESTEROV] =
        REEL_OPTIM_OPTION(FLAG, .name = "nesterov", .rare = true, .help = "use Nesterov momentum"),
    [LR_IN_VELOCITY] =
        REEL_OPTIM_OPTION(FLAG, .name = "lr-in-velocity", .rare = true,
                          .help = "the update of 2012: the learning rate is part of the velocity"),
};

static reel_status sgd_check(const reel_optim_values *values, reel_error *err)
{
    const double *option = values->at;
    const bool dampened = option[DAMPENING] != 0, nesterov = option[NESTEROV] != 0,
               in_velocity = option[LR_IN_VELOCITY] != 0;

    REEL_TRY(value_below_one(option[MOMENTUM], "momentum", err));
    if (nesterov && (option[MOMENTUM] == 0 || dampened || in_velocity))
        return reel_fail(err, REEL_ERR_INVALID,
                         "nesterov: expected momentum above 0, dampening 0 and no lr-in-velocity, "
                         "got momentum %g, dampening %g",
                         option[MOMENTUM], option[DAMPENING]);
    if (in_velocity && dampened)
        return reel_fail(err, REEL_ERR_INVALID, "lr-in-velocity: expected dampening 0, got %g",
                         option[DAMPENING]);
    return REEL_OK;
}

static bool sgd_uses_state(const reel_optim_values *values, int state)
{
    (void)state;
    return values->at[MOMENTUM] > 0;
}

const reel_optimizer_kind reel_optimizer_sgd =
    REEL_OPTIM_KIND(options, .name = "sgd", .about = "stochastic gradient descent with momentum",
                    .lr = 0.01, .states = {{"momentum", 0}}, .check = sgd_check,
                    .uses_state = sgd_uses_state, .update = REEL_BOTH(reel_sgd_update));

reel_status reel_sgd_create(reel_optimizer **out, reel_params *params, const reel_ctx *ctx,
                            const reel_sgd_config *config, reel_error *err)
{
    static const reel_sgd_config defaults;
    if (!config)
        config = &defaults;
    const reel_optimizer_config general = {
        .kind = &reel_optimizer_sgd,
        .values.at = {[MOMENTUM] = config->momentum,
                      [DAMPENING] = config->dampening,
                      [WEIGHT_DECAY] = config->weight_decay,
                      [NESTEROV] = config->nesterov,
                      [LR_IN_VELOCITY] = config->lr_in_velocity}};
    return reel_optimizer_create(out, params, ctx, &general, err);
}
#endif
