/* widen: y = x in float32, where the tape stores bf16 (core/tape.h);  dx = dy. */
#include "core/ops/unary.h"

#ifdef REEL_PUBLIC
/* x in float32, for what reads numbers or goes on in float32; the gradient comes back in what x is
 * stored in. On a tape that stores no bf16: x itself. */
REEL_API reel_var reel_widen(reel_var x);
#endif

REEL_DECLARE_OP(widen);

void REEL_FN(reel_widen_forward)(const reel_call *c)
{
    memcpy(c->out.data, c->in[0].data, reel_tensor_bytes(&c->out));
}

void REEL_FN(reel_widen_backward)(const reel_call *c)
{
    const reel_real *dy = c->dout.data;
    reel_real *dx = c->din[0].data;
    const int64_t n = reel_tensor_numel(&c->dout);
    if (c->fresh[0] && dx != dy)
        memcpy(dx, dy, reel_tensor_bytes(&c->dout));
    for (int64_t i = 0; !c->fresh[0] && i < n; i++)
        dx[i] += dy[i];
}

#ifdef REEL_ONCE
reel_var reel_widen(reel_var x)
{
    return reel_value(x).dtype == REEL_BF16 ? reel_apply(&reel_op_widen, NULL, 0, &x, 1) : x;
}

const reel_op reel_op_widen = REEL_OP(
    widen, 1, 1, .flags = REEL_OP_ASSIGNS | REEL_OP_GRAD_OVER_DOUT | REEL_OP_ROWS | REEL_OP_WIDE,
    REEL_CHECKS(unary_cases, unary_random));
#endif
