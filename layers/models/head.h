/* The head that models share: Global Average or Global Max Pooling of the last feature map,
 * Dropout, one Linear(channels, classes). Private. */
#ifndef REEL_LAYERS_MODELS_HEAD_H
#define REEL_LAYERS_MODELS_HEAD_H

#include "layers/init_internal.h"
#include "layers/models.h"

/* w, b: the initialisers of weights and biases. channels: of the last feature map. */
static inline void reel_net_pooled_head(reel_net *net, const reel_model_config *config,
                                        int64_t channels, reel_init w, reel_init b)
{
    if (config->head == REEL_HEAD_GAP)
        reel_net_global_avg_pool(net, .name = "avgpool");
    else
        reel_net_global_max_pool(net, .name = "maxpool");
    reel_net_begin(net, "classifier");
    reel_net_dropout(net, .p = config->dropout);
    reel_net_linear(net, .in = channels, .out = config->classes, .weight_init = reel_output_init(w),
                    .bias_init = b);
    reel_net_end(net);
}

#endif
