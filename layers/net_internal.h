/* A net's state, for the files that walk through its layers. Private. */
#ifndef REEL_LAYERS_NET_INTERNAL_H
#define REEL_LAYERS_NET_INTERNAL_H

#include "layers/module_internal.h"
#include "layers/net.h"

struct reel_net {
    reel_scope scope; /* what the modules see of the net */
    reel_module *root, *open;
    const reel_module **leaf; /* the layers in order, from reel_net_build */
    uint32_t leaves;
    bool built, unfused;
    reel_net_watch_fn *watch; /* see reel_net_watch */
    void *watch_user;
    reel_error error; /* sticky while adding */
};

reel_status reel_net_check_built(const reel_net *net, reel_error *err);

#endif
