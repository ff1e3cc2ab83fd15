/* Vectors of bf16, after vector.h in float: VL of them in half a vector. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_VECTOR_BF16_H
#define REEL_CORE_KERNELS_TEMPLATES_VECTOR_BF16_H

#include "core/bf16.h"
#include "core/kernels/templates/vector.h"

typedef uint16_t halves __attribute__((vector_size(VL * sizeof(uint16_t))));
typedef uint16_t halves_unaligned
    __attribute__((vector_size(VL * sizeof(uint16_t)), aligned(sizeof(uint16_t)), may_alias));
typedef uint32_t words __attribute__((vector_size(VL * sizeof(uint32_t))));
typedef uint32_t words_unaligned
    __attribute__((vector_size(VL * sizeof(uint32_t)), aligned(sizeof(uint16_t)), may_alias));

KERNEL_INLINE vec load_bf16(const reel_bf16 *p)
{
    return (vec)(__builtin_convertvector(*(const halves_unaligned *)p, words) << 16);
}

/* Each lane's bf16 in its lower half: reel_bf16_from_float, lane by lane. */
KERNEL_INLINE words rounded(vec v)
{
    const words bits = (words)v, kept = bits >> 16;
    const words nearest = (bits + 0x7fffU + (kept & 1U)) >> 16, is_nan = (words)(v != v);
    return (is_nan & (kept | 0x40U)) | (~is_nan & nearest);
}

KERNEL_INLINE void store_bf16(reel_bf16 *p, vec v)
{
    *(halves_unaligned *)p = __builtin_convertvector(rounded(v), halves);
}

#endif
