/* For operators that end with ReLU, after core/op_impl.h. */
#ifndef REEL_CORE_OPS_RECTIFY_H
#define REEL_CORE_OPS_RECTIFY_H

#include "core/op_impl.h"

/* dout becomes the gradient of what ReLU was given: dout where y > 0, else 0. For operators with
 * REEL_OP_NEEDS_OUTPUT and REEL_OP_SPENDS_DOUT. */
static inline void REEL_FN(rectify_dout)(const reel_call *c)
{
    const reel_real *y = c->out.data;
    reel_real *dy = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->dout);
    REEL_PARALLEL_FOR(c, i, n)
        dy[i] = y[i] > 0 ? dy[i] : 0;
}

#ifdef REEL_ONCE
/* Positive numbers, infinity included, are those from 1 to 0x7f80. */
static inline bool is_positive_bf16(uint16_t h)
{
    return (uint16_t)(h - 1) < 0x7f80;
}

/* The same where both are stored in bf16. */
static inline void rectify_bf16_dout(const reel_call *c)
{
    const uint16_t *y = c->out.data;
    uint16_t *dy = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->dout);
    REEL_PARALLEL_FOR(c, i, n)
        dy[i] = is_positive_bf16(y[i]) ? dy[i] : 0;
}

/* One bit for each number of y: whether it is positive. Backward then needs no y. */
static inline size_t rectify_bits_bytes(int64_t n)
{
    return (size_t)((n + 7) / 8);
}

static inline void rectify_save_bits(const reel_call *c)
{
    const uint16_t *y = c->out.data;
    uint8_t *bits = c->saved;
    const int64_t n = reel_tensor_numel(&c->out), whole = n / 8;
    REEL_PARALLEL_FOR(c, b, whole) {
        unsigned byte = 0;
        for (int k = 0; k < 8; k++)
            byte |= (unsigned)is_positive_bf16(y[8 * b + k]) << k;
        bits[b] = (uint8_t)byte;
    }
    if (n % 8)
        bits[whole] = 0;
    for (int64_t i = 8 * whole; i < n; i++)
        bits[whole] |= (uint8_t)(is_positive_bf16(y[i]) << i % 8);
}

static inline void rectify_dout_by_bits(const reel_call *c)
{
    const uint8_t *bits = c->saved;
    uint16_t *dy = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->dout), whole = n / 8;
    REEL_PARALLEL_FOR(c, b, whole)
        for (int k = 0; k < 8; k++)
            dy[8 * b + k] = bits[b] >> k & 1 ? dy[8 * b + k] : 0;
    for (int64_t i = 8 * whole; i < n; i++)
        dy[i] = bits[whole] >> i % 8 & 1 ? dy[i] : 0;
}
#endif

#endif
