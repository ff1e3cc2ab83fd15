/* What the machine can do at most, to hold the kernels against: multiply-adds that touch no memory, and a sweep that does
 * little else (the triad of McCalpin 1995, "Memory bandwidth and machine balance in current high performance computers"). */
#ifndef REEL_CORE_KERNELS_PEAK_H
#define REEL_CORE_KERNELS_PEAK_H

#include "core/ctx.h"

typedef struct reel_peak {
    int64_t flop; /* of one round of multiply_add */
    /* rounds of independent multiply-adds over all accumulators of one core; the sum is returned so that none can be left out.
     * With factor in (0, 1) the values stay near addend / (1 - factor). */
    float (*multiply_add)(int64_t rounds, float factor, float addend);
    void (*triad)(int64_t n, float *a, const float *b, const float *c, float factor); /* a = b + factor c */
} reel_peak;

extern const reel_peak reel_peak__portable, reel_peak__avx2, reel_peak__avx512;
const reel_peak *reel_peak_for(reel_isa isa);

#endif
