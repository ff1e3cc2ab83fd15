/* What the machine can do at most, to hold the kernels against. Twelve chains cover the latency of
 * a multiply-add (four or five cycles, two a cycle) and fit the sixteen registers of the smaller
 * sets. */
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector.h"
#ifdef REEL_TILES
#include "core/kernels/templates/tiles.h"
#endif

enum { CHAINS = REEL_PEAK_CHAINS };

float REEL_ISA_FN(reel_peak_multiply_add)(int64_t rounds, float factor, float addend)
{
    vec s[CHAINS];
    const vec f = broadcast(factor), a = broadcast(addend);
    UNROLLED_FOR(i, CHAINS)
        s[i] = broadcast((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        UNROLLED_FOR(i, CHAINS)
            s[i] = muladd(s[i], f, a);
    }

    vec sum = s[0];
    for (int i = 1; i < CHAINS; i++)
        sum += s[i];
    float total = 0;
    for (int l = 0; l < VL; l++)
        total += sum[l];
    return total;
}

#ifdef REEL_TILES
/* Four chains of sums cover the unit's latency; the factors are 0. */
void REEL_ISA_FN(reel_peak_tiles)(int64_t rounds)
{
    tiles_begin();
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    TILE_ZERO(4);
    TILE_ZERO(5);
    TILE_ZERO(6);
    TILE_ZERO(7);
    for (int64_t r = 0; r < rounds; r++) {
        TILE_MULTIPLY(0, 4, 6);
        TILE_MULTIPLY(1, 4, 7);
        TILE_MULTIPLY(2, 5, 6);
        TILE_MULTIPLY(3, 5, 7);
    }
    tiles_end();
}
#endif

void REEL_ISA_FN(reel_triad)(int64_t n, float *a, const float *b, const float *c, float factor)
{
    const vec f = broadcast(factor);
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        store(a + i, muladd(f, load(c + i), load(b + i)));
    for (; i < n; i++)
        a[i] = muladd_one(factor, c[i], b[i]);
}

float REEL_ISA_FN(reel_plain_muladd)(float a, float b, float c)
{
    return a * b + c;
}
