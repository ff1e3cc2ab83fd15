/* linear_relu: y = max(x w^T + b, 0), as relu after linear and equal to it to the bit, without
 * storing what ReLU is given. */
#include "core/op_impl.h"
#include "core/ops/linear.h"
#include "core/ops/rectify.h"

#ifdef REEL_PUBLIC
/* max(x w^T + b, 0): relu after linear, with the same bits, less memory and fewer passes. */
REEL_API reel_var reel_linear_relu(reel_var x, reel_var w, reel_var b);
#endif

REEL_DECLARE_OP(linear);
REEL_DECLARE_OP(linear_relu);

void REEL_FN(reel_linear_relu_forward)(const reel_call *c)
{
    REEL_FN(reel_linear_forward)(c);
    reel_real *y = c->out.data;
    const int64_t n = reel_tensor_numel(&c->out);
    REEL_PARALLEL_FOR(c, i, n)
        y[i] = y[i] < 0 ? 0 : y[i];
}

void REEL_FN(reel_linear_relu_backward)(const reel_call *c)
{
    REEL_FN(rectify_dout)(c);
    REEL_FN(reel_linear_backward)(c);
}

#ifdef REEL_ONCE
void reel_linear_relu_forward_bf16(const reel_call *c)
{
    reel_linear_forward_stored(c, true);
}

void reel_linear_relu_backward_bf16(const reel_call *c)
{
    rectify_bf16_dout(c);
    reel_linear_backward_stored(c);
}

static reel_status linear_relu_infer(reel_infer *q, reel_error *err)
{
    REEL_TRY(reel_op_linear.infer(q, err));
    q->gives_wide = false; /* ReLU's mask is read from bf16 */
    return REEL_OK;
}

reel_var reel_linear_relu(reel_var x, reel_var w, reel_var b)
{
    return reel_apply(&reel_op_linear_relu, NULL, 0, (const reel_var[]){x, w, b}, 3);
}

/* y is used twice: its gradient must be complete before it is spent. */
static reel_var linear_relu_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const reel_var y = reel_linear_relu(in[0], in[1], in[2]);
    return reel_add(reel_linear_relu(y, in[1], in[2]), y);
}

static const reel_op_case linear_relu_cases[] = {
    {.label = "bias", .in = "(3, 4) (5, 4) (5)"},
    {.label = "no bias", .in = "(3, 4) (5, 4)"},
    {.label = "more outputs than a block", .in = "(5, 37) (70, 37) (70)"},
    {.label = "weights and value used twice",
     .in = "(3, 4) (4, 4) (4)",
     .build = linear_relu_shared},
};

const reel_op reel_op_linear_relu = REEL_OP_WITH_BF16(
    linear_relu, 2, 3,
    .flags = REEL_OP_PIECES | REEL_OP_NEEDS_INPUTS | REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS |
             REEL_OP_SPENDS_DOUT | REEL_OP_PARTS | REEL_OP_FACTORS,
    .infer = linear_relu_infer, .multiply_adds = reel_linear_multiply_adds,
    REEL_CHECKS(linear_relu_cases, reel_random_linear));
#endif
