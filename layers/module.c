/* Modules: a layer's settings, parameters and inner modules at one place of a net. */
#include "layers/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layers/module_internal.h"

/* Of a full name: what a weights file and a message can show. */
enum { LONGEST_MODULE_NAME = 255 };

/* ---- the tree ---- */
void reel_module_destroy(reel_module *m)
{
    if (!m)
        return;
    for (int i = 0; i < m->n_children; i++)
        reel_module_destroy(m->children[i]);
    free(m->children);
    free(m->param);
    free(m->config);
    free(m->name);
    free(m);
}

reel_module *reel_module_section(reel_module *m)
{
    while (m->unnamed)
        m = m->parent;
    return m;
}

/* The last child of parent; `last` ends its name. NULL: a failure; the parent is as before. */
static reel_module *append_child(reel_module *parent, const char *last, reel_error *err)
{
    reel_module **children =
        realloc(parent->children, (size_t)(parent->n_children + 1) * sizeof *children);
    if (!children) {
        reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
        return NULL;
    }
    parent->children = children; /* its count is as before, should more fail */

    char full[LONGEST_MODULE_NAME + 1];
    const char *section = reel_module_section(parent)->name;
    const int length =
        snprintf(full, sizeof full, "%s%s%s", section ? section : "", section ? "." : "", last);
    if (length > LONGEST_MODULE_NAME) {
        reel_fail(err, REEL_ERR_INVALID, "the name %.60s... has more than %d bytes", full,
                  LONGEST_MODULE_NAME);
        return NULL;
    }

    reel_module *m = calloc(1, sizeof *m);
    char *name = strdup(full);
    if (!m || !name) {
        free(m);
        free(name);
        reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
        return NULL;
    }
    m->scope = parent->scope;
    m->name = name;
    m->parent = parent;
    children[parent->n_children++] = m;
    return m;
}

reel_module *reel_module_create_child(reel_module *parent, const char *name, reel_error *err)
{
    reel_module *section = reel_module_section(parent);
    char position[16];
    snprintf(position, sizeof position, "%d", section->named);
    reel_module *m = append_child(parent, name ? name : position, err);
    if (m)
        section->named++;
    return m;
}

/* Joins are "add", "add_2", ... of their section: errors, ONNX and summaries call them so. */
reel_module *reel_module_create_part(reel_module *parent, reel_join join, reel_error *err)
{
    static const char *const kinds[] = {"branch", "add", "concat", "scale"};
    reel_module *section = reel_module_section(parent);
    char name[32];
    if (join == REEL_JOIN_NONE || section->sums == 0)
        snprintf(name, sizeof name, "%s", kinds[join]);
    else
        snprintf(name, sizeof name, "%s_%d", kinds[join], section->sums + 1);

    reel_module *m = append_child(parent, name, err);
    if (!m)
        return NULL;
    section->sums += join != REEL_JOIN_NONE;
    m->join = join;
    m->unnamed = true;
    return m;
}

reel_status reel_module_set_layer(reel_module *m, const reel_layer *layer, const void *config,
                                  reel_error *err)
{
    const size_t size = layer->config_size ? layer->config_size : sizeof(reel_layer_config);
    reel_error why = {0};

    m->layer = layer;
    m->index = m->scope->layers++;
    m->config = calloc(1, size);
    if (!m->config)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", m->name);
    if (config)
        memcpy(m->config, config, size);
    ((reel_layer_config *)m->config)->name = m->name; /* the caller's text may not live as long */

    const reel_args args = reel_layer_args(layer);
    reel_status status = reel_args_complete(&args, m->config, &why);
    if (status == REEL_OK && layer->setup)
        status = layer->setup(m, &why);
    if (status == REEL_OK)
        return REEL_OK;
    return reel_fail(err, status, "%s (%s): %s", m->name, reel_layer_kind_of(layer), why.message);
}

reel_status reel_module_add(reel_module *m, const reel_layer *layer, const void *config,
                            reel_error *err)
{
    REEL_NEED(m, err);
    REEL_NEED(layer, err);
    const char *name = config ? ((const reel_layer_config *)config)->name : NULL;
    reel_error why = {0};
    reel_module *child = reel_module_create_child(m, name, &why);
    if (!child)
        return reel_fail(err, why.status, "%s", why.message);
    return reel_module_set_layer(child, layer, config, err);
}

reel_var reel_module_run(const reel_module *m, int k, reel_var x)
{
    if (!m || k < 0 || k >= m->n_children)
        return reel_tape_fail(x.tape, REEL_ERR_INVALID, "%s: no inner module %d",
                              m ? m->name : "module", k);
    const reel_module *child = m->children[k];
    const reel_var y = reel_module_forward(child, x);
    if (m->scope->seen && y.id >= 0)
        m->scope->seen(m->scope->seen_user, child, x, y);
    return y;
}

/* ---- parameters ---- */
reel_status reel_module_add_param(reel_module *m, const reel_param_config *param, reel_error *err)
{
    REEL_NEED(m, err);
    REEL_NEED(param, err);
    REEL_NEED(param->name, err);

    reel_scope *scope = m->scope;
    char name[256];
    if (snprintf(name, sizeof name, "%s.%s", m->name, param->name) >= (int)sizeof name)
        return reel_fail(err, REEL_ERR_INVALID, "the name of parameter %s has more than 255 bytes",
                         param->name);

    /* All memory is there before the store grows: a failure leaves the module as it was. */
    reel_param_init *inits = realloc(scope->inits, (size_t)(scope->n_inits + 1) * sizeof *inits);
    if (!inits)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    scope->inits = inits;
    int *index = realloc(m->param, (size_t)(m->n_params + 1) * sizeof *index);
    if (!index)
        return reel_fail(err, REEL_ERR_MEMORY, "out of memory");
    m->param = index;

    REEL_TRY(reel_params_add(scope->params, name, param->ndim, param->shape, param->flags,
                             &index[m->n_params], err));
    m->n_params++;
    inits[scope->n_inits++] = (reel_param_init){param->init, param->fan_in, param->fan_out};
    return REEL_OK;
}

int reel_module_params(const reel_module *m)
{
    return m ? m->n_params : 0;
}

reel_var reel_module_param(const reel_module *m, reel_tape *tape, int k)
{
    if (!m || !tape || k < 0 || k >= m->n_params)
        return reel_tape_fail(tape, REEL_ERR_INVALID, "%s: no parameter %d", m ? m->name : "module",
                              k);
    if (m->scope->bound)
        return m->scope->bound[m->param[k]];
    return reel_param_var(tape, m->scope->params, m->param[k]);
}

reel_tensor reel_module_param_value(const reel_module *m, int k)
{
    if (!m || k < 0 || k >= m->n_params)
        return (reel_tensor){.ndim = -1};
    return reel_params_at(m->scope->params, m->param[k])->value;
}

/* ---- what a layer asks ---- */
const void *reel_module_config(const reel_module *m)
{
    return m ? m->config : NULL;
}

const char *reel_module_name(const reel_module *m)
{
    return m ? m->name : NULL;
}

const reel_layer *reel_module_layer(const reel_module *m)
{
    return m ? m->layer : NULL;
}

bool reel_module_training(const reel_module *m)
{
    return m && m->scope->training;
}

uint32_t reel_module_index(const reel_module *m)
{
    return m ? m->index : 0;
}

/* ---- drawn settings for gradient checks ---- */
int64_t reel_draw_int(reel_rng *rng, int64_t min, int64_t max)
{
    if (max < min)
        return min;
    return (int64_t)((uint64_t)min + reel_rng_below(rng, (uint64_t)max - (uint64_t)min + 1));
}

bool reel_draw_chance(reel_rng *rng, double probability)
{
    return reel_rng_uniform(rng) < probability;
}
