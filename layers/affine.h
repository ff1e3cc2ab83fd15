/* What Conv2d and Linear share: a weight, and perhaps a bias with one number for each output.
 * Private. */
#ifndef REEL_LAYERS_AFFINE_H
#define REEL_LAYERS_AFFINE_H

#include "layers/module.h"

enum { WEIGHT, BIAS }; /* parameters, in the order they are added */

/* Both are named as PyTorch names them; bias NULL: none. The bias has the weight's fans. */
static inline reel_status reel_affine_params(reel_module *m, reel_param_config weight,
                                             const reel_init *bias, reel_error *err)
{
    weight.name = "weight";
    REEL_TRY(reel_module_add_param(m, &weight, err));
    if (!bias)
        return REEL_OK;

    weight.name = "bias";
    weight.ndim = 1;
    weight.flags = REEL_PARAM_BIAS;
    weight.init = *bias;
    return reel_module_add_param(m, &weight, err);
}

static inline reel_var reel_affine_bias(const reel_module *m, reel_tape *tape)
{
    return reel_module_params(m) > BIAS ? reel_module_param(m, tape, BIAS) : REEL_NONE;
}

#endif
