/* Adam: adaptive moments (Kingma and Ba 2015), as PyTorch defines it. The update is that of
 * moments.h, with weight decay in the gradient: d = g + decay w. The decay passes through both
 * means, so weights with large gradients decay less; AdamW (adamw.c) keeps it apart.
 *
 * decay is the option weight-decay times the parameter's own decay_mult. */
#include "optim/moments.h"

reel_update_fn REEL_FN(reel_adam_update);
void REEL_FN(reel_adam_update)(const reel_update *u)
{
    const double l2 = u->values->at[WEIGHT_DECAY] * u->decay_mult;
    if (l2 != 0)
        moments_loop(u, (moments_decay){.l2 = l2, .keep = 1}, true);
    else
        moments_loop(u, (moments_decay){.keep = 1}, false);
}

#ifdef REEL_ONCE
reel_update_fn reel_adam_update_f64;

static const reel_optim_option options[] = {MOMENTS_OPTIONS(0)};

const reel_optimizer_kind reel_optimizer_adam = REEL_OPTIM_KIND(
    options, .name = "adam", .about = "adaptive moments, weight decay in the gradient", .lr = 1e-3,
    .states = MOMENTS_STATES, .counts_steps = true, .check = moments_check,
    .update = REEL_BOTH(reel_adam_update));
#endif
