/* What the convolution kernels share: a shape, the three passes, a job, and how an implementation
 * describes itself. Private to core. */
#ifndef REEL_CORE_KERNELS_CONV_SHAPE_H
#define REEL_CORE_KERNELS_CONV_SHAPE_H

#include "core/ctx.h"
#include "core/tensor.h"

typedef struct reel_conv_shape {
    int64_t n, c, h, w;     /* input */
    int64_t oc, oh, ow;     /* output */
    int64_t kh, kw, sh, sw; /* kernel, stride */
    int64_t ph, pw, dh, dw; /* padding (same on both sides), dilation */
    int64_t groups;
    bool thrifty; /* less scratch for more time, with the same bits where an implementation can */
} reel_conv_shape;

typedef enum { REEL_CONV_FORWARD, REEL_CONV_INPUT_GRAD, REEL_CONV_WEIGHT_GRAD } reel_conv_pass;
enum { REEL_CONV_PASSES = 3 };

/* The least multiple of `unit` that is at least n. */
static inline int64_t reel_round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* At least so many floats, as an odd multiple of 16: matrices that far apart do not collide in a
 * cache set. */
static inline int64_t reel_odd_lines(int64_t floats)
{
    return reel_round_up(floats, 32) + 16;
}

/* What a pass reads and writes, in the dtype of the call. out: y, dx or dw. What the pass does not
 * use is NULL. accumulate: add to out. relu (forward only): out becomes max(out, 0). */
typedef struct reel_conv_job {
    const reel_conv_shape *s;
    const void *x, *w, *bias, *dy;
    bool accumulate, relu;
    void *out, *scratch;
    /* Of a float32 call: which of x, dy and out (y or dx) are stored in bf16. */
    bool x_bf16, dy_bf16, out_bf16;
} reel_conv_job;

/* One way to compute a convolution. The rule sees shape, pass and dtype only, and of a float32 call
 * whether a map is stored in bf16. */
typedef struct reel_conv_kind {
    const char *name;  /* what REEL_CONV and REEL_TRACE call it */
    bool f64;          /* computes float64, too */
    bool ends_in_relu; /* honours job->relu itself */
    bool bf16;         /* reads and writes maps in bf16, and ends in ReLU; else conv_bf16.c gives it
                          copies */
    bool tiles;        /* for maps in bf16, on instruction sets with tiles, only */
    /* True where it can run and is worth it; else *why_not says what it wants. NULL: always. */
    bool (*accepts)(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not);
    /* Forward and input gradient: true where an image gets the same bits in a batch of s->n images
     * as in one of n. NULL: always. */
    bool (*images_agree)(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                         int64_t n);
    size_t (*scratch)(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64);
    void (*run)(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass, bool f64);
} reel_conv_kind;

/* ---- conv_bf16.c: maps in bf16, for implementations that take float32 ---- */

/* Whether copies are needed. maps: REEL_BF16 where at least one map is stored in bf16. */
static inline bool reel_conv_needs_copies(const reel_conv_kind *kind, reel_dtype maps)
{
    return maps == REEL_BF16 && !kind->bf16;
}
/* Bytes for a shape whose maps may all be bf16, and the pass itself. */
size_t reel_conv_copies_scratch(const reel_ctx *ctx, const reel_conv_kind *kind,
                                const reel_conv_shape *s, reel_conv_pass pass);
void reel_conv_run_copies(const reel_ctx *ctx, const reel_conv_kind *kind, const reel_conv_job *job,
                          reel_conv_pass pass);
/* job->relu, for implementations that do not end in it themselves. y is no bf16. */
void reel_conv_rectify(const reel_ctx *ctx, const reel_conv_job *job, bool f64);

extern const reel_conv_kind reel_conv_winograd, reel_conv_few_tiles, reel_conv_polyphase,
    reel_conv_first_layer, reel_conv_depthwise, reel_conv_pointwise, reel_conv_strided,
    reel_conv_tiles, reel_conv_product, reel_conv_direct;

#endif
