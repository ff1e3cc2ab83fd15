/* Random valid shapes and attributes of every operator against finite differences: a dozen each. test_slow_random_uses.c takes
 * 10,000. */
#include "tests/gradient/random_uses.h"

ParameterizedTestParameters(random_uses, a_dozen_of_each_operator_have_right_gradients)
{
    const size_t count = (size_t)reel_op_count();
    int *indices = cr_malloc(count * sizeof *indices);
    for (size_t i = 0; i < count; i++) indices[i] = (int)i;
    return cr_make_param_array(int, indices, count, NULL);
}

ParameterizedTest(int *index, random_uses, a_dozen_of_each_operator_have_right_gradients)
{
    check_random_uses(reel_op_at(*index), 1, 12);
}

Test(random_uses, each_operator_has_some)
{
    for (int i = 0; i < reel_op_count(); i++) cr_expect(reel_op_at(i)->random, "%s draws no random uses", reel_op_at(i)->name);
}
