/* Reel trains convolutional networks in C, and runs them. This header is the library's face:
 *
 *     #include <reel/reel.h>
 *     cc program.c $(pkg-config --cflags --libs reel)
 *
 * It is a tour in three parts: use a model, train a model, extend Reel. Each part ends with the
 * headers that it needs, in the order in which you meet them. The programs in train/examples/ do
 * the same at full length.
 *
 * Three things hold everywhere:
 * - A call that can fail returns a reel_status and explains a failure in a reel_error, in one line.
 *   REEL_TRY(call) returns from your function when the call fails; REEL_TRY_GOTO(call, done) jumps
 *   to your clean-up.
 * - Nothing is global. A reel_ctx holds what a computation runs on (threads, instruction set,
 * seed); you make one, and everything made with it must be destroyed before it. The library neither
 *   prints nor ends your process.
 * - In a config struct, 0 means the default. Where 0 is a value of its own, a function
 *   reel_X_config_default() fills the struct in.
 *
 * Objects are used by one thread at a time, except that any number of threads may share a reel_ctx
 * and read samples of a reel_dataset. The headers are clean for C11 and C++. */
#ifndef REEL_REEL_H
#define REEL_REEL_H

/* ==== Part 1: use a model ====
 *
 * A weights file holds its network's name, its class names and its preprocessing, so the file alone
 * is enough. `weights` may also be the folder of a training run, or a .pth of torchvision.
 *
 *     static reel_status classify(const char *weights, const uint8_t *rgb, int64_t width,
 *                                 int64_t height, reel_error *err)
 *     {
 *         reel_ctx *ctx = NULL;
 *         reel_net *net = NULL;
 *         reel_model_card card = {0};
 *         float *pixels = NULL, *probabilities = NULL;
 *         reel_status status;
 *         REEL_TRY_GOTO(reel_ctx_create(&ctx, NULL, err), done);
 *         REEL_TRY_GOTO(reel_model_open(&net, &card, weights, NULL, ctx, REEL_F32, err), done);
 *
 *         const int64_t side = card.preprocessing.size, shape[4] = {1, 3, side, side};
 *         pixels = calloc((size_t)(3 * side * side), sizeof *pixels);
 *         probabilities = calloc((size_t)card.classes, sizeof *probabilities);
 *         if (!pixels || !probabilities)
 *             REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "out of memory"), done);
 *
 *         REEL_TRY_GOTO(
 *             reel_preprocess_rgb(&card.preprocessing, rgb, width, height, pixels, err), done);
 *         const reel_tensor image = reel_tensor_of(pixels, REEL_F32, 4, shape);
 *         REEL_TRY_GOTO(reel_net_predict(net, &image, probabilities, err), done);
 *
 *         char text[32];
 *         for (int64_t c = 0; c < card.classes; c++)
 *             printf("%s %.4f\n", reel_model_card_class(&card, c, text, sizeof text),
 *                    (double)probabilities[c]);
 *     done:
 *         free(pixels);
 *         free(probabilities);
 *         reel_net_destroy(net);
 *         reel_model_card_free(&card);
 *         reel_ctx_destroy(ctx);
 *         return status;
 *     }
 *
 * An image file instead of an RGB buffer: reel_image_decode gives the buffer. Another runtime:
 * reel_net_save_onnx writes the net for onnxruntime and OpenCV. */
#include "core/base.h"
#include "core/ctx.h"
#include "core/tensor.h"

#include "core/files/model_card.h"
#include "core/files/weights.h"
#include "data/codecs/codec.h"
#include "data/image.h"
#include "data/transforms/transform.h"
#include "layers/model_file.h"
#include "layers/onnx.h"

/* ==== Part 2: train a model ====
 *
 * A net is a list of layers. Their parameters get PyTorch's names: "0.weight", "features.3.bias".
 *
 *     static reel_status small_net(reel_net **net, const reel_ctx *ctx, int64_t classes,
 *                                  reel_error *err)
 *     {
 *         REEL_TRY(reel_net_create(net, ctx, REEL_F32, err));
 *         reel_net_conv2d(*net, .in = 3, .out = 16, .kernel = 5, .padding = 2);
 *         reel_net_relu(*net);
 *         reel_net_max_pool2d(*net, .kernel = 2);
 *         reel_net_flatten(*net);
 *         reel_net_linear(*net, .in = 16 * 16 * 16, .out = classes);
 *         REEL_TRY(reel_net_build(*net, err));
 *         reel_net_init(*net);
 *         return REEL_OK;
 *     }
 *
 * A context with .precision = REEL_PRECISION_BF16 stores what lies between the layers in 16 bits.
 *
 * A loader fills batches in the background. A tape records the forward pass, and reel_backward runs
 * it in reverse. Gradients go into the net's parameters, and the optimizer moves these.
 *
 *     static reel_status train(reel_net *net, reel_tape *tape, reel_loader *loader,
 *                              reel_optimizer *optimizer, double lr, reel_error *err)
 *     {
 *         reel_batch batch;
 *         REEL_TRY(reel_loader_next(loader, &batch, err));
 *         while (batch.n > 0) {
 *             // images (n, 3, 32, 32) -> logits (n, classes) -> mean loss
 *             reel_var logits = reel_net_forward(net, tape, reel_input(tape, &batch.images));
 *             reel_var loss = reel_cross_entropy(logits, batch.labels, batch.n, NULL);
 *             REEL_TRY(reel_backward(loss, err));
 *             REEL_TRY(reel_optimizer_step(optimizer, lr, err));
 *
 *             reel_params_zero_grad(reel_net_params(net));
 *             reel_tape_reset(tape);
 *             REEL_TRY(reel_loader_next(loader, &batch, err));
 *         }
 *         return REEL_OK;
 *     }
 *
 * What the two functions are given:
 *
 *     static reel_status train_folder(const char *folder, reel_error *err)
 *     {
 *         reel_ctx *ctx = NULL;
 *         reel_dataset *data = NULL;
 *         reel_loader *loader = NULL;
 *         reel_net *net = NULL;
 *         reel_tape *tape = NULL;
 *         reel_optimizer *optimizer = NULL;
 *         const reel_transform look = {.size = 32, .crop = REEL_CROP_RANDOM_RESIZED, .flip = 0.5};
 *         const reel_loader_config how = {.batch = 32, .shuffle = true, .epochs = 10};
 *         const reel_sgd_config sgd = {.momentum = 0.9, .weight_decay = 1e-4};
 *         reel_status status;
 *         REEL_TRY_GOTO(reel_ctx_create(&ctx, NULL, err), done);
 *         REEL_TRY_GOTO(reel_dataset_folder(&data, folder, err), done);
 *         REEL_TRY_GOTO(reel_loader_create(&loader, data, &look, &how, err), done);
 *         REEL_TRY_GOTO(small_net(&net, ctx, reel_dataset_classes(data), err), done);
 *         REEL_TRY_GOTO(reel_tape_create(&tape, ctx, NULL, err), done);
 *         REEL_TRY_GOTO(reel_sgd_create(&optimizer, reel_net_params(net), ctx, &sgd, err), done);
 *         REEL_TRY_GOTO(train(net, tape, loader, optimizer, 0.01, err), done);
 *     done:
 *         reel_optimizer_destroy(optimizer);
 *         reel_tape_destroy(tape);
 *         reel_net_destroy(net);
 *         reel_loader_destroy(loader);
 *         reel_dataset_destroy(data);
 *         reel_ctx_destroy(ctx);
 *         return status;
 *     }
 *
 * The same seed gives the same bits, for any number of threads and loader workers.
 *
 * A loop on several processes or machines. The batch becomes equal pieces; each process ("rank")
 * computes some of them, and updates a share of the weights. The bits do not depend on the number
 * of ranks. Start such a program with mpirun; without it there is one rank.
 *
 *     static void train_together(reel_comm *comm, reel_optimizer *optimizer, int steps,
 *                                reel_piece_compute *one_piece, void *user)
 *     {
 *         reel_error err;
 *         reel_data_parallel *parallel;
 *         reel_status status = reel_data_parallel_create(&parallel, comm, optimizer, 8, &err);
 *         for (int i = 0; i < steps && status == REEL_OK; i++) {
 *             status = reel_data_parallel_backward(parallel, one_piece, user, &err);
 *             if (status == REEL_OK)
 *                 status = reel_data_parallel_step(parallel, 0.01, &err);
 *         }
 *         if (status != REEL_OK)
 *             reel_comm_abort(comm, 1); // the other ranks wait for this one
 *         reel_data_parallel_destroy(parallel);
 *     }
 *
 * - comm.h: which rank this process is, and small exchanges. data_parallel.h: such a loop.
 * - parallel.h: what lies beneath, with the exchange behind computing.
 * - pieces.h: the order in which pieces are added up. piece_sum.h: pieces one after the other.
 * - statistics.h: only for nets with batch normalization; their running averages move in order.
 *
 * train_on_many.c in train/examples/ is a whole program. */
#include "core/comm/comm.h"
#include "core/comm/parallel.h"
#include "core/ops.h"
#include "core/params.h"
#include "core/piece_sum.h"
#include "core/pieces.h"
#include "core/statistics.h"
#include "core/tape.h"

#include "data/dataset.h"
#include "data/loader.h"
#include "layers/models.h"
#include "layers/net.h"
#include "layers/recompute.h"
#include "optim/data_parallel.h"
#include "optim/ema.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include "data/codecs/write_image.h"
#include "data/inspect.h"
#include "data/pack.h"
#include "data/transforms/resize.h"

/* ==== Part 3: extend Reel ====
 *
 * An operator, a layer, an optimizer and a data source are constant tables of data and functions.
 * The library's own are the same tables, so yours do everything that they do.
 *
 * A layer is an expression of operators; its gradient follows. Here is y = x sigmoid(x):
 *
 *     static reel_var swish_forward(const reel_module *m, reel_var x)
 *     {
 *         (void)m;
 *         return reel_mul(x, reel_sigmoid(x));
 *     }
 *
 *     static const reel_layer swish = {.name = "swish", .forward = swish_forward};
 *
 *     static void add_swish(reel_net *net)
 *     {
 *         reel_net_add(net, &swish, NULL);
 *     }
 *
 * Check what you write against finite differences, in float64:
 *
 *     static reel_status check_swish(reel_gradcheck_report *report, reel_error *err)
 *     {
 *         const int64_t images[4] = {2, 3, 5, 5};
 *         return reel_layer_gradcheck(NULL, add_swish, images, NULL, report, err);
 *     }
 *
 * - An operator is a reel_op with its own forward and backward loops: reel_apply puts it on a tape.
 *   Its flags say how it takes a batch in pieces (op.h).
 * - A layer is a reel_layer: reel_net_add.
 * - An optimizer is a reel_optimizer_kind: reel_optimizer_create.
 * - A data source is a reel_source: reel_dataset_create. */
#include "core/gradcheck/gradcheck.h"
#include "core/memory.h"
#include "core/op.h"
#include "core/rng.h"

#include "layers/args.h"
#include "layers/gradcheck.h"
#include "layers/layers.h"
#include "layers/module.h"
#include "layers/onnx_graph.h"

#endif
