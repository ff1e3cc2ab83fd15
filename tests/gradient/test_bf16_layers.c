/* Every kind of layer, and whole networks, in bf16 against float64: the value, the gradient of the
 * images and those of the parameters, with the same parameters. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/bf16.h"
#include "core/rng.h"
#include "layers/gradcheck.h"
#include "layers/models.h"
#include "tests/support/must.h"

static reel_error err;

/* A net of each kind, its tape, and what a step on it gives. */
typedef struct side {
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_var images, y;
} side;

static void open_side(side *s, reel_precision precision)
{
    const reel_ctx_config config = {.threads = 2, .seed = 7, .precision = precision};
    *s = (side){0};
    MUST(reel_ctx_create(&s->ctx, &config, &err), err);
}

static void close_side(side *s)
{
    reel_tape_destroy(s->tape);
    reel_net_destroy(s->net);
    reel_ctx_destroy(s->ctx);
}

/* sum r y, where bf16 holds r exactly. */
static void step_side(side *s, reel_dtype dtype, const reel_tensor *images)
{
    MUST(reel_tape_create(&s->tape, s->ctx, &(reel_tape_config){.dtype = dtype, .retain = true},
                          &err),
         err);
    s->images = reel_input_grad(s->tape, images);
    s->y = reel_net_forward(s->net, s->tape, s->images);
    MUST(reel_tape_status(s->tape, &err), err);

    const reel_tensor y = reel_value(s->y);
    const int64_t n = reel_tensor_numel(&y);
    double *weights = malloc((size_t)n * sizeof *weights);
    reel_rng rng = reel_rng_at(11, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < n; i++)
        weights[i] =
            (reel_rng_u32(&rng) & 1 ? 1 : -1) * (0.5 + (double)reel_rng_below(&rng, 65) / 64);
    const reel_tensor r =
        reel_tensor_with_layout(weights, REEL_F64, REEL_ROW_MAJOR, y.ndim, y.shape);
    MUST(reel_backward(reel_mean_all(reel_mul(s->y, reel_input(s->tape, &r))), &err), err);
    free(weights);
}

/* Squares of a tensor, and of its difference from another, in the Euclidean norm. */
typedef struct distance {
    double size, off;
    int64_t n;
} distance;

static distance distance_between(const reel_tensor *half, const reel_tensor *full)
{
    distance d = {.n = reel_tensor_numel(full)};
    int64_t index[REEL_MAX_DIMS] = {0};
    for (int64_t i = 0; i < d.n; i++) {
        const double b = full->data ? reel_tensor_get(full, index) : 0,
                     a = half->data ? reel_tensor_get(half, index) : 0;
        d.size += b * b;
        d.off += (a - b) * (a - b);
        for (int k = full->ndim - 1; k >= 0 && ++index[k] == full->shape[k]; k--)
            index[k] = 0;
    }
    return d;
}

/* off / size; what is nearly nothing is measured against `floor`, a mean square. */
static void expect_near(const char *what, const char *name, distance d, double floor, double bound)
{
    const double size = sqrt(fmax(d.size, floor * (double)d.n));
    cr_expect(sqrt(d.off) <= bound * size, "%s: %s is off by %.2g of its size, expected %.2g", what,
              name, sqrt(d.off) / size, bound);
}

static void compare_sides(const char *what, const side *half, const side *full, double bound)
{
    reel_params *p = reel_net_params(half->net), *q = reel_net_params(full->net);
    const reel_tensor y = reel_value(half->y), y64 = reel_value(full->y);
    expect_near(what, "the value", distance_between(&y, &y64), 1e-30, bound);

    double largest = 1e-30;
    for (int i = 0; i < reel_params_count(q); i++) {
        const distance d =
            distance_between(&reel_params_at(p, i)->grad, &reel_params_at(q, i)->grad);
        if (reel_params_at(q, i)->has_grad)
            largest = fmax(largest, d.size / (double)d.n);
    }
    for (int i = 0; i < reel_params_count(q); i++)
        if (reel_params_at(q, i)->has_grad)
            expect_near(what, reel_params_at(q, i)->name,
                        distance_between(&reel_params_at(p, i)->grad, &reel_params_at(q, i)->grad),
                        0.01 * largest, bound);
    const reel_tensor dx = reel_grad(half->images), dx64 = reel_grad(full->images);
    expect_near(what, "the gradient of the images", distance_between(&dx, &dx64), 1e-30, bound);
}

/* Both nets are built; the parameters of the float64 one become those of the other. */
static void check_sides(const char *what, side *half, side *full, const int64_t shape[4],
                        uint64_t seed, double bound)
{
    reel_net_init(half->net);
    reel_net_init(full->net);
    for (int i = 0; i < reel_params_count(reel_net_params(full->net)); i++)
        cr_assert_eq(reel_tensor_copy(&reel_params_at(reel_net_params(full->net), i)->value,
                                      &reel_params_at(reel_net_params(half->net), i)->value),
                     REEL_OK);

    const int64_t n = reel_shape_numel(4, shape);
    double *x = malloc((size_t)n * sizeof *x);
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_CHECK, 3, 0);
    for (int64_t i = 0; i < n; i++)
        x[i] = (double)reel_bf16_to_float(reel_bf16_from_float((float)reel_rng_normal(&rng)));
    const reel_tensor images = reel_tensor_of(x, REEL_F64, 4, shape);
    step_side(half, REEL_F32, &images);
    step_side(full, REEL_F64, &images);
    compare_sides(what, half, full, bound);
    free(x);
}

/* ---- layers ---- */

static void add_drawn(reel_net **net, const reel_ctx *ctx, reel_dtype dtype,
                      const reel_layer *layer, const reel_layer_use *use, const void *config)
{
    MUST(reel_net_create(net, ctx, dtype, &err), err);
    if (use->flatten)
        reel_net_flatten(*net);
    reel_net_add(*net, layer, config);
    reel_net_set_training(*net, !use->evaluation);
    MUST(reel_net_build(*net, &err), err);
}

Test(bf16_layers, each_kind_stays_within_bounds)
{
    for (int l = 0; l < reel_layer_count(); l++)
        for (uint32_t number = 0; number < 12; number++) {
            const reel_layer *layer = reel_layer_at(l);
            reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, (uint32_t)l, number);
            reel_layer_use use = {0};
            for (int d = 0; d < 4; d++)
                use.images[d] = reel_draw_int(&rng, d < 2 ? 2 : 3, d < 2 ? 4 : 6);
            void *config =
                calloc(1, layer->config_size ? layer->config_size : sizeof(reel_layer_config));
            if (layer->draw)
                layer->draw(&rng, &use, config);

            side half, full;
            open_side(&half, REEL_PRECISION_BF16);
            open_side(&full, REEL_PRECISION_FLOAT32);
            add_drawn(&half.net, half.ctx, REEL_F32, layer, &use, config);
            add_drawn(&full.net, full.ctx, REEL_F64, layer, &use, config);
            check_sides(layer->name, &half, &full, use.images, number, 4 * REEL_GRADCHECK_BF16);
            close_side(&half);
            close_side(&full);
            free(config);
        }
}

/* ---- networks ---- */

static void check_network(const char *name, int64_t size, int64_t batch, double bound)
{
    side half, full;
    reel_model *model;
    MUST(reel_model_read(&model, name, &err), err);
    reel_model_config config = reel_model_config_default(model);
    config.classes = 10;
    config.image_size = size;
    open_side(&half, REEL_PRECISION_BF16);
    open_side(&full, REEL_PRECISION_FLOAT32);
    MUST(reel_model_build(&half.net, model, &config, half.ctx, REEL_F32, &err), err);
    MUST(reel_model_build(&full.net, model, &config, full.ctx, REEL_F64, &err), err);
    const int64_t shape[4] = {batch, config.channels, size, size};
    check_sides(name, &half, &full, shape, 1, bound);
    close_side(&half);
    close_side(&full);
    reel_model_free(model);
}

/* A ReLU whose argument changes sign by rounding, and the place of a maximum, make the distance of
 * a deep network larger than that of a layer. */
Test(bf16_layers, networks_stay_within_bounds)
{
    check_network("tiny", 40, 4, 0.25);
    check_network("lenet5", 32, 12, 0.25);
    check_network("alexnet", 64, 12, 0.25);
}
