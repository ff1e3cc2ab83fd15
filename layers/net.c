/* Construction of a net, its modes, and the walk of a value through its layers. */
#include "layers/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/tape.h"
#include "layers/net_internal.h"

static void destroy_module(reel_module *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->n_children; i++)
        destroy_module(m->children[i]);
    free(m->children);
    free(m->config);
    free(m->name);
    free(m);
}

reel_status reel_net_create(reel_net **out, const reel_ctx *ctx, reel_dtype dtype, reel_error *err)
{
    *out = NULL;
    reel_net *net = calloc(1, sizeof *net);
    if (!net)
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    net->ctx = ctx;
    net->training = true;
    net->root = calloc(1, sizeof *net->root);
    if (!net->root || reel_params_create(&net->params, dtype, err) != REEL_OK) {
        reel_net_destroy(net);
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    }
    net->root->net = net;
    net->open = net->root;
    *out = net;
    return REEL_OK;
}

void reel_net_destroy(reel_net *net)
{
    if (!net)
        return;
    destroy_module(net->root);
    reel_params_destroy(net->params);
    free(net->inits);
    free(net->leaf);
    free(net);
}

/* A new child of the open Sequential; NULL with the sticky error set on failure. */
static reel_module *add_child(reel_net *net, const char *name)
{
    REEL_ASSERT(!net->built);
    if (net->error.status != REEL_OK)
        return NULL;
    reel_module *parent = net->open, *m = calloc(1, sizeof *m);
    reel_module **children =
        realloc(parent->children, (size_t)(parent->n_children + 1) * sizeof *children);
    if (children)
        parent->children = children;
    char position[16], *full = NULL;
    snprintf(position, sizeof position, "%d", parent->n_children);
    if (!name)
        name = position;
    if (!m || !children ||
        asprintf(&full, "%s%s%s", parent->name ? parent->name : "", parent->name ? "." : "", name) <
            0) {
        free(m);
        reel_fail(&net->error, REEL_ERR_MEMORY, "net: out of memory");
        return NULL;
    }
    m->net = net;
    m->name = full;
    m->parent = parent;
    parent->children[parent->n_children++] = m;
    return m;
}

void reel_net_begin(reel_net *net, const char *name)
{
    reel_module *m = add_child(net, name);
    if (m)
        net->open = m;
}

void reel_net_end(reel_net *net)
{
    if (net->error.status != REEL_OK)
        return;
    REEL_ASSERT(net->open->parent);
    net->open = net->open->parent;
}

void reel_net_add(reel_net *net, const reel_module_kind *kind, const char *name, const void *config,
                  size_t config_size)
{
    reel_module *m = add_child(net, name);
    if (!m)
        return;
    m->kind = kind;
    m->index = net->leaves++;
    if (config_size && !(m->config = malloc(config_size))) {
        reel_fail(&net->error, REEL_ERR_MEMORY, "%s: out of memory", m->name);
        return;
    }
    if (config_size)
        memcpy(m->config, config, config_size);
    reel_error why;
    const reel_status status = kind->setup ? kind->setup(m, &why) : REEL_OK;
    if (status != REEL_OK)
        reel_fail(&net->error, status, "%s (%s): %s", m->name, kind->name, why.message);
}

reel_status reel_module_add_param(reel_module *m, const char *suffix, int ndim,
                                  const int64_t *shape, unsigned flags, reel_init init,
                                  int64_t fan_in, int64_t fan_out, reel_error *err)
{
    REEL_ASSERT(m->n_params < REEL_MODULE_PARAMS);
    reel_net *net = m->net;
    char name[256];
    if (snprintf(name, sizeof name, "%s.%s", m->name, suffix) >= (int)sizeof name)
        return reel_fail(err, REEL_ERR_INVALID, "the name of parameter %s has more than 255 bytes",
                         suffix);
    reel_param_init *inits = realloc(net->inits, (size_t)(net->n_inits + 1) * sizeof *inits);
    if (!inits)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    net->inits = inits;
    REEL_TRY(reel_params_add(net->params, name, ndim, shape, flags, &m->param[m->n_params], err));
    m->n_params++;
    inits[net->n_inits++] = (reel_param_init){init, fan_in, fan_out};
    return REEL_OK;
}

static const reel_module **collect_leaves(const reel_module *m, const reel_module **into)
{
    if (m->kind)
        *into++ = m;
    for (int i = 0; i < m->n_children; i++)
        into = collect_leaves(m->children[i], into);
    return into;
}

reel_status reel_net_build(reel_net *net, reel_error *err)
{
    REEL_ASSERT(!net->built);
    if (net->error.status != REEL_OK) {
        if (err)
            *err = net->error;
        return net->error.status;
    }
    REEL_ASSERT(net->open == net->root); /* every begin has its end */
    REEL_TRY(reel_params_commit(net->params, err));
    net->leaf = malloc((net->leaves + 1) * sizeof *net->leaf);
    if (!net->leaf)
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    collect_leaves(net->root, net->leaf);
    net->built = true;
    return REEL_OK;
}

void reel_net_init_param(reel_net *net, int index)
{
    REEL_ASSERT(net->built);
    reel_init_draw(net->ctx, &net->inits[index], (uint32_t)index,
                   &reel_params_at(net->params, index)->value);
}

void reel_net_init(reel_net *net)
{
    for (int i = 0; i < net->n_inits; i++)
        reel_net_init_param(net, i);
}

reel_params *reel_net_params(const reel_net *net)
{
    return net->params;
}

const reel_ctx *reel_net_ctx(const reel_net *net)
{
    return net->ctx;
}

reel_dtype reel_net_dtype(const reel_net *net)
{
    return reel_params_dtype(net->params);
}

void reel_net_set_training(reel_net *net, bool training)
{
    net->training = training;
}

bool reel_net_training(const reel_net *net)
{
    return net->training;
}

void reel_net_set_fusion(reel_net *net, bool fusion)
{
    net->unfused = !fusion;
}

void reel_net_watch(reel_net *net, reel_net_see *see, void *user)
{
    net->see = see;
    net->see_user = user;
}

const void *reel_module_config(const reel_module *m)
{
    return m->config;
}

const char *reel_module_name(const reel_module *m)
{
    return m->name;
}

const reel_module_kind *reel_module_kind_of(const reel_module *m)
{
    return m->kind;
}

bool reel_module_training(const reel_module *m)
{
    return m->net->training;
}

uint32_t reel_module_index(const reel_module *m)
{
    return m->index;
}

reel_var reel_module_param(const reel_module *m, reel_tape *tape, int k)
{
    REEL_ASSERT(k < m->n_params);
    if (m->net->bound)
        return m->net->bound[m->param[k]];
    return reel_param_var(tape, m->net->params, m->param[k]);
}

reel_tensor reel_module_param_value(const reel_module *m, int k)
{
    REEL_ASSERT(k < m->n_params);
    return reel_params_at(m->net->params, m->param[k])->value;
}

void reel_net_bind(reel_net *net, const reel_var *params)
{
    net->bound = params;
}

/* Runs layer i, and those after it that it takes along, on x. */
static reel_var run_layer(const reel_net *net, uint32_t i, reel_tape *tape, reel_var x, int *taken)
{
    const reel_module *m = net->leaf[i];
    *taken = 0;
    if (net->unfused || !m->kind->forward_with)
        return m->kind->forward(m, tape, x);
    return m->kind->forward_with(m, net->leaf + i + 1, (int)(net->leaves - i - 1), tape, x, taken);
}

/* Values between layers are released as soon as the next layer has read them: they stay only where
 * a backward pass needs them. The input belongs to the caller and is never released. */
reel_var reel_net_forward(reel_net *net, reel_tape *tape, reel_var x)
{
    REEL_ASSERT(net->built && x.tape == tape);
    const reel_var input = x;
    int taken;
    if (reel_tape_status(tape, NULL) != REEL_OK)
        return (reel_var){tape, -1};
    for (uint32_t i = 0; i < net->leaves && reel_tape_status(tape, NULL) == REEL_OK;
         i += 1 + (uint32_t)taken) {
        const reel_var y = run_layer(net, i, tape, x, &taken);
        if (reel_tape_status(tape, NULL) != REEL_OK)
            reel_tape_prefix_error(tape, net->leaf[i]->name);
        else if (x.id != y.id && x.id != input.id)
            reel_release(x);
        const reel_module *last = net->leaf[i + (uint32_t)taken];
        if (net->see && y.id >= 0)
            net->see(net->see_user, last->name, last->kind->name, y);
        x = y;
    }
    return x;
}
