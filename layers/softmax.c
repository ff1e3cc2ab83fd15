/* Softmax over the last dimension: y_i = exp(x_i) / sum_j exp(x_j). A net that is trained ends in
 * logits instead; the loss takes their logarithm itself (reel_cross_entropy). */
#include "layers/module.h"

#include "core/ops.h"

static void softmax_layer_draw(reel_rng *rng, reel_layer_use *use, void *config)
{
    (void)config;
    use->flatten = reel_draw_chance(rng, 0.5);
}

const reel_layer reel_layer_softmax = {
    .name = "softmax",
    .kind = "Softmax",
    .function = reel_softmax,
    .onnx_node = "Softmax", /* over the last dimension by default, too */
    .draw = softmax_layer_draw,
};
