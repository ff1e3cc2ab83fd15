/* The state of an optimizer by name: what a checkpoint stores, and putting it back. */
#include <math.h>
#include <string.h>

#include "core/memory.h"
#include "optim/engine/internal.h"

static const double MOST_STEPS = 1e15; /* a count above it is no count */

void *reel_optimizer_state_at(const reel_optimizer *opt, int state, const reel_param *p)
{
    return opt->state[state]
               ? (char *)opt->state[state] + (size_t)p->offset * reel_dtype_size(p->value.dtype)
               : NULL;
}

int reel_optimizer_state_count(const reel_optimizer *opt)
{
    if (!opt)
        return 0;
    const reel_optimizer_kind *kind = opt->config.kind;
    return reel_optimizer_arrays(kind) + (kind->counts_steps ? 1 : 0);
}

/* The count of steps stands behind the arrays. */
static bool is_step(const reel_optimizer *opt, int state)
{
    REEL_ASSERT(state >= 0 && state < reel_optimizer_state_count(opt));
    return state == reel_optimizer_arrays(opt->config.kind);
}

static bool has_state(const reel_optimizer *opt, int state)
{
    return state >= 0 && state < reel_optimizer_state_count(opt);
}

const char *reel_optimizer_state_name(const reel_optimizer *opt, int state)
{
    if (!has_state(opt, state))
        return NULL;
    return is_step(opt, state) ? "step" : opt->config.kind->states[state].name;
}

reel_tensor reel_optimizer_state(const reel_optimizer *opt, int state, int param)
{
    const reel_param *p = opt ? reel_params_at(opt->params, param) : NULL;
    if (!p || !has_state(opt, state))
        return (reel_tensor){.ndim = -1};
    reel_slot *slot = &opt->slots[param];
    const bool formed = slot->updates > 0;
    if (is_step(opt, state))
        return reel_tensor_of(formed ? &slot->updates : NULL, REEL_F64, 0, NULL);

    reel_tensor view = p->value;
    view.data = formed ? reel_optimizer_state_at(opt, state, p) : NULL;
    return view;
}

static reel_status set_step(reel_optimizer *opt, int param, const reel_tensor *values,
                            reel_error *err)
{
    const int64_t first[REEL_MAX_DIMS] = {0};
    const double step = reel_tensor_numel(values) == 1 ? reel_tensor_get(values, first) : 0;
    if (!(step >= 1 && step <= MOST_STEPS && step == floor(step)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: step of %s: expected a whole number of at least 1, got %g",
                         opt->config.kind->name, reel_params_at(opt->params, param)->name, step);
    opt->slots[param].updates = step;
    return REEL_OK;
}

/* Copies the share's part of a parameter; from has the shape of to. */
static reel_status copy_own(const reel_tensor *to, const reel_tensor *from, reel_range own,
                            reel_error *err)
{
    if (own.end - own.begin == reel_tensor_numel(to)) {
        reel_tensor_copy(to, from);
        return REEL_OK;
    }
    if (own.begin == own.end)
        return REEL_OK;

    /* A part of the memory is no box of the shape: another layout is brought into this one first.
     */
    const bool alike = from->dtype == to->dtype && from->layout == to->layout &&
                       memcmp(from->stride, to->stride, sizeof to->stride) == 0;
    const size_t bytes = reel_tensor_bytes(to), element = reel_dtype_size(to->dtype);
    reel_tensor whole = *to;
    whole.data = alike ? from->data : reel_pages_alloc(bytes, err);
    if (!whole.data)
        return REEL_ERR_MEMORY;
    if (!alike)
        reel_tensor_copy(&whole, from);

    const size_t skip = (size_t)own.begin * element;
    memcpy((char *)to->data + skip, (const char *)whole.data + skip,
           (size_t)(own.end - own.begin) * element);
    if (!alike)
        reel_pages_free(whole.data, bytes);
    return REEL_OK;
}

reel_status reel_optimizer_set_state(reel_optimizer *opt, int state, int param,
                                     const reel_tensor *values, reel_error *err)
{
    REEL_NEED(opt, err);
    REEL_NEED(values, err);

    const reel_param *p = reel_params_at(opt->params, param);
    if (!p || !has_state(opt, state))
        return reel_fail(err, REEL_ERR_INVALID, "%s: no state %d of parameter %d",
                         opt->config.kind->name, state, param);
    const char *name = reel_optimizer_state_name(opt, state), *kind = opt->config.kind->name;
    if (p->flags & REEL_PARAM_BUFFER)
        return reel_fail(err, REEL_ERR_INVALID, "%s: %s of %s: expected none for a buffer, got one",
                         kind, name, p->name);
    if (is_step(opt, state))
        return set_step(opt, param, values, err);

    reel_tensor view = p->value;
    view.data = reel_optimizer_state_at(opt, state, p);
    if (!view.data)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: %s of %s: expected none with these settings, got one", kind, name,
                         p->name);
    if (!reel_tensor_same_shape(values, &p->value)) {
        char want[128], got[128];
        return reel_fail(err, REEL_ERR_INVALID, "%s: %s of %s: expected shape %s, got %s", kind,
                         name, p->name,
                         reel_shape_text(want, sizeof want, p->value.ndim, p->value.shape),
                         reel_shape_text(got, sizeof got, values->ndim, values->shape));
    }

    REEL_TRY(copy_own(&view, values, reel_optim_share_of(opt->share, p), err));
    /* Until its step is put back as well, the parameter counts as updated once. */
    if (opt->slots[param].updates == 0)
        opt->slots[param].updates = 1;
    return REEL_OK;
}

void reel_optimizer_forget(reel_optimizer *opt, int param)
{
    const reel_param *p = opt ? reel_params_at(opt->params, param) : NULL;
    if (!p || opt->slots[param].updates == 0)
        return;
    const reel_range own = reel_optim_share_of(opt->share, p);
    const size_t element = reel_dtype_size(p->value.dtype);
    for (int s = 0; s < REEL_OPTIMIZER_STATES; s++) {
        char *state = reel_optimizer_state_at(opt, s, p);
        if (state)
            memset(state + (size_t)own.begin * element, 0, (size_t)(own.end - own.begin) * element);
    }
    opt->slots[param].updates = 0;
}
