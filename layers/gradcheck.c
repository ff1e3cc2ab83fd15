/* Parameters are bound to inputs of the check, so that reel_gradcheck sees the net as a plain function of them. */
#include "layers/gradcheck.h"

#include <stdlib.h>

#include "core/rng.h"

static bool trainable(const reel_params *params, int i)
{
    return !(reel_params_at(params, i)->flags & REEL_PARAM_BUFFER);
}

/* in[0] is the image, the others the trainable parameters in store order; buffers come from the store itself. */
static reel_var run(reel_tape *tape, const reel_var *in, void *user)
{
    reel_net *net = user;
    reel_params *params = reel_net_params(net);
    const int count = reel_params_count(params);
    reel_var *bound = malloc((size_t)count * sizeof *bound);
    if (!bound) return reel_tape_fail(tape, REEL_ERR_MEMORY, "gradient check: out of memory");
    int next = 1;
    for (int i = 0; i < count; i++) bound[i] = trainable(params, i) ? in[next++] : reel_param_var(tape, params, i);
    reel_net_bind(net, bound);
    const reel_var y = reel_net_forward(net, tape, in[0]);
    reel_net_bind(net, NULL);
    free(bound);
    return y;
}

reel_status reel_net_gradcheck(reel_net *net, const int64_t input[4], const reel_gradcheck_config *config,
                               reel_gradcheck_report *report, reel_error *err)
{
    reel_params *params = reel_net_params(net);
    const int count = reel_params_count(params);
    if (reel_net_dtype(net) != REEL_F64)
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: expected a float64 net, got %s",
                         reel_dtype_name(reel_net_dtype(net)));
    int checked = 0;
    for (int i = 0; i < count; i++) checked += trainable(params, i);
    if (checked >= REEL_GRADCHECK_MAX_INPUTS)
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: expected a net of at most %d trainable parameters, got %d",
                         REEL_GRADCHECK_MAX_INPUTS - 1, checked);
    const int64_t numel = reel_shape_numel(4, input);
    if (numel <= 0 || numel > INT64_MAX / (int64_t)sizeof(double))
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: expected an input of positive sizes");
    reel_tensor *inputs = malloc((size_t)(count + 1) * sizeof *inputs);
    double *image = malloc((size_t)numel * sizeof *image);
    reel_status status = REEL_OK;
    if (!inputs || !image) {
        status = reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    } else {
        reel_rng rng = reel_rng_at(config ? config->seed : 0, REEL_STREAM_CHECK, 1, 0);
        for (int64_t i = 0; i < numel; i++) image[i] = reel_rng_normal(&rng);
        int n = 0;
        inputs[n++] = reel_tensor_of(image, REEL_F64, 4, input);
        for (int i = 0; i < count; i++)
            if (trainable(params, i)) inputs[n++] = reel_params_at(params, i)->value;
        status = reel_gradcheck(reel_net_ctx(net), run, net, inputs, n, config, report, err);
    }
    free(image);
    free(inputs);
    return status;
}
