/* Construction of a net, its modes, and the walk of a value through its layers. */
#include "layers/net.h"

#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "layers/net_internal.h"

reel_status reel_net_create(reel_net **out, const reel_ctx *ctx, reel_dtype dtype, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!ctx || dtype < 0 || dtype >= REEL_DTYPES)
        return reel_fail(err, REEL_ERR_INVALID, "net: expected a context and float32 or float64");
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
    free(net->step);
    free(net->recompute);
    free(net);
}

/* ---- adding layers ---- */

enum { DEEPEST = 64 }; /* parts inside one another: those who walk the tree call themselves */

/* Whether the open part takes a child; else the sticky error is set. */
static bool takes_child(reel_net *net)
{
    if (net->error.status != REEL_OK)
        return false;
    const bool join = net->open->join != REEL_JOIN_NONE;
    if (net->built)
        reel_fail(&net->error, REEL_ERR_INVALID, "net: built already; it takes no more layers");
    else if (join && net->open->n_children == REEL_MAX_INPUTS)
        reel_fail(&net->error, REEL_ERR_INVALID, "%s: expected at most %d branches",
                  net->open->name, REEL_MAX_INPUTS);
    net->branches += join;
    return net->error.status == REEL_OK;
}

/* A new child of the open part; NULL with the sticky error set on failure. */
static reel_module *add_child(reel_net *net, const char *name)
{
    return takes_child(net) ? reel_module_create_child(net->open, name, &net->error) : NULL;
}

/* What is added from now on belongs to m; NULL: an error was met. */
static void open_net_part(reel_net *net, reel_module *m)
{
    int depth = 0, joins = 0;
    for (const reel_module *in = m; in; in = in->parent) {
        depth++;
        joins += in->join != REEL_JOIN_NONE;
    }
    if (depth > DEEPEST || joins > REEL_MOST_JOINS)
        reel_fail(&net->error, REEL_ERR_INVALID,
                  "%s: expected at most %d Sequentials and %d joins inside one another", m->name,
                  DEEPEST, REEL_MOST_JOINS);
    else if (m)
        net->open = m;
}

void reel_net_begin(reel_net *net, const char *name)
{
    if (!net)
        return;
    open_net_part(net, add_child(net, name));
}

void reel_net_begin_join(reel_net *net, reel_join join)
{
    if (!net)
        return;
    if (net->error.status == REEL_OK && join != REEL_JOIN_ADD && join != REEL_JOIN_CONCAT &&
        join != REEL_JOIN_SCALE)
        reel_fail(&net->error, REEL_ERR_INVALID,
                  "net: expected a join that adds, concatenates or scales");
    if (!takes_child(net))
        return;
    reel_module *m = reel_module_create_part(net->open, join, &net->error);
    net->joins += m != NULL;
    open_net_part(net, m);
}

void reel_net_begin_branch(reel_net *net)
{
    if (!net)
        return;
    if (net->error.status == REEL_OK && net->open->join == REEL_JOIN_NONE)
        reel_fail(&net->error, REEL_ERR_INVALID, "net: reel_net_begin_branch outside of a join");
    if (!takes_child(net))
        return;
    open_net_part(net, reel_module_create_part(net->open, REEL_JOIN_NONE, &net->error));
}

/* Whether a part is a branch that holds nothing. */
static bool is_input(const reel_module *m)
{
    return m->unnamed && !m->join && !m->layer && m->n_children == 0;
}

/* What a join needs at its end; else the sticky error is set. */
static void check_branches(reel_net *net)
{
    const reel_module *m = net->open;
    if (m->join != REEL_JOIN_NONE && m->n_children == 0)
        reel_fail(&net->error, REEL_ERR_INVALID, "%s: expected a branch or more", m->name);
    else if (m->join == REEL_JOIN_SCALE &&
             (m->n_children != 2 || is_input(m->children[0]) || !is_input(m->children[1])))
        reel_fail(&net->error, REEL_ERR_INVALID,
                  "%s: expected a branch of layers and a branch without", m->name);
}

void reel_net_end(reel_net *net)
{
    if (!net)
        return;
    if (net->error.status != REEL_OK)
        return;
    check_branches(net);
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
    /* Parsing cuts the text into words, to which the config may point; the net copies both. */
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

reel_status reel_net_status(const reel_net *net, reel_error *err)
{
    if (!net)
        return reel_fail(err, REEL_ERR_INVALID, "no net");
    if (net->error.status != REEL_OK && err)
        *err = net->error;
    return net->error.status;
}

const char *reel_net_note(const reel_net *net)
{
    return net ? net->note : "";
}

const char *reel_net_last_kind(const reel_net *net)
{
    if (!net || net->steps == 0)
        return NULL;
    const reel_net_step *last = &net->step[net->steps - 1];
    return last->kind == REEL_STEP_RUN
               ? reel_layer_kind_of(net->leaf[last->first + last->count - 1]->layer)
               : reel_join_kind(last->join->join);
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
    REEL_TRY(reel_net_make_steps(net, err));
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

/* ---- forward ---- */

static void tell_watch(const reel_net *net, const char *name, const char *kind, reel_var y)
{
    if (net->watch && y.id >= 0)
        net->watch(net->watch_user, name, kind, y);
}

/* Nothing comes behind this layer. */
static bool ends_net(const reel_net *net, const reel_module *const *layer)
{
    const reel_net_step *last = &net->step[net->steps - 1];
    return last->kind == REEL_STEP_RUN && layer == net->leaf + last->first + last->count - 1;
}

/* Runs the first layer, and those after it that it takes along. */
static reel_var forward_layer(void *user, const reel_module *const *layer, int n, reel_var x,
                              int *taken)
{
    const reel_net *net = user;
    const reel_module *m = layer[0];
    const bool alone = net->unfused || !m->layer->forward_with;
    reel_tape_set_wide(x.tape, ends_net(net, layer));
    const reel_var y =
        alone ? reel_module_forward(m, x) : m->layer->forward_with(m, layer + 1, n - 1, x, taken);
    const reel_module *last = layer[*taken];
    tell_watch(net, last->name, reel_layer_kind_of(last->layer), y);
    return y;
}

static reel_var forward_join(void *user, const reel_module *join, const reel_var *branch, int n)
{
    const reel_net *net = user;
    const reel_var y = reel_join_values(join, branch, n);
    tell_watch(net, join->name, reel_join_kind(join->join), y);
    return y;
}

static reel_var forward_join_relu(void *user, const reel_module *join, const reel_module *relu,
                                  const reel_var *branch, int n)
{
    const reel_net *net = user;
    const reel_var y = reel_join_relu(join, branch, n);
    tell_watch(net, relu->name, reel_layer_kind_of(relu->layer), y);
    return y;
}

reel_var reel_net_forward(reel_net *net, reel_tape *tape, reel_var x)
{
    if (reel_tape_status(tape, NULL) != REEL_OK)
        return (reel_var){tape, -1};
    if (!net || !net->built || x.tape != tape)
        return reel_tape_fail(
            tape, REEL_ERR_INVALID, "net: expected a built net and a value of the tape, got %s",
            !net || !net->built ? "a net that is not built" : "a value of another tape");

    reel_tape_set_late_gradients(tape, net->late_bytes);
    const reel_net_visitor visitor = {.layer = forward_layer,
                                      .join = forward_join,
                                      .join_relu = net->unfused ? NULL : forward_join_relu,
                                      .user = net};
    const reel_var y = reel_net_walk(net, x, &visitor);
    reel_tape_set_wide(tape, false);
    return reel_widen(y);
}
