/* reel_net_calibrate: what it promises about means, deviations and rates, on nets that would not
 * start to learn without it. */
#include "core/ops.h"
#include "core/rng.h"
#include "layers/models.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

enum { N = 16, SIDE = 31, CLASSES = 7 };

static float pixels[N * SIDE * SIDE * 3];

/* Images with much in common and a brightness of their own. */
static reel_tensor some_images(int64_t n)
{
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 0);
    float common[SIDE * SIDE * 3];
    for (int64_t i = 0; i < SIDE * SIDE * 3; i++)
        common[i] = (float)reel_rng_range(&rng, 0, 2);
    for (int64_t k = 0; k < n; k++) {
        const double shift = reel_rng_normal(&rng);
        for (int64_t i = 0; i < SIDE * SIDE * 3; i++)
            pixels[k * SIDE * SIDE * 3 + i] =
                common[i] + (float)(shift + 0.5 * reel_rng_normal(&rng));
    }
    return reel_tensor_of(pixels, REEL_F32, 4, (int64_t[]){n, 3, SIDE, SIDE});
}

static reel_ctx *make_ctx(int threads)
{
    reel_error err;
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = threads, .seed = 3};
    cr_assert_eq(reel_ctx_create(&ctx, &config, &err), REEL_OK, "%s", err.message);
    return ctx;
}

/* Convolutions, pooling and three linear layers, deep enough for rates to differ. */
static reel_net *make_net(const reel_ctx *ctx, reel_dtype dtype)
{
    const reel_init kaiming = {REEL_INIT_KAIMING_NORMAL, 0}, zero = {REEL_INIT_CONSTANT, 0};
    reel_error err;
    reel_net *net;
    cr_assert_eq(reel_net_create(&net, ctx, dtype, &err), REEL_OK);
    reel_net_conv2d(net, .name = "a", .in = 3, .out = 12, .kernel = 5, .stride = 2,
                    .weight_init = kaiming, .bias_init = zero);
    reel_net_relu(net);
    reel_net_max_pool2d(net, .kernel = 3, .stride = 2);
    reel_net_conv2d(net, .name = "b", .in = 12, .out = 16, .kernel = 3, .weight_init = kaiming,
                    .bias_init = zero);
    reel_net_relu(net);
    reel_net_flatten(net);
    reel_net_linear(net, .name = "c", .in = 16 * 4 * 4, .out = 40, .weight_init = kaiming,
                    .bias_init = zero);
    reel_net_relu(net);
    reel_net_linear(net, .name = "d", .in = 40, .out = CLASSES,
                    .weight_init = {REEL_INIT_GAUSSIAN, 0.01}, .bias_init = zero);
    cr_assert_eq(reel_net_build(net, &err), REEL_OK, "%s", err.message);
    reel_net_init(net);
    return net;
}

static double value_at(const reel_tensor *t, int64_t i)
{
    return t->dtype == REEL_F32 ? (double)((float *)t->data)[i] : ((double *)t->data)[i];
}

Test(calibrate, every_output_has_mean_0_and_the_deviation_asked_for)
{
    reel_error err;
    reel_ctx *ctx = make_ctx(1);
    const reel_tensor images = some_images(N);
    for (int dtype = 0; dtype < REEL_DTYPES; dtype++) {
        reel_net *net = make_net(ctx, (reel_dtype)dtype);
        reel_tape *tape;
        const reel_tape_config config = {.dtype = (reel_dtype)dtype, .no_grad = true};
        cr_assert_eq(reel_net_calibrate(net, &images, 0.3, &err), REEL_OK, "%s", err.message);
        cr_assert(reel_net_training(net), "the mode has changed");
        cr_assert_eq(reel_tape_create(&tape, ctx, &config, &err), REEL_OK);
        const reel_tensor y = reel_value(reel_net_forward(net, tape, reel_input(tape, &images)));
        for (int c = 0; c < CLASSES; c++) {
            double mean = 0, squares = 0;
            for (int i = 0; i < N; i++)
                mean += value_at(&y, i * CLASSES + c) / N;
            for (int i = 0; i < N; i++)
                squares += pow(value_at(&y, i * CLASSES + c) - mean, 2) / N;
            cr_expect_float_eq(mean, 0, 1e-5, "%s, class %d: mean %g",
                               reel_dtype_name((reel_dtype)dtype), c, mean);
            cr_expect_float_eq(sqrt(squares), 0.3, 1e-4, "%s, class %d: deviation %g",
                               reel_dtype_name((reel_dtype)dtype), c, sqrt(squares));
        }
        reel_tape_destroy(tape);
        reel_net_destroy(net);
    }
    reel_ctx_destroy(ctx);
}

/* Largest over smallest |gradient| / |weight| of the layers, for a loss on labels 0, 1, 2, ... */
static double spread_of_rates(reel_net *net, const reel_tensor *images)
{
    reel_error err;
    reel_tape *tape;
    int64_t labels[N];
    for (int i = 0; i < N; i++)
        labels[i] = i % CLASSES;
    cr_assert_eq(reel_tape_create(&tape, reel_net_ctx(net), NULL, &err), REEL_OK);
    reel_params *params = reel_net_params(net);
    reel_params_zero_grad(params);
    const reel_var loss =
        reel_cross_entropy(reel_net_forward(net, tape, reel_input(tape, images)), labels, N, NULL);
    cr_assert_eq(reel_backward(loss, &err), REEL_OK, "%s", err.message);
    double least = INFINITY, most = 0;
    for (int p = 0; p < reel_params_count(params); p++) {
        const reel_param *q = reel_params_at(params, p);
        if (q->flags & REEL_PARAM_BIAS)
            continue;
        double w = 0, g = 0;
        for (int64_t i = 0; i < reel_tensor_numel(&q->value); i++) {
            w += pow(value_at(&q->value, i), 2);
            g += pow(value_at(&q->grad, i), 2);
        }
        least = fmin(least, sqrt(g / w));
        most = fmax(most, sqrt(g / w));
    }
    reel_tape_destroy(tape);
    return most / least;
}

Test(calibrate, all_layers_change_at_about_the_same_rate)
{
    reel_error err;
    reel_ctx *ctx = make_ctx(1);
    const reel_tensor images = some_images(N);
    reel_net *net = make_net(ctx, REEL_F32);
    const double before = spread_of_rates(net, &images);
    cr_assert_eq(reel_net_calibrate(net, &images, 0.1, &err), REEL_OK, "%s", err.message);
    const double after = spread_of_rates(net, &images);
    cr_expect_lt(after, 4, "largest over smallest rate: %g, before calibration %g", after, before);
    cr_expect_gt(before, 4, "the net was balanced already (%g): this test shows nothing", before);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}

Test(calibrate, the_bits_do_not_depend_on_the_number_of_threads)
{
    reel_error err;
    const reel_tensor images = some_images(N);
    reel_ctx *ctx[2] = {make_ctx(1), make_ctx(2)};
    reel_net *net[2];
    for (int k = 0; k < 2; k++) {
        net[k] = make_net(ctx[k], REEL_F32);
        cr_assert_eq(reel_net_calibrate(net[k], &images, 0.1, &err), REEL_OK, "%s", err.message);
    }
    for (int p = 0; p < reel_params_count(reel_net_params(net[0])); p++) {
        const reel_param *a = reel_params_at(reel_net_params(net[0]), p),
                         *b = reel_params_at(reel_net_params(net[1]), p);
        cr_expect_eq(memcmp(a->value.data, b->value.data, reel_tensor_bytes(&a->value)), 0,
                     "%s differs", a->name);
        cr_expect(!a->has_grad, "%s keeps a gradient", a->name);
    }
    for (int k = 0; k < 2; k++) {
        reel_net_destroy(net[k]);
        reel_ctx_destroy(ctx[k]);
    }
}

Test(calibrate, a_channel_that_does_not_vary_stays_finite_and_a_wrong_shape_is_refused)
{
    reel_error err;
    reel_ctx *ctx = make_ctx(1);
    reel_net *net = make_net(ctx, REEL_F32);
    reel_tensor images = some_images(N);
    memset(pixels, 0, sizeof pixels);
    cr_expect_eq(reel_net_calibrate(net, &images, 0.1, &err), REEL_OK, "%s", err.message);
    for (int p = 0; p < reel_params_count(reel_net_params(net)); p++) {
        const reel_tensor *v = &reel_params_at(reel_net_params(net), p)->value;
        for (int64_t i = 0; i < reel_tensor_numel(v); i++)
            cr_assert(isfinite(value_at(v, i)), "parameter %d, element %lld", p, (long long)i);
    }
    images = reel_tensor_of(pixels, REEL_F32, 4, (int64_t[]){N, 1, SIDE, SIDE});
    cr_expect_neq(reel_net_calibrate(net, &images, 0.1, &err), REEL_OK,
                  "one channel instead of three passes");
    cr_expect_eq(strncmp(err.message, "a: conv2d", 9), 0,
                 "expected the layer's name in front, got: %s", err.message);
    pixels[7] = NAN;
    images = reel_tensor_of(pixels, REEL_F32, 4, (int64_t[]){N, 3, SIDE, SIDE});
    cr_expect_eq(reel_net_calibrate(net, &images, 0.1, &err), REEL_ERR_NONFINITE);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
}
