/* Values and gradients have the same bits for 1, 2, 3 and 5 compute threads. Sizes are large enough
 * to be split. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/rng.h"
#include "core/tape.h"

typedef struct invariance_case {
    const char *name;
    reel_var (*build)(const reel_var *in);
    int n_in;
    struct {
        int ndim;
        int64_t shape[4];
    } in[3];
} invariance_case;

static reel_var conv(const reel_var *in)
{
    return reel_conv2d(in[0], in[1], in[2],
                       &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1});
}

static reel_var conv_strided(const reel_var *in)
{
    return reel_conv2d(
        in[0], in[1], in[2],
        &(const reel_conv2d_attrs){.stride_h = 4, .stride_w = 4, .padding_h = 2, .padding_w = 2});
}

static reel_var conv_groups(const reel_var *in)
{
    return reel_conv2d(in[0], in[1], in[2],
                       &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1, .groups = 2});
}

static reel_var linear(const reel_var *in)
{
    return reel_linear(in[0], in[1], in[2]);
}

static reel_var conv_relu_pool(const reel_var *in)
{
    return reel_conv2d_relu_max_pool2d(
        in[0], in[1], in[2], &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1},
        &(const reel_pool2d_attrs){.kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2});
}

static reel_var conv_relu(const reel_var *in)
{
    return reel_conv2d_relu(in[0], in[1], in[2],
                            &(const reel_conv2d_attrs){.padding_h = 1, .padding_w = 1});
}

static reel_var linear_relu(const reel_var *in)
{
    return reel_linear_relu(in[0], in[1], in[2]);
}

static reel_var max_pool(const reel_var *in)
{
    return reel_max_pool2d(in[0], &(const reel_pool2d_attrs){
                                      .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2});
}

static reel_var avg_pool(const reel_var *in)
{
    return reel_avg_pool2d(in[0], &(const reel_pool2d_attrs){
                                      .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2});
}

static reel_var adaptive(const reel_var *in)
{
    return reel_adaptive_avg_pool2d(in[0], 6, 6);
}

static reel_var global_avg(const reel_var *in)
{
    return reel_global_avg_pool(in[0]);
}

static reel_var global_max(const reel_var *in)
{
    return reel_global_max_pool(in[0]);
}

static reel_var dropout(const reel_var *in)
{
    return reel_dropout(in[0], 0.5, 2);
}

static reel_var norm(const reel_var *in)
{
    return reel_batch_norm2d(in[0], in[1], in[2],
                             &(const reel_batch_norm2d_attrs){.training = true});
}

static reel_var group_norm(const reel_var *in)
{
    return reel_group_norm(in[0], in[1], in[2], &(const reel_group_norm_attrs){.groups = 14});
}

static reel_var scale_channels(const reel_var *in)
{
    return reel_scale_channels(in[0], in[1]);
}

static reel_var curves(const reel_var *in)
{
    const reel_var hard = reel_add(reel_hardswish(in[0]), reel_hardsigmoid(in[0]));
    return reel_add(hard, reel_silu(reel_add(reel_gelu(in[0]), reel_gelu_tanh(in[0]))));
}

static reel_var lrn(const reel_var *in)
{
    return reel_local_response_norm(in[0], NULL);
}

static reel_var loss(const reel_var *in)
{
    int64_t labels[64];
    for (int64_t i = 0; i < 64; i++)
        labels[i] = i * 7 % 1000;
    return reel_cross_entropy(in[0], labels, 64,
                              &(const reel_cross_entropy_attrs){.label_smoothing = 0.1});
}

static reel_var soft_loss(const reel_var *in)
{
    static double rows[64][1000];
    for (int64_t i = 0; i < 64; i++) {
        rows[i][i * 7 % 1000] = 0.3;
        rows[i][i * 11 % 1000] += 0.7;
    }
    const reel_tensor targets = reel_tensor_of(rows, REEL_F64, 2, (const int64_t[]){64, 1000});
    reel_cross_entropy_attrs smooth = {.label_smoothing = 0.1};
    const reel_var loss = reel_cross_entropy_soft(in[0], &targets, &smooth);
    memset(rows, 0, sizeof rows);
    return loss;
}

/* A gradient that is summed over images and pixels, and one over channels. */
static reel_var broadcast(const reel_var *in)
{
    return reel_mul(reel_add(in[0], in[1]), in[2]);
}

/* A sum over everything in fixed parts, one across memory, one along it. */
static reel_var sums(const reel_var *in)
{
    return reel_add(reel_mul(reel_mean_all(in[0]), reel_sum(in[0], 1, false)),
                    reel_sum(reel_tanh(in[0]), 2, true));
}

static reel_var largest(const reel_var *in)
{
    return reel_max(in[0], 12, false);
}

static reel_var flattened(const reel_var *in)
{
    return reel_log_softmax(reel_flatten(in[0]));
}

static reel_var product(const reel_var *in)
{
    return reel_matmul(in[0], in[1]);
}

static reel_var squares(const reel_var *in)
{
    return reel_mse(in[0], in[1]);
}

/* The 3 x 3 convolutions have 36 tiles of Winograd's: enough for it to run. */
static const invariance_case cases[] = {
    {"conv2d", conv, 3, {{4, {4, 32, 13, 13}}, {4, {48, 32, 3, 3}}, {1, {48}}}},
    {"conv2d stride 4", conv_strided, 3, {{4, {2, 3, 51, 47}}, {4, {24, 3, 11, 11}}, {1, {24}}}},
    {"conv2d groups", conv_groups, 3, {{4, {3, 20, 11, 9}}, {4, {14, 10, 3, 3}}, {1, {14}}}},
    {"linear", linear, 3, {{2, {37, 301}}, {2, {203, 301}}, {1, {203}}}},
    {"linear_relu", linear_relu, 3, {{2, {37, 301}}, {2, {203, 301}}, {1, {203}}}},
    {"conv2d_relu", conv_relu, 3, {{4, {4, 32, 13, 13}}, {4, {48, 32, 3, 3}}, {1, {48}}}},
    {"conv2d_relu_max_pool2d",
     conv_relu_pool,
     3,
     {{4, {4, 32, 13, 13}}, {4, {48, 32, 3, 3}}, {1, {48}}}},
    {"max_pool2d", max_pool, 1, {{4, {3, 70, 27, 27}}}},
    {"avg_pool2d", avg_pool, 1, {{4, {3, 70, 27, 27}}}},
    {"adaptive_avg_pool2d", adaptive, 1, {{4, {3, 70, 13, 17}}}},
    {"global_avg_pool", global_avg, 1, {{4, {3, 70, 13, 17}}}},
    {"global_max_pool", global_max, 1, {{4, {3, 70, 13, 17}}}},
    {"dropout", dropout, 1, {{2, {7, 4099}}}},
    {"batch_norm2d", norm, 3, {{4, {3, 70, 27, 27}}, {1, {70}}, {1, {70}}}},
    {"group_norm", group_norm, 3, {{4, {3, 70, 27, 27}}, {1, {70}}, {1, {70}}}},
    {"scale_channels", scale_channels, 2, {{4, {3, 70, 27, 27}}, {4, {3, 70, 1, 1}}}},
    {"gelu, silu and their kin", curves, 1, {{2, {7, 4099}}}},
    {"local_response_norm", lrn, 1, {{4, {3, 70, 13, 13}}}},
    {"cross_entropy", loss, 1, {{2, {64, 1000}}}},
    {"cross_entropy_soft", soft_loss, 1, {{2, {64, 1000}}}},
    {"add and mul, broadcast",
     broadcast,
     3,
     {{4, {3, 70, 27, 27}}, {3, {70, 1, 1}}, {4, {3, 1, 27, 27}}}},
    {"sum and mean", sums, 1, {{2, {301, 703}}}},
    {"max", largest, 1, {{4, {3, 70, 13, 17}}}},
    {"flatten and log_softmax", flattened, 1, {{4, {7, 70, 13, 17}}}},
    {"matmul", product, 2, {{3, {3, 101, 203}}, {2, {203, 97}}}},
    {"mse", squares, 2, {{2, {301, 703}}, {2, {301, 703}}}},
};

enum { PARTS = 4 };

/* Value and gradients of a case, one buffer each, in float32 or float64. REEL_BF16: on a float32
 * tape that stores bf16, from an input that is stored so, too. */
static void compute(const invariance_case *c, reel_dtype precision, int threads, void *part[PARTS],
                    size_t bytes[PARTS])
{
    const bool half = precision == REEL_BF16;
    const reel_dtype dtype = half ? REEL_F32 : precision;
    const reel_ctx_config config = {
        .threads = threads, .precision = half ? REEL_PRECISION_BF16 : REEL_PRECISION_FLOAT32};
    reel_error err;
    reel_ctx *ctx;
    reel_tape *tape;
    reel_var in[3] = {{0}};
    cr_assert(reel_ctx_create(&ctx, &config, &err) == REEL_OK, "%s", err.message);
    cr_assert(reel_tape_create(&tape, ctx,
                               &(const reel_tape_config){.dtype = dtype, .retain = true},
                               &err) == REEL_OK,
              "%s", err.message);
    for (int i = 0; i < c->n_in; i++) {
        reel_tensor t = reel_tensor_of(NULL, dtype, c->in[i].ndim, c->in[i].shape);
        t.data = reel_tape_alloc(tape, reel_tensor_bytes(&t));
        reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, (uint32_t)i);
        for (int64_t k = 0; k < reel_tensor_numel(&t); k++) {
            const double value = reel_rng_range(&rng, -1, 1);
            if (dtype == REEL_F64)
                ((double *)t.data)[k] = value;
            else
                ((float *)t.data)[k] = (float)value;
        }
        in[i] = reel_input_grad(tape, &t);
    }
    const reel_var stored[3] = {half ? reel_neg(in[0]) : in[0], in[1], in[2]};
    const reel_var y = reel_widen(c->build(stored));
    cr_assert(reel_backward(reel_sum(reel_mul(y, y), 0, false), &err) == REEL_OK, "%s: %s", c->name,
              err.message);
    for (int i = 0; i <= c->n_in; i++) {
        const reel_tensor t = i ? reel_grad(in[i - 1]) : reel_value(y);
        bytes[i] = reel_tensor_bytes(&t);
        part[i] = malloc(bytes[i]);
        memcpy(part[i], t.data, bytes[i]);
    }
    reel_tape_destroy(tape);
    reel_ctx_destroy(ctx);
}

static double number(reel_dtype dtype, const void *part, size_t element)
{
    return dtype == REEL_F64 ? ((const double *)part)[element]
                             : (double)((const float *)part)[element];
}

static void check(const invariance_case *c, reel_dtype dtype)
{
    void *one[PARTS], *many[PARTS];
    size_t bytes[PARTS];
    const size_t size = dtype == REEL_F64 ? sizeof(double) : sizeof(float);
    compute(c, dtype, 1, one, bytes);
    static const int counts[] = {2, 3, 4, 8};
    for (int k = 0; k < REEL_COUNT(counts); k++) {
        const int threads = counts[k];
        compute(c, dtype, threads, many, bytes);
        for (int i = 0; i <= c->n_in; i++) {
            for (size_t e = 0; e < bytes[i] / size; e++)
                cr_assert(memcmp((char *)one[i] + e * size, (char *)many[i] + e * size, size) == 0,
                          "%s (%s), %s %d, element %zu: %.17g with 1 thread, %.17g with %d",
                          c->name, reel_dtype_name(dtype), i ? "gradient" : "value", i - 1, e,
                          number(dtype, one[i], e), number(dtype, many[i], e), threads);
            free(many[i]);
        }
    }
    for (int i = 0; i <= c->n_in; i++)
        free(one[i]);
}

Test(thread_invariance, every_heavy_operator_has_the_same_bits_for_any_number_of_threads)
{
    for (int64_t k = 0; k < REEL_COUNT(cases); k++)
        check(&cases[k], REEL_F32);
}

/* Sums that run in double hide a change of order in float32, not here. */
Test(thread_invariance, every_heavy_operator_has_the_same_bits_in_float64_too)
{
    for (int64_t k = 0; k < REEL_COUNT(cases); k++)
        check(&cases[k], REEL_F64);
}

Test(thread_invariance, every_heavy_operator_has_the_same_bits_in_bf16_too)
{
    for (int64_t k = 0; k < REEL_COUNT(cases); k++)
        check(&cases[k], REEL_BF16);
}
