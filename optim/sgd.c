/* Stochastic gradient descent: state, coefficients, one parallel region per step.
 *
 * Invariant: a slot without velocity has velocity memory that reads as zero, so the first step
 * needs no loop of its own: mu 0 + 1 d is d, PyTorch's undampened start. The memory is whole pages,
 * so ranges that never move cost none. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "optim/internal.h"

static reel_status check_config(const reel_sgd_config *c, reel_error *err)
{
    if (!(c->momentum >= 0 && c->momentum < 1))
        return reel_fail(err, REEL_ERR_INVALID, "sgd: momentum: expected 0 <= momentum < 1, got %g",
                         c->momentum);
    if (!(c->dampening >= 0 && c->dampening <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "sgd: dampening: expected 0 to 1, got %g",
                         c->dampening);
    if (!(c->weight_decay >= 0 && isfinite(c->weight_decay)))
        return reel_fail(err, REEL_ERR_INVALID, "sgd: weight decay: expected 0 or more, got %g",
                         c->weight_decay);
    if (c->nesterov && (c->momentum == 0 || c->dampening != 0))
        return reel_fail(
            err, REEL_ERR_INVALID,
            "sgd: Nesterov needs momentum > 0 and dampening 0, got momentum %g, dampening %g",
            c->momentum, c->dampening);
    if (c->lr_in_velocity && (c->nesterov || c->dampening != 0))
        return reel_fail(
            err, REEL_ERR_INVALID,
            "sgd: the 2012 convention (learning rate in the velocity) has neither Nesterov "
            "nor dampening");
    return REEL_OK;
}

reel_status reel_sgd_create(reel_optimizer **out, reel_params *params, const reel_ctx *ctx,
                            const reel_sgd_config *config, reel_error *err)
{
    *out = NULL;
    REEL_TRY(check_config(config, err));
    const int count = reel_params_count(params);
    REEL_ASSERT(count == 0 || reel_params_at(params, 0)->value.data); /* committed */
    reel_optimizer *opt = calloc(1, sizeof *opt);
    reel_slot *slots = calloc((size_t)count + 1, sizeof *slots);
    if (!opt || !slots) {
        free(opt);
        free(slots);
        return reel_fail(err, REEL_ERR_MEMORY, "sgd: out of memory");
    }
    *opt = (reel_optimizer){.params = params, .ctx = ctx, .config = *config, .slots = slots};
    for (int i = 0; i < count; i++)
        slots[i] = (reel_slot){.lr_mult = 1, .decay_mult = 1};
    if (config->momentum > 0 && reel_params_flat_size(params) > 0) {
        opt->bytes =
            (size_t)reel_params_flat_size(params) * reel_dtype_size(reel_params_dtype(params));
        opt->velocity = reel_pages_alloc(opt->bytes, err);
        if (!opt->velocity) {
            reel_optimizer_destroy(opt);
            return REEL_ERR_MEMORY;
        }
    }
    *out = opt;
    return REEL_OK;
}

void reel_optimizer_destroy(reel_optimizer *opt)
{
    if (!opt)
        return;
    reel_pages_free(opt->velocity, opt->bytes);
    free(opt->slots);
    free(opt);
}

bool reel_param_moves(const reel_param *p)
{
    return p->has_grad && !(p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN));
}

static char *velocity_of(const reel_optimizer *opt, const reel_param *p)
{
    return opt->velocity
               ? (char *)opt->velocity + (size_t)p->offset * reel_dtype_size(p->value.dtype)
               : NULL;
}

static reel_update update_of(const reel_optimizer *opt, int i, double lr)
{
    const reel_sgd_config *c = &opt->config;
    const reel_slot *slot = &opt->slots[i];
    reel_update u = {
        .rule = REEL_UPDATE_MOMENTUM, .lr = lr * slot->lr_mult, .mu = c->momentum, .keep = 1};
    if (c->momentum == 0)
        u.rule = REEL_UPDATE_PLAIN;
    else if (c->lr_in_velocity)
        u.rule = REEL_UPDATE_2012;
    else if (c->nesterov)
        u.rule = REEL_UPDATE_NESTEROV;
    if (slot->has_velocity)
        u.keep = 1 - c->dampening;
    if (!(reel_params_at(opt->params, i)->flags & REEL_PARAM_NO_DECAY))
        u.decay = c->weight_decay * slot->decay_mult;
    return u;
}

/* One thread's part of one parameter: whole cache lines, the same share of every parameter. */
static void update_part(const reel_optimizer *opt, int i, double lr, int part, int parts)
{
    const reel_param *p = reel_params_at(opt->params, i);
    const int64_t n = reel_tensor_numel(&p->value), lines = (n + 15) / 16;
    const int64_t begin = lines * part / parts * 16, limit = lines * (part + 1) / parts * 16;
    const int64_t end = limit < n ? limit : n;
    if (begin >= end)
        return;
    const size_t skip = (size_t)begin * reel_dtype_size(p->value.dtype);
    char *v = velocity_of(opt, p);
    const reel_update u = update_of(opt, i, lr);
    reel_update_loops[p->value.dtype]((char *)p->value.data + skip, v ? v + skip : NULL,
                                      (const char *)p->grad.data + skip, end - begin, &u);
}

reel_status reel_optimizer_step(reel_optimizer *opt, double lr, reel_error *err)
{
    if (!(lr >= 0 && isfinite(lr)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "sgd: learning rate: expected a finite number, 0 or more, got %g", lr);
    const int count = reel_params_count(opt->params);
    int64_t moving = 0;
    for (int i = 0; i < count; i++)
        if (reel_param_moves(reel_params_at(opt->params, i)))
            moving += reel_tensor_numel(&reel_params_at(opt->params, i)->value);
#pragma omp parallel num_threads(reel_ctx_threads(opt->ctx)) if (moving > REEL_OPTIM_PARALLEL)
    for (int i = 0; i < count; i++)
        if (reel_param_moves(reel_params_at(opt->params, i)))
            update_part(opt, i, lr, omp_get_thread_num(), omp_get_num_threads());
    if (opt->velocity)
        for (int i = 0; i < count; i++)
            if (reel_param_moves(reel_params_at(opt->params, i)))
                opt->slots[i].has_velocity = true;
    return REEL_OK;
}

reel_tensor reel_optimizer_state(const reel_optimizer *opt, int param)
{
    const reel_param *p = reel_params_at(opt->params, param);
    reel_tensor state = p->value;
    state.data = opt->slots[param].has_velocity ? velocity_of(opt, p) : NULL;
    return state;
}

reel_status reel_optimizer_set_state(reel_optimizer *opt, int param, const reel_tensor *velocity,
                                     reel_error *err)
{
    const reel_param *p = reel_params_at(opt->params, param);
    if (!opt->velocity || (p->flags & REEL_PARAM_BUFFER)) {
        if (!velocity->data)
            return REEL_OK;
        return reel_fail(err, REEL_ERR_INVALID, "sgd: %s: expected no momentum (%s), got some",
                         p->name, opt->velocity ? "it is a buffer" : "the optimizer has none");
    }
    if (!reel_tensor_same_shape(velocity, &p->value)) {
        char want[128], got[128];
        return reel_fail(err, REEL_ERR_INVALID, "sgd: momentum of %s: expected shape %s, got %s",
                         p->name, reel_shape_text(want, sizeof want, p->value.ndim, p->value.shape),
                         reel_shape_text(got, sizeof got, velocity->ndim, velocity->shape));
    }
    reel_tensor state = p->value;
    state.data = velocity_of(opt, p);
    if (velocity->data)
        reel_tensor_copy(&state, velocity);
    else if (opt->slots[param].has_velocity)
        memset(state.data, 0, reel_tensor_bytes(&state));
    opt->slots[param].has_velocity = velocity->data != NULL;
    return REEL_OK;
}
