/* The gradient of a fully connected layer's weights, dw (out, in) = dy^T (out, n) x (n, in), or
 * some rows of it: each row has the bits that it has in the whole. Private to core. */
#ifndef REEL_CORE_KERNELS_WEIGHT_GRAD_H
#define REEL_CORE_KERNELS_WEIGHT_GRAD_H

#include "core/ctx.h"
#include "core/tensor.h"

typedef struct reel_weight_grad {
    /* Of x and dy. REEL_BF16: of the factors of each product, whose sums are float32. Where
     * reel_bf16_is_multiplied says no, float32 copies of the factors are multiplied. */
    reel_dtype dtype;
    int64_t n, in, out;
    int64_t pieces; /* equal pieces of the n rows, whose sums are added up along core/pieces.h */
    const void *x, *dy;
    bool x_wide, dy_wide; /* REEL_BF16: float32 in memory, rounded on the way */
    bool accumulate;      /* add to what dw holds; one piece only */
    bool rounds;          /* REEL_BF16: dw is bf16, else float32; only where bf16 is multiplied */
    void *dw;             /* all of it, row-major */
    int64_t begin, end;   /* rows of dw that are computed */
    void *scratch;        /* reel_weight_grad_scratch bytes, aligned to REEL_ALIGNMENT */
} reel_weight_grad;

/* Reads sizes, pieces, rows and dtype. */
size_t reel_weight_grad_scratch(const reel_ctx *ctx, const reel_weight_grad *g);
void reel_weight_grad_run(const reel_ctx *ctx, const reel_weight_grad *g);

#endif
