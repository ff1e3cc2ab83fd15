/* The loops of the update: each reads w, g and v once and writes w and v once. A step is bound by
 * memory (62 million parameters are 1.2 GB of traffic in float), so decay, momentum and update are
 * one pass, and the compiler's baseline vectors are as fast as wider ones would be.
 *
 * Every element is computed by itself: the bits do not depend on how the range is split over
 * threads. */
#include "core/real.h"
#include "optim/internal.h"

/* One rule as a loop; the branch on decay stands outside, so that both bodies vectorise. d is the
 * gradient with decay. */
#define RULE(statements)                                                                           \
    do {                                                                                           \
        if (decay != 0) {                                                                          \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const reel_real d = g[i] + decay * w[i];                                           \
                statements;                                                                        \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const reel_real d = g[i];                                                          \
                statements;                                                                        \
            }                                                                                      \
        }                                                                                          \
    } while (0)

reel_update_fn REEL_FN(reel_update_loop);
void REEL_FN(reel_update_loop)(void *w_, void *v_, const void *g_, int64_t n, const reel_update *u)
{
    reel_real *restrict w = w_;
    reel_real *restrict v = v_;
    const reel_real *restrict g = g_;
    const reel_real lr = (reel_real)u->lr, mu = (reel_real)u->mu, keep = (reel_real)u->keep,
                    decay = (reel_real)u->decay;
    switch (u->rule) {
    case REEL_UPDATE_PLAIN:
        RULE(w[i] -= lr * d);
        break;
    case REEL_UPDATE_MOMENTUM:
        RULE(const reel_real m = mu * v[i] + keep * d; v[i] = m; w[i] -= lr * m);
        break;
    case REEL_UPDATE_NESTEROV:
        RULE(const reel_real m = mu * v[i] + keep * d; v[i] = m; w[i] -= lr * (d + mu * m));
        break;
    case REEL_UPDATE_2012:
        RULE(const reel_real m = mu * v[i] - lr * d; v[i] = m; w[i] += m);
        break;
    }
}

#ifdef REEL_ONCE
reel_update_fn reel_update_loop_f64;
reel_update_fn *const reel_update_loops[REEL_DTYPES] = REEL_BOTH(reel_update_loop);
#endif
