/* Random numbers: Philox as published, and the distributions drawn from it. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "core/rng.h"

static void expect_words(const uint32_t expected[4], uint64_t seed, uint32_t stream, uint32_t epoch,
                         uint32_t sample, uint32_t block)
{
    uint32_t got[4];
    reel_philox(got, seed, stream, epoch, sample, block);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(got[i], expected[i], "word %d: %08x, expected %08x", i, got[i], expected[i]);
}

/* Known answers of Philox 4x32-10 as published with Random123. */
Test(rng, philox_gives_the_published_words)
{
    expect_words((const uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}, 0, 0, 0, 0, 0);
    expect_words((const uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}, UINT64_MAX,
                 UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
    expect_words((const uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
                 0x299f31d0a4093822, 0x03707344, 0x13198a2e, 0x85a308d3, 0x243f6a88);
}

Test(rng, a_cursor_replays_and_every_coordinate_matters)
{
    reel_rng a = reel_rng_at(1, 2, 3, 4), b = reel_rng_at(1, 2, 3, 4);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(reel_rng_u32(&a), reel_rng_u32(&b), "word %d differs", i);
    const reel_rng others[] = {reel_rng_at(1, 2, 3, 4), reel_rng_at(9, 2, 3, 4),
                               reel_rng_at(1, 9, 3, 4), reel_rng_at(1, 2, 9, 4),
                               reel_rng_at(1, 2, 3, 9)};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++) {
            reel_rng x = others[i], y = others[j];
            cr_expect_neq(reel_rng_uniform(&x), reel_rng_uniform(&y),
                          "cursors %d and %d begin alike", j, i);
        }
}

Test(rng, uniform_numbers_fill_their_range_evenly)
{
    enum { N = 100000, CELLS = 20 };
    int count[CELLS] = {0};
    reel_rng rng = reel_rng_at(5, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < N; i++) {
        const double u = reel_rng_uniform(&rng);
        cr_assert(u >= 0 && u < 1, "draw %d: %.17g", i, u);
        count[(int)(u * CELLS)]++;
    }
    double chi2 = 0;
    for (int c = 0; c < CELLS; c++)
        chi2 += pow(count[c] - (double)N / CELLS, 2) / ((double)N / CELLS);
    cr_expect_lt(chi2, 43.8, "chi-square %g with 19 degrees of freedom (0.1 %%: 43.8)", chi2);
}

Test(rng, normal_numbers_have_the_moments_of_a_normal)
{
    enum { N = 200000 };
    double m[5] = {0};
    reel_rng rng = reel_rng_at(6, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < N; i++) {
        const double x = reel_rng_normal(&rng);
        cr_assert(isfinite(x), "draw %d: %g", i, x);
        for (int k = 1; k < 5; k++)
            m[k] += pow(x, k) / N;
    }
    cr_expect_float_eq(m[1], 0, 0.01, "mean %g", m[1]);
    cr_expect_float_eq(m[2], 1, 0.02, "variance %g", m[2]);
    cr_expect_float_eq(m[3], 0, 0.05, "third moment %g", m[3]);
    cr_expect_float_eq(m[4], 3, 0.1, "fourth moment %g", m[4]);
}

Test(rng, below_is_in_range_and_even)
{
    int count[7] = {0};
    reel_rng rng = reel_rng_at(7, REEL_STREAM_CHECK, 0, 0);
    for (int i = 0; i < 70000; i++) {
        const uint64_t k = reel_rng_below(&rng, 7);
        cr_assert_lt(k, 7);
        count[k]++;
    }
    for (int k = 0; k < 7; k++)
        cr_expect(abs(count[k] - 10000) < 400, "%d came %d times of 70000", k, count[k]);
    cr_expect_eq(reel_rng_below(&rng, 1), 0);
    cr_expect_lt(reel_rng_below(&rng, (UINT64_C(1) << 63) + 1), (UINT64_C(1) << 63) + 1);
}
