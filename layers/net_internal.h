/* A net's state, for the files that walk through its layers. Private. */
#ifndef REEL_LAYERS_NET_INTERNAL_H
#define REEL_LAYERS_NET_INTERNAL_H

#include "layers/module_internal.h"
#include "layers/net.h"

enum { REEL_MOST_JOINS = 16 }; /* that lie inside one another */

/* A net as a program, from reel_net_build: x goes through runs of layers and through joins.
 *
 *     RUN      x = the layers leaf[first .. first + count), one after the other
 *     SPLIT    a join begins: x is kept for its branches
 *     BRANCH   a branch ends: its value is kept, the next one begins with the join's input
 *     JOIN     x = the join of its branches' values */
typedef enum { REEL_STEP_RUN, REEL_STEP_SPLIT, REEL_STEP_BRANCH, REEL_STEP_JOIN } reel_step_kind;
typedef struct reel_net_step {
    reel_step_kind kind;
    const reel_module *join;
    uint32_t first, count;
} reel_net_step;

struct reel_net {
    reel_scope scope; /* what the modules see of the net */
    reel_module *root, *open;
    const reel_module **leaf; /* the layers in order, from reel_net_build */
    reel_net_step *step;      /* likewise */
    uint32_t leaves, joins, branches, steps;
    int64_t classes; /* that a text was read for; 0 = unknown */
    char note[300];  /* see reel_net_note */
    bool built, unfused;
    /* Which values of a forward pass backward computes again, by their place on the tape after the
     * first node of the pass; and from how many bytes on gradients come last: see recompute.h. */
    bool *recompute;
    int n_recompute;
    size_t late_bytes;
    int64_t pieces;           /* of planned batches; 0 = 1: see reel_net_plan_pieces */
    reel_net_watch_fn *watch; /* see reel_net_watch */
    void *watch_user;
    reel_error error; /* sticky while adding */
};

reel_status reel_net_check_built(const reel_net *net, reel_error *err);

/* ---- net_steps.c ---- */

/* Fills leaf and step. */
reel_status reel_net_make_steps(reel_net *net, reel_error *err);

/* What happens at each place of a walk. A failure is the tape's sticky error; the walk puts the
 * layer's name before its message. */
typedef struct reel_net_visitor {
    /* The value of layer[0] on x, or of more of the n layers that follow each other: *taken, which
     * is 0 before, counts those after the first. */
    reel_var (*layer)(void *user, const reel_module *const *layer, int n, reel_var x, int *taken);
    /* The value of a join. NULL: reel_join_values. */
    reel_var (*join)(void *user, const reel_module *join, const reel_var *branch, int n);
    /* The value of a sum and of the ReLU layer right behind it, in one. NULL: one by one. */
    reel_var (*join_relu)(void *user, const reel_module *join, const reel_module *relu,
                          const reel_var *branch, int n);
    void *user;
} reel_net_visitor;

/* Takes x through a built net. Each value is released when its last reader has read it: it stays
 * only where a backward pass needs it. The input belongs to the caller and is never released. */
reel_var reel_net_walk(const reel_net *net, reel_var x, const reel_net_visitor *visitor);

/* The sum, the concatenation or the product of the branches' values; their shapes must agree. */
reel_var reel_join_values(const reel_module *join, const reel_var *branch, int n);
/* max(sum of at least 2 branches, 0). */
reel_var reel_join_relu(const reel_module *join, const reel_var *branch, int n);
/* "64 x 28 x 28": the sizes of one image's value. Returns text. */
const char *reel_sizes_text(char *text, size_t size, reel_var value);
/* "Add", "Concat", "Scale". */
const char *reel_join_kind(reel_join join);

/* ---- plan.c ---- */

/* The forward pass of a batch, as reel_net_plan_pieces has it where it is for training. */
reel_var reel_plan_forward(reel_net *net, reel_tape *tape, const int64_t input[4], bool training);

/* Cross entropy of y and backward; of another shape than logits': the mean and backward. */
reel_status reel_plan_backward(reel_var y, reel_error *err);

/* A tape that computes nothing: operators check shapes and get addresses without memory. */
reel_status reel_dry_tape_create(reel_tape **tape, const reel_ctx *ctx, reel_dtype dtype,
                                 bool recording, reel_error *err);

#endif
