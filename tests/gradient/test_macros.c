/* The macros that make a test of a gradient check, as a user writes them. */
#include <criterion/criterion.h>

#include "core/gradcheck/gradcheck.h"
#include "core/ops.h"
#include "layers/gradcheck.h"

static reel_var build(reel_tape *tape, const reel_var *in, void *user)
{
    (void)user;
    return reel_mul(reel_linear(in[0], in[1], in[2]), reel_scalar(tape, 0.5));
}

REEL_GRADCHECK_TEST(macros, an_expression_is_a_test, build, NULL, REEL_DRAW_NORMAL, {2, {3, 4}},
                    {2, {5, 4}}, {1, {5}})

static void add(reel_net *net)
{
    reel_net_conv2d(net, .in = 3, .out = 2, .kernel = 2);
    reel_net_tanh(net);
}

REEL_GRADCHECK_LAYER_TEST(macros, layers_are_a_test, add, 2, 3, 4, 5)
