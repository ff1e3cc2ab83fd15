/* A network trained through the C API alone, from a folder with a folder of images per class; then
 * its loss on another one. */
#include <stdio.h>
#include <stdlib.h>

#include <reel/reel.h>

#define CHECK(call)                                                                                \
    ((call) == REEL_OK ? (void)0 : (fprintf(stderr, "%s\n", err.message), exit(EXIT_FAILURE)))

int main(int argc, char **argv)
{
    reel_error err;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_optimizer *opt;
    reel_batch batch;
    reel_transform look = {.size = 32,
                           .crop = REEL_CROP_RANDOM_RESIZED,
                           .scale = {0.5, 1},
                           .flip = 0.5,
                           .mean = {0.5, 0.5, 0.5}};
    if (argc != 4)
        return fprintf(stderr, "usage: train_in_70_lines TRAIN_FOLDER VAL_FOLDER EPOCHS\n"), 2;
    CHECK(reel_ctx_create(&ctx, NULL, &err));
    CHECK(reel_tape_create(&tape, ctx, NULL, &err));
    CHECK(reel_net_create(&net, ctx, REEL_F32, &err));
    reel_net_conv2d(net, .in = 3, .out = 16, .kernel = 5, .padding = 2);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 2);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 16 * 16 * 16, .out = 10); /* up to 10 classes */
    CHECK(reel_net_build(net, &err));
    reel_net_init(net);
    CHECK(reel_sgd_create(&opt, reel_net_params(net), ctx, &(reel_sgd_config){.momentum = 0.9},
                          &err));
    for (int val = 0; val < 2; val++, look.crop = REEL_CROP_CENTER) { /* train, then evaluate */
        reel_dataset *data;
        reel_loader *loader;
        double total = 0;
        const reel_loader_config config = {
            .batch = 32, .shuffle = !val, .epochs = val ? 1 : atoi(argv[3]), .max_bad = 0.01};
        CHECK(reel_dataset_folder(&data, argv[1 + val], &err));
        CHECK(reel_loader_create(&loader, data, &look, &config, &err));
        reel_net_set_training(net, !val);
        reel_tape_set_recording(tape, !val);
        for (CHECK(reel_loader_next(loader, &batch, &err)); batch.n;
             CHECK(reel_loader_next(loader, &batch, &err))) {
            const reel_var logits = reel_net_forward(net, tape, reel_input(tape, &batch.images));
            const reel_var loss = reel_cross_entropy(logits, batch.labels, batch.n, NULL);
            CHECK(val ? reel_tape_status(tape, &err) : reel_backward(loss, &err));
            if (!val)
                CHECK(reel_optimizer_step(opt, 0.01, &err));
            total = (batch.index ? total : 0) + *(float *)reel_value(loss).data;
            if (batch.index + 1 == reel_loader_batches_per_epoch(loader))
                printf("%s: loss %.4f\n", val ? "validation" : "training",
                       total / (double)(batch.index + 1));
            reel_params_zero_grad(reel_net_params(net));
            reel_tape_reset(tape);
        }
        reel_loader_destroy(loader);
        reel_dataset_destroy(data);
    }
    reel_optimizer_destroy(opt);
    reel_net_destroy(net);
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}
