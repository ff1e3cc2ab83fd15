/* 10,000 random valid uses over all operators against finite differences. */
#include "tests/gradient/random_uses.h"

ParameterizedTestParameters(random_uses, ten_thousand_over_all_operators_have_right_gradients)
{
    const size_t count = (size_t)reel_op_count();
    int *indices = cr_malloc(count * sizeof *indices);
    for (size_t i = 0; i < count; i++)
        indices[i] = (int)i;
    return cr_make_param_array(int, indices, count, NULL);
}

ParameterizedTest(int *index, random_uses, ten_thousand_over_all_operators_have_right_gradients)
{
    check_random_uses(reel_op_at(*index), 20, (uint32_t)(10000 / reel_op_count() + 1));
}
