/* LARS: layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017, algorithm 1), for batches
 * of a thousand images and more. For each weight w with gradient g:
 *
 *   local = eta |w| / (|g| + decay |w|)          L2 norms over the whole parameter
 *   v = mu v + lr local (g + decay w);  w -= v
 *
 * A layer moves by about lr eta of its own length, whatever the length of its gradient. local is 1
 * where a norm is 0: a layer that began as 0 could not leave it otherwise. Biases and the
 * parameters of normalisation layers have local 1 and no decay.
 *
 * As in the paper, the learning rate is part of the velocity. */
#include "core/real.h"
#include "optim/rows.h"

enum { ETA, MOMENTUM, WEIGHT_DECAY };

enum { EXEMPT = REEL_PARAM_BIAS | REEL_PARAM_NORM }; /* flags of parameters */

static double lars_local_rate(const reel_update *u, double decay)
{
    if ((u->flags & EXEMPT) || !(u->weight_norm > 0 && u->grad_norm > 0))
        return 1;
    return u->values->at[ETA] * u->weight_norm / (u->grad_norm + decay * u->weight_norm);
}

/* The flags are constants where the loop is called: their branches are gone once it is inlined. */
static inline __attribute__((always_inline)) void lars_loop(const reel_update *u, double decay_,
                                                            bool moves, bool decays)
{
    const reel_real rate = (reel_real)(u->lr * lars_local_rate(u, decay_)),
                    mu = (reel_real)u->values->at[MOMENTUM], decay = (reel_real)decay_;
    reel_real *restrict w = u->w;
    reel_real *restrict v = u->state[0];
    const reel_real *restrict g = u->g;

    for (int64_t i = 0; i < u->n; i++) {
        /* Without decay the weight is not looked at: an infinite one must not reach v. */
        const reel_real d = decays ? g[i] + decay * w[i] : g[i];
        reel_real step = rate * d;
        if (moves) {
            step = mu * v[i] + step;
            v[i] = step;
        }
        w[i] -= step;
    }
}

reel_update_fn REEL_FN(reel_lars_update);
void REEL_FN(reel_lars_update)(const reel_update *u)
{
    const double decay = u->values->at[WEIGHT_DECAY] * u->decay_mult;
    const bool moves = u->values->at[MOMENTUM] > 0;

    if (moves && decay != 0)
        lars_loop(u, decay, true, true);
    else if (moves)
        lars_loop(u, 0, true, false);
    else if (decay != 0)
        lars_loop(u, decay, false, true);
    else
        lars_loop(u, 0, false, false);
}

#ifdef REEL_ONCE
reel_update_fn reel_lars_update_f64;

static const reel_optim_option options[] = {
    [ETA] = REEL_OPTIM_OPTION(REAL, .name = "trust-coefficient", .alias = "eta", .initial = 0.001,
                              .most = 1, .rare = true,
                              .help = "step of a layer as a share of its weights' norm, at rate 1"),
    [MOMENTUM] = MOMENTUM_OPTION(0.9),
    [WEIGHT_DECAY] = WEIGHT_DECAY_OPTION(5e-4),
};

static reel_status lars_check(const reel_optim_values *values, reel_error *err)
{
    return value_below_one(values->at[MOMENTUM], "momentum", err);
}

static bool lars_uses_state(const reel_optim_values *values, int state)
{
    (void)state;
    return values->at[MOMENTUM] > 0;
}

const reel_optimizer_kind reel_optimizer_lars = REEL_OPTIM_KIND(
    options, .name = "lars", .about = "layer-wise adaptive rates, for large batches", .lr = 1,
    .states = {{"momentum", 0}}, .uses_norms = true, .no_decay = EXEMPT, .check = lars_check,
    .uses_state = lars_uses_state, .update = REEL_BOTH(reel_lars_update));
#endif
