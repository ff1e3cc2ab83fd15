/* Whether this CPU, and the system's saved state, have the parts of AVX-512 that the kernels use,
 * and the multiply-add of bf16. */
#include "core/kernels/kernels.h"

REEL_ISA_RUNS(avx512)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

REEL_ISA_RUNS(avx512_bf16)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
}
