/* An optimizer of any kind: settings, memory, and a step as one parallel region.
 *
 * Invariant: the state of a parameter without updates is memory that reads as zero. It lies in
 * whole pages that nobody has touched, so parameters that never move take no memory. */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "optim/engine/internal.h"

/* ---- settings ---- */

reel_optimizer_config reel_optimizer_config_default(const reel_optimizer_kind *kind)
{
    reel_optimizer_config config = {.kind = kind};
    if (kind)
        config.values = reel_optim_values_default(kind->options, kind->n_options);
    return config;
}

reel_status reel_optimizer_config_set(reel_optimizer_config *config, const char *name,
                                      const char *text, reel_error *err)
{
    REEL_NEED(config, err);
    REEL_NEED(name, err);
    const reel_optimizer_kind *kind = config->kind;
    if (!kind)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected an optimizer, got none", name);
    return reel_optim_values_set(&config->values, kind->options, kind->n_options, name, text, err);
}

reel_status reel_optimizer_config_check(const reel_optimizer_config *config, reel_error *err)
{
    REEL_NEED(config, err);
    const reel_optimizer_kind *kind = config->kind;
    if (!kind)
        return reel_fail(err, REEL_ERR_INVALID, "optimizer: expected a kind, got none");
    REEL_TRY(reel_optim_values_check(&config->values, kind->options, kind->n_options, err));
    return kind->check ? kind->check(&config->values, err) : REEL_OK;
}

int reel_optimizer_arrays(const reel_optimizer_kind *kind)
{
    int n = 0;
    while (n < REEL_OPTIMIZER_STATES && kind->states[n].name)
        n++;
    return n;
}

int reel_optimizer_decay_row(const reel_optimizer_kind *kind)
{
    for (int i = 0; i < kind->n_options; i++)
        if (strcmp(kind->options[i].name, "weight-decay") == 0)
            return i;
    return -1;
}

bool reel_optimizer_uses(const reel_optimizer_config *config, int state)
{
    const reel_optimizer_kind *kind = config->kind;
    return !kind->uses_state || kind->uses_state(&config->values, state);
}

size_t reel_optimizer_config_bytes(const reel_optimizer_config *config, size_t flat_bytes)
{
    size_t bytes = 0;
    for (int s = 0; config && config->kind && s < reel_optimizer_arrays(config->kind); s++)
        if (reel_optimizer_uses(config, s))
            bytes += flat_bytes;
    return bytes;
}

/* ---- life ---- */

static reel_status allocate_states(reel_optimizer *opt, reel_error *err)
{
    const int64_t flat = reel_params_flat_size(opt->params);
    opt->state_bytes = (size_t)flat * reel_dtype_size(reel_params_dtype(opt->params));
    if (opt->state_bytes == 0)
        return REEL_OK;

    for (int s = 0; s < reel_optimizer_arrays(opt->config.kind); s++) {
        if (!reel_optimizer_uses(&opt->config, s))
            continue;
        opt->state[s] = reel_pages_alloc(opt->state_bytes, err);
        if (!opt->state[s])
            return REEL_ERR_MEMORY;
    }
    return REEL_OK;
}

reel_status reel_optimizer_create(reel_optimizer **out, reel_params *params, const reel_ctx *ctx,
                                  const reel_optimizer_config *config, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!params || !ctx || !config)
        return reel_fail(err, REEL_ERR_INVALID,
                         "optimizer: expected parameters, a context and a configuration");
    const char *name = config->kind ? config->kind->name : "optimizer";
    reel_error why;
    if (reel_optimizer_config_check(config, &why))
        return reel_fail(err, why.status, "%s: %s", name, why.message);
    const reel_dtype dtype = reel_params_dtype(params);
    if (!config->kind->update[dtype])
        return reel_fail(err, REEL_ERR_INVALID, "%s: has no update for %s", name,
                         reel_dtype_name(dtype));

    const int count = reel_params_count(params);
    if (count > 0 && !reel_params_at(params, 0)->value.data)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: the parameters are not committed (reel_params_commit, "
                         "reel_net_build)",
                         name);
    reel_optimizer *opt = calloc(1, sizeof *opt);
    reel_slot *slots = calloc((size_t)count + 1, sizeof *slots);
    if (!opt || !slots) {
        free(opt);
        free(slots);
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    }
    /* Every parameter follows the configuration until a group says otherwise. */
    *opt = (reel_optimizer){.params = params, .ctx = ctx, .config = *config, .slots = slots};
    for (int i = 0; i < count; i++)
        slots[i] = (reel_slot){.lr_mult = 1, .decay_mult = 1};

    const reel_status status = allocate_states(opt, err);
    if (status == REEL_OK)
        *out = opt;
    else
        reel_optimizer_destroy(opt);
    return status;
}

void reel_optimizer_destroy(reel_optimizer *opt)
{
    if (!opt)
        return;
    for (int s = 0; s < REEL_OPTIMIZER_STATES; s++)
        if (!opt->placed[s])
            reel_pages_free(opt->state[s], opt->state_bytes);
    free(opt->slots);
    free(opt);
}

const reel_optimizer_config *reel_optimizer_config_of(const reel_optimizer *opt)
{
    return opt ? &opt->config : NULL;
}

/* ---- ranks that update a share each ---- */

reel_status reel_optimizer_set_share(reel_optimizer *opt, const reel_optim_share *share,
                                     reel_error *err)
{
    REEL_NEED(opt, err);
    REEL_TRY(reel_optim_share_check(opt->params, share, err));
    if (share)
        opt->held = *share;
    opt->share = share ? &opt->held : NULL;
    return REEL_OK;
}

reel_status reel_optimizer_place_state(reel_optimizer *opt, int state, void *array, reel_error *err)
{
    REEL_NEED(opt, err);
    REEL_NEED(array, err);
    const char *kind = opt->config.kind->name;
    if (state < 0 || state >= reel_optimizer_arrays(opt->config.kind) ||
        !reel_optimizer_uses(&opt->config, state))
        return reel_fail(err, REEL_ERR_INVALID, "%s: these settings use no array as state %d", kind,
                         state);

    /* Pages without a state stay untouched in both arrays. */
    const size_t element = reel_dtype_size(reel_params_dtype(opt->params));
    for (int i = 0; i < reel_params_count(opt->params); i++) {
        const reel_param *p = reel_params_at(opt->params, i);
        const reel_range own = reel_optim_share_of(opt->share, p);
        const size_t skip = (size_t)(p->offset + own.begin) * element;
        if (opt->slots[i].updates > 0 && own.begin < own.end)
            memcpy((char *)array + skip, (const char *)opt->state[state] + skip,
                   (size_t)(own.end - own.begin) * element);
    }

    if (!opt->placed[state])
        reel_pages_free(opt->state[state], opt->state_bytes);
    opt->state[state] = array;
    opt->placed[state] = true;
    return REEL_OK;
}

/* ---- a step ---- */

bool reel_param_moves(const reel_param *p)
{
    return p->has_grad && !(p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN));
}

/* One thread's part of what the share holds of one parameter: whole cache lines, so that no two
 * threads write to one. */
static void update_part(const reel_optimizer *opt, int i, double lr, int part, int parts)
{
    enum { LINE = 16 }; /* elements: 64 bytes of float32 */
    const reel_param *p = reel_params_at(opt->params, i);
    const reel_range own = reel_optim_share_of(opt->share, p);
    const int64_t lines = (own.end - own.begin + LINE - 1) / LINE;
    const int64_t begin = own.begin + lines * part / parts * LINE,
                  limit = own.begin + lines * (part + 1) / parts * LINE;
    const int64_t end = limit < own.end ? limit : own.end;
    if (begin >= end)
        return;

    const reel_slot *slot = &opt->slots[i];
    const reel_optimizer_kind *kind = opt->config.kind;
    const size_t skip = (size_t)begin * reel_dtype_size(p->value.dtype);
    const bool decays = !(p->flags & (REEL_PARAM_NO_DECAY | kind->no_decay));
    reel_optim_values values = opt->config.values;
    if (slot->own_decay)
        values.at[reel_optimizer_decay_row(kind)] = slot->weight_decay;

    reel_update u = {.n = end - begin,
                     .w = (char *)p->value.data + skip,
                     .g = (const char *)p->grad.data + skip,
                     .values = &values,
                     .lr = lr * slot->lr_mult,
                     .decay_mult = decays ? slot->decay_mult : 0,
                     .step = (int64_t)slot->updates + 1,
                     .flags = p->flags,
                     .weight_norm = slot->weight_norm,
                     .grad_norm = slot->grad_norm};

    /* States read as 0 before the first update. One that begins as another number is filled here,
     * part by part, so that parameters which never move take no memory. */
    for (int s = 0; s < REEL_OPTIMIZER_STATES; s++) {
        char *state = reel_optimizer_state_at(opt, s, p);
        if (!state)
            continue;
        u.state[s] = state + skip;
        if (slot->updates == 0 && kind->states[s].initial != 0)
            reel_fill_loops[p->value.dtype](u.state[s], u.n, kind->states[s].initial);
    }
    kind->update[p->value.dtype](&u);
}

/* The norms of this step, for a kind that asks for them. */
static reel_status measure_norms(reel_optimizer *opt, reel_error *err)
{
    if (!opt->config.kind->uses_norms)
        return REEL_OK;

    reel_square_sums sums;
    reel_status status;
    REEL_TRY_GOTO(reel_square_sums_open(&sums, opt->params, opt->ctx, opt->share, true, err), done);
    for (int i = 0; i < reel_params_count(opt->params); i++) {
        const reel_param *p = reel_params_at(opt->params, i);
        if (!reel_param_moves(p))
            continue;
        opt->slots[i].grad_norm = sqrt(reel_square_sums_next(&sums, &p->grad));
        opt->slots[i].weight_norm = sqrt(reel_square_sums_next(&sums, &p->value));
    }
done:
    reel_square_sums_close(&sums);
    return status;
}

/* Elements that this step moves here. */
static int64_t count_moving(const reel_optimizer *opt)
{
    int64_t moving = 0;
    for (int i = 0; i < reel_params_count(opt->params); i++) {
        const reel_param *p = reel_params_at(opt->params, i);
        if (!reel_param_moves(p))
            continue;
        const reel_range own = reel_optim_share_of(opt->share, p);
        moving += own.end - own.begin;
    }
    return moving;
}

reel_status reel_optimizer_step(reel_optimizer *opt, double lr, reel_error *err)
{
    if (!opt)
        return reel_fail(err, REEL_ERR_INVALID, "no optimizer");
    if (!(lr >= 0 && isfinite(lr)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: learning rate: expected a finite number, 0 or more, got %g",
                         opt->config.kind->name, lr);
    const int count = reel_params_count(opt->params);
    REEL_TRY(measure_norms(opt, err));
    const int64_t moving = count_moving(opt);

    /* One region for all parameters: each thread updates its part of every one. */
#pragma omp parallel num_threads(reel_ctx_threads(opt->ctx)) if (moving > REEL_OPTIM_PARALLEL)
    for (int i = 0; i < count; i++)
        if (reel_param_moves(reel_params_at(opt->params, i)))
            update_part(opt, i, lr, omp_get_thread_num(), omp_get_num_threads());

    /* On every rank, also for parameters that other ranks update: all count alike. */
    for (int i = 0; i < count; i++)
        if (reel_param_moves(reel_params_at(opt->params, i)))
            opt->slots[i].updates++;
    return REEL_OK;
}
