/* The head that models share: Global Average or Global Max Pooling of the last feature map,
 * Dropout, one Linear(channels, classes). Private. */
#ifndef REEL_LAYERS_MODELS_HEAD_H
#define REEL_LAYERS_MODELS_HEAD_H

#include "layers/models.h"

/* What the output layer is drawn from. An initialiser that keeps the signal's size through ReLUs
 * (Kaiming) would make the first logits as large as the activations, and the first loss several
 * times ln(classes): the output layer starts small instead. */
static inline reel_init reel_output_init(reel_init hidden)
{
    const bool kaiming =
        hidden.kind == REEL_INIT_KAIMING_UNIFORM || hidden.kind == REEL_INIT_KAIMING_NORMAL;
    return kaiming ? (reel_init){REEL_INIT_GAUSSIAN, 0.01} : hidden;
}

/* w, b: the model's initialisers, its own where config leaves them to it. */
static inline void reel_add_pooled_head(reel_net *net, const reel_model_config *config,
                                        int64_t channels, double dropout, reel_init w, reel_init b)
{
    if (config->head == REEL_HEAD_GAP)
        reel_add_global_avgpool(net, .name = "avgpool");
    else
        reel_add_global_maxpool(net, .name = "maxpool");
    reel_net_begin(net, "classifier");
    reel_add_dropout(net, .p = dropout);
    reel_add_linear(net, .in = channels, .out = config->classes, .weight_init = reel_output_init(w),
                    .bias_init = b);
    reel_net_end(net);
}

#endif
