/* The operator contract.
 *
 * An operator is one constant descriptor, reel_op. `infer` validates the inputs and states the
 * result's shape and the memory that is needed: only `infer` can fail. `forward` and `backward`
 * cannot fail, never allocate and never write an input. Each exists once per dtype.
 *
 * core/ops/README.md shows how to add one to the library. An operator outside the library is a
 * descriptor handed to reel_apply (core/tape.h); reel_gradcheck checks it like any other.
 *
 * Descriptors are constants: any number of threads may use one at the same time. */
#ifndef REEL_CORE_OP_H
#define REEL_CORE_OP_H

#include "core/ctx.h"
#include "core/rng.h"
#include "core/tensor.h"
#include "core/var.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REEL_MAX_INPUTS = 16 };

/* What infer is asked, and what it answers. Before the call the answers are the shape of input 0
 * and no memory. */
typedef struct reel_infer {
    const reel_ctx *ctx;
    reel_dtype dtype;
    const void *attrs;
    int n_in;
    const reel_tensor *in; /* [n_in] shapes only: data must not be read */
    bool recording;        /* a backward pass may follow */
    int64_t pieces;        /* of the batch; 1 but for REEL_OP_PIECES */
    /* The result is stored in bf16, unless it is a number; in[].dtype tells which inputs are. */
    bool bf16;
    /* The caller wants the result in float32 all the same (reel_tape_set_wide). */
    bool wide;
    /* answers */
    int ndim;
    int64_t shape[REEL_MAX_DIMS];
    size_t saved_bytes;      /* what forward leaves for backward; allocated only when recording */
    size_t forward_scratch;  /* bytes for the duration of the call */
    size_t backward_scratch; /* bytes for the duration of the call */
    /* With `bf16`: the operator's REEL_BF16 passes take and give values and gradients as they are
     * stored. False: its float32 passes get copies. */
    bool takes_bf16;
    /* Then also: backward does without the output, whatever the flags say. */
    bool drops_output;
    /* With `wide`: the operator agrees, and the result and its gradient are float32. */
    bool gives_wide;
} reel_infer;

/* REEL_ERR_INVALID if a result of q->shape cannot be addressed. The tape checks this after infer;
 * an infer that computes with its result's size checks it before. */
REEL_API reel_status reel_infer_check_size(const reel_infer *q, reel_error *err);

/* Where backward leaves what a gradient is the product of: x (rows, in) and dy (rows, out), in the
 * dtype of the pass. */
typedef struct reel_factors {
    void *x, *dy;
} reel_factors;

/* One execution. All tensors are canonical (core/tensor.h) and of one dtype, but in a REEL_BF16
 * pass, where each says whether it is float32 or bf16: parameters and their gradients are float32.
 * The tape owns all memory; pointers are valid during the call only. */
typedef struct reel_call {
    const reel_ctx *ctx;
    const void *attrs;
    int64_t pieces; /* of the batch; 1 but for REEL_OP_PIECES */
    int64_t piece;  /* REEL_OP_SLICES: which one this is, from 0 */
    int n_in;
    const reel_tensor *in; /* [n_in]; in backward, data is NULL unless REEL_OP_NEEDS_INPUTS */
    reel_tensor out;       /* in backward, data is NULL unless REEL_OP_NEEDS_OUTPUT */
    void *saved;           /* saved_bytes, or NULL when nothing is recorded */
    void *scratch;         /* forward_scratch or backward_scratch bytes; holds anything */
    /* forward only: out was freed and is computed again. It must get the same bits; saved holds
     * what the first call left there. Effects besides the result, such as moving running
     * statistics, have happened already and must not happen again. */
    bool again;
    reel_tensor dout;       /* backward only: the gradient of out; read-only, but for SPENDS_DOUT */
    const reel_tensor *din; /* backward only, [n_in]; data is NULL where no gradient is wanted */
    const bool *fresh;      /* backward only, [n_in]; see REEL_OP_ASSIGNS */
    const reel_factors *factors; /* backward only; NULL but for REEL_OP_FACTORS: see there */
} reel_call;

enum {
    REEL_OP_NEEDS_INPUTS = 1, /* backward reads in[].data */
    REEL_OP_NEEDS_OUTPUT = 2, /* backward reads out.data */
    /* Without this flag backward always adds to din[i]; the tape has zeroed it where it was empty.
     * With this flag backward assigns all of din[i] where fresh[i] is true, and adds where it is
     * false. That saves zeroing memory that is overwritten at once. */
    REEL_OP_ASSIGNS = 4,
    /* backward may overwrite dout with anything: nobody reads it afterwards, but for PARTS. */
    REEL_OP_SPENDS_DOUT = 8,
    /* backward may be called twice, for some of the gradients each time (data of the other din is
     * NULL), with the same bits; the second call gets the dout that the first one left. */
    REEL_OP_PARTS = 16,
    /* din[0] has dout's shape and may lie over it: backward reads each element of dout for the last
     * time before it writes that element of din[0]. The tape then needs no memory for it where
     * nobody else reads dout, and fresh[0] is true. */
    REEL_OP_GRAD_OVER_DOUT = 32,

    /* ---- how it takes a batch in pieces (core/pieces.h); without any of these it does not ---- */

    /* Row i of the result (dimension 0), and of the gradient of a batch, depends on row i of those
     * inputs that are batches, and on the other inputs as a whole. The bits do not depend on the
     * number of rows. One call then does for all pieces, unless an input that is no batch, such as
     * a parameter, wants a gradient: then REEL_OP_SLICES is meant. */
    REEL_OP_ROWS = 64,
    /* Row i of the result depends on the batch that is handed in. The tape calls the operator once
     * for each piece, and adds up what each piece gives to the gradient of a parameter. */
    REEL_OP_SLICES = 128,
    /* One call for all pieces of input 0, the only batch: the operator reads `pieces`, and gives
     * the bits of the calls that REEL_OP_SLICES would get. */
    REEL_OP_PIECES = 256,

    /* The result is no activation: losses, probabilities. A tape that stores bf16 keeps it, and
     * what is made of it, in float32. */
    REEL_OP_WIDE = 512,

    /* The gradient of input 1 (out, in) is the product dy^T x, of dy (rows, out), the gradient of
     * what the product gives, and x (rows, in), input 0. Where a call has `factors`, backward
     * leaves both there, and din[1] has no data. */
    REEL_OP_FACTORS = 1024
};

/* ---- what the gradient check uses an operator with ---- */

/* How the values of inputs are drawn. */
typedef enum {
    REEL_DRAW_NORMAL,   /* N(0, 1) */
    REEL_DRAW_POSITIVE, /* U(0.5, 2): for logarithms, roots, divisors */
    REEL_DRAW_DISTINCT, /* all at least 0.01 apart and from 0: away from corners and ties */
} reel_draw;

/* One use of an operator that is checked: a row of data. `build` is for a use that a row cannot
 * say, such as an input used twice. */
typedef struct reel_op_case {
    const char *label;
    const char *in;    /* the inputs' shapes, "(2, 3, 6, 5) (4, 3, 3, 3) (4)"; "()" is a number */
    const void *attrs; /* for the operator's build; NULL: none */
    reel_draw draw;    /* REEL_DRAW_NORMAL: as the operator says */
    reel_var (*build)(reel_tape *tape, const reel_var *in);
} reel_op_case;

/* A random use of an operator: attributes and the inputs' shapes. */
typedef struct reel_op_sample {
    union {
        unsigned char bytes[1024];
        int64_t ints[128];
        double reals[128];
        const void *pointer; /* for alignment */
    } attrs;                 /* as in reel_op_case */
    char label[120];         /* the attributes in words; the shapes are not repeated in it */
    reel_draw draw;
    int n_in;
    struct {
        int ndim;
        int64_t shape[REEL_MAX_DIMS];
    } in[REEL_MAX_INPUTS];
} reel_op_sample;

/* ---- the descriptor ---- */
typedef struct reel_op {
    const char *name;
    int min_in, max_in;
    unsigned flags;     /* REEL_OP_... */
    size_t attrs_bytes; /* of the struct that attrs points to; 0: no attributes, or of any size */

    /* NULL: the result has the shape of input 0. The message says only what is wrong: the tape puts
     * the operator's name and the inputs' shapes before it. */
    reel_status (*infer)(reel_infer *q, reel_error *err);
    /* Products of a forward pass, for plans; the gradient of an input takes as many. NULL: none
     * worth counting. */
    int64_t (*multiply_adds)(const void *attrs, const reel_tensor *in, const reel_tensor *out);
    /* By dtype; NULL for one that is not offered. REEL_BF16: see takes_bf16 in reel_infer. */
    void (*forward[REEL_DTYPES + 1])(const reel_call *c);
    void (*backward[REEL_DTYPES + 1])(const reel_call *c);

    /* Builds the expression of a case or a sample, as a rule by calling the public builder. NULL:
     * reel_apply with the attributes as they are. */
    reel_var (*build)(const reel_var *in, int n_in, const void *attrs);
    reel_draw draw; /* of cases and samples that say nothing else */
    const reel_op_case *cases;
    int n_cases;
    /* Draws a random valid use, or NULL. *s is zero before, but for draw, and stays at its place
     * while the sample is in use. Few elements: a check evaluates the operator four times for each.
     */
    void (*random)(reel_rng *rng, reel_op_sample *s);
} reel_op;

/* Every operator of the library, in the order of their names. The build collects them from
 * core/ops/op_*.c. */
REEL_API int reel_op_count(void);
REEL_API const reel_op *reel_op_at(int index);          /* 0 <= index < reel_op_count() */
REEL_API const reel_op *reel_op_find(const char *name); /* NULL if there is none */

#ifdef __cplusplus
}
#endif
#endif
