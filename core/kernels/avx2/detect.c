/* Whether this CPU, and the system's saved state, have AVX2 and FMA. */
#include "core/kernels/kernels.h"

REEL_ISA_RUNS(avx2)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
