/* The one addition of which all sums between ranks are made: within a rank, core/kernels/add_into.h
 * adds along the same tree. Compiled for float and for double. */
#include "core/comm/sum_tree.h"
#include "core/real.h"

reel_add_loop_fn REEL_FN(reel_add_loop);
void REEL_FN(reel_add_loop)(void *out, const void *a, const void *b, int64_t n)
{
    reel_real *sum = out;
    const reel_real *left = a, *right = b;
    /* out may be a or b, but does not begin elsewhere within them. */
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        sum[i] = left[i] + right[i];
}

#ifdef REEL_ONCE
reel_add_loop_fn reel_add_loop_f64;
reel_add_loop_fn *const reel_add_loops[REEL_DTYPES] = REEL_BOTH(reel_add_loop);
#endif
