/* The passes of batch normalisation over a map of `rows` pixels by `ch` channels, channels-last,
 * with the ReLU or ReLU6 that may follow:
 *
 *   z = (x - centre) factor + beta, in reals;  y = z, or min(max(z, 0), cap) if rectified
 *   g = dy, or if rectified dy where opens <= z <= cap, else 0
 *
 * z is computed anew where g is needed, so that neither z nor y has to be kept. Sums are kept in
 * double, over parts of the rows whose number the shape alone decides, and no multiply-add is
 * fused: the bits are the same for any number of threads and any instruction set. Private to core.
 */
#ifndef REEL_CORE_KERNELS_BATCH_NORM_H
#define REEL_CORE_KERNELS_BATCH_NORM_H

#include "core/ctx.h"
#include "core/tensor.h"

enum { REEL_BATCH_NORM_WIDEST = 2048 }; /* channels of maps in bf16 */

typedef enum reel_batch_norm_pass {
    REEL_BATCH_NORM_MOMENTS,    /* a = sum of d, b = sum of d d, with d = x - mean */
    REEL_BATCH_NORM_OUTPUT,     /* out = y */
    REEL_BATCH_NORM_GRAD_SUMS,  /* a = sum of g, b = sum of g (x - mean) */
    REEL_BATCH_NORM_INPUT_GRAD, /* out = of_g g + of_x (x - mean) + rest */
    REEL_BATCH_NORM_PASSES
} reel_batch_norm_pass;

typedef struct reel_batch_norm_job {
    reel_batch_norm_pass pass; /* set by reel_batch_norm_run, as is threads */
    int threads;
    int64_t rows, ch;
    const void *x, *dy; /* (rows, ch) */
    void *out;          /* (rows, ch); the input gradient may lie over dy */
    bool accumulate;    /* the input gradient is added to out */
    /* Of a float32 call, for at most REEL_BATCH_NORM_WIDEST channels: which are stored in bf16. */
    bool x_bf16, dy_bf16, out_bf16;

    const void *centre, *factor, *beta; /* (ch) of the map's dtype */
    bool rectified;
    double opens, cap;

    const double *mean, *of_g, *of_x, *rest; /* (ch) */
    double *parts; /* reel_batch_norm_parts(rows) x 2 ch; the sums a and b are in the first part */
    bool adds;     /* for batch_norm.c: the rows are a stretch of one part, and are added to it */
} reel_batch_norm_job;

int64_t reel_batch_norm_parts(int64_t rows);

/* The context gives threads and instruction set. */
void reel_batch_norm_run(const reel_ctx *ctx, reel_dtype dtype, reel_batch_norm_pass pass,
                         reel_batch_norm_job job);

#endif
