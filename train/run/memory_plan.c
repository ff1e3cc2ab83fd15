/* The plan of a step's memory, as `reel summary` tells it and `reel bench step` compares it with
 * what the system counted. */
#include "train/run/memory_plan.h"

#include <math.h>
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

void reel_memory_plan_add_sums(reel_memory_plan *plan, int arrays)
{
    plan->sums = (size_t)arrays * (plan->net.gradients - plan->net.factored);
    plan->total += plan->sums;
}

void reel_memory_plan_add_targets(reel_memory_plan *plan, int64_t classes)
{
    /* The loss makes its attributes on the tape, which copies them. */
    const size_t one = sizeof(float) + 2 * sizeof(double);
    plan->targets = (size_t)plan->batch * (size_t)classes * one;
    plan->total += plan->targets;
}

/* What no plan knows of the program: code, libraries, stacks; rounding up to pages. */
static const double PROGRAM_BYTES = 10e6, PROGRAM_SHARE = 0.01;

reel_status reel_memory_plan_fit(reel_memory_plan *plan, reel_net *net, const int64_t input[4],
                                 const reel_memory_limit *limit, reel_error *err)
{
    /* All but what a choice changes: the step's memory and the gradients. */
    const double fixed =
        (double)(plan->total - plan->net.step - plan->net.gradients) + limit->others;
    const double room = limit->limit * (1 - PROGRAM_SHARE) - PROGRAM_BYTES - fixed;
    reel_saving *saving = &plan->saving;
    *saving = (reel_saving){.least = SIZE_MAX};
    reel_error why;
    reel_status status =
        reel_net_fit(net, input, room > 0 ? (size_t)room : 0, limit->gradients_stay, saving, &why);
    if (saving->least < limit->beside)
        saving->least = limit->beside;
    if (status == REEL_OK && room < (double)saving->least) {
        reel_net_unfit(net);
        status = REEL_ERR_MEMORY;
    }
    plan->limit = limit->limit;
    plan->limited_total = (size_t)fixed + saving->after;
    if (status == REEL_OK)
        return REEL_OK;
    if (status != REEL_ERR_MEMORY || saving->least == SIZE_MAX)
        return reel_fail(err, status, "%s", why.message);

    const double least =
        (fixed + (double)saving->least + PROGRAM_BYTES) / (1 - PROGRAM_SHARE) * 1e-6;
    return reel_fail(err, REEL_ERR_MEMORY,
                     "--memory: expected %.0fMB or more for a batch of %lld, %.0f of them for the "
                     "program itself, got %.6gMB",
                     ceil(least), (long long)input[0], PROGRAM_BYTES * 1e-6 + PROGRAM_SHARE * least,
                     limit->limit * 1e-6);
}

const char *reel_memory_plan_text(const reel_memory_plan *plan, char *text, size_t size)
{
    const reel_saving *s = &plan->saving;
    const double mb = 1e-6, instead = (double)(s->before - s->after) * mb,
                 planned = (double)plan->limited_total * mb;
    const double program = (planned + PROGRAM_BYTES * mb) / (1 - PROGRAM_SHARE) - planned;
    int used = snprintf(text, size, "planned %.1f MB of memory", planned);
    if (instead > 0)
        used += snprintf(text + used, size - (size_t)used, " instead of %.1f", planned + instead);
    used +=
        snprintf(text + used, size - (size_t)used, ", and %.1f for the program itself", program);
    if (s->late_gradients)
        used += snprintf(text + used, size - (size_t)used, "; large gradients come last");
    if (s->dropped)
        snprintf(text + used, size - (size_t)used,
                 "; %d values of a step are computed again, %.1f %% more multiply-adds", s->dropped,
                 100 * (double)s->more_multiply_adds / (double)s->step_multiply_adds);
    return text;
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
    if (plan->sums)
        printf(",\n  sums of pieces %.1f", (double)plan->sums * mb);
    if (plan->average)
        printf(",\n  average of the weights %.1f", (double)plan->average * mb);
    printf(", images %.1f,\n  step %.1f (activations %.1f, scratch %.1f); total %.1f\n",
           (double)plan->input * mb, (double)plan->net.step * mb,
           (double)plan->net.activations * mb, (double)plan->net.scratch * mb,
           (double)plan->total * mb);
    char text[200];
    if (plan->limit > 0)
        printf("within %.6g MB: %s\n", plan->limit * mb,
               reel_memory_plan_text(plan, text, sizeof text));
}

static json_t *limit_json(const reel_memory_plan *plan)
{
    const reel_saving *s = &plan->saving;
    return json_pack("{s:I, s:I, s:I, s:i, s:I, s:I, s:b}", "bytes", (json_int_t)plan->limit,
                     "total", (json_int_t)plan->limited_total, "saved",
                     (json_int_t)(s->before - s->after), "recomputed", s->dropped,
                     "more_multiply_adds", (json_int_t)s->more_multiply_adds, "step_multiply_adds",
                     (json_int_t)s->step_multiply_adds, "late_gradients", (int)s->late_gradients);
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
    if (plan->limit > 0)
        json_object_set_new(o, "limit", limit_json(plan));
    return o;
}
