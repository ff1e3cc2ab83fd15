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
    reel_tensor value;
    reel_tensor grad; /* data NULL until one arrives */
    void *saved;
    size_t forward_scratch, backward_scratch;
    reel_params *params; /* parameter leaf: gradient goes to params[param] */
    int param;
    int uses;                       /* backward calls still to come that read value */
    bool needs_grad;                /* something below it wants a gradient */
    bool wants_grad;                /* leaf of reel_input_grad */
    bool owns_value;                /* value.data is an arena block */
    bool released;                  /* the caller will not read value again */
    bool recorded;                  /* made while the tape recorded */
    bool anchor;                    /* not recorded, but read by what is: stays until reset */
    bool passed;                    /* the reverse sweep is through with it */
    bool filled;                    /* parameter leaf: this step has written its gradient */
    int readers;                    /* of a value that is computed again: see tape_recompute.c */
    bool wanted;                    /* likewise */
    double forward_ms, backward_ms; /* filled in while tracing or timed */
} reel_node;

struct reel_tape {
    const reel_ctx *ctx;
    reel_dtype dtype;
    bool recording, retain, plan, poison;
    bool tracing; /* REEL_TRACE=time: each node's times go to the log at reset */
    bool timed;
    int64_t step;
    reel_arena *arena;
    size_t most_held, most_scratch;        /* see reel_tape_usage */
    size_t most_with_gradients, gradients; /* gradients: bytes that this step has written */
    size_t late_bytes;                     /* see reel_tape_set_late_gradients */
    reel_tape_work work;
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
/* Of its forward pass. */
int64_t reel_node_multiply_adds(const reel_tape *tape, const reel_node *node);

/* Frees the value if nobody needs it any more. */
void reel_node_drop(reel_tape *tape, reel_node *node);

/* Renews most_with_gradients, after memory was taken or a gradient written. */
void reel_tape_note_memory(reel_tape *tape);

/* ---- tape_recompute.c ---- */

/* Computes again what was freed of the values that the node's backward reads; false with the
 * sticky error set. */
bool reel_tape_restore(reel_tape *tape, int id);

#endif
