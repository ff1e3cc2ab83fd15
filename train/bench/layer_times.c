/* Training steps whose operators are timed by the tape, gathered by layer. */
#include "train/bench/layer_times.h"

#include "core/memory.h"
#include "core/ops.h"
#include "core/rng.h"
#include "train/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two passes and the update, in seconds: of a step as a whole, and of its operators. */
enum { FORWARD, BACKWARD, PASSES };

typedef struct timed_step {
    double whole[PASSES], update;
    reel_layer_times *layers;
} timed_step;

/* ---- from the tape to layers ---- */

/* Bytes that a step trains of the parameters which node reads; the first one's name is *name. */
static double trained_bytes(const reel_tape *tape, const reel_params *params,
                            const reel_tape_node *node, const char **name)
{
    double bytes = 0;
    *name = NULL;
    for (int k = 0; k < node->n_in; k++) {
        const int param = reel_tape_node_at(tape, node->in[k]).param;
        const reel_param *p = param >= 0 ? reel_params_at(params, param) : NULL;
        if (!p || (p->flags & REEL_PARAM_BUFFER))
            continue;
        if (!*name)
            *name = p->name;
        if (!(p->flags & REEL_PARAM_FROZEN))
            bytes += (double)reel_tensor_bytes(&p->value);
    }
    return bytes;
}

/* A new layer, called as its parameter without the last word: "features.0". */
static reel_scale_layer *add_layer(reel_layer_times *times, const char *param, double bytes)
{
    reel_scale_layer *layer = &times->layer[times->n++];
    const char *dot = strrchr(param, '.');
    const int length = dot ? (int)(dot - param) : (int)strlen(param);
    *layer = (reel_scale_layer){.bytes = bytes};
    snprintf(layer->name, sizeof layer->name, "%.*s", length, param);
    return layer;
}

/* The product of a layer whose weight the node reads. */
static reel_weight_product product_of_layer(const reel_tape_node *node, const reel_tape *tape,
                                            const reel_weight_product *products, int n)
{
    for (int k = 0; k < n; k++)
        for (int i = 0; i < node->n_in; i++)
            if (reel_tape_node_at(tape, node->in[i]).param == products[k].param)
                return products[k];
    return (reel_weight_product){0};
}

static reel_status gather_layers(reel_layer_times *times, const reel_tape *tape,
                                 const reel_params *params, reel_error *err)
{
    reel_weight_product *products = calloc((size_t)reel_params_count(params) + 1, sizeof *products);
    if (!products)
        return reel_fail(err, REEL_ERR_MEMORY, "bench: out of memory");
    const int n_products = reel_tape_weight_products(tape, params, products);
    double before[PASSES] = {0}; /* operators in front of the first parameter */
    times->n = 0;
    for (int id = 0; id < reel_tape_count(tape); id++) {
        const reel_tape_node node = reel_tape_node_at(tape, id);
        const char *name;
        if (!node.computed)
            continue;

        const double bytes = trained_bytes(tape, params, &node, &name);
        if (name && times->n == REEL_LAYER_TIMES_MOST) {
            free(products);
            return reel_fail(err, REEL_ERR_INVALID, "expected at most %d layers with parameters",
                             REEL_LAYER_TIMES_MOST);
        }
        if (name) {
            times->product[times->n] = product_of_layer(&node, tape, products, n_products);
            add_layer(times, name, bytes);
        }
        reel_scale_layer *layer = times->n ? &times->layer[times->n - 1] : NULL;
        *(layer ? &layer->forward : &before[FORWARD]) += node.forward;
        *(layer ? &layer->backward : &before[BACKWARD]) += node.backward;
    }
    free(products);
    if (times->n == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the network has no parameters to train");

    times->layer[0].forward += before[FORWARD];
    times->layer[0].backward += before[BACKWARD];
    return REEL_OK;
}

/* The passes take a little longer than their operators: every layer gets its part of the rest. */
static void spread_rest(timed_step *s)
{
    double sum[PASSES] = {0};
    for (int i = 0; i < s->layers->n; i++) {
        sum[FORWARD] += s->layers->layer[i].forward;
        sum[BACKWARD] += s->layers->layer[i].backward;
    }
    for (int i = 0; i < s->layers->n; i++) {
        if (sum[FORWARD] > 0)
            s->layers->layer[i].forward *= s->whole[FORWARD] / sum[FORWARD];
        if (sum[BACKWARD] > 0)
            s->layers->layer[i].backward *= s->whole[BACKWARD] / sum[BACKWARD];
    }
}

/* ---- steps ---- */

typedef struct timed_batch {
    reel_tensor images;
    int64_t *labels;
} timed_batch;

/* Images of variance 1; a stretch of prime length repeats, so that drawing takes no time. Labels 0:
 * every network has that class. */
static reel_status draw_batch(timed_batch *b, const reel_ctx *ctx, const int64_t shape[4],
                              reel_error *err)
{
    enum { STRETCH = 65521 };
    const int64_t count = reel_shape_numel(4, shape);
    b->labels = calloc((size_t)shape[0], sizeof *b->labels);
    b->images =
        reel_tensor_of(reel_pages_alloc((size_t)count * sizeof(float), err), REEL_F32, 4, shape);
    if (!b->images.data)
        return REEL_ERR_MEMORY;
    if (!b->labels)
        return reel_fail(err, REEL_ERR_MEMORY, "bench: out of memory");

    float *x = b->images.data;
    reel_rng rng = reel_rng_at(reel_ctx_seed(ctx), REEL_STREAM_BENCH, 2, 0);
    for (int64_t i = 0; i < count && i < STRETCH; i++)
        x[i] = (float)((double)reel_rng_u32(&rng) * (3.4641016151377544 / 4294967296.0) -
                       1.7320508075688772);
    for (int64_t i = STRETCH; i < count; i++)
        x[i] = x[i - STRETCH];
    return REEL_OK;
}

static void free_batch(timed_batch *b)
{
    if (b->images.data)
        reel_pages_free(b->images.data, reel_tensor_bytes(&b->images));
    free(b->labels);
}

static reel_status run_timed_step(timed_step *s, reel_net *net, reel_tape *tape,
                                  reel_optimizer *opt, const timed_batch *b, reel_error *err)
{
    const double begin = reel_bench_now();
    const reel_var logits = reel_net_forward(net, tape, reel_input(tape, &b->images));
    const reel_var loss = reel_cross_entropy(logits, b->labels, b->images.shape[0], NULL);
    const double forward = reel_bench_now();
    REEL_TRY(reel_backward(loss, err));
    const double backward = reel_bench_now();

    REEL_TRY(gather_layers(s->layers, tape, reel_net_params(net), err));
    const double gathered = reel_bench_now();
    REEL_TRY(reel_optimizer_step(opt, 1e-4, err)); /* weights stay near where they are */
    s->update = reel_bench_now() - gathered;
    reel_params_zero_grad(reel_net_params(net));
    reel_tape_reset(tape);

    s->whole[FORWARD] = forward - begin;
    s->whole[BACKWARD] = backward - forward;
    spread_rest(s);
    return REEL_OK;
}

/* Medians over the steps, for each layer by itself; `room` holds one number a step. */
static void take_medians(reel_layer_times *times, const reel_layer_times *of, int steps,
                         double *room)
{
    *times = of[0];
    for (int i = 0; i < times->n; i++) {
        for (int s = 0; s < steps; s++)
            room[s] = of[s].layer[i].forward;
        times->layer[i].forward = reel_bench_median(room, steps);
        for (int s = 0; s < steps; s++)
            room[s] = of[s].layer[i].backward;
        times->layer[i].backward = reel_bench_median(room, steps);
    }
    for (int s = 0; s < steps; s++)
        room[s] = of[s].update;
    times->update = reel_bench_median(room, steps);
}

reel_status reel_layer_times_measure(reel_layer_times *times, reel_net *net, reel_tape *tape,
                                     reel_optimizer *opt, const int64_t shape[4], int steps,
                                     reel_error *err)
{
    timed_batch batch = {0};
    reel_status status;
    reel_layer_times *of = malloc((size_t)steps * sizeof *of);
    double *room = malloc((size_t)steps * sizeof *room);
    if (!of || !room)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "bench: out of memory"), done);
    REEL_TRY_GOTO(draw_batch(&batch, reel_tape_ctx(tape), shape, err), done);

    for (int s = -1; s < steps; s++) { /* the first one touches the memory */
        timed_step step = {.layers = &of[s < 0 ? 0 : s]};
        REEL_TRY_GOTO(run_timed_step(&step, net, tape, opt, &batch, err), done);
        step.layers->update = step.update;
    }
    take_medians(times, of, steps, room);
    for (int i = 0; i < times->n; i++)
        times->product[i].rows /= shape[0];
done:
    reel_tape_reset(tape);
    free_batch(&batch);
    free(room);
    free(of);
    return status;
}
