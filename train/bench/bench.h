/* What the `reel bench` commands share: a clock, medians, and the machine's peak. */
#ifndef REEL_TRAIN_BENCH_H
#define REEL_TRAIN_BENCH_H

#include "core/ctx.h"

double reel_bench_now(void); /* seconds, monotonic */

/* Sorts the times; n > 0. */
double reel_bench_median(double *times, int64_t n);

/* Float32 multiply-adds a second, as FLOP/s x 1e-9, with the instruction set on that many threads
 * together: the best of `bursts` bursts of about two milliseconds. */
double reel_bench_fma_gflops(reel_isa isa, int threads, int bursts);
/* The same of products of tiles of bf16; 0 where the instruction set has none. */
double reel_bench_tile_gflops(reel_isa isa, int threads, int bursts);

/* Bytes a second x 1e-9 of a = b + f c, over arrays that no cache holds; 12 bytes an element, as
 * written. REEL_ERR_MEMORY. */
reel_status reel_bench_triad_gbs(reel_isa isa, int threads, double *gbs, reel_error *err);

#endif
