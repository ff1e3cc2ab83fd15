/* One pass of one shape on random data: what it computes, how long it takes, how far it is off. */
#ifndef REEL_TRAIN_BENCH_WORK_H
#define REEL_TRAIN_BENCH_WORK_H

#include "core/kernels/conv_choice.h"
#include "train/bench/bench_shapes.h"

/* Reads in[0] and in[1], writes out:   forward x, w -> y;   input gradient dy, w -> dx;   weight
 * gradient x, dy -> dw. */
typedef struct reel_bench_work {
    const reel_ctx *ctx;
    const reel_bench_shape *shape;
    reel_conv_pass pass;
    float *in[2], *bias, *out; /* all in one block */
    void *scratch;
    int64_t in_count[2], bias_count, out_count;
    void *block;
    size_t bytes;
} reel_bench_work;

/* REEL_ERR_INVALID: it would not fit into this machine's memory (checked without touching any). */
reel_status reel_bench_work_check(const reel_ctx *ctx, const reel_bench_shape *shape,
                                  reel_conv_pass pass, reel_error *err);
/* Allocates and fills. */
reel_status reel_bench_work_open(reel_bench_work *work, const reel_ctx *ctx,
                                 const reel_bench_shape *shape, reel_conv_pass pass,
                                 reel_error *err);
void reel_bench_work_close(reel_bench_work *work);

/* Computes out once, packing and transforming all that the pass needs. */
void reel_bench_work_run(const reel_bench_work *work);
const char *reel_bench_work_implementation(const reel_bench_work *work);

/* Two for each product of the plain sum, those with padding included. */
double reel_bench_work_flop(const reel_bench_work *work);

/* Relative L2 error of out against float64 sums, over values drawn at random. */
double reel_bench_work_error(const reel_bench_work *work);

#endif
