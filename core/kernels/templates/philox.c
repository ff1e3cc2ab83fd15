/* Philox 4x32-10 (Salmon et al., SC 2011) over a row of counters side by side. Plain C that
 * compilers turn into vectors, since rounds of neighbouring counters do not meet. Constants and
 * rounds are those of Random123, which core/rng.c uses directly; a test compares the two. */
#include "core/kernels/philox.h"
#include "core/kernels/templates/names.h"

void REEL_ISA_FN(reel_philox_draw)(uint32_t *restrict words, uint64_t seed, uint32_t stream,
                                   uint32_t epoch, uint32_t sample)
{
    enum { LANES = 32, BLOCKS = REEL_PHILOX_DRAW / 4 };
    for (uint32_t first = 0; first < BLOCKS; first += LANES) {
        uint32_t x0[LANES], x1[LANES], x2[LANES], x3[LANES];
#pragma omp simd
        for (uint32_t i = 0; i < LANES; i++) {
            x0[i] = first + i;
            x1[i] = sample;
            x2[i] = epoch;
            x3[i] = stream;
        }

        /* The key moves on by the golden ratio and by sqrt 3 - 1, both as 32-bit fractions. */
        uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
        for (int round = 0; round < 10; round++) {
#pragma omp simd
            for (uint32_t i = 0; i < LANES; i++) {
                const uint64_t a = (uint64_t)x0[i] * 0xD2511F53U, b = (uint64_t)x2[i] * 0xCD9E8D57U;
                x0[i] = (uint32_t)(b >> 32) ^ x1[i] ^ k0;
                x2[i] = (uint32_t)(a >> 32) ^ x3[i] ^ k1;
                x1[i] = (uint32_t)b;
                x3[i] = (uint32_t)a;
            }
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }
#pragma omp simd
        for (uint32_t i = 0; i < LANES; i++) {
            words[first + i] = x0[i];
            words[BLOCKS + first + i] = x1[i];
            words[2 * BLOCKS + first + i] = x2[i];
            words[3 * BLOCKS + first + i] = x3[i];
        }
    }
}
