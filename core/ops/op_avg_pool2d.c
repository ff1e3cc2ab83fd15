/* avg_pool2d: y = the sum over each window, padding counting as zero, divided as core/ops/pool.h
 * says (PyTorch's rules). */
#include "core/op_impl.h"
#include "core/ops/pool.h"

#ifdef REEL_PUBLIC
/* The mean of each window of (n, c, h, w). Padding counts as zeros, unless exclude_padding is set.
 */
REEL_API reel_var reel_avg_pool2d(reel_var x, const reel_pool2d_attrs *attrs);
#endif

REEL_DECLARE_OP(avg_pool2d);

static reel_window avg_pool2d_fixed_window(const reel_call *c, int64_t i, int64_t j)
{
    return reel_pool_window(c->attrs, &c->in[0], i, j);
}

void REEL_FN(reel_avg_pool2d_forward)(const reel_call *c)
{
    REEL_FN(reel_average_forward)(c, avg_pool2d_fixed_window);
}

void REEL_FN(reel_avg_pool2d_backward)(const reel_call *c)
{
    REEL_FN(reel_average_backward)(c, avg_pool2d_fixed_window);
}

#ifdef REEL_ONCE
reel_var reel_avg_pool2d(reel_var x, const reel_pool2d_attrs *attrs)
{
    const reel_pool2d_attrs a = reel_pool_defaults(attrs);
    return reel_apply(&reel_op_avg_pool2d, &a, sizeof a, &x, 1);
}

static reel_var avg_pool2d_build(const reel_var *in, int n_in, const void *attrs)
{
    (void)n_in;
    return reel_avg_pool2d(in[0], attrs);
}

static reel_var avg_pool2d_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return pool_used_twice(reel_avg_pool2d, in[0]);
}

static const reel_op_case avg_pool2d_cases[] = {
    REEL_CASE("2x2", "(2, 3, 4, 6)", POOL(2, 2, .stride_h = 0)),
    REEL_CASE("3x3 stride 2", "(2, 3, 7, 6)", POOL(3, 3, .stride_h = 2, .stride_w = 2)),
    REEL_CASE("padding", "(2, 3, 6, 5)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .padding_h = 1, .padding_w = 1)),
    REEL_CASE("padding excluded", "(2, 3, 6, 5)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .padding_h = 1, .padding_w = 1,
                   .exclude_padding = true)),
    REEL_CASE("ceil mode", "(2, 3, 6, 8)",
              POOL(3, 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)),
    REEL_CASE("ceil mode, padding, asymmetric", "(2, 3, 6, 7)",
              POOL(3, 2, .stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 1,
                   .ceil_mode = true)),
    REEL_CASE("ceil mode, padding excluded", "(2, 3, 6, 7)",
              POOL(3, 2, .stride_h = 2, .stride_w = 3, .padding_h = 1, .padding_w = 1,
                   .ceil_mode = true, .exclude_padding = true)),
    REEL_CASE("gaps between windows", "(2, 2, 7, 6)", POOL(2, 1, .stride_h = 3, .stride_w = 2)),
    REEL_CASE("more channels than a block", "(1, 67, 2, 2)", POOL(2, 2, .stride_h = 0)),
    {.label = "input used twice", .in = "(1, 2, 6, 6)", .build = avg_pool2d_twice},
};

const reel_op reel_op_avg_pool2d =
    REEL_OP(avg_pool2d, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_ASSIGNS,
            .attrs_bytes = sizeof(reel_pool2d_attrs), .infer = reel_pool_infer,
            .build = avg_pool2d_build, REEL_CHECKS(avg_pool2d_cases, pool_random));
#endif
