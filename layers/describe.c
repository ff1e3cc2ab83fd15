/* Looking at a net: one image goes through it in evaluation mode, on a tape that computes nothing,
 * and every layer notes its output. */
#include "core/tape.h"
#include "layers/net_internal.h"

typedef struct notes {
    reel_layer_info *info;
    int max, count;
    int64_t batch;
    int64_t inner_multiply_adds; /* of the modules inside the layer that runs now */
} notes;

static int64_t parameters_of(const reel_module *m)
{
    int64_t total = 0;
    for (int k = 0; k < m->n_params; k++) {
        const reel_param *p = reel_params_at(m->scope->params, m->param[k]);
        if (!(p->flags & REEL_PARAM_BUFFER))
            total += reel_tensor_numel(&p->value);
    }
    for (int i = 0; i < m->n_children; i++)
        total += parameters_of(m->children[i]);
    return total;
}

static int64_t multiply_adds_of(const reel_module *m, const reel_tensor *in, const reel_tensor *out)
{
    return m->layer->multiply_adds ? m->layer->multiply_adds(m, in, out) : 0;
}

static void note_inner(void *user, const reel_module *m, reel_var x, reel_var y)
{
    notes *n = user;
    const reel_tensor in = reel_value(x), out = reel_value(y);
    n->inner_multiply_adds += multiply_adds_of(m, &in, &out);
}

static void note_output(notes *n, const char *name, const char *kind, reel_var y,
                        const reel_layer_info *work)
{
    const reel_tensor out = reel_value(y);
    if (n->count < n->max) {
        reel_layer_info *info = &n->info[n->count];
        *info = *work;
        info->name = name;
        info->kind = kind;
        info->ndim = out.ndim;
        for (int d = 0; d < out.ndim; d++)
            info->shape[d] = d ? out.shape[d] : n->batch;
    }
    n->count++;
}

static reel_var describe_layer(void *user, const reel_module *const *layer, int n_layers,
                               reel_var x, int *taken)
{
    notes *n = user;
    const reel_module *m = layer[0];
    const reel_tensor in = reel_value(x);
    (void)n_layers, (void)taken;
    n->inner_multiply_adds = 0;
    const reel_var y = reel_module_forward(m, x);
    if (y.id < 0)
        return y;

    const reel_tensor out = reel_value(y);
    const int64_t each = multiply_adds_of(m, &in, &out) + n->inner_multiply_adds;
    const reel_layer_info work = {.parameters = parameters_of(m), .multiply_adds = n->batch * each};
    note_output(n, m->name, reel_layer_kind_of(m->layer), y, &work);
    return y;
}

static reel_var describe_join(void *user, const reel_module *join, const reel_var *branch,
                              int n_branches)
{
    const reel_var y = reel_join_values(join, branch, n_branches);
    if (y.id >= 0)
        note_output(user, join->name, reel_join_kind(join->join), y, &(reel_layer_info){0});
    return y;
}

reel_status reel_net_describe(reel_net *net, const int64_t input[4], reel_layer_info *info, int max,
                              int *count, reel_error *err)
{
    REEL_NEED(net, err);
    REEL_NEED(input, err);
    REEL_NEED(count, err);

    REEL_TRY(reel_net_check_built(net, err));
    notes n = {.info = info, .max = max, .batch = input[0]};
    const bool training = net->scope.training;
    reel_tape *tape;
    double never_read; /* stands where the image would */
    const int64_t one[4] = {1, input[1], input[2], input[3]};
    REEL_TRY(reel_dry_tape_create(&tape, net->scope.ctx, reel_net_dtype(net), false, err));
    const reel_tensor image = reel_tensor_of(&never_read, reel_net_dtype(net), 4, one);
    const reel_var x = reel_input(tape, &image);

    net->scope.training = false;
    net->scope.seen = note_inner;
    net->scope.seen_user = &n;
    const reel_net_visitor visitor = {.layer = describe_layer, .join = describe_join, .user = &n};
    reel_net_walk(net, x, &visitor);
    net->scope.seen = NULL;
    net->scope.training = training;

    *count = n.count;
    const reel_status status = reel_tape_status(tape, err);
    reel_tape_destroy(tape);
    return status;
}
