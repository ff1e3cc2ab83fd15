/* The layers that another layer may compute along with itself (reel_layer.forward_with). Private.
 */
#ifndef REEL_LAYERS_FUSION_H
#define REEL_LAYERS_FUSION_H

#include "layers/module.h"

extern const reel_layer reel_layer_relu, reel_layer_relu6, reel_layer_max_pool2d;

/* Whether next[k] exists and is a use of the layer. */
static inline bool reel_follows(const reel_module *const *next, int n_next, int k,
                                const reel_layer *layer)
{
    return k < n_next && reel_module_layer(next[k]) == layer;
}

#endif
