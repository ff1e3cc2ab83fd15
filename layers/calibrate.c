/* Initial weights fitted to the data: after it, every channel of every convolution and linear layer
 * has mean 0 and deviation 1 over a batch (Krähenbühl, Doersch, Donahue and Darrell,
 * "Data-dependent initializations of convolutional neural networks", ICLR 2016, section 3.1).
 *
 * Why not a formula for the variance: Kaiming's keeps it through ReLUs, but max pooling makes it
 * grow, and neither takes away what all images have in common. Without batch normalisation that
 * common part grows from layer to layer until the logits hardly depend on the image, and the loss
 * stays at ln(classes). Invariant: a walk in the order of the layers, each fitted before the next
 * one sees it. */
#include "core/bf16.h"
#include "core/elementary.h"
#include "core/ops.h"
#include "core/rng.h"
#include "layers/net_internal.h"

#include <math.h>
#include <stdlib.h>

static double load(const reel_tensor *t, int64_t i)
{
    if (t->dtype == REEL_BF16)
        return (double)reel_bf16_to_float(((const reel_bf16 *)t->data)[i]);
    return t->dtype == REEL_F32 ? (double)((const float *)t->data)[i]
                                : ((const double *)t->data)[i];
}

static void store(const reel_tensor *t, int64_t i, double value)
{
    if (t->dtype == REEL_F32)
        ((float *)t->data)[i] = (float)value;
    else
        ((double *)t->data)[i] = value;
}

/* A layer with a weight whose rows are its outputs, and perhaps a bias: Conv2d, Linear, and what is
 * built like them. */
static bool is_affine(const reel_module *m)
{
    return m->layer && m->n_params > 0 && reel_module_param_value(m, 0).ndim >= 2;
}

/* Mean and deviation of every channel of y: in memory the channel is the last index, for a layout
 * of four dimensions and of two. */
static void channel_moments(const reel_tensor *y, int64_t channels, double *mean, double *deviation)
{
    const int64_t rows = reel_tensor_numel(y) / channels;
    for (int64_t c = 0; c < channels; c++)
        mean[c] = deviation[c] = 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < channels; c++) {
            const double v = load(y, r * channels + c);
            mean[c] += v;
            deviation[c] += v * v;
        }
    for (int64_t c = 0; c < channels; c++) {
        mean[c] /= (double)rows;
        const double variance = deviation[c] / (double)rows - mean[c] * mean[c];
        deviation[c] = variance < 0 ? 0 : sqrt(variance); /* not fmax, which would hide a NaN */
    }
}

/* Scales row c of the weight and shifts the bias so that channel c gets mean 0 and the deviation
 * `scale`. A channel that does not vary is left as it is. */
static void fit_channel(const reel_module *m, int64_t c, const double moments[2], double scale)
{
    const reel_tensor weight = reel_module_param_value(m, 0);
    const int64_t row = reel_tensor_numel(&weight) / weight.shape[0];
    const double mean = moments[0], deviation = moments[1];
    if (!(deviation > 1e-9))
        return;

    const double by = scale / deviation;
    for (int64_t i = c * row; i < (c + 1) * row; i++)
        store(&weight, i, by * load(&weight, i));
    if (m->n_params > 1) {
        const reel_tensor bias = reel_module_param_value(m, 1);
        store(&bias, c, by * (load(&bias, c) - mean));
    }
}

/* Fits every channel of the layer whose output is y. */
static reel_status fit_layer(const reel_module *m, const reel_tensor *y, double scale,
                             reel_error *err)
{
    const int64_t channels = reel_module_param_value(m, 0).shape[0];
    if (y->ndim < 2 || y->shape[1] != channels || (y->ndim != 2 && y->ndim != 4))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s (%s): expected %lld channels to fit, in 2 or 4 dimensions", m->name,
                         reel_layer_kind_of(m->layer), (long long)channels);
    double *mean = malloc((size_t)channels * 2 * sizeof *mean);
    if (!mean)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", m->name);
    double *deviation = mean + channels;
    channel_moments(y, channels, mean, deviation);

    reel_status status = REEL_OK;
    for (int64_t c = 0; c < channels; c++) {
        if (!isfinite(deviation[c]))
            status = reel_fail(err, REEL_ERR_NONFINITE, "%s: channel %lld is not finite", m->name,
                               (long long)c);
        if (status == REEL_OK)
            fit_channel(m, c, (double[]){mean[c], deviation[c]}, scale);
    }
    free(mean);
    return status;
}

typedef struct fitting {
    const reel_module *last;
    double output_scale;
    reel_status status; /* of fitting; the walk's own errors are the tape's */
    reel_error error;
} fitting;

/* Forward, fit, and forward again, so that the next layer sees the fitted output. */
static reel_var fit_and_forward(void *user, const reel_module *const *layer, int n, reel_var x,
                                int *taken)
{
    fitting *how = user;
    const reel_module *m = layer[0];
    (void)n, (void)taken;
    const reel_var y = reel_module_forward(m, x);
    if (!is_affine(m) || m->own_init || y.id < 0)
        return y;

    const reel_tensor value = reel_value(y);
    how->status = fit_layer(m, &value, m == how->last ? how->output_scale : 1.0, &how->error);
    if (how->status != REEL_OK)
        return reel_tape_fail(x.tape, how->status, "%s", how->error.message);
    reel_release(y);
    return reel_module_forward(m, x);
}

static reel_status fit_net(const reel_net *net, fitting *how, reel_tape *tape,
                           const reel_tensor *images, reel_error *err)
{
    const reel_net_visitor visitor = {.layer = fit_and_forward, .user = how};
    reel_net_walk(net, reel_input(tape, images), &visitor);
    if (how->status == REEL_OK)
        return reel_tape_status(tape, err);
    if (err)
        *err = how->error;
    return how->status;
}

/* ---- between the layers ---- */
typedef struct {
    reel_module **layer;
    double *rate; /* |gradient| / |weight| */
    int n;
} chain;

static int collect(reel_module *m, reel_module **into)
{
    int n = 0;
    if (is_affine(m) && into)
        into[0] = m;
    if (m->layer)
        return is_affine(m) ? 1 : 0;
    for (int i = 0; i < m->n_children; i++)
        n += collect(m->children[i], into ? into + n : NULL);
    return n;
}

static double norm(const reel_tensor *t)
{
    const int64_t n = reel_tensor_numel(t);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += load(t, i) * load(t, i);
    return sqrt(sum);
}

static void multiply(const reel_tensor *t, double by)
{
    const int64_t n = reel_tensor_numel(t);
    for (int64_t i = 0; i < n; i++)
        store(t, i, by * load(t, i));
}

static bool any_has_own_init(const chain *all)
{
    for (int k = 0; k < all->n; k++)
        if (all->layer[k]->own_init)
            return true;
    return false;
}

/* Gradients of random sums of the outputs, as good as those of a loss on labels not looked at. */
static reel_status random_gradients(reel_net *net, reel_tape *tape, const reel_tensor *images,
                                    reel_error *err)
{
    reel_params_zero_grad(net->scope.params);
    const reel_var out = reel_net_forward(net, tape, reel_input(tape, images));
    REEL_TRY(reel_tape_status(tape, err));
    reel_tensor weight = reel_value(out);
    const int64_t n = reel_tensor_numel(&weight);
    weight.data = reel_tape_alloc(tape, reel_tensor_bytes(&weight));
    REEL_TRY(reel_tape_status(tape, err));
    reel_rng rng = reel_rng_at(reel_ctx_seed(net->scope.ctx), REEL_STREAM_INIT, UINT32_MAX, 0);
    for (int64_t i = 0; i < n; i++)
        store(&weight, i, reel_rng_normal(&rng));
    return reel_backward(reel_mean_all(reel_mul(out, reel_input(tape, &weight))), err);
}

/* Weight k times s_k divides its rate by s_k squared; with the product of all s_k 1, biases
 * following, nets of ReLU and pooling compute what they did. Layers without a gradient (frozen,
 * unused) take no part. */
static reel_status balance(reel_net *net, const chain *all, reel_tape *tape,
                           const reel_tensor *images, reel_error *err)
{
    REEL_TRY(random_gradients(net, tape, images, err));

    /* The geometric mean of the rates |gradient| / |weight|. */
    double log_mean = 0;
    int part = 0;
    for (int k = 0; k < all->n; k++) {
        const reel_param *p = reel_params_at(net->scope.params, all->layer[k]->param[0]);
        const double w = norm(&p->value), g = p->has_grad ? norm(&p->grad) : 0;
        all->rate[k] = w > 0 && isfinite(w) && isfinite(g) ? g / w : 0;
        if (all->rate[k] <= 0)
            continue;
        log_mean += reel_math_log(all->rate[k]);
        part++;
    }
    if (part == 0)
        return REEL_OK;
    log_mean /= part;

    /* A bias is scaled by the product of the scales up to its layer. */
    double so_far = 1;
    for (int k = 0; k < all->n; k++) {
        const double s =
            all->rate[k] > 0 ? reel_math_exp(0.5 * (reel_math_log(all->rate[k]) - log_mean)) : 1;
        so_far *= s;
        const reel_tensor weight = reel_module_param_value(all->layer[k], 0);
        multiply(&weight, s);
        if (all->layer[k]->n_params < 2)
            continue;
        const reel_tensor bias = reel_module_param_value(all->layer[k], 1);
        multiply(&bias, so_far);
    }
    reel_params_zero_grad(net->scope.params);
    return REEL_OK;
}

reel_status reel_net_calibrate(reel_net *net, const reel_tensor *images, double output_scale,
                               reel_error *err)
{
    REEL_TRY(reel_net_check_built(net, err));
    if (!(output_scale > 0))
        return reel_fail(err, REEL_ERR_INVALID,
                         "calibration: output scale %g, expected more than 0", output_scale);
    const bool training = net->scope.training;
    chain all = {.n = collect(net->root, NULL)};
    reel_tape *tape;
    const reel_tape_config config = {.dtype = reel_net_dtype(net), .no_grad = true};
    REEL_TRY(reel_tape_create(&tape, net->scope.ctx, &config, err));

    all.layer = malloc((size_t)(all.n + 1) * sizeof *all.layer);
    all.rate = malloc((size_t)(all.n + 1) * sizeof *all.rate);
    reel_status status = REEL_OK;
    if (!all.layer || !all.rate)
        status = reel_fail(err, REEL_ERR_MEMORY, "calibration: out of memory");

    net->scope.training = false; /* no dropout: its share is made up for when it is on */
    if (status == REEL_OK) {
        collect(net->root, all.layer);
        fitting how = {.last = all.n ? all.layer[all.n - 1] : NULL, .output_scale = output_scale};
        status = fit_net(net, &how, tape, images, err);
    }

    /* Scaling layers against each other keeps what a chain computes. A sum of branches would not
     * follow, and a layer with values of its own would not keep them. */
    if (status == REEL_OK && net->joins == 0 && !any_has_own_init(&all)) {
        reel_tape_reset(tape);
        reel_tape_set_recording(tape, true);
        status = balance(net, &all, tape, images, err);
    }

    net->scope.training = training;
    free(all.layer);
    free(all.rate);
    reel_tape_destroy(tape);
    return status;
}
