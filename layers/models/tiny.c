/* A small net with the layers of AlexNet, for tests and first steps: (n, 3, 32, 32) -> logits;
 * 18,874 parameters at 10 classes.
 */
#include "layers/models/head.h"

static void add_tiny(reel_net *net, const reel_model_config *config)
{
    const reel_init w = config->weight_init, b = config->bias_init;
    const double p = config->dropout;

    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = config->channels, .out = 8, .kernel = 5, .stride = 2, .padding = 2,
                    .weight_init = w, .bias_init = b);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 8, .out = 16, .kernel = 3, .padding = 1, .weight_init = w,
                    .bias_init = b);
    reel_net_relu(net);
    reel_net_end(net);

    if (config->head != REEL_HEAD_FLATTEN) {
        reel_net_pooled_head(net, config, 16, w, b);
        return;
    }
    reel_net_adaptive_avg_pool2d(net, .name = "avgpool", .height = 4);
    reel_net_flatten(net, .name = "flatten");
    reel_net_begin(net, "classifier");
    reel_net_dropout(net, .p = p);
    reel_net_linear(net, .in = 16 * 4 * 4, .out = 64, .weight_init = w, .bias_init = b);
    reel_net_relu(net);
    reel_net_linear(net, .in = 64, .out = config->classes, .weight_init = reel_output_init(w),
                    .bias_init = b);
    reel_net_end(net);
}

const reel_model reel_model_tiny = {
    .name = "tiny",
    .about = "two convolutions and two linear layers, for tests and first steps",
    .image_size = 32,
    .min_size = 5,
    .dropout = 0.5,
    .add = add_tiny,
};
