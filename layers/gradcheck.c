/* Parameters are bound to inputs of the check, so that reel_gradcheck sees the net as a plain
 * function of them. */
#include "layers/gradcheck.h"

#include <stdlib.h>
#include <string.h>

#include "core/rng.h"

typedef struct subject {
    reel_net *net;
    reel_net_loss_fn *loss; /* NULL: the output itself */
    void *user;
} subject;

static bool trainable(const reel_params *params, int i)
{
    return !(reel_params_at(params, i)->flags & REEL_PARAM_BUFFER);
}

/* in[0] is the image, the others the trainable parameters in store order; buffers come from the
 * store itself. */
static reel_var run_subject(reel_tape *tape, const reel_var *in, void *user)
{
    const subject *s = user;
    reel_params *params = reel_net_params(s->net);
    const int count = reel_params_count(params);
    reel_var *bound = malloc(((size_t)count + 1) * sizeof *bound);
    if (!bound)
        return reel_tape_fail(tape, REEL_ERR_MEMORY, "gradient check: out of memory");
    int next = 1;
    for (int i = 0; i < count; i++)
        bound[i] = trainable(params, i) ? in[next++] : reel_param_var(tape, params, i);

    reel_net_bind(s->net, bound);
    const reel_var y = reel_net_forward(s->net, tape, in[0]);
    reel_net_bind(s->net, NULL);
    free(bound);
    return s->loss && y.id >= 0 ? s->loss(tape, y, s->user) : y;
}

/* ---- buffers: batch norm in training mode moves its running mean and variance in every one of the
 * check's evaluations, so they are kept and put back ---- */
static size_t buffer_bytes(reel_params *params)
{
    size_t bytes = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        if (!trainable(params, i))
            bytes += reel_tensor_bytes(&reel_params_at(params, i)->value);
    return bytes;
}

static void copy_buffers(reel_params *params, char *kept, bool back)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        if (trainable(params, i))
            continue;
        const reel_tensor *value = &reel_params_at(params, i)->value;
        const size_t bytes = reel_tensor_bytes(value);
        memcpy(back ? value->data : kept, back ? kept : value->data, bytes);
        kept += bytes;
    }
}

/* ---- the check ---- */
static reel_status check_subject(const reel_net *net, const int64_t input[4], reel_error *err)
{
    const reel_params *params = reel_net_params(net);
    int checked = 0;
    for (int i = 0; i < reel_params_count(params); i++)
        checked += trainable(params, i);

    if (reel_net_dtype(net) != REEL_F64)
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: expected a float64 net, got %s",
                         reel_dtype_name(reel_net_dtype(net)));
    if (checked >= REEL_GRADCHECK_MAX_INPUTS)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "gradient check: expected a net of at most %d trainable parameters, got %d",
            REEL_GRADCHECK_MAX_INPUTS - 1, checked);
    const int64_t numel = reel_shape_numel(4, input);
    if (numel <= 0 || numel > INT64_MAX / (int64_t)sizeof(double))
        return reel_fail(err, REEL_ERR_INVALID,
                         "gradient check: expected an input of positive sizes");
    return REEL_OK;
}

/* N(0, 1), a function of the check's seed. */
static void draw_image(double *image, int64_t numel, uint64_t seed)
{
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_CHECK, 3, 0);
    for (int64_t i = 0; i < numel; i++)
        image[i] = reel_rng_normal(&rng);
}

reel_status reel_net_gradcheck_loss(reel_net *net, const int64_t input[4], reel_net_loss_fn *loss,
                                    void *user, const reel_gradcheck_config *config,
                                    reel_gradcheck_report *report, reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(input, err);
    REEL_NEED(report, err);

    reel_gradcheck_config own = config ? *config : (reel_gradcheck_config){0};
    reel_tensor inputs[REEL_GRADCHECK_MAX_INPUTS];
    const char *names[REEL_GRADCHECK_MAX_INPUTS] = {"the images"};
    reel_params *params = reel_net_params(net);
    REEL_TRY(check_subject(net, input, err));

    const int64_t numel = reel_shape_numel(4, input);
    double *image = malloc((size_t)numel * sizeof *image);
    char *buffers = malloc(buffer_bytes(params) + 1);
    if (!image || !buffers) {
        free(image);
        free(buffers);
        return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    }

    /* Input 0 is the image, then the trainable parameters in store order. */
    int n = 0;
    draw_image(image, numel, own.seed);
    inputs[n++] = reel_tensor_of(image, REEL_F64, 4, input);
    for (int i = 0; i < reel_params_count(params); i++) {
        if (!trainable(params, i))
            continue;
        names[n] = reel_params_at(params, i)->name;
        inputs[n++] = reel_params_at(params, i)->value;
    }
    if (!own.names)
        own.names = names;

    subject s = {net, loss, user};
    copy_buffers(params, buffers, false);
    const reel_status status =
        reel_gradcheck(reel_net_ctx(net), run_subject, &s, inputs, n, &own, report, err);
    copy_buffers(params, buffers, true);
    free(buffers);
    free(image);
    return status;
}

reel_status reel_net_gradcheck(reel_net *net, const int64_t input[4],
                               const reel_gradcheck_config *config, reel_gradcheck_report *report,
                               reel_error *err)
{
    return reel_net_gradcheck_loss(net, input, NULL, NULL, config, report, err);
}

reel_status reel_layer_gradcheck(const reel_ctx *ctx, void (*add)(reel_net *net),
                                 const int64_t input[4], const reel_gradcheck_config *config,
                                 reel_gradcheck_report *report, reel_error *err)
{
    REEL_NEED(add, err);
    REEL_NEED(input, err);
    REEL_NEED(report, err);

    reel_ctx *own = NULL;
    reel_net *net = NULL;
    if (!ctx)
        REEL_TRY(reel_ctx_create(&own, &(reel_ctx_config){.threads = 1}, err));

    reel_status status = reel_net_create(&net, ctx ? ctx : own, REEL_F64, err);
    if (status == REEL_OK) {
        add(net);
        status = reel_net_build(net, err);
    }
    if (status == REEL_OK) {
        reel_net_init(net);
        status = reel_net_gradcheck(net, input, config, report, err);
    }
    reel_net_destroy(net);
    reel_ctx_destroy(own);
    return status;
}
