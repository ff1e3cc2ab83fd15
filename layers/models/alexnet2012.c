/* AlexNet of 2012 (Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional
 * neural networks"), with its two groups and local response normalisation: (n, 3, 227, 227) ->
 * logits; 60,965,224 parameters at 1000 classes.
 *
 * The paper says 224 with an 11 x 11 kernel at stride 4, which does not give its 55 x 55 maps; 227
 * without padding does. LRN divides alpha by the window as the authors' code and every later
 * implementation do. Weights N(0, 0.01); biases 1 in conv2, conv4, conv5 and the hidden linear
 * layers, else 0 (section 5). */
#include "layers/models/head.h"

/* Height and width of the last feature map. */
static int64_t final_size(int64_t image)
{
    const int64_t conv1 = (image - 11) / 4 + 1, pool1 = (conv1 - 3) / 2 + 1,
                  pool2 = (pool1 - 3) / 2 + 1;
    return (pool2 - 3) / 2 + 1;
}

static void add_alexnet2012(reel_net *net, const reel_model_config *config)
{
    static const reel_init gaussian = {REEL_INIT_GAUSSIAN, 0.01}, zero = {REEL_INIT_CONSTANT, 0},
                           one = {REEL_INIT_CONSTANT, 1};
    const bool own_w = config->weight_init.kind == REEL_INIT_DEFAULT,
               own_b = config->bias_init.kind == REEL_INIT_DEFAULT;
    const reel_init w = own_w ? gaussian : config->weight_init;
    const reel_init b0 = own_b ? zero : config->bias_init, b1 = own_b ? one : config->bias_init;
    const double p = config->dropout;
    const int64_t last = final_size(config->image_size);

    /* (n, 3, 227, 227) -> (n, 96, 27, 27) -> (n, 256, 13, 13) -> ... -> (n, 256, 6, 6). Two groups
     * stand for the paper's two GPUs, each of which saw half of the channels. */
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = config->channels, .out = 96, .kernel = 11, .stride = 4,
                    .weight_init = w, .bias_init = b0);
    reel_net_relu(net);
    reel_net_local_response_norm(net, .size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 96, .out = 256, .kernel = 5, .padding = 2, .groups = 2,
                    .weight_init = w, .bias_init = b1);
    reel_net_relu(net);
    reel_net_local_response_norm(net, .size = 5, .alpha = 1e-4, .beta = 0.75, .k = 2);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 256, .out = 384, .kernel = 3, .padding = 1, .weight_init = w,
                    .bias_init = b0);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 384, .out = 384, .kernel = 3, .padding = 1, .groups = 2,
                    .weight_init = w, .bias_init = b1);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 384, .out = 256, .kernel = 3, .padding = 1, .groups = 2,
                    .weight_init = w, .bias_init = b1);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_end(net);

    if (config->head != REEL_HEAD_FLATTEN) {
        reel_net_pooled_head(net, config, 256, w, b0);
        return;
    }
    reel_net_flatten(net, .name = "flatten");
    reel_net_begin(net, "classifier");
    reel_net_linear(net, .in = 256 * last * last, .out = 4096, .weight_init = w, .bias_init = b1);
    reel_net_relu(net);
    reel_net_dropout(net, .p = p);
    reel_net_linear(net, .in = 4096, .out = 4096, .weight_init = w, .bias_init = b1);
    reel_net_relu(net);
    reel_net_dropout(net, .p = p);
    reel_net_linear(net, .in = 4096, .out = config->classes, .weight_init = reel_output_init(w),
                    .bias_init = b0);
    reel_net_end(net);
}

const reel_model reel_model_alexnet2012 = {
    .name = "alexnet2012",
    .about = "AlexNet of 2012 with groups and local response normalisation: 96/256/384/384/256",
    .image_size = 227,
    .min_size = 67,
    .dropout = 0.5,
    .add = add_alexnet2012,
};
