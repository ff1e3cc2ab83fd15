/* Construction of a net, its modes, and the walk of a value through its layers. */
#include "layers/net.h"

#include <stdlib.h>
#include <string.h>

#include "layers/net_internal.h"

reel_status reel_net_create(reel_net **out, const reel_ctx *ctx, reel_dtype dtype, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!ctx || dtype < 0 || dtype >= REEL_DTYPES)
        return reel_fail(err, REEL_ERR_INVALID, "net: expected a context and a dtype");
    reel_net *net = calloc(1, sizeof *net);
    if (!net)
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    net->scope.ctx = ctx;
    net->scope.training = true;
    net->root = calloc(1, sizeof *net->root);
    if (!net->root || reel_params_create(&net->scope.params, dtype, err) != REEL_OK) {
        reel_net_destroy(net);
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    }
    net->root->scope = &net->scope;
    net->open = net->root;
    *out = net;
    return REEL_OK;
}

void reel_net_destroy(reel_net *net)
{
    if (!net)
        return;
    reel_module_destroy(net->root);
    reel_params_destroy(net->scope.params);
    free(net->scope.inits);
    free(net->leaf);
    free(net);
}

/* ---- adding layers ---- */

/* A new child of the open Sequential; NULL with the sticky error set on failure. */
static reel_module *add_child(reel_net *net, const char *name)
{
    if (net->built && net->error.status == REEL_OK)
        reel_fail(&net->error, REEL_ERR_INVALID, "net: built already; it takes no more layers");
    if (net->error.status != REEL_OK)
        return NULL;
    reel_module *m = reel_module_create_child(net->open, name);
    if (!m)
        reel_fail(&net->error, REEL_ERR_MEMORY, "net: out of memory");
    return m;
}

void reel_net_begin(reel_net *net, const char *name)
{
    if (!net)
        return;
    reel_module *m = add_child(net, name);
    if (m)
        net->open = m;
}

void reel_net_end(reel_net *net)
{
    if (!net)
        return;
    if (net->error.status != REEL_OK)
        return;
    if (net->open->parent)
        net->open = net->open->parent;
    else
        reel_fail(&net->error, REEL_ERR_INVALID, "net: reel_net_end without reel_net_begin");
}

void reel_net_add(reel_net *net, const reel_layer *layer, const void *config)
{
    if (!net)
        return;

    reel_module *m = add_child(net, config ? ((const reel_layer_config *)config)->name : NULL);
    if (!m)
        return;
    if (!layer) {
        reel_fail(&net->error, REEL_ERR_INVALID, "%s: this layer is not in the table", m->name);
        return;
    }
    net->leaves++;
    reel_module_set_layer(m, layer, config, &net->error);
}

void reel_net_layer(reel_net *net, const char *layer, const char *arguments)
{
    if (!net)
        return;

    if (net->error.status != REEL_OK)
        return;
    const reel_layer *found = reel_layer_find(layer);
    if (!found) {
        reel_fail(&net->error, REEL_ERR_INVALID, "unknown layer \"%s\"", layer ? layer : "NULL");
        return;
    }

    const reel_args args = reel_layer_args(found);
    char *text = strdup(arguments ? arguments : "");
    void *config = calloc(1, found->config_size ? found->config_size : sizeof(reel_layer_config));
    reel_error why = {0};
    if (!text || !config)
        reel_fail(&net->error, REEL_ERR_MEMORY, "net: out of memory");
    else if (reel_args_parse(&args, text, config, &why) != REEL_OK)
        reel_fail(&net->error, why.status, "%s: %s", layer, why.message);
    else
        reel_net_add(net, found, config);
    free(config);
    free(text);
}

static const reel_module **collect_leaves(const reel_module *m, const reel_module **into)
{
    if (m->layer) {
        *into++ = m; /* what is inside a layer runs in its forward */
        return into;
    }
    for (int i = 0; i < m->n_children; i++)
        into = collect_leaves(m->children[i], into);
    return into;
}

reel_status reel_net_status(const reel_net *net, reel_error *err)
{
    if (!net)
        return reel_fail(err, REEL_ERR_INVALID, "no net");
    if (net->error.status != REEL_OK && err)
        *err = net->error;
    return net->error.status;
}

reel_status reel_net_check_built(const reel_net *net, reel_error *err)
{
    REEL_TRY(reel_net_status(net, err));
    return net->built ? REEL_OK
                      : reel_fail(err, REEL_ERR_INVALID, "net: not built; call reel_net_build");
}

reel_status reel_net_build(reel_net *net, reel_error *err)
{
    REEL_TRY(reel_net_status(net, err));
    if (net->built)
        return reel_fail(err, REEL_ERR_INVALID, "net: built already");
    if (net->open != net->root)
        return reel_fail(err, REEL_ERR_INVALID, "net: %s: reel_net_end is missing",
                         net->open->name);
    REEL_TRY(reel_params_commit(net->scope.params, err));
    net->leaf = malloc((net->leaves + 1) * sizeof *net->leaf);
    if (!net->leaf)
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    collect_leaves(net->root, net->leaf);
    net->built = true;
    return REEL_OK;
}

void reel_net_init_param(reel_net *net, int index)
{
    if (!net || !net->built || index < 0 || index >= net->scope.n_inits)
        return;
    reel_init_draw(net->scope.ctx, &net->scope.inits[index], (uint32_t)index,
                   &reel_params_at(net->scope.params, index)->value);
}

void reel_net_init(reel_net *net)
{
    if (!net)
        return;
    for (int i = 0; i < net->scope.n_inits; i++)
        reel_net_init_param(net, i);
}

reel_params *reel_net_params(const reel_net *net)
{
    return net ? net->scope.params : NULL;
}

const reel_ctx *reel_net_ctx(const reel_net *net)
{
    return net ? net->scope.ctx : NULL;
}

reel_dtype reel_net_dtype(const reel_net *net)
{
    return reel_params_dtype(reel_net_params(net));
}

void reel_net_set_training(reel_net *net, bool training)
{
    if (!net)
        return;
    net->scope.training = training;
}

bool reel_net_training(const reel_net *net)
{
    return net && net->scope.training;
}

void reel_net_set_fusion(reel_net *net, bool fusion)
{
    if (!net)
        return;
    net->unfused = !fusion;
}

void reel_net_watch(reel_net *net, reel_net_watch_fn *watch, void *user)
{
    if (!net)
        return;
    net->watch = watch;
    net->watch_user = user;
}

void reel_net_bind(reel_net *net, const reel_var *params)
{
    if (!net)
        return;
    net->scope.bound = params;
}

/* Runs layer i, and those after it that it takes along, on x. */
static reel_var run_layer(const reel_net *net, uint32_t i, reel_var x, int *taken)
{
    const reel_module *m = net->leaf[i];
    *taken = 0;
    if (net->unfused || !m->layer->forward_with)
        return reel_module_forward(m, x);
    return m->layer->forward_with(m, net->leaf + i + 1, (int)(net->leaves - i - 1), x, taken);
}

/* Values between layers are released as soon as the next layer has read them: they stay only where
 * a backward pass needs them. The input belongs to the caller and is never released. */
reel_var reel_net_forward(reel_net *net, reel_tape *tape, reel_var x)
{
    const reel_var input = x;
    if (reel_tape_status(tape, NULL) != REEL_OK)
        return (reel_var){tape, -1};
    if (!net || !net->built || x.tape != tape)
        return reel_tape_fail(
            tape, REEL_ERR_INVALID, "net: expected a built net and a value of the tape, got %s",
            !net || !net->built ? "a net that is not built" : "a value of another tape");

    uint32_t i = 0;
    while (i < net->leaves && reel_tape_status(tape, NULL) == REEL_OK) {
        int taken;
        const reel_var y = run_layer(net, i, x, &taken);
        if (reel_tape_status(tape, NULL) != REEL_OK)
            reel_tape_prefix_error(tape, net->leaf[i]->name);
        else if (x.id != y.id && x.id != input.id)
            reel_release(x);

        const reel_module *last = net->leaf[i + (uint32_t)taken];
        if (net->watch && y.id >= 0)
            net->watch(net->watch_user, last->name, reel_layer_kind_of(last->layer), y);
        x = y;
        i += 1 + (uint32_t)taken;
    }
    return x;
}
