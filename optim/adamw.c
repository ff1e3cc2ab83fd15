/* AdamW: adaptive moments with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch
 * defines it.
 *
 *   w -= lr decay w                              before the update, not through the gradient
 *   m = beta1 m + (1 - beta1) g                  running mean of the gradient
 *   s = beta2 s + (1 - beta2) g^2                running mean of its square
 *   w -= lr / (1 - beta1^t) m / (sqrt(s) / sqrt(1 - beta2^t) + eps)
 *
 * t counts the updates of this parameter. The divisions by 1 - beta^t undo the bias of means that
 * began as 0. eps stands outside the root. decay is the option weight_decay times the parameter's
 * own decay_mult.
 *
 * The loop is compiled for float and for double (core/real.h). */
#include "core/real.h"
#include "optim/optim.h"

enum { BETA1, BETA2, EPS, WEIGHT_DECAY };
enum { EXP_AVG, EXP_AVG_SQ };

reel_update_fn REEL_FN(reel_adamw_update);
void REEL_FN(reel_adamw_update)(const reel_update *u)
{
    /* Reel's own power: libm's last bits differ between systems. */
    const double *option = u->values->at;
    const double bias1 = 1 - reel_math_pow(option[BETA1], (double)u->step),
                 bias2 = 1 - reel_math_pow(option[BETA2], (double)u->step);

    const reel_real keep = (reel_real)(1 - u->lr * option[WEIGHT_DECAY] * u->decay_mult),
                    rate = (reel_real)(u->lr / bias1), root = (reel_real)sqrt(bias2),
                    eps = (reel_real)option[EPS];
    const reel_real beta1 = (reel_real)option[BETA1], rest1 = (reel_real)(1 - option[BETA1]),
                    beta2 = (reel_real)option[BETA2], rest2 = (reel_real)(1 - option[BETA2]);
    reel_real *restrict w = u->w;
    reel_real *restrict m = u->state[EXP_AVG];
    reel_real *restrict s = u->state[EXP_AVG_SQ];
    const reel_real *restrict g = u->g;

    for (int64_t i = 0; i < u->n; i++) {
        m[i] = beta1 * m[i] + rest1 * g[i];
        s[i] = beta2 * s[i] + rest2 * (g[i] * g[i]);
        const reel_real scale = REEL_MATH(sqrt)(s[i]) / root + eps;
        w[i] = keep * w[i] - rate * (m[i] / scale);
    }
}

#ifdef REEL_ONCE
reel_update_fn reel_adamw_update_f64;

static const reel_optim_option options[] = {
    [BETA1] = REEL_OPTIM_OPTION(REAL, .name = "beta1", .initial = 0.9, .most = 1, .rare = true,
                                .help = "decay of the running mean of the gradient"),
    [BETA2] = REEL_OPTIM_OPTION(REAL, .name = "beta2", .initial = 0.999, .most = 1, .rare = true,
                                .help = "decay of the running mean of its square"),
    [EPS] = REEL_OPTIM_OPTION(REAL, .name = "eps", .initial = 1e-8, .most = 1, .rare = true,
                              .help = "added to the root, against division by 0"),
    [WEIGHT_DECAY] = REEL_OPTIM_OPTION(REAL, .name = "weight-decay", .alias = "wd", .initial = 0.01,
                                       .most = 1e6, .help = "weight decay"),
};

/* A beta of 1 never forgets its beginning, and divides by 1 - 1. */
static reel_status adamw_check(const reel_optim_values *values, reel_error *err)
{
    for (int i = BETA1; i <= BETA2; i++)
        if (values->at[i] == 1)
            return reel_fail(err, REEL_ERR_INVALID, "%s: expected less than 1, got 1",
                             options[i].name);
    return REEL_OK;
}

const reel_optimizer_kind reel_optimizer_adamw = REEL_OPTIM_KIND(
    options, .name = "adamw", .about = "adaptive moments with decoupled weight decay", .lr = 1e-3,
    .states = {[EXP_AVG] = {"exp_avg", 0}, [EXP_AVG_SQ] = {"exp_avg_sq", 0}}, .counts_steps = true,
    .check = adamw_check, .update = REEL_BOTH(reel_adamw_update));
#endif
