/* The memory a step will take. The allocator that runs a step answers, so that the plan cannot
 * differ from the step. */
#include <stdlib.h>

#include "layers/net_internal.h"

/* The loss matters for the memory that it keeps and scratches only: its labels are all 0. */
reel_status reel_plan_backward(reel_var y, reel_error *err)
{
    const reel_tensor out = reel_value(y);
    if (out.ndim != 2)
        return reel_backward(reel_mean_all(y), err);
    int64_t *labels = calloc((size_t)out.shape[0], sizeof *labels);
    if (!labels)
        return reel_fail(err, REEL_ERR_MEMORY, "plan: out of memory");
    const reel_status status =
        reel_backward(reel_cross_entropy(y, labels, out.shape[0], NULL), err);
    free(labels);
    return status;
}

void reel_net_plan_pieces(reel_net *net, int64_t pieces)
{
    if (net)
        net->pieces = pieces;
}

reel_var reel_plan_forward(reel_net *net, reel_tape *tape, const int64_t input[4], bool training)
{
    double never_read; /* stands where the images would */
    const reel_tensor images = reel_tensor_of(&never_read, reel_net_dtype(net), 4, input);
    const bool divided = training && net->pieces > 1 && input[0] % net->pieces == 0;
    reel_tape_set_pieces(tape, divided ? net->pieces : 1);
    const reel_var y = reel_net_forward(net, tape, reel_input(tape, &images));
    reel_tape_set_pieces(tape, 1);
    return y;
}

static reel_status plan_step(reel_net *net, reel_tape *tape, const int64_t input[4], bool training,
                             reel_error *err)
{
    const reel_var y = reel_plan_forward(net, tape, input, training);
    REEL_TRY(reel_tape_status(tape, err));
    return training ? reel_plan_backward(y, err) : REEL_OK;
}

/* Only addresses are reserved: a step that does not fit this machine gets its plan, too. Some
 * systems reserve less than others, so a smaller limit is tried next. */
reel_status reel_dry_tape_create(reel_tape **tape, const reel_ctx *ctx, reel_dtype dtype,
                                 bool recording, reel_error *err)
{
    reel_tape_config config = {
        .dtype = dtype, .no_grad = !recording, .limit_bytes = (size_t)1 << 44, .plan = true};
    for (; config.limit_bytes >= (size_t)1 << 36; config.limit_bytes /= 2)
        if (reel_tape_create(tape, ctx, &config, NULL) == REEL_OK)
            return REEL_OK;
    config.limit_bytes = 0; /* as much as there is */
    return reel_tape_create(tape, ctx, &config, err);
}

reel_status reel_net_plan(reel_net *net, const int64_t input[4], bool training,
                          reel_net_memory *plan, reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(input, err);
    REEL_NEED(plan, err);

    REEL_TRY(reel_net_check_built(net, err));
    const reel_dtype dtype = reel_net_dtype(net);
    reel_tape *tape;
    REEL_TRY(reel_dry_tape_create(&tape, net->scope.ctx, dtype, training, err));

    *plan = (reel_net_memory){0};
    bool trained = false;
    for (int i = 0; i < reel_params_count(net->scope.params); i++) {
        const reel_param *p = reel_params_at(net->scope.params, i);
        const size_t bytes = reel_tensor_bytes(&p->value);
        plan->parameters += bytes;
        if (!training || (p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN)))
            continue;
        plan->gradients += bytes;
        plan->factored += p->by_factors ? bytes : 0;
        trained = true;
    }

    const reel_status status = plan_step(net, tape, input, trained, err);
    const reel_tape_memory used = reel_tape_usage(tape);
    plan->activations = used.activations;
    plan->scratch = used.scratch;
    plan->step = used.peak;
    reel_tape_destroy(tape);
    return status;
}

reel_status reel_net_weight_products(reel_net *net, const int64_t input[4],
                                     reel_weight_product **list, int *n, reel_error *err)
{
    REEL_NEED(list, err);
    *list = NULL;
    REEL_NEED(net, err);
    REEL_NEED(input, err);
    REEL_NEED(n, err);
    REEL_TRY(reel_net_check_built(net, err));
    reel_tape *tape;
    REEL_TRY(reel_dry_tape_create(&tape, net->scope.ctx, reel_net_dtype(net), true, err));

    const bool training = reel_net_training(net);
    reel_net_set_training(net, true);
    reel_plan_forward(net, tape, input, false); /* the images are one piece */
    reel_net_set_training(net, training);
    reel_status status = reel_tape_status(tape, err);
    if (status == REEL_OK) {
        *list = calloc((size_t)reel_params_count(net->scope.params) + 1, sizeof **list);
        if (*list)
            *n = reel_tape_weight_products(tape, net->scope.params, *list);
        else
            status = reel_fail(err, REEL_ERR_MEMORY, "products of a step: out of memory");
    }
    reel_tape_destroy(tape);
    return status;
}
