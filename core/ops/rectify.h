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
/* The same where both are stored in bf16: positive numbers, infinity included, are those from 1 to
 * 0x7f80. */
static inline void rectify_bf16_dout(const reel_call *c)
{
    const uint16_t *y = c->out.data;
    uint16_t *dy = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->dout);
    REEL_PARALLEL_FOR(c, i, n)
        dy[i] = (uint16_t)(y[i] - 1) < 0x7f80 ? dy[i] : 0;
}
#endif

#endif
