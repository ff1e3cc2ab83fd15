/* What softmax and log_softmax share: the lines along the last dimension, and their maximum and sum
 * of exponentials. */
#ifndef REEL_CORE_OPS_SOFTMAX_H
#define REEL_CORE_OPS_SOFTMAX_H

#include "core/ops/exponentials.h"
#include "core/ops/unary.h"
#include "core/walk.h"

/* All tensors of the operator have one shape and the canonical layout, so a line begins at the same
 * offset in each. */
typedef struct lines {
    reel_walk walk; /* over everything but the last dimension */
    int64_t count, length, stride;
} lines;

static inline lines lines_of(const reel_tensor *t)
{
    const reel_tensor first = reel_tensor_slice(*t, t->ndim - 1, 0, 1);
    const reel_tensor *const operands[] = {&first};
    lines l = {.walk = reel_walk_make(0, first.ndim, first.shape, 1, operands)};
    l.count = reel_walk_count(&l.walk, l.walk.ndim);
    l.length = t->shape[t->ndim - 1];
    l.stride = t->stride[t->ndim - 1];
    return l;
}

static inline int64_t line_begin(const lines *l, int64_t i)
{
    return reel_walk_at(&l->walk, l->walk.ndim, i).offset[0];
}

static inline reel_real line_max(const lines *l, const reel_real *x)
{
    reel_real top = x[0];
    for (int64_t k = 1; k < l->length; k++)
        top = x[k * l->stride] > top ? x[k * l->stride] : top;
    return top;
}

#define REEL_FOR_LINES(call, l, i)                                                                                               \
    REEL_PRAGMA(omp parallel for schedule(static) num_threads(reel_ctx_threads((call)->ctx)) if ((l).count * (l).length > 4096)) \
    for (int64_t i = 0; i < (l).count; i++)

#define REEL_SOFTMAX_OP(label)                                                                     \
    static reel_status last_dimension_infer(reel_infer *q, reel_error *err)                        \
    {                                                                                              \
        if (q->ndim >= 1 && q->shape[q->ndim - 1] >= 1)                                            \
            return REEL_OK;                                                                        \
        return reel_fail(err, REEL_ERR_INVALID,                                                    \
                         "expected a last dimension of at least 1, got none");                     \
    }                                                                                              \
    REEL_UNARY_BUILDER(label)                                                                      \
    static void random_use(reel_rng *rng, reel_op_sample *s)                                       \
    {                                                                                              \
        s->build = random_build;                                                                   \
        s->n_in = 1;                                                                               \
        reel_random_shape(rng, s, 0, 1, REEL_MAX_DIMS);                                            \
        random_attrs(rng, s);                                                                      \
    }                                                                                              \
    static const reel_op_case cases[] = {                                                          \
        {"vector", build_case, REEL_DRAW_NORMAL, 1, {{1, {7}}}},                                   \
        {"matrix", build_case, REEL_DRAW_NORMAL, 1, {{2, {3, 5}}}},                                \
        {"one class", build_case, REEL_DRAW_NORMAL, 1, {{2, {3, 1}}}},                             \
        {"three dimensions", build_case, REEL_DRAW_NORMAL, 1, {{3, {2, 3, 4}}}},                   \
        {"images", build_case, REEL_DRAW_NORMAL, 1, {{4, {2, 3, 4, 5}}}},                          \
    };                                                                                             \
    const reel_op reel_op_##label = {.name = #label,                                               \
                                     .min_in = 1,                                                  \
                                     .max_in = 1,                                                  \
                                     .flags = REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS,              \
                                     .infer = last_dimension_infer,                                \
                                     .forward = REEL_BOTH(reel_##label##_forward),                 \
                                     .backward = REEL_BOTH(reel_##label##_backward),               \
                                     .cases = cases,                                               \
                                     .n_cases = REEL_COUNT(cases),                                 \
                                     .random = random_use};

#endif
