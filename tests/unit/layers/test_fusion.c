/* Layers that run as one operator compute what they compute one by one. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/rng.h"
#include "layers/net.h"

/* 40 images of 64 x 64: the map behind the first convolution is worked on in three parts. */
enum { IMAGES = 40, SIZE = 64, CLASSES = 5 };

typedef struct outcome {
    double *values; /* logits, then the gradient of every parameter, then that of the input */
    int64_t count;
    int nodes;
} outcome;

static reel_net *new_net(const reel_ctx *ctx, reel_dtype dtype)
{
    reel_net *net;
    reel_error err;
    cr_assert_eq(reel_net_create(&net, ctx, dtype, &err), REEL_OK);
    reel_net_begin(net, "features");
    reel_net_conv2d(net, .in = 3, .out = 64, .kernel = 3, .padding = 1);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .in = 64, .out = 16, .kernel = 5, .padding = 2, .stride = 3, .groups = 2);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 16, .out = 32, .kernel = 3,
                    .padding = 1); /* Winograd where it is float32 */
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 32, .out = 32, .kernel = 1, .no_bias = true);
    reel_net_batch_norm2d(net, .channels = 32);
    reel_net_layer(net, "relu6", NULL);
    reel_net_begin_join(net, REEL_JOIN_ADD);
    reel_net_begin_branch(net);
    reel_net_conv2d(net, .in = 32, .out = 32, .kernel = 3, .padding = 1, .groups = 32);
    reel_net_batch_norm2d(net, .channels = 32);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 32, .out = 32, .kernel = 1);
    reel_net_end(net);
    reel_net_begin_branch(net);
    reel_net_end(net);
    reel_net_end(net);
    reel_net_relu(net);
    reel_net_conv2d(net, .in = 32, .out = 19, .kernel = 3, .padding = 1, .no_bias = true);
    reel_net_end(net);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true);
    reel_net_adaptive_avg_pool2d(net, .height = 6);
    reel_net_flatten(net);
    reel_net_linear(net, .in = 19 * 36, .out = 33);
    reel_net_relu(net);
    reel_net_linear(net, .in = 33, .out = CLASSES);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    return net;
}

static double number(const reel_tensor *t, int64_t i)
{
    return t->dtype == REEL_F32 ? (double)((const float *)t->data)[i]
                                : ((const double *)t->data)[i];
}

static void append(outcome *o, const reel_tensor *t)
{
    const int64_t n = reel_tensor_numel(t);
    o->values = realloc(o->values, (size_t)(o->count + n) * sizeof *o->values);
    for (int64_t i = 0; i < n; i++)
        o->values[o->count + i] = number(t, i);
    o->count += n;
}

static outcome run(reel_dtype dtype, bool fusion, bool retain)
{
    reel_ctx *ctx;
    reel_error err;
    reel_tape *tape;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2, .seed = 3}, &err), REEL_OK);
    reel_net *net = new_net(ctx, dtype);
    reel_net_set_fusion(net, fusion);
    cr_assert_eq(
        reel_tape_create(&tape, ctx, &(reel_tape_config){.dtype = dtype, .retain = retain}, &err),
        REEL_OK);
    const int64_t shape[4] = {IMAGES, 3, SIZE, SIZE};
    const size_t element = reel_dtype_size(dtype);
    void *pixels = malloc((size_t)reel_shape_numel(4, shape) * element);
    reel_tensor images = reel_tensor_of(pixels, dtype, 4, shape);
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < reel_shape_numel(4, shape); i++) {
        const double v = reel_rng_normal(&rng);
        dtype == REEL_F32 ? (void)(((float *)pixels)[i] = (float)v)
                          : (void)(((double *)pixels)[i] = v);
    }
    int64_t labels[IMAGES];
    for (int i = 0; i < IMAGES; i++)
        labels[i] = i % CLASSES;

    outcome o = {0};
    for (int pass = 0; pass < (retain ? 2 : 1); pass++) {
        free(o.values);
        o = (outcome){0};
        reel_params_zero_grad(reel_net_params(net));
        const reel_var x = reel_input_grad(tape, &images), y = reel_net_forward(net, tape, x);
        cr_assert_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
        const reel_tensor logits = reel_value(y);
        append(&o, &logits);
        o.nodes = y.id;
        const reel_var loss = reel_cross_entropy(y, labels, IMAGES, NULL);
        for (int sweep = 0; sweep < (retain ? 2 : 1);
             sweep++) { /* a tape with retain: the same gradient again */
            reel_params_zero_grad(reel_net_params(net));
            cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
        }
        for (int i = 0; i < reel_params_count(reel_net_params(net)); i++) {
            const reel_param *p = reel_params_at(reel_net_params(net), i);
            if (!(p->flags & REEL_PARAM_BUFFER))
                append(&o, &p->grad);
        }
        if (!retain) {
            const reel_tensor dx = reel_grad(x);
            append(&o, &dx);
        }
        reel_tape_reset(tape);
    }
    free(pixels);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return o;
}

static void expect_close(const outcome *a, const outcome *b, double bound)
{
    double difference = 0, size = 0;
    cr_assert_eq(a->count, b->count);
    for (int64_t i = 0; i < a->count; i++) {
        difference += (a->values[i] - b->values[i]) * (a->values[i] - b->values[i]);
        size += b->values[i] * b->values[i];
    }
    cr_expect_leq(sqrt(difference / size), bound, "relative L2 difference %.3g, bound %.3g",
                  sqrt(difference / size), bound);
}

static void check(reel_dtype dtype, double bound)
{
    outcome fused = run(dtype, true, false), plain = run(dtype, false, false);
    cr_expect_lt(fused.nodes, plain.nodes, "fusion changes nothing: %d nodes, %d without",
                 fused.nodes, plain.nodes);
    expect_close(&fused, &plain, bound);
    free(fused.values);
    free(plain.values);
}

Test(fusion, a_float32_net_gives_what_its_layers_give_one_by_one)
{
    check(REEL_F32, 2e-6);
}

Test(fusion, a_float64_net_gives_what_its_layers_give_one_by_one)
{
    check(REEL_F64, 1e-14);
}

Test(fusion, a_second_backward_over_a_retaining_tape_gives_the_same_gradients)
{
    outcome once = run(REEL_F32, true, false), twice = run(REEL_F32, true, true);
    once.count = twice.count; /* without the input's */
    expect_close(&twice, &once, 0);
    free(once.values);
    free(twice.values);
}

/* Channels whose gamma is 0 lie exactly on beta: at the corners of both rectifiers. */
enum { PIXELS = 300, CHANNELS = 10 };

static void run_norm(const reel_ctx *ctx, bool fused, bool six, outcome *o)
{
    reel_error err;
    reel_tape *tape;
    static float pixels[PIXELS * CHANNELS], gamma[CHANNELS] = {0, 0, 0, 0, 0, 1, 3, -2, 8, 1},
                                            beta[CHANNELS] = {0, 6, -1, 7, 2, 0, 1, 3, 4, -9};
    reel_rng rng = reel_rng_at(6, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < PIXELS * CHANNELS; i++)
        pixels[i] = (float)reel_rng_normal(&rng);
    const reel_tensor images =
        reel_tensor_of(pixels, REEL_F32, 4, (const int64_t[]){3, CHANNELS, 10, 10});
    const reel_tensor g = reel_tensor_of(gamma, REEL_F32, 1, (const int64_t[]){CHANNELS}),
                      b = reel_tensor_of(beta, REEL_F32, 1, (const int64_t[]){CHANNELS});

    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    const reel_rectifier rectifier = six ? REEL_RECTIFIER_RELU6 : REEL_RECTIFIER_RELU;
    const reel_batch_norm2d_attrs attrs = {.training = true,
                                           .rectifier = fused ? rectifier : REEL_RECTIFIER_NONE};
    const reel_var in[] = {reel_input_grad(tape, &images), reel_input_grad(tape, &g),
                           reel_input_grad(tape, &b)};
    reel_var y = reel_batch_norm2d(in[0], in[1], in[2], &attrs);
    if (!fused)
        y = six ? reel_clamp(y, 0, 6) : reel_relu(y);
    const reel_tensor value = reel_value(y);
    append(o, &value);
    cr_assert_eq(reel_backward(reel_mean_all(reel_mul(y, in[0])), &err), REEL_OK, "%s",
                 err.message);
    for (int i = 0; i < 3; i++) {
        const reel_tensor grad = reel_grad(in[i]);
        append(o, &grad);
    }
    reel_tape_destroy(tape);
}

Test(fusion, batch_norm_with_a_rectifier_gives_the_bits_of_both)
{
    reel_ctx *ctx;
    reel_error err;
    cr_assert_eq(reel_ctx_create(&ctx, &(reel_ctx_config){.threads = 2}, &err), REEL_OK);
    for (int six = 0; six < 2; six++) {
        outcome fused = {0}, plain = {0};
        run_norm(ctx, true, six, &fused);
        run_norm(ctx, false, six, &plain);
        cr_assert_eq(fused.count, plain.count);
        cr_expect(memcmp(fused.values, plain.values, (size_t)fused.count * sizeof(double)) == 0);
        free(fused.values);
        free(plain.values);
    }
    reel_ctx_destroy(ctx);
}

Test(fusion, a_window_of_more_cells_than_a_byte_counts_stays_an_operator_of_its_own)
{
    reel_ctx *ctx;
    reel_error err;
    reel_net *net;
    reel_tape *tape;
    cr_assert_eq(reel_ctx_create(&ctx, NULL, &err), REEL_OK);
    cr_assert_eq(reel_net_create(&net, ctx, REEL_F32, &err), REEL_OK);
    reel_net_conv2d(net, .in = 1, .out = 2, .kernel = 3);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 16);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK);
    reel_net_init(net);
    cr_assert_eq(reel_tape_create(&tape, ctx, NULL, &err), REEL_OK);
    const int64_t shape[4] = {1, 1, 20, 20};
    float pixels[400] = {1};
    const reel_tensor image = reel_tensor_of(pixels, REEL_F32, 4, shape);
    const reel_tensor y = reel_value(reel_net_forward(net, tape, reel_input(tape, &image)));
    cr_expect_eq(reel_tape_status(tape, &err), REEL_OK, "%s", err.message);
    cr_expect(y.ndim == 4 && y.shape[2] == 1 && y.shape[3] == 1);
    reel_tape_destroy(tape);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
