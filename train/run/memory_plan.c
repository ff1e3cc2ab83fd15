/* The plan of a step's memory, as `reel summary` tells it and `reel bench step` compares it with
 * what the system counted. */
#include "train/run/memory_plan.h"

#include <stdio.h>

#include "core/tensor.h"

reel_status reel_memory_plan_make(reel_memory_plan *plan, reel_net *net,
                                  const reel_optimizer_config *optimizer, const int64_t input[4],
                                  reel_error *err)
{
    const bool training = reel_net_training(net), infer = optimizer == NULL;
    *plan = (reel_memory_plan){.batch = input[0], .infer = infer};
    reel_net_set_training(net, !infer);
    const reel_status status = reel_net_plan(net, input, !infer, &plan->net, err);
    reel_net_set_training(net, training);
    /* The state of an optimizer lies parallel to the gradients. */
    plan->momentum = infer ? 0 : reel_optimizer_config_bytes(optimizer, plan->net.gradients);
    plan->input = (size_t)reel_shape_numel(4, input) * reel_dtype_size(reel_net_dtype(net));
    plan->total =
        plan->net.parameters + plan->net.gradients + plan->momentum + plan->net.step + plan->input;
    return status;
}

void reel_memory_plan_add_average(reel_memory_plan *plan)
{
    plan->average = plan->net.parameters;
    plan->total += plan->average;
}

void reel_memory_plan_print(const reel_memory_plan *plan)
{
    const double mb = 1e-6;
    printf("memory of %s at batch %lld, MB:\n  parameters %.1f",
           plan->infer ? "inference" : "a training step", (long long)plan->batch,
           (double)plan->net.parameters * mb);
    if (!plan->infer)
        printf(", gradients %.1f, optimizer state %.1f", (double)plan->net.gradients * mb,
               (double)plan->momentum * mb);
    if (plan->average)
        printf(",\n  average of the weights %.1f", (double)plan->average * mb);
    printf(", images %.1f,\n  step %.1f (activations %.1f, scratch %.1f); total %.1f\n",
           (double)plan->input * mb, (double)plan->net.step * mb,
           (double)plan->net.activations * mb, (double)plan->net.scratch * mb,
           (double)plan->total * mb);
}

json_t *reel_memory_plan_json(const reel_memory_plan *plan)
{
    json_t *o = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "batch", (json_int_t)plan->batch,
        "parameters", (json_int_t)plan->net.parameters, "gradients",
        (json_int_t)plan->net.gradients, "momentum", (json_int_t)plan->momentum, "optimizer_state",
        (json_int_t)plan->momentum, "images", (json_int_t)plan->input, "activations",
        (json_int_t)plan->net.activations, "scratch", (json_int_t)plan->net.scratch, "step",
        (json_int_t)plan->net.step, "total", (json_int_t)plan->total, "infer", (int)plan->infer);
    if (plan->average)
        json_object_set_new(o, "average", json_integer((json_int_t)plan->average));
    return o;
}
