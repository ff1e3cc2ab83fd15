/* What tape.c (recording), tape_backward.c (the reverse sweep) and tape_state.c share. Private. */
#ifndef REEL_CORE_TAPE_INTERNAL_H
#define REEL_CORE_TAPE_INTERNAL_H

#include "core/memory.h"
#include "core/tape.h"

/* One value and how it came about. Inputs have smaller ids than outputs, so descending ids are a
 * reverse topological order. */
typedef struct reel_node {
    const reel_op *op; /* NULL: a leaf */
    void *attrs;
    size_t attrs_size;
    int n_in;
    int in[REEL_MAX_INPUTS]; /* ids; -1: an absent optional input */
    reel_dtype pass;         /* which of the operator's passes are called */
    reel_tensor value;
    reel_tensor grad; /* data NULL until one arrives */
    void *saved;
    size_t forward_scratch, backward_scratch;
    reel_params *params; /* parameter leaf: gradient goes to params[param] */
    int param;
    int uses;                        /* backward calls still to come that read value */
    bool needs_grad;                 /* something below it wants a gradient */
    bool wants_grad;                 /* leaf of reel_input_grad */
    bool owns_value;                 /* value.data is an arena block */
    bool released;                   /* the caller will not read value again */
    bool recorded;                   /* made while the tape recorded */
    bool anchor;                     /* not recorded, but read by what is: stays until reset */
    bool needs_output;               /* backward reads value */
    bool narrow;                     /* results made of it are stored in bf16 */
    bool passed;                     /* the reverse sweep is through with it */
    bool filled;                     /* parameter leaf: this step has written its gradient */
    int leaf, first_user, last_late; /* see tape_hooks.c */
    bool written;                    /* likewise */
    int readers;                     /* of a value that is computed again: see tape_recompute.c */
    bool wanted;                     /* likewise */
    bool factored;                   /* backward leaves the gradient of input 1 as `factors` */
    reel_factors factors;
    int64_t batch;                  /* pieces of the batch that dimension 0 is; 0 = it is none */
    int64_t calls;                  /* of its operator: one for each piece, or 1 for all */
    size_t piece_saved;             /* bytes of `saved` from one piece to the next */
    double forward_ms, backward_ms; /* filled in while tracing or timed */
} reel_node;

struct reel_tape {
    const reel_ctx *ctx;
    reel_dtype dtype;
    bool bf16; /* values and gradients are stored in bf16: see tape_bf16.c */
    bool recording, retain, plan, poison;
    bool tracing; /* REEL_TRACE=time: each node's times go to the log at reset */
    bool timed;
    int64_t step;
    int64_t pieces, first_row;          /* see reel_tape_set_pieces */
    struct reel_statistics *statistics; /* borrowed; NULL = none */
    int64_t first_piece;                /* the row of the first piece in it */
    reel_arena *arena;
    char *attrs_at; /* where the next attributes lie, and how much is left there */
    size_t attrs_left;
    size_t most_held, most_scratch;        /* see reel_tape_usage */
    size_t most_with_gradients, gradients; /* gradients: bytes that this step has written */
    size_t late_bytes;                     /* see reel_tape_set_late_gradients */
    bool wide;                             /* see reel_tape_set_wide */
    reel_tape_work work;
    reel_param_hooks hooks;
    reel_node *nodes;
    int count, capacity;
    reel_error error; /* sticky */
};

/* Milliseconds of some fixed clock while tracing or timed, else 0 without asking it. */
double reel_tape_clock(const reel_tape *tape);

/* Memory that lives on after the call that asks for it, and memory for an operator's call; NULL =
 * over the limit. */
void *reel_tape_hold(reel_tape *tape, size_t bytes);
void *reel_tape_scratch(reel_tape *tape, size_t bytes);

/* Computes a value that was freed, from inputs that are in place; false with the sticky error set.
 */
bool reel_node_forward_again(reel_tape *tape, reel_node *node);
/* Whether v is on its tape. */
bool reel_is_value(reel_var v);
/* Of its forward pass. */
int64_t reel_node_multiply_adds(const reel_tape *tape, const reel_node *node);

/* Frees the value if nobody needs it any more. */
void reel_node_drop(reel_tape *tape, reel_node *node);

/* Renews most_with_gradients, after memory was taken or a gradient written. */
void reel_tape_note_memory(reel_tape *tape);

/* Whether the gradient of input i waits for the end of the sweep (tape_backward.c). */
bool reel_grad_is_late(const reel_tape *tape, const reel_node *node, int i);

/* ---- tape_pieces.c ---- */

/* Decides how the node's operator takes the pieces of its inputs: node->batch, node->calls and
 * q->pieces; `asked`, the inputs as infer sees them, become one piece where the operator gets one
 * at a time. False with the sticky error set. */
bool reel_pieces_begin(reel_tape *tape, reel_node *node, reel_infer *q, reel_tensor *asked);
/* reel_call.pieces: more than 1 for REEL_OP_PIECES only. */
int64_t reel_pieces_of_call(const reel_node *node);
/* After infer: the whole result, and memory for all pieces. */
bool reel_pieces_finish(reel_tape *tape, reel_node *node, reel_infer *q);
/* The first of the calls that are made for the pieces of `whole`, with `in` and `din` for its
 * tensors: the largest. */
reel_call reel_pieces_first(const reel_tape *tape, const reel_node *node, const reel_call *whole,
                            reel_tensor *in, reel_tensor *din);
/* The operator's passes, piece by piece. */
void reel_pieces_forward(const reel_tape *tape, const reel_node *node, const reel_call *whole);
/* false with the sticky error set: no memory for partial sums. din of what is no batch is empty. */
bool reel_pieces_backward(reel_tape *tape, const reel_node *node, const reel_call *whole);
/* Whether the gradient of input i is a sum over pieces. */
bool reel_pieces_sums(const reel_tape *tape, const reel_node *node, int i);

/* ---- tape_bf16.c ---- */

/* Memory for attributes; NULL with the sticky error set. They stay until reset, and in between
 * activations they would keep the gaps that these leave from joining: many share a block. */
void *reel_shared_block(reel_tape *tape, size_t bytes);
/* How infer sees inputs: as its float32 passes will, unless it has passes for bf16. */
void reel_show_inputs(const reel_op *op, reel_tensor *in, int n_in);
/* Whether the node's result, unless it is a number, is stored in bf16. */
bool reel_result_is_narrow(const reel_tape *tape, const reel_node *node);
/* Bytes of scratch for a call, or for one of those that are made for its pieces: the operator's
 * own, and behind it float32 copies. */
size_t reel_call_scratch(const reel_tape *tape, const reel_node *node, const reel_call *call);
/* The operator's passes for one call, by way of float32 copies where it needs them. */
void reel_node_forward(const reel_tape *tape, const reel_node *node, const reel_call *c);
void reel_node_backward(const reel_tape *tape, const reel_node *node, const reel_call *c);

/* ---- tape_hooks.c ---- */

/* Before the parameter of a leaf is read; false with the sticky error set. */
bool reel_hooks_need(reel_tape *tape, reel_params *params, int index);
/* Before backward of a node: whether it leaves factors, and where; false with the sticky error set.
 */
bool reel_hooks_ask_factors(reel_tape *tape, reel_node *node);
/* Before a sweep from node `loss`: who uses which parameter. */
void reel_hooks_begin(reel_tape *tape, int loss);
/* The sweep is past the node, and has called its backward or had no gradient for it. */
void reel_hooks_pass(reel_tape *tape, int id, bool swept);
/* The node's late gradients are written. */
void reel_hooks_pass_late(reel_tape *tape, int id);

/* ---- tape_recompute.c ---- */

/* Computes again what was freed of the values that the node's backward reads; false with the
 * sticky error set. */
bool reel_tape_restore(reel_tape *tape, int id);

#endif
