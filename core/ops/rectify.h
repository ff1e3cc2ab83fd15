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

#endif
