/* RMSprop (Hinton 2012, lecture 6e), as PyTorch defines it. With d = g + decay w:
 *
 *   s = alpha s + (1 - alpha) d^2                running mean of the squared gradient
 *   a = alpha a + (1 - alpha) d                  centered only: running mean of the gradient
 *   q = d / (sqrt(s) + eps)                      centered: q = d / (sqrt(s - a^2) + eps)
 *   w -= lr q                                    without momentum
 *   b = mu b + q;  w -= lr b                     with momentum
 *
 * eps stands outside the root. Nothing corrects the bias of means that began as 0, so the first
 * steps are larger than the later ones. */
#include "core/real.h"
#include "optim/rows.h"

enum { ALPHA, EPS, MOMENTUM, WEIGHT_DECAY, CENTERED };
enum { SQUARE_AVG, MOMENTUM_BUFFER, GRAD_AVG };

/* `decays` is a constant where the loop is called; the other two rules are the same for the whole
 * loop, and the compiler makes a loop for each. */
static inline __attribute__((always_inline)) void rmsprop_loop(const reel_update *u, bool decays)
{
    const double *option = u->values->at;
    const reel_real lr = (reel_real)u->lr, mu = (reel_real)option[MOMENTUM],
                    eps = (reel_real)option[EPS], alpha = (reel_real)option[ALPHA],
                    rest = (reel_real)(1 - option[ALPHA]),
                    decay = (reel_real)(option[WEIGHT_DECAY] * u->decay_mult);
    const bool centered = option[CENTERED] != 0, moves = option[MOMENTUM] > 0;
    reel_real *restrict w = u->w;
    reel_real *restrict s = u->state[SQUARE_AVG];
    reel_real *restrict b = u->state[MOMENTUM_BUFFER];
    reel_real *restrict a = u->state[GRAD_AVG];
    const reel_real *restrict g = u->g;

    for (int64_t i = 0; i < u->n; i++) {
        /* Without decay the weight is not looked at: an infinite one must not reach a state. */
        const reel_real d = decays ? g[i] + decay * w[i] : g[i];
        s[i] = alpha * s[i] + rest * (d * d);

        reel_real square = s[i];
        if (centered) {
            a[i] = alpha * a[i] + rest * d;
            square -= a[i] * a[i];
            square = square < 0 ? 0 : square; /* by rounding; NaN stays NaN */
        }

        reel_real q = d / (REEL_MATH(sqrt)(square) + eps);
        if (moves) {
            q = mu * b[i] + q;
            b[i] = q;
        }
        w[i] -= lr * q;
    }
}

reel_update_fn REEL_FN(reel_rmsprop_update);
void REEL_FN(reel_rmsprop_update)(const reel_update *u)
{
    if (u->values->at[WEIGHT_DECAY] * u->decay_mult != 0)
        rmsprop_loop(u, true);
    else
        rmsprop_loop(u, false);
}

#ifdef REEL_ONCE
reel_update_fn reel_rmsprop_update_f64;

static const reel_optim_option options[] = {
    [ALPHA] = REEL_OPTIM_OPTION(REAL, .name = "alpha", .initial = 0.99, .most = 1, .rare = true,
                                .help = "decay of the running mean of the squared gradient"),
    [EPS] = EPS_OPTION,
    [MOMENTUM] = MOMENTUM_OPTION(0),
    [WEIGHT_DECAY] = WEIGHT_DECAY_OPTION(0),
    [CENTERED] = REEL_OPTIM_OPTION(FLAG, .name = "centered", .rare = true,
                                   .help = "divide by the deviation of the gradient, not by the "
                                           "root of its mean square"),
};

static reel_status rmsprop_check(const reel_optim_values *values, reel_error *err)
{
    REEL_TRY(value_below_one(values->at[ALPHA], "alpha", err));
    return value_below_one(values->at[MOMENTUM], "momentum", err);
}

static bool rmsprop_uses_state(const reel_optim_values *values, int state)
{
    if (state == MOMENTUM_BUFFER)
        return values->at[MOMENTUM] > 0;
    return state == SQUARE_AVG || values->at[CENTERED] != 0;
}

const reel_optimizer_kind reel_optimizer_rmsprop =
    REEL_OPTIM_KIND(options, .name = "rmsprop",
                    .about = "gradient divided by the root of its mean square", .lr = 0.01,
                    .states = {[SQUARE_AVG] = {"square_avg", 0},
                               [MOMENTUM_BUFFER] = {"momentum_buffer", 0},
                               [GRAD_AVG] = {"grad_avg", 0}},
                    .check = rmsprop_check, .uses_state = rmsprop_uses_state,
                    .update = REEL_BOTH(reel_rmsprop_update));
#endif
