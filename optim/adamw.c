/* AdamW: adaptive moments with decoupled weight decay (Loshchilov and Hutter 2019), as PyTorch
 * defines it. The update is that of moments.h with d = g, and beside it
 *
 *   w -= lr decay w                              before the update, not through the gradient
 *
 * decay is the option weight-decay times the parameter's own decay_mult. */
#include "optim/moments.h"

reel_update_fn REEL_FN(reel_adamw_update);
void REEL_FN(reel_adamw_update)(const reel_update *u)
{
    const double keep = 1 - u->lr * u->values->at[WEIGHT_DECAY] * u->decay_mult;
    moments_loop(u, (moments_decay){.keep = keep}, false);
}

#ifdef REEL_ONCE
reel_update_fn reel_adamw_update_f64;

static const reel_optim_option options[] = {MOMENTS_OPTIONS(0.01)};

const reel_optimizer_kind reel_optimizer_adamw = REEL_OPTIM_KIND(
    options, .name = "adamw", .about = "adaptive moments with decoupled weight decay", .lr = 1e-3,
    .states = MOMENTS_STATES, .counts_steps = true, .check = moments_check,
    .update = REEL_BOTH(reel_adamw_update));
#endif
