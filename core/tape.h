/* The define-by-run tape: values are recorded as they are computed, gradients flow back along the
 * record.
 *
 *     reel_var y = reel_relu(reel_linear(x, w, b));    expressions: core/ops.h
 *     reel_backward(reel_mean_all(y), &err);           gradients: reel_grad(x), and the store's
 *     reel_tape_reset(tape);                           everything of this step dies here
 *
 * Errors are sticky: the first operator that fails keeps its name and shapes, later ones return an
 * invalid handle at once, and reel_backward or reel_tape_status reports the error.
 *
 * The tape owns all values and gradients it makes; tensors that reel_value and reel_grad return are
 * valid until reset. A tape belongs to one thread at a time; several tapes may share a context. */
#ifndef REEL_CORE_TAPE_H
#define REEL_CORE_TAPE_H

#include "core/ctx.h"
#include "core/op.h"
#include "core/params.h"
#include "core/tensor.h"
#include "core/var.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_tape_config {
    /* float32 or float64. With float32 and a context of REEL_PRECISION_BF16, values and gradients
     * are stored in bf16, as far as they are made of a batch: rounded to nearest, ties to even,
     * whenever stored. A gradient with several users is rounded once for each. Leaves, numbers,
     * losses, probabilities and logits (reel_tape_set_wide) stay float32; reel_widen makes float32
     * of a value. */
    reel_dtype dtype;
    bool no_grad;       /* run without recording: values that are released are freed at once */
    bool retain;        /* keep all values and gradients until reset: backward twice, inspection */
    size_t limit_bytes; /* memory for one step; 0 = physical memory (core/memory.h) */
    /* Nothing is computed: operators get and give back their memory in the order of a real step and
     * are not called, so that reel_tape_usage tells what a step will take and no page of it is
     * touched. Values and gradients hold garbage. */
    bool plan;
    /* Memory is handed out full of NaN, so that an operator which leaves a part of it unset, or
     * reads what it has not set, shows. For checks. */
    bool poison;
    bool timed; /* take the time of every operator, for reel_tape_node_at */
} reel_tape_config;

/* ctx must outlive the tape. config NULL: float32, recording. */
REEL_API reel_status reel_tape_create(reel_tape **out, const reel_ctx *ctx,
                                      const reel_tape_config *config, reel_error *err);
REEL_API void reel_tape_destroy(reel_tape *tape); /* NULL is fine */
/* Forgets values, gradients and a sticky error; keeps the memory for the next step. */
REEL_API void reel_tape_reset(reel_tape *tape);

REEL_API const reel_ctx *reel_tape_ctx(const reel_tape *tape);
REEL_API reel_dtype reel_tape_dtype(const reel_tape *tape);
REEL_API bool reel_tape_recording(const reel_tape *tape);
REEL_API void reel_tape_set_recording(reel_tape *tape, bool recording);
/* Names the step for random streams (dropout): masks depend on (seed, layer, step) only. */
REEL_API void reel_tape_set_step(reel_tape *tape, int64_t step);
REEL_API int64_t reel_tape_step(const reel_tape *tape);

/* From here on a tensor handed to reel_input or reel_input_grad is a whole batch of so many pieces
 * of equal size, one behind the other along dimension 0, and operators give each piece what it
 * would get if it were the batch: batch statistics, and the gradients of parameters, which are then
 * added up along the tree of core/pieces.h. Each piece alone, on tapes of one piece, added up along
 * that tree, gives the same bits. Losses are taken piece by piece: after the last operator that is
 * to see the pieces, set 1 again and cut the result with reel_slice. As at first: 1.
 *
 * A sticky REEL_ERR_INVALID: a number of rows that the pieces do not divide, an operator that does
 * not say how it takes pieces (REEL_OP_ROWS, ...), a parameter that two operators use: their sums
 * would have another order. */
REEL_API void reel_tape_set_pieces(reel_tape *tape, int64_t pieces);
/* The place of the batch's first row in a larger one, of which this tape sees a part: masks of
 * dropout follow it. As at first: 0. */
REEL_API void reel_tape_set_first_row(reel_tape *tape, int64_t row);
REEL_API int64_t reel_tape_first_row(const reel_tape *tape);
/* For operators with running averages: where the tape has a record of batch statistics
 * (core/statistics.h) that knows `running`, points it at the first piece's record and returns true;
 * the next piece's is *step elements further. */
REEL_API bool reel_tape_records(reel_tape *tape, reel_tensor *running, double momentum,
                                int64_t *step);

/* A gradient that is one product: dw (out, in) = dy^T (out, rows) x (rows, in), of a weight that
 * one fully connected layer uses. */
typedef struct reel_weight_product {
    int param;    /* the weight's index in the store */
    int64_t rows; /* of the batch, or of one of its pieces */
    int64_t in, out;
    reel_dtype dtype; /* of x and dy, as backward multiplies them */
} reel_weight_product;
/* Those of the step that the tape has recorded, of a store's weights, frozen ones too. list: room
 * for reel_params_count. Returns how many. */
REEL_API int reel_tape_weight_products(const reel_tape *tape, const reel_params *params,
                                       reel_weight_product *list);

/* Who moves values and gradients of parameters while the tape computes. `user` is handed on. Each
 * function may be NULL. They run on the tape's thread and use no tape; a tape in `plan` mode calls
 * none. */
typedef struct reel_param_hooks {
    /* Before an operator can read the value of a parameter: in reel_param_var, frozen ones and
     * buffers included. A failure becomes the tape's sticky error. */
    reel_status (*need)(void *user, reel_params *params, int index, reel_error *err);
    /* In reel_backward, once the gradient of a parameter is final: all operators that use any of
     * its leaves have been swept, late gradients included. Once for each sweep that has written
     * the gradient, in the order in which gradients become final. After an error no more calls. */
    void (*ready)(void *user, reel_params *params, int index);
    /* In reel_backward, in place of computing the gradient of a weight with by_factors: *to becomes
     * where the sweep leaves x and dy. `rows` of the product are those of this sweep. No gradient
     * is written then, and has_grad stays. A failure becomes the tape's sticky error. NULL: the
     * gradient is computed as any other. In `plan` mode these gradients take no memory. */
    reel_status (*factors)(void *user, const reel_weight_product *product, reel_factors *to,
                           reel_error *err);
    void *user;
} reel_param_hooks;
/* From here on. Copied; NULL: none, as at first. Without hooks they cost nothing. */
REEL_API void reel_tape_set_param_hooks(reel_tape *tape, const reel_param_hooks *hooks);

/* Leaves. The tensor's memory is borrowed until reset when it is canonical and of the tape's dtype,
 * else copied. A tensor with elements but without memory (data NULL) is a sticky REEL_ERR_INVALID.
 * reel_input is a constant; reel_input_grad wants a gradient, which reel_grad returns. */
REEL_API reel_var reel_input(reel_tape *tape, const reel_tensor *value);
REEL_API reel_var reel_input_grad(reel_tape *tape, const reel_tensor *value);
/* A parameter: its gradient goes into the store. REEL_ERR_INVALID (sticky): another dtype. */
REEL_API reel_var reel_param_var(reel_tape *tape, reel_params *params, int index);
/* A constant of shape (), for broadcasting. */
REEL_API reel_var reel_scalar(reel_tape *tape, double value);

/* Appends an operator. attrs (attrs_size bytes) are copied. Inputs must live on one tape. */
REEL_API reel_var reel_apply(const reel_op *op, const void *attrs, size_t attrs_size,
                             const reel_var *in, int n_in);

/* Memory of the step, for a builder whose attributes have no fixed size: dies at reset. NULL with
 * the sticky error set when it is over the tape's limit. */
REEL_API void *reel_tape_alloc(reel_tape *tape, size_t bytes);

/* Records that building failed for a reason found outside infer; returns the invalid handle. */
REEL_API reel_var reel_tape_fail(reel_tape *tape, reel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sticky error's message, to say where in a larger structure it
 * happened. */
REEL_API void reel_tape_prefix_error(reel_tape *tape, const char *prefix);

/* Promise that the caller will not use v again: its memory is freed as soon as no backward needs
 * it. */
REEL_API void reel_release(reel_var v);

/* As reel_release, and the value is freed now even if a backward pass will read it: backward
 * computes it again, with the same bits (Chen et al. 2016, arXiv 1604.06174). What an operator
 * saves for its backward stays. The same as reel_release for leaves, on a tape with `retain`, and
 * for values made while the tape did not record: those that recorded ones read stay until reset. */
REEL_API void reel_recompute(reel_var v);

/* The value, in the dtype that it is stored in; data is NULL for an invalid handle or once it was
 * freed (backward frees what it has passed, except leaves, the loss, and everything on a tape with
 * `retain`). Valid until reset. */
REEL_API reel_tensor reel_value(reel_var v);
/* Gradient of a leaf made with reel_input_grad, or of any value on a tape with `retain`; data NULL
 * if none arrived. */
REEL_API reel_tensor reel_grad(reel_var v);

/* Reverse sweep from a scalar (numel 1). Gradients add up where a value is used more than once and,
 * in the parameter store, over several backward calls until reel_params_zero_grad. scale multiplies
 * the seed gradient 1 (for accumulation). Only what the loss depends on is swept (and freed):
 * another loss of the tape that shares none of it may follow. Returns the sticky error if there is
 * one; REEL_ERR_INVALID if loss is no scalar or nothing was recorded. */
REEL_API reel_status reel_backward(reel_var loss, reel_error *err);
REEL_API reel_status reel_backward_scaled(reel_var loss, double scale, reel_error *err);

REEL_API reel_status reel_tape_status(const reel_tape *tape, reel_error *err);
/* Gradients of parameters of at least so many bytes are computed last, once the sweep has freed the
 * activations and given their memory back to the system; their operators' inputs are kept until
 * then. Same bits. With reel_params_release_grad after the update, activations and large gradients
 * never take memory at the same time. 0, as at first: in the order of the sweep. On a tape with
 * `retain` nothing is deferred. */
REEL_API void reel_tape_set_late_gradients(reel_tape *tape, size_t bytes);
/* On a tape that stores bf16: from now on reel_linear leaves its result and the gradient of it in
 * float32. For the logits of a network: a rounded logit changes every gradient of its row.
 * reel_net_forward sets it for its last layer, and leaves it false. false, as at first: bf16. */
REEL_API void reel_tape_set_wide(reel_tape *tape, bool wide);

/* Most memory that a step has needed so far, in bytes. */
REEL_API size_t reel_tape_peak_bytes(const reel_tape *tape);

/* Bytes, the most at one time over all steps so far. */
typedef struct reel_tape_memory {
    size_t activations; /* values, what forward keeps for backward, and gradients */
    size_t scratch;     /* of the operator that takes most, for the duration of its call */
    size_t peak;        /* both as they lie: reel_tape_peak_bytes */
    /* What lies in memory, pages that were used before included, and the gradients of parameters
     * that have been written since the step began. */
    size_t with_gradients;
} reel_tape_memory;
REEL_API reel_tape_memory reel_tape_usage(const reel_tape *tape);

/* Multiply-adds of the step so far, as the operators count them. */
typedef struct reel_tape_work {
    int64_t forward, backward;
    int64_t again;    /* forward passes that backward repeated (reel_recompute) */
    int64_t elements; /* that repeated passes wrote, with products or without */
} reel_tape_work;
REEL_API reel_tape_work reel_tape_work_done(const reel_tape *tape);

/* What a plan of recomputation or of an exchange looks at: node `id` of the step so far, 0 <= id <
 * count. */
typedef struct reel_tape_node {
    int id;                /* reel_var.id of its value */
    bool computed;         /* by an operator; else a leaf */
    bool kept;             /* a backward pass will read its value */
    size_t bytes;          /* of its value */
    int64_t multiply_adds; /* of its forward pass */
    int n_in;
    int in[REEL_MAX_INPUTS];  /* ids; -1 = an input that was left out */
    int param;                /* of a parameter's leaf: its index in the store; else -1 */
    double forward, backward; /* seconds that its operator has taken, on a tape that is timed */
} reel_tape_node;
REEL_API int reel_tape_count(const reel_tape *tape);
REEL_API reel_tape_node reel_tape_node_at(const reel_tape *tape, int id);

#ifdef __cplusplus
}
#endif
#endif
