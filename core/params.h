/* The parameter store: every trainable value and every buffer of a model in two flat arrays, values
 * and gradients, with named ranges over them. Layers add ranges, the tape writes gradients,
 * optimizers and weight files walk the list.
 *
 * A store belongs to its creator and is destroyed after every tape, optimizer and net that uses it.
 * Any number of threads may read one; adding, committing and writing values or gradients is for one
 * thread at a time.
 *
 * Invariant: after reel_params_commit the list and all addresses are fixed. Gradient pages are
 * touched only by parameters that receive a gradient: a frozen layer costs none. */
#ifndef REEL_CORE_PARAMS_H
#define REEL_CORE_PARAMS_H

#include "core/ctx.h"
#include "core/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_params reel_params;

enum {
    REEL_PARAM_BUFFER = 1,   /* saved, never trained: running statistics */
    REEL_PARAM_FROZEN = 2,   /* trainable, but not now: no gradient is computed */
    REEL_PARAM_NO_DECAY = 4, /* weight decay leaves it alone */
    REEL_PARAM_BIAS = 8,     /* a bias: recipes treat them apart */
    REEL_PARAM_NORM = 16     /* scale or shift of a normalisation layer: likewise */
};

typedef struct reel_param {
    const char *name; /* "features.0.weight"; owned by the store */
    reel_tensor value;
    reel_tensor grad; /* same shape and layout */
    unsigned flags;   /* may be changed between steps */
    /* false after reel_params_zero_grad: grad holds garbage and counts as "none", as in PyTorch */
    bool has_grad;
    /* its gradient is made elsewhere, of factors that backward hands out: reel_param_hooks */
    bool by_factors;
    int64_t offset; /* of the first element in the flat arrays; multiples of 16 */
} reel_param;

/* Elements of the flat arrays: begin, ..., end - 1. */
typedef struct reel_range {
    int64_t begin, end;
} reel_range;

REEL_API reel_status reel_params_create(reel_params **out, reel_dtype dtype, reel_error *err);
REEL_API void reel_params_destroy(reel_params *params);

/* Before commit: appends a range. name is copied; *index (may be NULL) receives its place.
 * REEL_ERR_INVALID: the name is taken, or the shape has a size below 1 or too many elements. */
REEL_API reel_status reel_params_add(reel_params *params, const char *name, int ndim,
                                     const int64_t *shape, unsigned flags, int *index,
                                     reel_error *err);
/* Allocates the flat arrays, zeroed. REEL_ERR_MEMORY: the system refuses. */
REEL_API reel_status reel_params_commit(reel_params *params, reel_error *err);

REEL_API reel_dtype reel_params_dtype(const reel_params *params);
/* Number of ranges, buffers included. */
REEL_API int reel_params_count(const reel_params *params);
/* Both are valid until destroy; find gives NULL for an unknown name. 0 <= index < count. */
REEL_API reel_param *reel_params_at(const reel_params *params, int index);
REEL_API reel_param *reel_params_find(const reel_params *params, const char *name);
/* Elements of a flat array, padding included. */
REEL_API int64_t reel_params_flat_size(const reel_params *params);
/* Elements that can be trained: without buffers and padding. */
REEL_API int64_t reel_params_trainable(const reel_params *params);

/* Bytes of a flat array, padding included. */
REEL_API size_t reel_params_bytes(const reel_params *params);

/* Forgets all gradients without touching their memory: the next backward overwrites. */
REEL_API void reel_params_zero_grad(reel_params *params);
/* The same, and gives the store's memory of the gradients back to the system until the next
 * backward. Memory that ranks share (core/comm/parallel.h) stays. */
REEL_API void reel_params_release_grad(reel_params *params);

/* For inference on tapes of a context of REEL_PRECISION_BF16: rounds every matrix (rank 2) of at
 * least 65,536 values to bf16, to nearest, ties to even, where it lies; the dtype of its value is
 * REEL_BF16 from then on, and the memory left over goes back to the system. There is no way back:
 * tapes that record refuse such a parameter. REEL_ERR_INVALID: not a committed store of float32.
 * REEL_ERR_MEMORY: nothing has changed. */
REEL_API reel_status reel_params_narrow(reel_params *params, const reel_ctx *ctx, reel_error *err);

/* For core/comm: values or gradients live in memory that others made, a flat array of flat_size
 * elements that outlives its use here. NULL: in the store's own memory again. Only addresses
 * change; copying contents is the caller's part. The own memory stays the store's, and keeps what
 * it held. No tape may hold values of the store meanwhile.
 *
 * Buffers (REEL_PARAM_BUFFER) are never bound: each process writes its own while it computes. */
void reel_params_bind_values(reel_params *params, void *memory);
void reel_params_bind_grads(reel_params *params, void *memory);
/* The store's own flat arrays; NULL before commit. */
void *reel_params_own_values(const reel_params *params);
void *reel_params_own_grads(const reel_params *params);

#ifdef __cplusplus
}
#endif
#endif
