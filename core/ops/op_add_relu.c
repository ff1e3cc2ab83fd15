/* add_relu: y = max(a + b, 0), as relu after add and equal to it to the bit;  da = db = dy where
 * y > 0, else 0. The sum itself is never kept. */
#include "core/op_impl.h"

#ifdef REEL_PUBLIC
/* max(a + b, 0) of two tensors of one shape: relu after add, with the same bits and one pass. */
REEL_API reel_var reel_add_relu(reel_var a, reel_var b);
#endif

REEL_DECLARE_OP(add_relu);

void REEL_FN(reel_add_relu_forward)(const reel_call *c)
{
    const reel_real *a = c->in[0].data, *b = c->in[1].data;
    reel_real *y = c->out.data;
    const int64_t n = reel_tensor_numel(&c->out);

    REEL_PARALLEL_FOR(c, i, n) {
        const reel_real sum = a[i] + b[i];
        y[i] = sum < 0 ? 0 : sum;
    }
}

/* to = dy where y > 0, else 0, or added to it. to may lie over dy, so the compiler has to be told
 * that elements do not depend on each other. */
static void add_relu_grad(const reel_call *c, reel_real *to, bool fresh)
{
    const reel_real *y = c->out.data, *dy = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->dout);

    if (fresh)
#pragma omp parallel for simd schedule(static) num_threads(reel_ctx_threads(c->ctx)) if (n > 16384)
        for (int64_t i = 0; i < n; i++) {
            const reel_real passed = dy[i];
            to[i] = y[i] > 0 ? passed : 0;
        }
    else
#pragma omp parallel for simd schedule(static) num_threads(reel_ctx_threads(c->ctx)) if (n > 16384)
        for (int64_t i = 0; i < n; i++) {
            const reel_real passed = dy[i];
            to[i] += y[i] > 0 ? passed : 0;
        }
}

/* Both gradients where neither holds anything yet: dy is read once. */
static void add_relu_grads(const reel_call *c)
{
    const reel_real *y = c->out.data, *dy = c->dout.data;
    reel_real *da = c->din[0].data, *db = c->din[1].data;
    const int64_t n = reel_tensor_numel(&c->dout);

#pragma omp parallel for simd schedule(static) num_threads(reel_ctx_threads(c->ctx)) if (n > 16384)
    for (int64_t i = 0; i < n; i++) {
        const reel_real passed = dy[i], g = y[i] > 0 ? passed : 0;
        da[i] = g;
        db[i] = g;
    }
}

void REEL_FN(reel_add_relu_backward)(const reel_call *c)
{
    reel_real *da = c->din[0].data, *db = c->din[1].data;
    if (da && db && c->fresh[0] && c->fresh[1]) {
        add_relu_grads(c);
        return;
    }
    if (db)
        add_relu_grad(c, db, c->fresh[1]);
    if (da) /* last: it may lie over dy */
        add_relu_grad(c, da, c->fresh[0]);
}

#ifdef REEL_ONCE
static reel_status add_relu_infer(reel_infer *q, reel_error *err)
{
    if (reel_tensor_same_shape(&q->in[0], &q->in[1]))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "expected inputs of one shape");
}

reel_var reel_add_relu(reel_var a, reel_var b)
{
    return reel_apply(&reel_op_add_relu, NULL, 0, (const reel_var[]){a, b}, 2);
}

static reel_var add_relu_build(const reel_var *in, int n_in, const void *attrs)
{
    (void)n_in, (void)attrs;
    return reel_add_relu(in[0], in[1]);
}

static reel_var add_relu_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add_relu(reel_add_relu(in[0], in[0]), reel_add_relu(in[0], in[1]));
}

static const reel_op_case add_relu_cases[] = {
    {.label = "numbers", .in = "() ()"},
    {.label = "matrices", .in = "(5, 3) (5, 3)"},
    {.label = "images", .in = "(2, 3, 4, 5) (2, 3, 4, 5)"},
    {.label = "inputs used twice", .in = "(2, 3) (2, 3)", .build = add_relu_twice},
};

static void add_relu_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 2;
    reel_random_shape(rng, s, 0, 0, REEL_MAX_DIMS);
    s->in[1] = s->in[0];
}

const reel_op reel_op_add_relu = REEL_OP(
    add_relu, 2, 2,
    .flags = REEL_OP_ROWS | REEL_OP_NEEDS_OUTPUT | REEL_OP_ASSIGNS | REEL_OP_GRAD_OVER_DOUT,
    .infer = add_relu_infer, .build = add_relu_build, REEL_CHECKS(add_relu_cases, add_relu_random));
#endif
