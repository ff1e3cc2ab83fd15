/* Template: an elementwise operator of two inputs with NumPy's broadcasting. The operator's file
 * defines
 *
 *     static inline reel_real mul_value(reel_binary e)     y, from e.a and e.b
 *     static inline reel_real mul_to_a(reel_binary e)      what is added to da, from e.a, e.b, e.dy
 *     static inline reel_real mul_to_b(reel_binary e)      what is added to db
 *     #define REEL_BINARY mul
 *     #define REEL_BINARY_FLAGS REEL_OP_NEEDS_INPUTS       what mul_to_a and mul_to_b read; 0: e.dy
 *     #define REEL_BINARY_DRAW REEL_DRAW_POSITIVE          unless REEL_DRAW_NORMAL will do
 *     #include "core/ops/binary.h"
 *
 * and gets the passes reel_mul_forward and reel_mul_backward, the builder reel_mul and the
 * descriptor reel_op_mul. The gradient sums what broadcasting repeated.
 *
 * Without REEL_BINARY_FLAGS it gets only mul_value_term, mul_to_a_term and mul_to_b_term, for
 * reel_map and reel_reduce (core/ops/strided.h). Without REEL_BINARY the header gives the parts
 * that all these operators share. */
#ifndef REEL_CORE_OPS_BINARY_H
#define REEL_CORE_OPS_BINARY_H

#include "core/op_impl.h"
#include "core/ops/strided.h"

/* One element. In a value dy is 0; in a gradient a and b are 0 without REEL_OP_NEEDS_INPUTS. */
typedef struct reel_binary {
    reel_real a, b, dy;
} reel_binary;

typedef reel_real reel_binary_fn(reel_binary e);

/* Elements at a constant step; at NULL: zeros. */
typedef struct binary_run {
    const reel_real *at;
    int64_t step;
} binary_run;

#define REEL_ALWAYS_INLINE inline __attribute__((always_inline))

static REEL_ALWAYS_INLINE void binary_loop(reel_binary_fn *f, int64_t n, binary_run a, binary_run b,
                                           binary_run dy, reel_real *out)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = f((reel_binary){.a = a.at ? a.at[i * a.step] : 0,
                                 .b = b.at ? b.at[i * b.step] : 0,
                                 .dy = dy.at ? dy.at[i * dy.step] : 0});
}

/* The same loop compiled for the steps that occur along memory, which are 1 and 0, so that it
 * vectorises. f is a constant where this is inlined. */
static REEL_ALWAYS_INLINE void binary_term(reel_binary_fn *f, int64_t n, binary_run a, binary_run b,
                                           binary_run dy, reel_real *out)
{
    const bool along = !dy.at || dy.step == 1;
    const binary_run a1 = {a.at, 1}, a0 = {a.at, 0}, b1 = {b.at, 1}, b0 = {b.at, 0};
    const binary_run dy1 = {dy.at, 1};
    if (along && a.step == 1 && b.step == 1)
        binary_loop(f, n, a1, b1, dy1, out);
    else if (along && a.step == 1 && b.step == 0)
        binary_loop(f, n, a1, b0, dy1, out);
    else if (along && a.step == 0 && b.step == 1)
        binary_loop(f, n, a0, b1, dy1, out);
    else
        binary_loop(f, n, a, b, dy, out);
}

#ifdef REEL_ONCE
/* The shape that both inputs broadcast to: aligned at the last dimension, sizes are equal or one of
 * them is 1. */
static inline reel_status broadcast_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *a = &q->in[0], *b = &q->in[1];
    q->ndim = a->ndim > b->ndim ? a->ndim : b->ndim;

    for (int d = 0; d < q->ndim; d++) {
        const int da = d - (q->ndim - a->ndim), db = d - (q->ndim - b->ndim);
        const int64_t na = da >= 0 ? a->shape[da] : 1, nb = db >= 0 ? b->shape[db] : 1;
        if (na != nb && na != 1 && nb != 1)
            return reel_fail(err, REEL_ERR_INVALID,
                             "shapes do not broadcast: dimension %d of the result: expected equal "
                             "sizes or a 1, got %lld and %lld",
                             d, (long long)na, (long long)nb);
        q->shape[d] = na == 1 ? nb : na;
    }
    return REEL_OK;
}

static inline void binary_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 2;
    reel_random_broadcast(rng, s);
}
#endif

#define BINARY(part) REEL_JOIN(REEL_BINARY, _, part)
#define BINARY_PASS(pass) REEL_JOIN(reel_, REEL_BINARY, REEL_FN(pass))
#endif

#ifdef REEL_BINARY
static void BINARY(value_term)(int64_t n, const reel_real *const *p, const int64_t *s,
                               reel_real *out)
{
    binary_term(BINARY(value), n, (binary_run){p[0], s[0]}, (binary_run){p[1], s[1]},
                (binary_run){NULL, 0}, out);
}

/* Gradients: p is dy, a, b. */
static void BINARY(to_a_term)(int64_t n, const reel_real *const *p, const int64_t *s,
                              reel_real *out)
{
    binary_term(BINARY(to_a), n, (binary_run){p[1], s[1]}, (binary_run){p[2], s[2]},
                (binary_run){p[0], s[0]}, out);
}

static void BINARY(to_b_term)(int64_t n, const reel_real *const *p, const int64_t *s,
                              reel_real *out)
{
    binary_term(BINARY(to_b), n, (binary_run){p[1], s[1]}, (binary_run){p[2], s[2]},
                (binary_run){p[0], s[0]}, out);
}
#endif

#if defined(REEL_BINARY) && defined(REEL_BINARY_FLAGS)
REEL_DECLARE_OP(REEL_BINARY);

void BINARY_PASS(_forward)(const reel_call *c)
{
    REEL_FN(reel_map)(c->ctx, BINARY(value_term), 2, c->in, (reel_target){&c->out, false, 1});
}

void BINARY_PASS(_backward)(const reel_call *c)
{
    const reel_tensor from[] = {c->dout, c->in[0], c->in[1]};
    const reel_target to_a = {&c->din[0], !c->fresh[0], 1}, to_b = {&c->din[1], !c->fresh[1], 1};
    if (c->din[0].data)
        REEL_FN(reel_reduce)(c->ctx, BINARY(to_a_term), 3, from, to_a);
    if (c->din[1].data)
        REEL_FN(reel_reduce)(c->ctx, BINARY(to_b_term), 3, from, to_b);
}

#ifdef REEL_ONCE
#ifndef REEL_BINARY_DRAW
#define REEL_BINARY_DRAW REEL_DRAW_NORMAL
#endif
#define BINARY_BUILDER REEL_JOIN(reel_, REEL_BINARY, )
#define BINARY_OP REEL_JOIN(reel_op_, REEL_BINARY, )

reel_var BINARY_BUILDER(reel_var a, reel_var b)
{
    return reel_apply(&BINARY_OP, NULL, 0, (const reel_var[]){a, b}, 2);
}

static reel_var BINARY(twice)(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return BINARY_BUILDER(reel_exp(in[0]), BINARY_BUILDER(in[0], in[1]));
}

static const reel_op_case BINARY(cases)[] = {
    {.label = "numbers", .in = "() ()"},
    {.label = "vectors", .in = "(7) (7)"},
    {.label = "images", .in = "(2, 3, 4, 5) (2, 3, 4, 5)"},
    {.label = "an input used twice", .in = "(2, 3) (2, 3)", .build = BINARY(twice)},
    {.label = "matrix and number", .in = "(4, 3) ()"},
    {.label = "matrix and row", .in = "(4, 3) (3)"},
    {.label = "column and row", .in = "(4, 1) (1, 5)"},
    {.label = "both grow", .in = "(4, 1, 3) (5, 1)"},
    {.label = "images and channels", .in = "(2, 3, 4, 5) (3, 1, 1)"},
    {.label = "images and width", .in = "(2, 3, 4, 5) (5)"},
    {.label = "one image for a batch", .in = "(3, 4, 5) (2, 3, 4, 5)"},
    {.label = "images of both sides", .in = "(2, 3, 1, 1) (1, 3, 4, 5)"},
    {.label = "five dimensions", .in = "(2, 1, 3, 1, 2) (3, 1, 4, 2)"},
};

const reel_op BINARY_OP = REEL_OP(
    REEL_BINARY, 2, 2, .flags = REEL_BINARY_FLAGS | REEL_OP_ROWS | REEL_OP_ASSIGNS,
    .infer = broadcast_infer, .draw = REEL_BINARY_DRAW, REEL_CHECKS(BINARY(cases), binary_random));
#endif
#endif
