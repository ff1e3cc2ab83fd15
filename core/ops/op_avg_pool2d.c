/* avg_pool2d: y = the sum over each window, padding counting as zero, divided as core/ops/pool.h
 * says (PyTorch's rules). */
#include "core/op_impl.h"
#include "core/ops/pool.h"

REEL_DECLARE_OP(avg_pool2d);

static reel_window fixed_window(const reel_call *c, int64_t i, int64_t j)
{
    return reel_pool_window(c->attrs, &c->in[0], i, j);
}

void REEL_FN(reel_avg_pool2d_forward)(const reel_call *c)
{
    REEL_FN(reel_average_forward)(c, fixed_window);
}

void REEL_FN(reel_avg_pool2d_backward)(const reel_call *c)
{
    REEL_FN(reel_average_backward)(c, fixed_window);
}

#ifdef REEL_ONCE
reel_var reel_avg_pool2d(reel_var x, const reel_pool2d_attrs *attrs)
{
    const reel_pool2d_attrs a = reel_pool_defaults(attrs);
    return reel_apply(&reel_op_avg_pool2d, &a, sizeof a, &x, 1);
}

#define POOL_CASE(name, ...)                                                                       \
    static reel_var name(reel_tape *tape, const reel_var *in)                                      \
    {                                                                                              \
        (void)tape;                                                                                \
        return reel_avg_pool2d(in[0], &(const reel_pool2d_attrs){__VA_ARGS__});                    \
    }
POOL_CASE(case_2x2, .kernel_h = 2, .kernel_w = 2)
POOL_CASE(case_overlap, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2)
POOL_CASE(case_padding, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .padding_h = 1,
          .padding_w = 1)
POOL_CASE(case_exclude, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .padding_h = 1,
          .padding_w = 1, .exclude_padding = true)
POOL_CASE(case_ceil, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .ceil_mode = true)
POOL_CASE(case_ceil_padding, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3,
          .padding_h = 1, .padding_w = 1, .ceil_mode = true)
POOL_CASE(case_ceil_exclude, .kernel_h = 3, .kernel_w = 2, .stride_h = 2, .stride_w = 3,
          .padding_h = 1, .padding_w = 1, .ceil_mode = true, .exclude_padding = true)
POOL_CASE(case_gap, .kernel_h = 2, .kernel_w = 1, .stride_h = 3, .stride_w = 2)

static reel_var case_twice(reel_tape *tape, const reel_var *in)
{
    return reel_add(case_ceil(tape, in), reel_avg_pool2d(in[0], &(const reel_pool2d_attrs){
                                                                    .kernel_h = 2, .kernel_w = 2}));
}

static const reel_op_case cases[] = {
    {"2x2", case_2x2, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 6}}}},
    {"3x3 stride 2", case_overlap, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 7, 6}}}},
    {"padding", case_padding, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 5}}}},
    {"padding excluded", case_exclude, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 5}}}},
    {"ceil mode", case_ceil, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 8}}}},
    {"ceil mode, padding, asymmetric", case_ceil_padding, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 7}}}},
    {"ceil mode, padding excluded", case_ceil_exclude, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 6, 7}}}},
    {"gaps between windows", case_gap, REEL_DRAW_NORMAL, 1, {{4, {2, 2, 7, 6}}}},
    {"more channels than a block", case_2x2, REEL_DRAW_NORMAL, 1, {{4, {1, 67, 2, 2}}}},
    {"input used twice", case_twice, REEL_DRAW_NORMAL, 1, {{4, {1, 2, 6, 6}}}},
};

static reel_var random_build(reel_tape *tape, const reel_var *in, const void *attrs)
{
    (void)tape;
    return reel_avg_pool2d(in[0], attrs);
}

static void random_use(reel_rng *rng, reel_op_sample *s)
{
    s->build = random_build;
    s->n_in = 1;
    s->draw = REEL_DRAW_NORMAL;
    reel_random_image(rng, s, 0);
    reel_random_pool2d(rng, s, (reel_pool2d_attrs *)&s->attrs, s->in[0].shape[2],
                       s->in[0].shape[3]);
}

const reel_op reel_op_avg_pool2d = {.name = "avg_pool2d",
                                    .min_in = 1,
                                    .max_in = 1,
                                    .flags = REEL_OP_ASSIGNS,
                                    .infer = reel_pool_infer,
                                    .forward = REEL_BOTH(reel_avg_pool2d_forward),
                                    .backward = REEL_BOTH(reel_avg_pool2d_backward),
                                    .cases = cases,
                                    .n_cases = REEL_COUNT(cases),
                                    .random = random_use};
#endif
