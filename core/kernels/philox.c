/* Chooses the instruction set of a draw. */
#include "core/kernels/philox.h"

void reel_philox_draw(reel_isa isa, uint32_t words[REEL_PHILOX_DRAW], uint64_t seed, uint32_t stream, uint32_t epoch,
                      uint32_t sample)
{
#ifdef REEL_X86
    if (isa == REEL_ISA_AVX512)
        reel_philox_draw__avx512(words, seed, stream, epoch, sample);
    else if (isa == REEL_ISA_AVX2)
        reel_philox_draw__avx2(words, seed, stream, epoch, sample);
    else
        reel_philox_draw__portable(words, seed, stream, epoch, sample);
#else
    (void)isa;
    reel_philox_draw__portable(words, seed, stream, epoch, sample);
#endif
}
