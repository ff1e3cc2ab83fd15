/* Template: an operator on the lines along the last dimension, as softmax and log_softmax are. The
 * operator's file defines
 *
 *     static inline void softmax_value(softmax_line at, const reel_real *x, reel_real *y)
 *     static inline void softmax_slope(softmax_line at, const reel_real *y, const reel_real *dy,
 *                                      bool fresh, reel_real *dx)
 *     #define REEL_SOFTMAX softmax
 *     #include "core/ops/softmax.h"
 *
 * and gets the passes, the builder reel_softmax and the descriptor reel_op_softmax. The element k
 * of a line stands at [k * at.stride]. softmax_slope reads the result y, not x; it assigns dx where
 * fresh is true, else adds. */
#ifndef REEL_CORE_OPS_SOFTMAX_H
#define REEL_CORE_OPS_SOFTMAX_H

#include "core/op_impl.h"
#include "core/ops/exponentials.h"
#include "core/walk.h"

/* All tensors of the operator have one shape and the canonical layout, so a line begins at the same
 * offset in each. */
typedef struct softmax_lines {
    reel_walk walk; /* over everything but the last dimension */
    int64_t count, length, stride;
} softmax_lines;

static inline softmax_lines softmax_lines_of(const reel_tensor *t)
{
    const reel_tensor first = reel_tensor_slice(*t, t->ndim - 1, 0, 1);
    const reel_tensor *const operands[] = {&first};
    softmax_lines l = {.walk = reel_walk_make(0, first.ndim, first.shape, 1, operands)};
    l.count = reel_walk_count(&l.walk, l.walk.ndim);
    l.length = t->shape[t->ndim - 1];
    l.stride = t->stride[t->ndim - 1];
    return l;
}

static inline int64_t softmax_line_begin(const softmax_lines *l, int64_t i)
{
    return reel_walk_at(&l->walk, l->walk.ndim, i).offset[0];
}

/* One line, and n = length * stride, where its elements end. */
typedef struct softmax_line {
    int64_t length, stride, n;
} softmax_line;

static inline reel_real softmax_line_max(softmax_line at, const reel_real *x)
{
    reel_real top = x[0];
    for (int64_t k = 1; k < at.length; k++)
        top = x[k * at.stride] > top ? x[k * at.stride] : top;
    return top;
}

/* A loop over all lines that the context's threads share. */
#define REEL_FOR_LINES(call, l, i)                                                                 \
    REEL_PRAGMA(omp parallel for schedule(static)                                                  \
                    num_threads(reel_ctx_threads((call)->ctx)) if ((l).count * (l).length > 4096)) \
    for (int64_t i = 0; i < (l).count; i++)

#ifdef REEL_ONCE
static inline reel_status softmax_infer(reel_infer *q, reel_error *err)
{
    if (q->ndim >= 1 && q->shape[q->ndim - 1] >= 1)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "expected a last dimension of at least 1, got none");
}

static inline void softmax_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 1;
    reel_random_shape(rng, s, 0, 1, REEL_MAX_DIMS);
}

static const reel_op_case softmax_cases[] = {
    {.label = "vector", .in = "(7)"},          {.label = "matrix", .in = "(3, 5)"},
    {.label = "one class", .in = "(3, 1)"},    {.label = "three dimensions", .in = "(2, 3, 4)"},
    {.label = "images", .in = "(2, 3, 4, 5)"},
};
#endif

#endif

#ifdef REEL_SOFTMAX
#define SOFTMAX(part) REEL_JOIN(REEL_SOFTMAX, _, part)
#define SOFTMAX_PASS(pass) REEL_JOIN(reel_, REEL_SOFTMAX, REEL_FN(pass))

REEL_DECLARE_OP(REEL_SOFTMAX);

void SOFTMAX_PASS(_forward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->out);
    const softmax_line at = {l.length, l.stride, l.length * l.stride};
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i);
        SOFTMAX(value)(at, (const reel_real *)c->in[0].data + begin,
                       (reel_real *)c->out.data + begin);
    }
}

void SOFTMAX_PASS(_backward)(const reel_call *c)
{
    const softmax_lines l = softmax_lines_of(&c->dout);
    const softmax_line at = {l.length, l.stride, l.length * l.stride};
    REEL_FOR_LINES(c, l, i) {
        const int64_t begin = softmax_line_begin(&l, i);
        const reel_real *y = (const reel_real *)c->out.data + begin,
                        *dy = (const reel_real *)c->dout.data + begin;
        SOFTMAX(slope)(at, y, dy, c->fresh[0], (reel_real *)c->din[0].data + begin);
    }
}

#ifdef REEL_ONCE
#define ONE_INPUT REEL_SOFTMAX
#define ONE_INPUT_FLAGS (REEL_OP_NEEDS_OUTPUT | REEL_OP_WIDE)
#define ONE_INPUT_INFER softmax_infer
#define ONE_INPUT_DRAW REEL_DRAW_NORMAL
#define ONE_INPUT_CASES softmax_cases
#define ONE_INPUT_RANDOM softmax_random
#include "core/ops/one_input.h"
#endif
#endif
