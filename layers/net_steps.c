/* A net's tree as a list of steps, and the walk of a value through them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/ops.h"
#include "layers/fusion.h"
#include "layers/net_internal.h"

/* ---- from the tree to steps ---- */

static reel_net_step *append_step(reel_net *net, reel_step_kind kind, const reel_module *join)
{
    reel_net_step *step = &net->step[net->steps++];
    *step = (reel_net_step){.kind = kind, .join = join};
    return step;
}

/* A layer after a layer lengthens the run: layers of one run may be computed together. */
static void append_leaf(reel_net *net, const reel_module *m)
{
    reel_net_step *last = net->steps ? &net->step[net->steps - 1] : NULL;
    if (!last || last->kind != REEL_STEP_RUN) {
        last = append_step(net, REEL_STEP_RUN, NULL);
        last->first = net->leaves;
    }
    last->count++;
    net->leaf[net->leaves++] = m;
}

/* The depth of the tree is bounded where children are added. */
static void append_module(reel_net *net, const reel_module *m)
{
    if (m->layer) {
        append_leaf(net, m); /* what is inside a layer runs in its forward */
        return;
    }
    if (m->join)
        append_step(net, REEL_STEP_SPLIT, m);
    for (int i = 0; i < m->n_children; i++) {
        append_module(net, m->children[i]);
        if (m->join)
            append_step(net, REEL_STEP_BRANCH, m);
    }
    if (m->join)
        append_step(net, REEL_STEP_JOIN, m);
}

reel_status reel_net_make_steps(reel_net *net, reel_error *err)
{
    /* A run for each leaf, two steps for each join and one for each branch are enough. */
    const size_t most = (size_t)net->leaves + 2 * (size_t)net->joins + (size_t)net->branches + 1;
    net->leaf = malloc(((size_t)net->leaves + 1) * sizeof *net->leaf);
    net->step = calloc(most, sizeof *net->step);
    if (!net->leaf || !net->step)
        return reel_fail(err, REEL_ERR_MEMORY, "net: out of memory");
    net->leaves = 0;
    append_module(net, net->root);
    return REEL_OK;
}

/* ---- joins ---- */

const char *reel_join_kind(reel_join join)
{
    static const char *const kinds[] = {[REEL_JOIN_NONE] = "Sequential",
                                        [REEL_JOIN_ADD] = "Add",
                                        [REEL_JOIN_CONCAT] = "Concat",
                                        [REEL_JOIN_SCALE] = "Scale"};
    return kinds[join];
}

const char *reel_sizes_text(char *text, size_t size, reel_var value)
{
    const reel_tensor t = reel_value(value);
    size_t used = 0;
    *text = '\0';
    for (int d = 1; d < t.ndim && used < size; d++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, d > 1 ? " x " : "",
                                 t.shape[d]);
    return text;
}

/* What a branch is called: its last layer, or NULL where it has none. */
static const reel_module *last_layer(const reel_module *m)
{
    while (m && !m->layer)
        m = m->n_children ? m->children[m->n_children - 1] : NULL;
    return m;
}

/* "features.3.bn2 (64 x 28 x 28)" */
static const char *branch_text(char *text, size_t size, const reel_module *branch, reel_var value)
{
    const reel_module *layer = last_layer(branch);
    char sizes[100];
    snprintf(text, size, "%.150s (%s)", layer ? layer->name : "its input",
             reel_sizes_text(sizes, sizeof sizes, value));
    return text;
}

/* For a sum all sizes must be equal, for a concatenation all but the channels. */
static bool branches_agree(reel_join join, reel_var first, reel_var other)
{
    const reel_tensor a = reel_value(first), b = reel_value(other);
    if (a.ndim != b.ndim)
        return false;
    for (int d = 0; d < a.ndim; d++)
        if (a.shape[d] != b.shape[d] && !(join == REEL_JOIN_CONCAT && d == 1))
            return false;
    return true;
}

/* branch[1], whose channels branch[0] gives a factor each. */
static reel_var scaled(const reel_module *join, const reel_var *branch)
{
    char a[256], b[256];
    const reel_tensor factors = reel_value(branch[0]), x = reel_value(branch[1]);
    const bool agree = factors.ndim == 4 && x.ndim == 4 && factors.shape[2] == 1 &&
                       factors.shape[3] == 1 && factors.shape[1] == x.shape[1];
    return agree ? reel_scale_channels(branch[1], branch[0])
                 : reel_tape_fail(branch[0].tape, REEL_ERR_INVALID,
                                  "expected one number for each channel of %s, got %s",
                                  branch_text(b, sizeof b, join->children[1], branch[1]),
                                  branch_text(a, sizeof a, join->children[0], branch[0]));
}

/* The branches' sizes must agree; else the tape's error says which do not. */
static bool check_join_sizes(const reel_module *join, const reel_var *branch, int n)
{
    char a[256], b[256];
    const bool add = join->join == REEL_JOIN_ADD;
    for (int i = 1; i < n; i++)
        if (!branches_agree(join->join, branch[0], branch[i])) {
            reel_tape_fail(branch[0].tape, REEL_ERR_INVALID,
                           "expected branches of %s, got %s and %s",
                           add ? "one size" : "one height and width",
                           branch_text(a, sizeof a, join->children[0], branch[0]),
                           branch_text(b, sizeof b, join->children[i], branch[i]));
            return false;
        }
    return true;
}

static reel_var sum_branches(const reel_var *branch, int n)
{
    reel_var sum = branch[0];
    for (int i = 1; i < n; i++) {
        const reel_var next = reel_add(sum, branch[i]);
        if (i > 1)
            reel_release(sum);
        sum = next;
    }
    return sum;
}

reel_var reel_join_values(const reel_module *join, const reel_var *branch, int n)
{
    if (join->join == REEL_JOIN_SCALE)
        return scaled(join, branch);
    if (!check_join_sizes(join, branch, n))
        return (reel_var){branch[0].tape, -1};
    if (join->join == REEL_JOIN_ADD)
        return sum_branches(branch, n);
    return n == 1 ? branch[0] : reel_concat(branch, n, 1);
}

reel_var reel_join_relu(const reel_module *join, const reel_var *branch, int n)
{
    if (!check_join_sizes(join, branch, n))
        return (reel_var){branch[0].tape, -1};
    const reel_var sum = sum_branches(branch, n - 1);
    const reel_var y = reel_add_relu(sum, branch[n - 1]);
    if (n > 2)
        reel_release(sum);
    return y;
}

/* ---- the walk ---- */

typedef struct net_walk {
    const reel_net *net;
    const reel_net_visitor *visitor;
    reel_tape *tape;
    reel_var x, input;
    reel_var kept[REEL_MOST_JOINS];                    /* inputs of the joins that are open */
    reel_var value[REEL_MOST_JOINS * REEL_MAX_INPUTS]; /* of their branches that have ended */
    int depth, values;
    uint32_t taken; /* layers of the next run that the join before it has computed */
    int first;      /* the tape's nodes before the walk */
} net_walk;

static bool is_kept(const net_walk *w, reel_var x)
{
    bool kept = x.id == w->input.id;
    for (int i = 0; i < w->depth; i++)
        kept |= x.id == w->kept[i].id;
    return kept;
}

static bool is_recomputed(const net_walk *w, int id)
{
    const int place = id - w->first;
    return w->net->recompute && place >= 0 && place < w->net->n_recompute &&
           w->net->recompute[place];
}

/* x was read and gave y: nobody else reads it, unless an open join keeps it. */
static void release_read(const net_walk *w, reel_var x, reel_var y)
{
    if (x.id == y.id || is_kept(w, x))
        return;
    if (is_recomputed(w, x.id))
        reel_recompute(x);
    else
        reel_release(x);
}

/* Values within a layer, from node `from` to its result y: nobody reads them any more. */
static void drop_inner(const net_walk *w, int from, reel_var y)
{
    for (int id = from; w->net->recompute && id < y.id; id++)
        if (is_recomputed(w, id))
            reel_recompute((reel_var){w->tape, id});
}

static void walk_run(net_walk *w, const reel_net_step *run)
{
    const reel_module *const *leaf = w->net->leaf + run->first;
    uint32_t i = w->taken;
    w->taken = 0;

    /* The visitor may compute layers behind the first along with it (`taken`), such as a ReLU. */
    while (i < run->count && reel_tape_status(w->tape, NULL) == REEL_OK) {
        int taken = 0;
        const int from = reel_tape_count(w->tape);
        const reel_var y =
            w->visitor->layer(w->visitor->user, leaf + i, (int)(run->count - i), w->x, &taken);
        if (reel_tape_status(w->tape, NULL) != REEL_OK)
            reel_tape_prefix_error(w->tape, leaf[i]->name);
        else {
            release_read(w, w->x, y);
            drop_inner(w, from, y);
        }

        w->x = y;
        i += 1 + (uint32_t)taken;
    }
}

/* The ReLU layer behind a sum that the visitor computes along with it, or NULL. */
static const reel_module *relu_behind(const net_walk *w, const reel_net_step *step)
{
    const reel_net_step *next = step + 1;
    if (!w->visitor->join_relu || step->join->join != REEL_JOIN_ADD || step->join->n_children < 2 ||
        next == w->net->step + w->net->steps || next->kind != REEL_STEP_RUN)
        return NULL;
    const reel_module *leaf = w->net->leaf[next->first];
    return leaf->layer == &reel_layer_relu ? leaf : NULL;
}

static void walk_join(net_walk *w, const reel_net_step *step)
{
    const reel_net_visitor *visitor = w->visitor;
    const reel_module *join = step->join, *relu = relu_behind(w, step);
    const int n = join->n_children;
    const reel_var *branch = &w->value[w->values -= n];
    reel_var y;
    if (relu)
        y = visitor->join_relu(visitor->user, join, relu, branch, n);
    else if (visitor->join)
        y = visitor->join(visitor->user, join, branch, n);
    else
        y = reel_join_values(join, branch, n);
    w->taken = relu ? 1 : 0;
    if (reel_tape_status(w->tape, NULL) != REEL_OK) {
        reel_tape_prefix_error(w->tape, join->name);
        return;
    }

    /* A branch without layers ends with the join's input, which is released once. */
    for (int i = 0; i < n; i++)
        release_read(w, branch[i], y);
    const reel_var input = w->kept[--w->depth];
    release_read(w, input, y);
    w->x = y;
}

reel_var reel_net_walk(const reel_net *net, reel_var x, const reel_net_visitor *visitor)
{
    net_walk w = {.net = net,
                  .visitor = visitor,
                  .tape = x.tape,
                  .x = x,
                  .input = x,
                  .first = reel_tape_count(x.tape)};

    /* Two stacks: the inputs of open joins, and the values of their branches that have ended. */
    for (uint32_t i = 0; i < net->steps && reel_tape_status(w.tape, NULL) == REEL_OK; i++) {
        const reel_net_step *step = &net->step[i];
        switch (step->kind) {
        case REEL_STEP_RUN:
            walk_run(&w, step);
            break;
        case REEL_STEP_SPLIT:
            w.kept[w.depth++] = w.x;
            break;
        case REEL_STEP_BRANCH:
            w.value[w.values++] = w.x;
            w.x = w.kept[w.depth - 1];
            break;
        case REEL_STEP_JOIN:
            walk_join(&w, step);
            break;
        }
    }
    return reel_tape_status(w.tape, NULL) == REEL_OK ? w.x : (reel_var){w.tape, -1};
}
