/* Random uses of every kind of layer: settings and sizes that the layer takes, mostly small and
 * unequal. */
#include <stdio.h>
#include <string.h>

#include "core/rng.h"
#include "layers/gradcheck.h"

/* Adds one layer that takes images of shape in, which it may change. */
typedef void add_fn(reel_net *net, reel_rng *rng, int64_t in[4]);

static int64_t pick(reel_rng *rng, int64_t lo, int64_t hi)
{
    return lo + (int64_t)reel_rng_below(rng, (uint64_t)(hi - lo) + 1);
}

static bool chance(reel_rng *rng, double p)
{
    return reel_rng_uniform(rng) < p;
}

static void conv2d(reel_net *net, reel_rng *rng, int64_t in[4])
{
    const int64_t groups = chance(rng, 0.6) ? 1 : pick(rng, 2, 3), kernel = pick(rng, 1, 4),
                  dilation = pick(rng, 1, 2);
    in[1] = groups * pick(rng, 1, 3);
    for (int d = 2; d < 4; d++)
        in[d] += dilation * (kernel - 1);
    reel_net_conv2d(net, .in = in[1], .out = groups * pick(rng, 1, 4), .kernel = kernel,
                    .kernel_w = pick(rng, 0, kernel), .stride = pick(rng, 0, 3),
                    .stride_w = pick(rng, 0, 2), .padding = pick(rng, 0, kernel - 1),
                    .padding_w = pick(rng, -1, 2), .dilation = dilation, .groups = groups,
                    .no_bias = chance(rng, 0.3));
}

static void linear(reel_net *net, reel_rng *rng, int64_t in[4])
{
    reel_net_flatten(net);
    reel_net_linear(net, .in = in[1] * in[2] * in[3], .out = pick(rng, 1, 7),
                    .no_bias = chance(rng, 0.3));
}

static reel_pool2d_config pool(reel_rng *rng, int64_t in[4])
{
    const int64_t kernel = pick(rng, 1, 4);
    for (int d = 2; d < 4; d++)
        in[d] += kernel - 1;
    return (reel_pool2d_config){.kernel = kernel,
                                .stride = pick(rng, 0, 3),
                                .padding = pick(rng, 0, kernel / 2),
                                .ceil_mode = chance(rng, 0.4),
                                .exclude_padding = chance(rng, 0.4)};
}

static void maxpool(reel_net *net, reel_rng *rng, int64_t in[4])
{
    const reel_pool2d_config config = pool(rng, in);
    reel_net_add_max_pool2d(net, &config);
}

static void avgpool(reel_net *net, reel_rng *rng, int64_t in[4])
{
    const reel_pool2d_config config = pool(rng, in);
    reel_net_add_avg_pool2d(net, &config);
}

static void adaptive_avgpool(reel_net *net, reel_rng *rng, int64_t in[4])
{
    reel_net_adaptive_avg_pool2d(net, .height = pick(rng, 1, in[2]), .width = pick(rng, 0, in[3]));
}

static void global_avgpool(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_global_avg_pool(net);
}

static void global_maxpool(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_global_max_pool(net);
}

static void dropout(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)in;
    reel_net_dropout(net, .p = reel_rng_range(rng, 0, 0.9));
}

static void lrn(reel_net *net, reel_rng *rng, int64_t in[4])
{
    in[1] += pick(rng, 0, 5);
    reel_net_local_response_norm(net, .size = pick(rng, 0, 7),
                                 .alpha = reel_rng_range(rng, 0.01, 2),
                                 .beta = reel_rng_range(rng, 0.3, 1.2),
                                 .k = reel_rng_range(rng, 0.5, 2), .paper = chance(rng, 0.3));
}

static void batch_norm2d(reel_net *net, reel_rng *rng, int64_t in[4])
{
    in[3] += 2; /* more than two numbers a channel */
    reel_net_batch_norm2d(net, .channels = in[1],
                          .eps = chance(rng, 0.5) ? 0 : reel_rng_range(rng, 1e-3, 0.5));
    if (chance(rng, 0.3))
        reel_net_set_training(net, false);
}

static void relu(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_relu(net);
}

static void leaky_relu(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)in;
    reel_net_leaky_relu(net, .slope = reel_rng_range(rng, -0.5, 0.9));
}

static void sigmoid(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_sigmoid(net);
}

static void hyperbolic_tangent(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_tanh(net);
}

static void softmax(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)in;
    if (chance(rng, 0.5))
        reel_net_flatten(net);
    reel_net_softmax(net);
}

static void flatten(reel_net *net, reel_rng *rng, int64_t in[4])
{
    (void)rng, (void)in;
    reel_net_flatten(net);
}

static const struct {
    const char *name;
    add_fn *add;
} kinds[] = {
    {"adaptive_avgpool", adaptive_avgpool},
    {"avgpool", avgpool},
    {"batch_norm2d", batch_norm2d},
    {"conv2d", conv2d},
    {"dropout", dropout},
    {"flatten", flatten},
    {"global_avgpool", global_avgpool},
    {"global_maxpool", global_maxpool},
    {"leaky_relu", leaky_relu},
    {"linear", linear},
    {"lrn", lrn},
    {"maxpool", maxpool},
    {"relu", relu},
    {"sigmoid", sigmoid},
    {"softmax", softmax},
    {"tanh", hyperbolic_tangent},
};

int reel_layer_kinds(void)
{
    return (int)REEL_COUNT(kinds);
}

const char *reel_layer_kind_name(int kind)
{
    REEL_ASSERT(kind >= 0 && kind < REEL_COUNT(kinds));
    return kinds[kind].name;
}

reel_status reel_layer_gradcheck_random(const reel_ctx *ctx, int kind, uint32_t number,
                                        const reel_gradcheck_config *config,
                                        reel_gradcheck_report *report, reel_error *err)
{
    reel_gradcheck_config own = config ? *config : (reel_gradcheck_config){0};
    reel_rng rng = reel_rng_at(own.seed, REEL_STREAM_CHECK, 0x40000000u + (uint32_t)kind, number);
    int64_t in[4];
    reel_ctx *mine = NULL;
    reel_net *net = NULL;
    REEL_ASSERT(kind >= 0 && kind < REEL_COUNT(kinds));
    for (int d = 0; d < 4; d++)
        in[d] = pick(&rng, 1, d < 2 ? 3 : 5);
    if (!ctx)
        REEL_TRY(reel_ctx_create(&mine, &(reel_ctx_config){.threads = 1}, err));
    reel_status status = reel_net_create(&net, ctx ? ctx : mine, REEL_F64, err);
    if (status == REEL_OK)
        kinds[kind].add(net, &rng, in);
    own.seed = (uint64_t)reel_rng_u32(&rng) << 32 | reel_rng_u32(&rng);
    if (status == REEL_OK)
        status = reel_net_build(net, err);
    if (status == REEL_OK) {
        reel_net_init(net);
        status = reel_net_gradcheck(net, in, &own, report, err);
    }
    reel_net_destroy(net);
    reel_ctx_destroy(mine);
    if (status == REEL_OK && !report->passed) {
        char text[sizeof report->message], shape[96];
        snprintf(text, sizeof text, "random use %u on %s: %.850s", number,
                 reel_shape_text(shape, sizeof shape, 4, in), report->message);
        memcpy(report->message, text, sizeof text);
    }
    return status;
}
