/* What Adam and AdamW share: the update from two running means, and the rows of the options.
 *
 *   m = beta1 m + (1 - beta1) d                  running mean of the gradient
 *   s = beta2 s + (1 - beta2) d^2                running mean of its square
 *   w -= lr / (1 - beta1^t) m / (sqrt(s) / sqrt(1 - beta2^t) + eps)
 *
 * t counts the updates of this parameter. The divisions by 1 - beta^t undo the bias of means that
 * began as 0. eps stands outside the root. Kingma and Ba 2015, in PyTorch's order of operations.
 *
 * Included by files that are compiled for float and for double (core/real.h). */
#ifndef REEL_OPTIM_MOMENTS_H
#define REEL_OPTIM_MOMENTS_H

#include "core/real.h"
#include "optim/rows.h"

enum { BETA1, BETA2, EPS, WEIGHT_DECAY };
enum { EXP_AVG, EXP_AVG_SQ };

/* How weight decay enters: d = g + l2 w before the means (Adam), w = keep w beside them (AdamW).
 * l2 0 and keep 1 mean none. */
typedef struct moments_decay {
    double l2, keep;
} moments_decay;

/* `in_gradient` is a constant where the loop is called: its branch is gone once it is inlined. */
static inline __attribute__((always_inline)) void
moments_loop(const reel_update *u, moments_decay decay, bool in_gradient)
{
    /* Reel's own power: libm's last bits differ between systems. */
    const double *option = u->values->at;
    const double bias1 = 1 - reel_math_pow(option[BETA1], (double)u->step),
                 bias2 = 1 - reel_math_pow(option[BETA2], (double)u->step);

    const reel_real keep = (reel_real)decay.keep, l2 = (reel_real)decay.l2,
                    rate = (reel_real)(u->lr / bias1), root = (reel_real)sqrt(bias2),
                    eps = (reel_real)option[EPS];
    const reel_real beta1 = (reel_real)option[BETA1], rest1 = (reel_real)(1 - option[BETA1]),
                    beta2 = (reel_real)option[BETA2], rest2 = (reel_real)(1 - option[BETA2]);
    reel_real *restrict w = u->w;
    reel_real *restrict m = u->state[EXP_AVG];
    reel_real *restrict s = u->state[EXP_AVG_SQ];
    const reel_real *restrict g = u->g;

    for (int64_t i = 0; i < u->n; i++) {
        /* Without decay the weight is not looked at: an infinite one must not reach m and s. */
        const reel_real d = in_gradient ? g[i] + l2 * w[i] : g[i];
        m[i] = beta1 * m[i] + rest1 * d;
        s[i] = beta2 * s[i] + rest2 * (d * d);
        const reel_real scale = REEL_MATH(sqrt)(s[i]) / root + eps;
        w[i] = keep * w[i] - rate * (m[i] / scale);
    }
}

#define MOMENTS_OPTIONS(decay_)                                                                    \
    [BETA1] =                                                                                      \
        REEL_OPTIM_OPTION(REAL, .name = "beta1", .pair = "betas", .initial = 0.9, .most = 1,       \
                          .rare = true, .help = "decay of the running mean of the gradient"),      \
    [BETA2] = REEL_OPTIM_OPTION(REAL, .name = "beta2", .initial = 0.999, .most = 1, .rare = true,  \
                                .help = "decay of the running mean of its square"),                \
    [EPS] = EPS_OPTION, [WEIGHT_DECAY] = WEIGHT_DECAY_OPTION(decay_)

#define MOMENTS_STATES {[EXP_AVG] = {"exp_avg", 0}, [EXP_AVG_SQ] = {"exp_avg_sq", 0}}

static inline reel_status moments_check(const reel_optim_values *values, reel_error *err)
{
    REEL_TRY(value_below_one(values->at[BETA1], "beta1", err));
    return value_below_one(values->at[BETA2], "beta2", err);
}

#endif
