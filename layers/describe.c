/* Looking at a net: one image of zeros goes through it in evaluation mode, and every leaf layer
 * notes its output. */
#include "core/tape.h"
#include "layers/net_internal.h"

typedef struct notes {
    reel_layer_info *info;
    int max, count;
    int64_t batch;
} notes;

static int64_t parameters_of(const reel_module *m)
{
    int64_t total = 0;
    for (int k = 0; k < m->n_params; k++) {
        const reel_param *p = reel_params_at(m->net->params, m->param[k]);
        if (!(p->flags & REEL_PARAM_BUFFER))
            total += reel_tensor_numel(&p->value);
    }
    return total;
}

static reel_var visit(const reel_module *m, reel_tape *tape, reel_var x, notes *n)
{
    if (!m->kind) {
        for (int i = 0; i < m->n_children && x.id >= 0; i++)
            x = visit(m->children[i], tape, x, n);
        return x;
    }
    const reel_tensor in = reel_value(x);
    const reel_var y = m->kind->forward(m, tape, x);
    if (y.id < 0) {
        reel_tape_prefix_error(tape, m->name);
        return y;
    }
    const reel_tensor out = reel_value(y);
    if (n->count < n->max) {
        reel_layer_info *info = &n->info[n->count];
        *info = (reel_layer_info){.name = m->name,
                                  .kind = m->kind->name,
                                  .ndim = out.ndim,
                                  .parameters = parameters_of(m)};
        for (int d = 0; d < out.ndim; d++)
            info->shape[d] = d ? out.shape[d] : n->batch;
        if (m->kind->multiply_adds)
            info->multiply_adds = n->batch * m->kind->multiply_adds(m, &in, &out);
    }
    n->count++;
    if (x.id != y.id)
        reel_release(x);
    return y;
}

reel_status reel_net_describe(reel_net *net, const int64_t input[4], reel_layer_info *info, int max,
                              int *count, reel_error *err)
{
    REEL_ASSERT(net->built);
    notes n = {.info = info, .max = max, .batch = input[0]};
    const bool training = net->training;
    reel_tape *tape;
    const reel_tape_config config = {.dtype = reel_net_dtype(net), .no_grad = true};
    REEL_TRY(reel_tape_create(&tape, net->ctx, &config, err));
    static const int64_t none[4] = {0};
    const int64_t pixel[4] = {1, 1, 1, 1}, after[4] = {0, input[1] - 1, input[2] - 1, input[3] - 1};
    net->training = false;
    reel_var x = reel_pad(reel_reshape(reel_scalar(tape, 0), 4, pixel), none, after, 0);
    if (x.id >= 0)
        visit(net->root, tape, x, &n);
    net->training = training;
    *count = n.count;
    const reel_status status = reel_tape_status(tape, err);
    reel_tape_destroy(tape);
    return status;
}
