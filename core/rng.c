/* Philox comes from Random123; this file only fixes how counters and keys are laid out. */
#include "core/rng.h"

#include "core/elementary.h"

#include <math.h>
#include <Random123/philox.h>

void reel_philox(uint32_t out[4], uint64_t seed, uint32_t stream, uint32_t epoch, uint32_t sample,
                 uint32_t block)
{
    if (!out)
        return;
    const philox4x32_ctr_t counter = {{block, sample, epoch, stream}};
    const philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    const philox4x32_ctr_t words = philox4x32(counter, key);
    for (int i = 0; i < 4; i++)
        out[i] = words.v[i];
}

reel_rng reel_rng_at(uint64_t seed, uint32_t stream, uint32_t epoch, uint32_t sample)
{
    return (reel_rng){.seed = seed, .stream = stream, .epoch = epoch, .sample = sample};
}

uint32_t reel_rng_u32(reel_rng *rng)
{
    if (!rng)
        return 0;
    if (rng->left == 0) {
        reel_philox(rng->words, rng->seed, rng->stream, rng->epoch, rng->sample, rng->block++);
        rng->left = 4;
    }
    return rng->words[4 - rng->left--];
}

double reel_rng_uniform(reel_rng *rng)
{
    const uint64_t high = reel_rng_u32(rng) >> 5, low = reel_rng_u32(rng) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

double reel_rng_range(reel_rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * reel_rng_uniform(rng);
}

double reel_rng_normal(reel_rng *rng)
{
    const double u = 1.0 - reel_rng_uniform(rng), v = reel_rng_uniform(rng);
    return sqrt(-2.0 * reel_math_log(u)) * reel_math_cos(2.0 * 3.14159265358979323846 * v);
}

uint64_t reel_rng_below(reel_rng *rng, uint64_t n)
{
    if (n == 0)
        return 0;
    const uint64_t limit =
        UINT64_MAX - UINT64_MAX % n; /* reject the incomplete last copy of 0..n-1 */
    for (;;) {
        const uint64_t high = reel_rng_u32(rng), word = high << 32 | reel_rng_u32(rng);
        if (word < limit)
            return word % n;
    }
}
