/* The loops of peak.h, for template use: an ISA's file defines VL and PEAK_NAME, then includes this. Twelve chains cover the
 * latency of a multiply-add (four or five cycles, two a cycle) and fit the sixteen registers of the smaller sets. */
#include "core/kernels/peak.h"

typedef float real;

#include "core/kernels/vector.h"

enum { CHAINS = 12 };

static float multiply_add(int64_t rounds, float factor, float addend)
{
    vec s[CHAINS];
    const vec f = broadcast(factor), a = broadcast(addend);
    _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) s[i] = broadcast((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) s[i] = muladd(s[i], f, a);
    }
    vec sum = s[0];
    _Pragma("GCC unroll 12") for (int i = 1; i < CHAINS; i++) sum += s[i];
    float total = 0;
    for (int l = 0; l < VL; l++) total += sum[l];
    return total;
}

static void triad(int64_t n, float *a, const float *b, const float *c, float factor)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) store(a + i, muladd(broadcast(factor), load(c + i), load(b + i)));
    for (; i < n; i++) a[i] = muladd_one(factor, c[i], b[i]);
}

const reel_peak PEAK_NAME = {.flop = 2 * CHAINS * VL, .multiply_add = multiply_add, .triad = triad};
