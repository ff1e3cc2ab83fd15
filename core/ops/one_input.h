/* Template: the builder and the descriptor of an operator of one input and without attributes,
 * whose passes are there. The header that includes it defines
 *
 *     #define ONE_INPUT exp
 *     #define ONE_INPUT_FLAGS REEL_OP_NEEDS_OUTPUT     besides REEL_OP_ASSIGNS
 *     #define ONE_INPUT_INFER NULL
 *     #define ONE_INPUT_DRAW REEL_DRAW_NORMAL
 *     #define ONE_INPUT_CASES unary_cases
 *     #define ONE_INPUT_RANDOM unary_random
 *
 * and gets reel_exp and reel_op_exp. */
#ifndef REEL_CORE_OPS_ONE_INPUT_H
#define REEL_CORE_OPS_ONE_INPUT_H

#include "core/op_impl.h"

#endif

#ifdef ONE_INPUT
#define ONE_INPUT_OP REEL_JOIN(reel_op_, ONE_INPUT, )

reel_var REEL_JOIN(reel_, ONE_INPUT, )(reel_var x)
{
    return reel_apply(&ONE_INPUT_OP, NULL, 0, &x, 1);
}

const reel_op ONE_INPUT_OP =
    REEL_OP(ONE_INPUT, 1, 1, .flags = ONE_INPUT_FLAGS | REEL_OP_ASSIGNS, .infer = ONE_INPUT_INFER,
            .draw = ONE_INPUT_DRAW, REEL_CHECKS(ONE_INPUT_CASES, ONE_INPUT_RANDOM));
#endif
