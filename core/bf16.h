/* bfloat16: the upper half of a float. One bit of sign, 8 of exponent, 7 of fraction: the range of
 * a float, and a relative rounding error of at most 2^-8 where the result is no denormal.
 *
 * Rounding is to nearest, ties to even, here and in every kernel. A NaN stays a NaN (and becomes
 * quiet), infinities stay, denormals are kept. What exceeds the largest number, 3.39e38, by half a
 * step or more becomes infinite. */
#ifndef REEL_CORE_BF16_H
#define REEL_CORE_BF16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t reel_bf16;

static inline float reel_bf16_to_float(reel_bf16 h)
{
    const uint32_t bits = (uint32_t)h << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline reel_bf16 reel_bf16_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (reel_bf16)(bits >> 16 | 0x40);
    /* Half a step, less one where the kept part is even: a tie then ends on the even one. */
    return (reel_bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#endif
