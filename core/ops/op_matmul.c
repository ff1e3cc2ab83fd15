/* matmul: C = A B over the last two dimensions, for each index of the leading ones;  dA = dC B^T,
 * dB = A^T dC.
 *
 * Where b has no leading dimensions, those of a count as rows: one large product instead of many,
 * and dB sums over them by itself. Matrices of rank-4 tensors are interleaved in memory
 * (channels-last), so these are copied to row-major scratch before the product and back after it.
 */
#include "core/kernels/gemm.h"
#include "core/memory.h"
#include "core/op_impl.h"
#include "core/ops/strided.h"

#ifdef REEL_PUBLIC
/* The product over the last two dimensions, for each index of the leading ones: (..., m, k) (...,
 * k, n) -> (..., m, n). Leading dimensions are equal, or absent in b. */
REEL_API reel_var reel_matmul(reel_var a, reel_var b);
#endif

REEL_DECLARE_OP(matmul);

typedef struct matmul_plan {
    int64_t batch, m, n, k;
    size_t gemm, a, b, c; /* bytes of scratch, in this order; 0 where memory is row-major already */
} matmul_plan;

static inline size_t matmul_aligned(size_t bytes)
{
    return (bytes + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT * REEL_ALIGNMENT;
}

static matmul_plan plan_matmul(const reel_ctx *ctx, const reel_tensor *a, const reel_tensor *b,
                               bool backward)
{
    const bool is_double = a->dtype == REEL_F64;
    matmul_plan p = {.batch = 1,
                     .m = a->shape[a->ndim - 2],
                     .n = b->shape[b->ndim - 1],
                     .k = a->shape[a->ndim - 1]};
    for (int d = 0; d < a->ndim - 2; d++)
        p.batch *= a->shape[d];
    const size_t a_bytes = matmul_aligned(reel_tensor_bytes(a)),
                 b_bytes = matmul_aligned(reel_tensor_bytes(b));
    if (a->ndim == 4) {
        p.a = a_bytes;
        p.c = matmul_aligned((size_t)(p.batch * p.m * p.n) * reel_dtype_size(a->dtype));
    }
    if (b->ndim == 4)
        p.b = b_bytes;
    if (b->ndim == 2) {
        p.m *= p.batch;
        p.batch = 1;
    }

    /* forward: A B; backward: dC B^T and A^T dC */
    const reel_gemm_job runs[] = {{.m = p.m, .n = p.n, .k = p.k},
                                  {.tb = true, .m = p.m, .n = p.k, .k = p.n},
                                  {.ta = true, .m = p.k, .n = p.n, .k = p.m}};
    for (int i = backward; i < (backward ? 3 : 1); i++) {
        const size_t need = reel_gemm_scratch(ctx, is_double ? REEL_F64 : REEL_F32, &runs[i]);
        if (matmul_aligned(need) > p.gemm)
            p.gemm = matmul_aligned(need);
    }
    return p;
}

/* t's elements in row-major order: in place where they are, else in memory (copied there if
 * wanted). */
static reel_tensor matmul_row_major(const reel_call *c, const reel_tensor *t, void *memory,
                                    bool copy)
{
    if (t->ndim != 4)
        return *t;
    const reel_tensor dense =
        reel_tensor_with_layout(memory, t->dtype, REEL_ROW_MAJOR, t->ndim, t->shape);
    if (copy)
        REEL_FN(reel_strided_copy)(c->ctx, &dense, t, false, 1);
    return dense;
}

void REEL_FN(reel_matmul_forward)(const reel_call *c)
{
    const matmul_plan p = plan_matmul(c->ctx, &c->in[0], &c->in[1], false);

    /* The product's own scratch comes first, then copies of the matrices that are not row-major. */
    char *memory = (char *)c->scratch + p.gemm;
    const reel_tensor a = matmul_row_major(c, &c->in[0], memory, true);
    const reel_tensor b = matmul_row_major(c, &c->in[1], memory + p.a, true);
    const reel_tensor y = matmul_row_major(c, &c->out, memory + p.a + p.b, false);

    for (int64_t i = 0; i < p.batch; i++) {
        const reel_gemm_job job = {.m = p.m,
                                   .n = p.n,
                                   .k = p.k,
                                   .a = (const reel_real *)a.data + i * p.m * p.k,
                                   .lda = p.k,
                                   .b = (const reel_real *)b.data + i * p.k * p.n,
                                   .ldb = p.n,
                                   .c = (reel_real *)y.data + i * p.m * p.n,
                                   .ldc = p.n,
                                   .scratch = c->scratch};
        reel_gemm(c->ctx, REEL_DTYPE, &job);
    }
    if (y.data != c->out.data)
        REEL_FN(reel_strided_copy)(c->ctx, &c->out, &y, false, 1);
}

void REEL_FN(reel_matmul_backward)(const reel_call *c)
{
    const matmul_plan p = plan_matmul(c->ctx, &c->in[0], &c->in[1], true);
    char *memory = (char *)c->scratch + p.gemm;
    const reel_tensor dy = matmul_row_major(c, &c->dout, memory, true);
    memory += p.c;

    for (int side = 0; side < 2; side++) {
        const reel_tensor *din = &c->din[side];
        if (!din->data)
            continue;

        /* The other input, then this gradient: the room of both suffices for either side. */
        const reel_tensor other = matmul_row_major(c, &c->in[!side], memory, true);
        const reel_tensor d = matmul_row_major(c, din, memory + (side ? p.a : p.b), false);
        const bool apart = d.data != din->data, add = !apart && !c->fresh[side];
        for (int64_t i = 0; i < p.batch; i++) {
            const reel_real *dc = (const reel_real *)dy.data + i * p.m * p.n, *o = other.data;
            reel_real *to = d.data;
            const reel_gemm_job da = {.tb = true,
                                      .accumulate = add,
                                      .m = p.m,
                                      .n = p.k,
                                      .k = p.n,
                                      .a = dc,
                                      .lda = p.n,
                                      .b = o + i * p.k * p.n,
                                      .ldb = p.n,
                                      .c = to + i * p.m * p.k,
                                      .ldc = p.k,
                                      .scratch = c->scratch};
            const reel_gemm_job db = {.ta = true,
                                      .accumulate = add,
                                      .m = p.k,
                                      .n = p.n,
                                      .k = p.m,
                                      .a = o + i * p.m * p.k,
                                      .lda = p.k,
                                      .b = dc,
                                      .ldb = p.n,
                                      .c = to + i * p.k * p.n,
                                      .ldc = p.n,
                                      .scratch = c->scratch};
            reel_gemm(c->ctx, REEL_DTYPE, side == 0 ? &da : &db);
        }
        if (apart)
            REEL_FN(reel_strided_copy)(c->ctx, din, &d, !c->fresh[side], 1);
    }
}

#ifdef REEL_ONCE
static reel_status matmul_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *a = &q->in[0], *b = &q->in[1];
    if (a->ndim < 2 || b->ndim < 2)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected at least 2 dimensions each, got %d and %d", a->ndim, b->ndim);
    if (b->ndim != 2 && b->ndim != a->ndim)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected a second input of 2 or %d dimensions, got %d", a->ndim, b->ndim);
    if (a->shape[a->ndim - 1] != b->shape[b->ndim - 2])
        return reel_fail(
            err, REEL_ERR_INVALID,
            "inner sizes: expected the first's columns = the second's rows, got %lld and %lld",
            (long long)a->shape[a->ndim - 1], (long long)b->shape[b->ndim - 2]);
    for (int d = 0; d < b->ndim - 2; d++)
        if (a->shape[d] != b->shape[d])
            return reel_fail(err, REEL_ERR_INVALID,
                             "leading dimension %d: expected equal sizes, got %lld and %lld", d,
                             (long long)a->shape[d], (long long)b->shape[d]);

    q->shape[q->ndim - 1] = b->shape[b->ndim - 1];
    REEL_TRY(reel_infer_check_size(q, err));
    const matmul_plan forward = plan_matmul(q->ctx, a, b, false),
                      backward = plan_matmul(q->ctx, a, b, true);
    q->forward_scratch = forward.gemm + forward.a + forward.b + forward.c;
    q->backward_scratch = backward.gemm + backward.a + backward.b + backward.c;
    return REEL_OK;
}

reel_var reel_matmul(reel_var a, reel_var b)
{
    return reel_apply(&reel_op_matmul, NULL, 0, (reel_var[]){a, b}, 2);
}

static reel_var matmul_cube(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_matmul(in[0], reel_matmul(in[0], in[0]));
}

static const reel_op_case matmul_cases[] = {
    {.label = "matrices", .in = "(4, 3) (3, 5)"},
    {.label = "row and column", .in = "(1, 6) (6, 1)"},
    {.label = "batch", .in = "(2, 4, 3) (2, 3, 5)"},
    {.label = "batch by one matrix", .in = "(2, 4, 3) (3, 5)"},
    {.label = "two batch dimensions", .in = "(2, 3, 4, 3) (2, 3, 3, 2)"},
    {.label = "two batch dimensions by one matrix", .in = "(2, 3, 4, 3) (3, 2)"},
    {.label = "three batch dimensions", .in = "(2, 1, 2, 4, 3) (2, 1, 2, 3, 2)"},
    {.label = "cube of a matrix", .in = "(4, 4)", .build = matmul_cube},
    {.label = "cube of interleaved matrices", .in = "(2, 2, 3, 3)", .build = matmul_cube},
};

static void matmul_random(reel_rng *rng, reel_op_sample *s)
{
    s->n_in = 2;
    reel_random_shape(rng, s, 0, 2, REEL_MAX_DIMS);
    const int ndim = s->in[0].ndim;
    s->in[1] = s->in[0];
    if (reel_random_chance(rng, 0.3))
        s->in[1].ndim = 2;
    s->in[1].shape[s->in[1].ndim - 2] = s->in[0].shape[ndim - 1];
    s->in[1].shape[s->in[1].ndim - 1] = reel_random_int(rng, 1, 9);
}

static int64_t matmul_multiply_adds(const void *attrs, const reel_tensor *in,
                                    const reel_tensor *out)
{
    (void)attrs;
    return reel_tensor_numel(out) * in[0].shape[in[0].ndim - 1];
}

const reel_op reel_op_matmul =
    REEL_OP(matmul, 2, 2, .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS, .infer = matmul_infer,
            .multiply_adds = matmul_multiply_adds, REEL_CHECKS(matmul_cases, matmul_random));
#endif
