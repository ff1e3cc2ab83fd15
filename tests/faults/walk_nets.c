/* library_walk through core, layers and optim: training, models, weights files, ONNX, gradient
 * checks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/model_card.h"
#include "core/files/weights.h"
#include "core/gradcheck/gradcheck.h"
#include "core/op.h"
#include "core/ops.h"
#include "layers/gradcheck.h"
#include "layers/model_file.h"
#include "layers/models.h"
#include "layers/onnx.h"
#include "layers/recompute.h"
#include "optim/ema.h"
#include "optim/optim.h"
#include "tests/faults/walk.h"
#include "tests/gradient/wrong_gradients.h"

static reel_status one_thread(reel_ctx **ctx, reel_error *err)
{
    const reel_ctx_config config = {.threads = 1, .seed = 7};
    return reel_ctx_create(ctx, &config, err);
}

static void add_layers(reel_net *net)
{
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = 3, .out = 8, .kernel = 3, .padding = 1, .name = "c");
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 2);
    reel_net_conv2d(net, .in = 8, .out = 8, .kernel = 3, .padding = 1, .groups = 2,
                    .no_bias = true);
    reel_net_batch_norm2d(net, .channels = 8);
    reel_net_layer(net, "group_norm", "num_groups=2, num_channels=8");
    reel_net_layer(net, "leaky_relu", "negative_slope=0.01");
    reel_net_local_response_norm(net, .size = 3);
    reel_net_avg_pool2d(net, .kernel = 2);
    reel_net_adaptive_avg_pool2d(net, .height = 3);
    reel_net_sigmoid(net);
    reel_net_end(net);
    reel_net_flatten(net);
    reel_net_dropout(net, .p = 0.2);
    reel_net_linear(net, .in = 72, .out = 6);
    reel_net_tanh(net);
    reel_net_linear(net, .in = 6, .out = 4);
}

static reel_status layers(reel_net **net, const reel_ctx *ctx, reel_error *err)
{
    reel_status status = reel_net_create(net, ctx, REEL_F32, err);
    if (status != REEL_OK)
        return status;
    add_layers(*net);
    NEXT(reel_net_build(*net, err));
    if (status == REEL_OK)
        reel_net_init(*net);
    return status;
}

static void note_params(walk *w, const reel_net *net)
{
    const reel_params *all = reel_net_params(net);
    for (int i = 0; i < reel_params_count(all); i++) {
        const reel_param *p = reel_params_at(all, i);
        walk_note_text(w, p->name);
        walk_note(w, p->value.data, reel_tensor_bytes(&p->value));
    }
}

static reel_tensor pictures(void)
{
    static float pixels[2 * 3 * 16 * 16];
    for (int i = 0; i < (int)REEL_COUNT(pixels); i++)
        pixels[i] = (float)(i * 37 % 101) / 50 - 1;
    return reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){2, 3, 16, 16});
}

/* ---- scenarios ---- */
/* The end of a walk. */
static reel_status ended(reel_status status, reel_net *net, reel_ctx *ctx)
{
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

static reel_status train(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_tape *tape = NULL;
    reel_optimizer *opt = NULL;
    reel_ema *ema = NULL;
    reel_net_memory plan;
    reel_layer_info info[40];
    int rows = 0;
    const reel_tensor x = pictures();
    const int64_t shape[4] = {2, 3, 16, 16}, labels[2] = {1, 3};
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_net_describe(net, shape, info, 40, &rows, err));
    NEXT(reel_net_plan(net, shape, true, &plan, err));
    NEXT(reel_net_calibrate(net, &x, 1, err));
    NEXT(reel_tape_create(&tape, ctx, NULL, err));
    NEXT(reel_sgd_create(&opt, reel_net_params(net), ctx,
                         &(reel_sgd_config){.momentum = 0.9, .weight_decay = 1e-3}, err));
    NEXT(reel_ema_create(&ema, reel_net_params(net), ctx, 0.9, err));
    NEXT(reel_optimizer_group(opt, &(reel_group){.pattern = "*.bias", .lr_mult = 2}, err));
    for (int step = 0; step < 2 && status == REEL_OK; step++) {
        reel_tape_set_step(tape, step);
        const reel_var cost =
            reel_cross_entropy(reel_net_forward(net, tape, reel_input(tape, &x)), labels, 2, NULL);
        NEXT(reel_backward(cost, err));
        NEXT(reel_optimizer_step(opt, 0.1, err));
        reel_ema_update(ema, step == 0);
        reel_params_zero_grad(reel_net_params(net));
        reel_tape_reset(tape);
    }
    walk_note_number(w, rows);
    if (status == REEL_OK)
        note_params(w, net);
    reel_ema_destroy(ema);
    reel_optimizer_destroy(opt);
    reel_tape_destroy(tape);
    return ended(status, net, ctx);
}

static reel_status model(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    const reel_model_config config = {
        .classes = 3, .dropout = 0.5, .image_size = 64, .head = (reel_head)w->number};
    reel_status status = one_thread(&ctx, err);
    NEXT(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, err));
    if (status == REEL_OK)
        note_params(w, net);
    return ended(status, net, ctx);
}

static const int64_t fitted_shape[4] = {8, 3, 64, 64};
static size_t fitted_limit; /* that recomputing keeps, and nothing else does */

static reel_status tiny_net(reel_net **net, reel_ctx **ctx, reel_error *err)
{
    const reel_model_config config = {.classes = 3, .image_size = 64};
    const reel_status status = one_thread(ctx, err);
    return status ? status
                  : reel_model_create(net, reel_model_find("tiny"), &config, *ctx, REEL_F32, err);
}

static void choose_fitted_limit(void)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_saving saving;
    reel_error err;
    if (tiny_net(&net, &ctx, &err) || !reel_net_fit(net, fitted_shape, 0, false, &saving, &err))
        exit(2);
    fitted_limit = saving.least;
    ended(REEL_OK, net, ctx);
}

static reel_status fit(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_saving saving;
    reel_status status = tiny_net(&net, &ctx, err);
    NEXT(reel_net_fit(net, fitted_shape, fitted_limit, false, &saving, err));
    if (status == REEL_OK)
        walk_note_number(w, (int64_t)saving.after);
    return ended(status, net, ctx);
}

static reel_status fill_with_ones(void *user, float *values, int64_t count, reel_error *err)
{
    (void)user, (void)err;
    for (int64_t i = 0; i < count; i++)
        values[i] = 1;
    return REEL_OK;
}

static reel_status write_weights(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_weights_writer *writer = NULL;
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_weights_writer_create(&writer, err));
    NEXT(reel_params_add_to(reel_net_params(net), writer, err));
    NEXT(reel_weights_writer_metadata(writer, "key", "value", err));
    NEXT(reel_weights_writer_save(writer, "net.safetensors", err));
    NEXT(reel_net_save_onnx(net, &(reel_onnx_config){.height = 16}, "net.onnx", err));
    if (status == REEL_OK)
        walk_note_file(w, "net.safetensors"), walk_note_file(w, "net.onnx");
    reel_weights_writer_destroy(writer);
    return ended(status, net, ctx);
}

static reel_status stream_weights(walk *w, reel_error *err)
{
    reel_weights_writer *writer = NULL;
    reel_status status = reel_weights_writer_create(&writer, err);
    NEXT(reel_weights_writer_stream(writer, "rows", 1, (int64_t[]){3}, fill_with_ones, NULL, err));
    NEXT(reel_weights_writer_save(writer, "rows.safetensors", err));
    if (status == REEL_OK)
        walk_note_file(w, "rows.safetensors");
    reel_weights_writer_destroy(writer);
    return status;
}

static reel_status load_weights(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL;
    reel_weights *weights = NULL;
    int loaded = 0;
    reel_status status = one_thread(&ctx, err);
    NEXT(layers(&net, ctx, err));
    NEXT(reel_weights_read(&weights, "net.safetensors", err));
    NEXT(reel_weights_verify(weights, err));
    NEXT(reel_params_load(reel_net_params(net), weights, err));
    NEXT(reel_params_load_matching(reel_net_params(net), weights, NULL, NULL, &loaded, err));
    if (status == REEL_OK)
        note_params(w, net);
    reel_weights_destroy(weights);
    return ended(status, net, ctx);
}

static reel_status read_weights(walk *w, reel_error *err)
{
    reel_weights *weights = NULL;
    float values[64];
    reel_status status = reel_weights_read(&weights, w->argument, err);
    for (int i = 0; status == REEL_OK && i < reel_weights_count(weights); i++) {
        const reel_weight *t = reel_weights_at(weights, i);
        const reel_tensor to = reel_tensor_of(values, REEL_F32, t->ndim, t->shape);
        walk_note_text(w, t->name);
        if (reel_tensor_numel(&to) > 64)
            continue;
        memset(values, 0, sizeof values);
        NEXT(reel_weight_to_tensor(t, &to, err));
        walk_note(w, values, sizeof values);
    }
    reel_weights_destroy(weights);
    return status;
}

/* A model file with class names, the whole way: written, read, opened from its path and from
 * memory, used. */
static reel_status use_model_file(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL, *again = NULL, *third = NULL;
    reel_weights_writer *writer = NULL;
    reel_model_card card = {.arch = "tiny",
                            .head = "gap",
                            .image_size = 32,
                            .preprocessing = {.size = 32}},
                    found = {0}, held = {0};
    const reel_model_config config = {
        .classes = 2, .dropout = 0.5, .image_size = 32, .head = REEL_HEAD_GAP};
    static char bytes[1 << 20];
    float pixels[3 * 32 * 32] = {0}, probabilities[2] = {0};
    reel_tensor image = reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){1, 3, 32, 32});
    char text[40];
    reel_status status = one_thread(&ctx, err);
    NEXT(reel_model_create(&net, reel_model_find("tiny"), &config, ctx, REEL_F32, err));
    NEXT(reel_model_card_make_names(&card, 2, err));
    NEXT(reel_model_card_set_name(&card, 0, "cat", err));
    NEXT(reel_model_card_set_name(&card, 1, "dog", err));
    NEXT(reel_weights_writer_create(&writer, err));
    NEXT(reel_params_add_to(reel_net_params(net), writer, err));
    NEXT(reel_model_card_write(&card, writer, err));
    NEXT(reel_weights_writer_save(writer, "model.safetensors", err));
    NEXT(reel_model_open(&again, &found, "model.safetensors", NULL, ctx, REEL_F32, err));
    NEXT(reel_net_predict(again, &image, probabilities, err));
    FILE *file = status == REEL_OK ? fopen("model.safetensors", "r") : NULL;
    const size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    NEXT(reel_model_open_memory(&third, &held, bytes, size, "memory", NULL, ctx, REEL_F32, err));
    if (status == REEL_OK) {
        note_params(w, again);
        walk_note(w, probabilities, sizeof probabilities);
        note_params(w, third);
        for (int64_t c = 0; c < found.classes; c++)
            walk_note_text(w, reel_model_card_class(&found, c, text, sizeof text));
    }
    reel_net_destroy(third);
    reel_net_destroy(again);
    reel_net_destroy(net);
    reel_model_card_free(&held);
    reel_model_card_free(&found);
    reel_model_card_free(&card);
    reel_weights_writer_destroy(writer);
    reel_ctx_destroy(ctx);
    return status;
}

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        abort();
}

/* A network as text, the whole way: read with what it includes, printed, in a weights file and
 * beside one, used again. */
static reel_status use_network_text(walk *w, reel_error *err)
{
    reel_ctx *ctx = NULL;
    reel_net *net = NULL, *again = NULL, *beside = NULL;
    reel_model *model = NULL;
    reel_weights_writer *writer = NULL, *bare = NULL;
    reel_model_card card = {.arch = "net", .head = "flatten", .image_size = 2, .classes = 2};
    reel_model_card found = {0}, held = {0};
    reel_status status = one_thread(&ctx, err);
    NEXT(reel_model_read(&model, w->argument, err));
    NEXT(reel_model_create(&net, model, NULL, ctx, REEL_F32, err));
    NEXT(reel_net_print(net, (const int64_t[]){3, 2, 2}, &card.network, err));

    reel_model_card_expect(&card, 3);
    NEXT(reel_weights_writer_create(&writer, err));
    NEXT(reel_params_add_to(reel_net_params(net), writer, err));
    NEXT(reel_model_card_write(&card, writer, err));
    NEXT(reel_weights_writer_save(writer, "text.safetensors", err));
    NEXT(reel_model_open(&again, &found, "text.safetensors", NULL, ctx, REEL_F32, err));

    NEXT(reel_weights_writer_create(&bare, err));
    NEXT(reel_params_add_to(reel_net_params(net), bare, err));
    NEXT(reel_weights_writer_save(bare, "bare.safetensors", err));
    NEXT(reel_model_open(&beside, &held, "bare.safetensors", w->argument, ctx, REEL_F32, err));
    if (status == REEL_OK) {
        note_params(w, again);
        note_params(w, beside);
        walk_note_text(w, found.network);
        walk_note_text(w, held.network);
    }

    reel_net_destroy(beside);
    reel_net_destroy(again);
    reel_weights_writer_destroy(bare);
    reel_weights_writer_destroy(writer);
    reel_model_card_free(&held);
    reel_model_card_free(&found);
    reel_model_card_free(&card);
    reel_model_free(model);
    return ended(status, net, ctx);
}

static reel_status check_operator(walk *w, reel_error *err)
{
    reel_gradcheck_report report = {0};
    const reel_op *op = reel_op_at(w->number);
    reel_status status = REEL_OK;
    for (int bf16 = 0; op->n_cases && bf16 < 2; bf16++)
        NEXT(reel_gradcheck_case(NULL, op, &op->cases[0],
                                 &(reel_gradcheck_config){.max_elements = 8, .bf16 = bf16}, &report,
                                 err));
    if (status == REEL_OK)
        walk_note_number(w, report.checked), walk_note_number(w, report.passed);
    return status;
}

/* A wrong gradient must come out as wrong whatever fails; for want of memory its diagnosis may be
 * shorter, and says so where it names no operator. */
static reel_var build_wrong(reel_tape *tape, const reel_var *in, void *user)
{
    const wrong_gradient *g = user;
    const reel_var behind[2] = {reel_mul(in[0], reel_scalar(tape, 1.25)),
                                g->n_in > 1 ? in[1] : REEL_NONE};
    return reel_apply(g->op, &g->mistake, sizeof g->mistake, behind, g->n_in);
}

static reel_status check_wrong(walk *w, reel_error *err)
{
    reel_gradcheck_report report = {0};
    wrong_gradient g = wrong_gradients[w->number];
    const reel_status status =
        reel_gradcheck_drawn(NULL, build_wrong, &g, g.draw, g.in, g.n_in, NULL, &report, err);
    if (status == REEL_OK)
        walk_note_number(w, report.passed);
    if (status == REEL_OK)
        walk_note_number(w,
                         *report.op || strstr(report.message, "Not every operator could be tried"));
    return status;
}

static reel_status check_layer(walk *w, reel_error *err)
{
    reel_gradcheck_report report = {0};
    const reel_gradcheck_config config = {.max_elements = 8};
    const reel_status status =
        reel_layer_gradcheck_random(NULL, reel_layer_at(w->number), 1, &config, &report, err);
    if (status == REEL_OK)
        walk_note_number(w, report.checked), walk_note_number(w, report.passed);
    return status;
}

void walk_nets(char *const *pth, int count)
{
    walk_means_memory = true;
    walk_try("train", train, NULL, 0);
    for (int head = 0; head < 3; head++)
        walk_try("model", model, NULL, head);
    walk_try("write_weights", write_weights, NULL, 0);
    walk_try("stream_weights", stream_weights, NULL, 0);
    choose_fitted_limit();
    walk_try("fit", fit, NULL, 0);
    walk_try("load_weights", load_weights, NULL, 0);
    walk_try("read_weights", read_weights, "net.safetensors", 0);
    walk_try("use_model_file", use_model_file, NULL, 0);

    put_file("block.net", "block Pair width stride=1:\n"
                          "    residual:\n"
                          "        conv: Conv2d width 1 stride=stride bias=false\n"
                          "        shortcut if needed:\n"
                          "            Conv2d width 1 stride=stride bias=false\n");
    put_file("net.net", "reel network 1\n"
                        "about a net of all kinds of lines # and a comment\n"
                        "input 3x2x2\n"
                        "classes 2\n"
                        "include block.net\n"
                        "features:\n"
                        "    for width in 2:\n"
                        "        Pair width\n"
                        "    concat:\n"
                        "        ReLU\n"
                        "        branch\n"
                        "    scale:\n"
                        "        AdaptiveAvgPool2d 1\n"
                        "    GELU tanh\n"
                        "GlobalAvgPool2d\n"
                        "\"add\": Linear classes bias=false\n");
    walk_try("use_network_text", use_network_text, "net.net", 0);
    for (int i = 0; i < count; i++)
        walk_try("read_weights", read_weights, pth[i], 0);
    for (int i = 0; i < reel_op_count(); i++)
        walk_try(reel_op_at(i)->name, check_operator, NULL, i);
    for (int i = 0; i < reel_layer_count(); i++)
        walk_try(reel_layer_at(i)->name, check_layer, NULL, i);
    for (int i = 0; i < (int)REEL_COUNT(wrong_gradients); i++)
        walk_try(wrong_gradients[i].what, check_wrong, NULL, i);
    walk_means_memory = false;
}
