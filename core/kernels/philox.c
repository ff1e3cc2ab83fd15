/* A draw of random words through the kernels of an instruction set. */
#include "core/kernels/philox.h"

#include "core/kernels/kernels.h"

void reel_philox_draw(reel_isa isa, uint32_t words[REEL_PHILOX_DRAW], uint64_t seed,
                      uint32_t stream, uint32_t epoch, uint32_t sample)
{
    reel_kernels_at(isa)->philox_draw(words, seed, stream, epoch, sample);
}
