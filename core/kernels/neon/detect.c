/* Every aarch64 CPU has NEON and its fused multiply-add: compilers use it for all code. */
#include "core/kernels/kernels.h"

REEL_ISA_RUNS(neon)
{
    return true;
}
