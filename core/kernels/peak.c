/* Selection of the peak measurements. */
#include "core/kernels/peak.h"

const reel_peak *reel_peak_for(reel_isa isa)
{
    switch (isa) {
#ifdef REEL_X86
    case REEL_ISA_AVX512:
        return &reel_peak__avx512;
    case REEL_ISA_AVX2:
        return &reel_peak__avx2;
#endif
    default:
        return &reel_peak__portable;
    }
}
