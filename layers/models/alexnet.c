/* One-weird-trick AlexNet (Krizhevsky 2014, "One weird trick for parallelizing convolutional neural
 * networks"), as torchvision has it: (n, 3, 224, 224) -> logits (n, classes); 61,100,840 parameters
 * at 1000 classes; smallest input 63 x 63. */
#include "layers/models/head.h"

static void add_alexnet(reel_net *net, const reel_model_config *config)
{
    const reel_init w = config->weight_init, b = config->bias_init;
    const double p = config->dropout;

    /* (n, 3, 224, 224) -> (n, 64, 27, 27) -> (n, 192, 13, 13) -> ... -> (n, 256, 6, 6) */
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = config->channels, .out = 64, .kernel = 11, .stride = 4, .padding = 2,
                    .weight_init = w, .bias_init = b);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 64, .out = 192, .kernel = 5, .padding = 2, .weight_init = w,
                    .bias_init = b);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 192, .out = 384, .kernel = 3, .padding = 1, .weight_init = w,
                    .bias_init = b);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 384, .out = 256, .kernel = 3, .padding = 1, .weight_init = w,
                    .bias_init = b);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 256, .out = 256, .kernel = 3, .padding = 1, .weight_init = w,
                    .bias_init = b);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_end(net);

    if (config->head != REEL_HEAD_FLATTEN) {
        reel_net_pooled_head(net, config, 256, w, b);
        return;
    }
    reel_net_adaptive_avg_pool2d(net, .name = "avgpool", .height = 6);
    reel_net_flatten(net, .name = "flatten");
    reel_net_begin(net, "classifier");
    reel_net_dropout(net, .p = p);
    reel_net_linear(net, .in = 256 * 6 * 6, .out = 4096, .weight_init = w, .bias_init = b);
    reel_net_relu(net);
    reel_net_dropout(net, .p = p);
    reel_net_linear(net, .in = 4096, .out = 4096, .weight_init = w, .bias_init = b);
    reel_net_relu(net);
    reel_net_linear(net, .in = 4096, .out = config->classes, .weight_init = reel_output_init(w),
                    .bias_init = b);
    reel_net_end(net);
}

/* 56.5 % top-1 and 79.1 % top-5 on ImageNet, by torchvision. */
static const reel_public_weights alexnet_weights[] = {
    {.name = "torchvision/alexnet",
     .url = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
     .megabytes = 234},
    {.name = NULL},
};

const reel_model reel_model_alexnet = {
    .name = "alexnet",
    .about = "AlexNet as torchvision has it (Krizhevsky 2014): 64/192/384/256/256",
    .image_size = 224,
    .min_size = 63,
    .dropout = 0.5,
    .add = add_alexnet,
    .public_weights = alexnet_weights,
};
