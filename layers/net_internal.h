/* What net.c, describe.c and init.c share. Private. */
#ifndef REEL_LAYERS_NET_INTERNAL_H
#define REEL_LAYERS_NET_INTERNAL_H

#include "layers/module.h"

enum { REEL_MODULE_PARAMS = 4 };

/* A leaf layer, or (kind NULL) a Sequential with children. */
struct reel_module {
    reel_net *net;
    const reel_module_kind *kind;
    char *name;
    void *config;
    uint32_t index;
    int param[REEL_MODULE_PARAMS];
    int n_params;
    reel_module *parent;
    reel_module **children;
    int n_children;
};

/* How a parameter is drawn. */
typedef struct reel_param_init {
    reel_init init;
    int64_t fan_in, fan_out;
} reel_param_init;

struct reel_net {
    const reel_ctx *ctx;
    reel_params *params;
    reel_param_init *inits; /* parallel to params */
    int n_inits;
    reel_module *root, *open;
    const reel_module **leaf; /* the layers in order, from reel_net_build */
    const reel_var *bound;    /* see reel_net_bind */
    uint32_t leaves;
    bool training, built, unfused;
    reel_net_see *see; /* see reel_net_watch */
    void *see_user;
    reel_error error; /* sticky while adding */
};

/* Kinds that another layer takes along (reel_module_kind.forward_with). */
extern const reel_module_kind reel_relu_kind, reel_max_pool2d_kind;
reel_pool2d_attrs reel_pool2d_attrs_of(const reel_pool2d_config *c);

/* Draws every element of t; a function of (seed, index) only, whatever the number of threads. */
void reel_init_draw(const reel_ctx *ctx, const reel_param_init *how, uint32_t index,
                    const reel_tensor *t);

#endif
