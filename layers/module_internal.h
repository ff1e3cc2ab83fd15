/* The tree of modules and what all modules of one net share. Private. */
#ifndef REEL_LAYERS_MODULE_INTERNAL_H
#define REEL_LAYERS_MODULE_INTERNAL_H

#include "layers/args_internal.h"
#include "layers/init_internal.h"
#include "layers/module.h"

/* Called with each inner module that reel_module_run computes. */
typedef void reel_module_seen_fn(void *user, const reel_module *m, reel_var x, reel_var y);

/* What the modules of a net share: the net's state, as far as its layers see it. */
typedef struct reel_scope {
    const reel_ctx *ctx;
    reel_params *params;
    reel_param_init *inits; /* parallel to params */
    int n_inits;
    uint32_t layers;       /* how many have got an index */
    const reel_var *bound; /* see reel_net_bind */
    bool training;
    reel_module_seen_fn *seen; /* or NULL */
    void *seen_user;
} reel_scope;

/* A use of a layer, or (layer NULL) a Sequential or a join. */
struct reel_module {
    reel_scope *scope;
    const reel_layer *layer;
    reel_join join;
    bool of_classes; /* its width is the number of classes: the text says so */
    bool own_init;   /* its values are as its text says: they are not fitted to data */
    bool unnamed;    /* a join, or a branch of one: no part of its children's names */
    int named, sums; /* of a named module: positions given to layers, names given to joins */
    char *name;      /* full; NULL for the root */
    void *config;
    uint32_t index;
    int *param; /* indices in the store */
    int n_params;
    reel_module *parent;
    reel_module **children;
    int n_children;
};

/* A new last child, a Sequential until it gets a layer. name NULL: its position among the layers
 * and Sequentials of the nearest named module. NULL: no memory, or a full name that is too long. */
reel_module *reel_module_create_child(reel_module *parent, const char *name, reel_error *err);
/* A new last child that is a join, or (REEL_JOIN_NONE) a branch: a Sequential that adds nothing to
 * names. NULL as above. */
reel_module *reel_module_create_part(reel_module *parent, reel_join join, reel_error *err);
/* The nearest module, from m upward, that gives its name to what it holds. */
reel_module *reel_module_section(reel_module *m);
/* Makes an empty child a use of the layer: checks and keeps the config, runs setup. */
reel_status reel_module_set_layer(reel_module *m, const reel_layer *layer, const void *config,
                                  reel_error *err);
/* The module and everything below it; NULL is allowed. */
void reel_module_destroy(reel_module *m);

static inline reel_args reel_layer_args(const reel_layer *layer)
{
    return (reel_args){layer->name, layer->args, layer->n_args};
}

static inline reel_var reel_module_forward(const reel_module *m, reel_var x)
{
    return m->layer->forward ? m->layer->forward(m, x) : m->layer->function(x);
}

/* What people call the layer. */
static inline const char *reel_layer_kind_of(const reel_layer *layer)
{
    return layer->kind ? layer->kind : layer->name;
}

#endif
