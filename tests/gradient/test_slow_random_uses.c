/* 10,000 random valid uses over all operators against finite differences. */
#include "tests/gradient/random_uses.h"

ParameterizedTestParameters(random_uses, ten_thousand_over_all_operators_have_right_gradients)
{
    return each_operator();
}

ParameterizedTest(int *index, random_uses, ten_thousand_over_all_operators_have_right_gradients)
{
    check_random_uses(reel_op_at(*index), 20, (uint32_t)(10000 / reel_op_count() + 1));
}
