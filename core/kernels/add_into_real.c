/* to += from. */
#include "core/kernels/add_into.h"
#include "core/real.h"

void REEL_FN(reel_add_into)(int threads, int64_t n, void *to, const void *from)
{
    reel_real *restrict sum = to;
    const reel_real *restrict term = from;
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 32768)
    for (int64_t i = 0; i < n; i++)
        sum[i] += term[i];
}
