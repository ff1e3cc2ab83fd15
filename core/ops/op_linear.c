/* linear: y = x w^T + b;  dx = dy w,  dw = dy^T x,  db = column sums of dy. x (n, in), w (out, in),
 * b (out) or absent. */
#include "core/kernels/bf16.h"
#include "core/kernels/gemm.h"
#include "core/kernels/weight_grad.h"
#include "core/memory.h"
#include "core/op_impl.h"
#include "core/ops/column_sums.h"
#include "core/ops/linear.h"
#include "core/piece_tree.h"

#ifdef REEL_PUBLIC
/* y = x w^T + b: x (n, in), w (out, in), b (out) or REEL_NONE -> (n, out). */
REEL_API reel_var reel_linear(reel_var x, reel_var w, reel_var b);
#endif

REEL_DECLARE_OP(linear);

void REEL_FN(reel_linear_forward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], in = c->in[0].shape[1], out = c->in[1].shape[0];
    const reel_real *x = c->in[0].data, *w = c->in[1].data, *b = c->n_in > 2 ? c->in[2].data : NULL;
    const reel_gemm_job y = {.tb = true,
                             .m = n,
                             .n = out,
                             .k = in,
                             .a = x,
                             .lda = in,
                             .b = w,
                             .ldb = in,
                             .bias = b,
                             .c = c->out.data,
                             .ldc = out,
                             .scratch = c->scratch};
    reel_linear_rows(c, REEL_DTYPE, &y);
}

/* The column sums of a piece of dy. */
static void REEL_FN(linear_bias_grad)(const void *call, int64_t piece, const reel_tensor *db)
{
    const reel_call *c = call;
    const int64_t rows = c->dout.shape[0] / c->pieces, out = c->dout.shape[1];
    const char *dy =
        (const char *)c->dout.data + (size_t)(piece * rows * out) * reel_dtype_size(c->dout.dtype);
    const bool accumulate = c->pieces == 1 && !c->fresh[2];
    REEL_FN(column_sums)(c->ctx, c->dout.dtype, dy, rows, out, accumulate, db->data);
}

static void REEL_FN(linear_bias_grads)(const reel_call *c)
{
    if (c->n_in > 2 && c->din[2].data)
        reel_piece_tree_run(&(reel_piece_tree){.ctx = c->ctx,
                                               .pieces = c->pieces,
                                               .n = 1,
                                               .to = &c->din[2],
                                               .partial = c->scratch,
                                               .give = REEL_FN(linear_bias_grad),
                                               .user = c});
}

void REEL_FN(reel_linear_backward)(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], in = c->in[0].shape[1], out = c->in[1].shape[0];
    reel_real *dx = c->din[0].data;
    const reel_real *w = c->in[1].data, *dy = c->dout.data;

    REEL_FN(linear_bias_grads)(c);

    reel_linear_weight_grad(c, REEL_DTYPE);

    /* dx (n, in) = dy (n, out) w (out, in) */
    if (dx) {
        const reel_gemm_job inputs = {.accumulate = !c->fresh[0],
                                      .m = n,
                                      .n = in,
                                      .k = out,
                                      .a = dy,
                                      .lda = out,
                                      .b = w,
                                      .ldb = in,
                                      .c = dx,
                                      .ldc = in,
                                      .scratch = c->scratch};
        reel_linear_rows(c, REEL_DTYPE, &inputs);
    }
}

#ifdef REEL_ONCE
/* ---- the gradient of the weights ---- */

static reel_weight_grad weight_grad_of(const reel_call *c, reel_dtype dtype)
{
    return (reel_weight_grad){.dtype = dtype,
                              .n = c->in[0].shape[0],
                              .in = c->in[1].shape[1],
                              .out = c->in[1].shape[0],
                              .pieces = c->pieces,
                              .x = c->in[0].data,
                              .dy = c->dout.data,
                              .x_wide = c->in[0].dtype == REEL_F32,
                              .dy_wide = c->dout.dtype == REEL_F32,
                              .accumulate = !c->fresh[1],
                              .rounds = c->din[1].dtype == REEL_BF16,
                              .dw = c->din[1].data,
                              .end = c->in[1].shape[0],
                              .scratch = c->scratch};
}

/* A factor as the product takes it. */
static void leave_factor(const reel_ctx *ctx, reel_dtype dtype, const reel_tensor *from, void *to)
{
    if (dtype == REEL_BF16 && from->dtype == REEL_F32)
        reel_bf16_round(ctx, from->data, to, reel_tensor_numel(from));
    else
        memcpy(to, from->data, reel_tensor_bytes(from));
}

void reel_linear_weight_grad(const reel_call *c, reel_dtype dtype)
{
    if (c->factors) {
        leave_factor(c->ctx, dtype, &c->in[0], c->factors->x);
        leave_factor(c->ctx, dtype, &c->dout, c->factors->dy);
    } else if (c->din[1].data) {
        const reel_weight_grad dw = weight_grad_of(c, dtype);
        reel_weight_grad_run(c->ctx, &dw);
    }
}

/* ---- values stored in bf16 ---- */

/* A row-major matrix with rows of ld numbers as an operand whose terms lie along its rows, or, with
 * `along`, down its columns. */
static reel_bf16_operand linear_operand(const reel_tensor *t, bool along)
{
    return (reel_bf16_operand){
        .data = t->data, .ld = t->shape[1], .along = along, .wide = t->dtype == REEL_F32};
}

/* y^T (out, n) = w (out, in) x^T (in, n) + b */
static reel_bf16_product linear_forward_product(const reel_call *c)
{
    return (reel_bf16_product){.m = c->in[1].shape[0],
                               .n = c->in[0].shape[0],
                               .k = c->in[0].shape[1],
                               .a = linear_operand(&c->in[1], false),
                               .b = linear_operand(&c->in[0], false),
                               .bias = c->n_in > 2 ? c->in[2].data : NULL,
                               .rounds = c->out.dtype == REEL_BF16,
                               .c = c->out.data,
                               .c_row = 1,
                               .c_col = c->out.shape[1],
                               .scratch = c->scratch};
}

/* dx^T (in, n) = w^T (in, out) dy^T (out, n) */
static reel_bf16_product linear_input_product(const reel_call *c)
{
    return (reel_bf16_product){.m = c->in[1].shape[1],
                               .n = c->in[0].shape[0],
                               .k = c->in[1].shape[0],
                               .a = linear_operand(&c->in[1], true),
                               .b = linear_operand(&c->dout, false),
                               .accumulate = !c->fresh[0],
                               .rounds = c->din[0].dtype == REEL_BF16,
                               .c = c->din[0].data,
                               .c_row = 1,
                               .c_col = c->in[0].shape[1],
                               .scratch = c->scratch};
}

/* ---- values stored in bf16, products in float32 ---- */

/* A float32 tensor at *room, which moves on, or t itself where it is one. */
static reel_tensor linear_float32(const reel_call *c, const reel_tensor *t, bool values,
                                  char **room)
{
    if (t->dtype != REEL_BF16 || !t->data)
        return *t;
    const reel_tensor copy = reel_tensor_of(*room, REEL_F32, t->ndim, t->shape);
    if (values)
        reel_bf16_widen(c->ctx, t->data, copy.data, reel_tensor_numel(t));
    *room += reel_whole_lines(reel_tensor_bytes(&copy));
    return copy;
}

/* Rows of w that are widened at a time where w is stored in bf16 (reel_params_narrow). */
enum { NARROW_ROWS = 256 };

/* A strip of w: y (n, rows) = x (n, in) w^T. */
static reel_gemm_job linear_strip(int64_t n, int64_t rows, int64_t in)
{
    return (reel_gemm_job){.tb = true, .m = n, .n = rows, .k = in, .lda = in, .ldb = in};
}

static size_t linear_strip_bytes(int64_t in)
{
    return reel_whole_lines((size_t)(NARROW_ROWS * in) * sizeof(float));
}

/* y = x w^T + b where x, b and y are float32, and w is bf16: by dot products, or strip by strip. */
static void linear_forward_narrow(const reel_call *c)
{
    const int64_t n = c->in[0].shape[0], in = c->in[0].shape[1], out = c->in[1].shape[0];
    const reel_bf16 *w = c->in[1].data;
    const float *x = c->in[0].data, *bias = c->n_in > 2 ? c->in[2].data : NULL;
    float *y = c->out.data, *strip = c->scratch;
    if (n <= REEL_BF16_FEW) {
        reel_bf16_dots(c->ctx, &(reel_bf16_dots_job){n, out, in, x, w, bias, y});
        return;
    }
    for (int64_t i = 0; i < out; i += NARROW_ROWS) {
        reel_gemm_job job = linear_strip(n, out - i < NARROW_ROWS ? out - i : NARROW_ROWS, in);
        reel_bf16_widen(c->ctx, w + i * in, strip, job.n * in);
        job.a = x;
        job.b = strip;
        job.bias = bias ? bias + i : NULL;
        job.c = y + i;
        job.ldc = out;
        job.scratch = (char *)c->scratch + linear_strip_bytes(in);
        reel_gemm(c->ctx, REEL_F32, &job);
    }
}

static void linear_forward_in_float32(const reel_call *c, bool relu)
{
    reel_call wide = *c;
    char *room = c->scratch;
    reel_tensor in[3] = {linear_float32(c, &c->in[0], true, &room), c->in[1]};
    if (c->n_in > 2)
        in[2] = c->in[2];
    wide.in = in;
    wide.out = linear_float32(c, &c->out, false, &room);
    wide.scratch = room;
    if (in[1].dtype == REEL_BF16)
        linear_forward_narrow(&wide);
    else
        reel_linear_forward_f32(&wide);

    float *y = wide.out.data;
    const int64_t count = reel_tensor_numel(&wide.out);
    REEL_PARALLEL_FOR(c, i, relu ? count : 0)
        y[i] = y[i] < 0 ? 0 : y[i];
    if (c->out.dtype == REEL_BF16)
        reel_bf16_round(c->ctx, y, c->out.data, count);
}

static void linear_input_grad_in_float32(const reel_call *c)
{
    if (!c->din[0].data)
        return;
    reel_call wide = *c;
    char *room = c->scratch;
    reel_tensor din[2] = {c->din[0]};
    wide.n_in = 2; /* the bias has its gradient, and so have the weights */
    wide.din = din;
    wide.factors = NULL;
    wide.dout = linear_float32(c, &c->dout, true, &room);
    din[0] = linear_float32(c, &c->din[0], !c->fresh[0], &room);
    wide.scratch = room;
    reel_linear_backward_f32(&wide);
    if (c->din[0].dtype == REEL_BF16)
        reel_bf16_round(c->ctx, din[0].data, c->din[0].data, reel_tensor_numel(&din[0]));
}

void reel_linear_forward_stored(const reel_call *c, bool relu)
{
    if (!reel_bf16_is_multiplied(c->ctx, c->in[0].shape[0] / c->pieces)) {
        linear_forward_in_float32(c, relu);
        return;
    }
    reel_bf16_product y = linear_forward_product(c);
    y.relu = relu;
    reel_bf16_multiply(c->ctx, &y);
}

void reel_linear_backward_stored(const reel_call *c)
{
    linear_bias_grads_f32(c);
    reel_linear_weight_grad(c, REEL_BF16);
    if (!reel_bf16_is_multiplied(c->ctx, c->in[0].shape[0] / c->pieces)) {
        linear_input_grad_in_float32(c);
        return;
    }
    if (c->din[0].data) {
        const reel_bf16_product dx = linear_input_product(c);
        reel_bf16_multiply(c->ctx, &dx);
    }
}

void reel_linear_forward_bf16(const reel_call *c)
{
    reel_linear_forward_stored(c, false);
}

void reel_linear_backward_bf16(const reel_call *c)
{
    reel_linear_backward_stored(c);
}

/* Weights and bias are float32 wherever they are parameters, or weights bf16 for inference. The
 * product takes other weights in bf16, too. */
static bool linear_takes_bf16(const reel_infer *q)
{
    const bool narrow = q->in[1].dtype == REEL_BF16;
    return q->bf16 && (q->n_in < 3 || q->in[2].dtype == REEL_F32) &&
           (!narrow || (!q->recording && q->pieces == 1) ||
            reel_bf16_is_multiplied(q->ctx, q->in[0].shape[0] / q->pieces));
}

static size_t linear_bf16_scratch(const reel_infer *q, int64_t m, int64_t n, int64_t k,
                                  int64_t pieces)
{
    return reel_bf16_product_scratch(
        q->ctx, &(reel_bf16_product){.m = m, .n = n, .k = k, .pieces = pieces});
}

/* ---- shapes ---- */

int64_t reel_linear_multiply_adds(const void *attrs, const reel_tensor *in, const reel_tensor *out)
{
    (void)attrs;
    return reel_tensor_numel(out) * in[1].shape[1];
}

void reel_linear_rows(const reel_call *c, reel_dtype dtype, const reel_gemm_job *job)
{
    const int64_t rows = job->m / c->pieces;
    if (reel_gemm_rows_agree(job, rows)) {
        reel_gemm(c->ctx, dtype, job);
        return;
    }
    const size_t element = reel_dtype_size(dtype);
    for (int64_t p = 0; p < c->pieces; p++) {
        reel_gemm_job piece = *job;
        piece.m = rows;
        piece.a = (const char *)job->a + (size_t)(p * rows * job->lda) * element;
        piece.c = (char *)job->c + (size_t)(p * rows * job->ldc) * element;
        reel_gemm(c->ctx, dtype, &piece);
    }
}

static size_t linear_scratch(const reel_infer *q, reel_gemm_job job)
{
    const size_t whole = reel_gemm_scratch(q->ctx, q->dtype, &job);
    job.m /= q->pieces;
    const size_t piece = reel_gemm_scratch(q->ctx, q->dtype, &job);
    return whole > piece ? whole : piece;
}

static size_t linear_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void linear_product_scratch(reel_infer *q, int64_t n, int64_t in, int64_t out)
{
    q->forward_scratch = linear_bf16_scratch(q, out, n, in, 1);
    q->backward_scratch = linear_larger(linear_bf16_scratch(q, out, in, n, q->pieces),
                                        linear_bf16_scratch(q, in, n, out, 1));
}

/* The products' scratch, behind copies of what is stored in bf16: x and y, or dy and x or dx. */
static void linear_float32_scratch(reel_infer *q, int64_t n, int64_t in, int64_t out)
{
    const reel_gemm_job y = {.tb = true, .m = n, .n = out, .k = in};
    const reel_weight_grad dw = {.dtype = q->takes_bf16 ? REEL_BF16 : q->dtype,
                                 .n = n,
                                 .in = in,
                                 .out = out,
                                 .pieces = q->pieces,
                                 .end = out};
    const reel_gemm_job dx = {.m = n, .n = in, .k = out};
    q->forward_scratch = linear_scratch(q, y);
    q->backward_scratch = linear_scratch(q, dx);
    if (!q->takes_bf16) {
        q->backward_scratch =
            linear_larger(q->backward_scratch, reel_weight_grad_scratch(q->ctx, &dw));
        return;
    }

    if (q->in[1].dtype == REEL_BF16)
        q->forward_scratch =
            linear_strip_bytes(in) +
            linear_larger(linear_scratch(q, linear_strip(n, NARROW_ROWS, in)),
                          linear_scratch(q, linear_strip(n, out % NARROW_ROWS, in)));
    const size_t maps = reel_whole_lines((size_t)(n * in) * sizeof(float)) +
                        reel_whole_lines((size_t)(n * out) * sizeof(float));
    q->forward_scratch += maps;
    q->backward_scratch =
        linear_larger(q->backward_scratch + maps, reel_weight_grad_scratch(q->ctx, &dw));
}

static reel_status linear_infer(reel_infer *q, reel_error *err)
{
    const reel_tensor *x = &q->in[0], *w = &q->in[1];
    if (x->ndim != 2)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected an input of shape (n, in); flatten comes before");
    if (w->ndim != 2)
        return reel_fail(err, REEL_ERR_INVALID, "expected a weight of shape (out, in)");
    const int64_t n = x->shape[0], in = x->shape[1], out = w->shape[0];
    if (w->shape[1] != in)
        return reel_fail(err, REEL_ERR_INVALID,
                         "the input has %lld features, the weight takes %lld", (long long)in,
                         (long long)w->shape[1]);
    if (n < 1 || in < 1 || out < 1)
        return reel_fail(err, REEL_ERR_INVALID, "input and weight must not be empty");
    if (q->n_in > 2 && (q->in[2].ndim != 1 || q->in[2].shape[0] != out))
        return reel_fail(err, REEL_ERR_INVALID, "expected a bias of shape (%lld)", (long long)out);

    q->shape[1] = out;
    q->takes_bf16 = linear_takes_bf16(q);
    q->gives_wide = q->wide;
    if (q->takes_bf16 && reel_bf16_is_multiplied(q->ctx, n / q->pieces))
        linear_product_scratch(q, n, in, out);
    else
        linear_float32_scratch(q, n, in, out);
    if (q->n_in > 2)
        q->backward_scratch =
            linear_larger(q->backward_scratch, reel_piece_tree_bytes(1, &q->in[2], q->pieces));
    return REEL_OK;
}

reel_var reel_linear(reel_var x, reel_var w, reel_var b)
{
    return reel_apply(&reel_op_linear, NULL, 0, (const reel_var[]){x, w, b}, 3);
}

static reel_var linear_shared(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_linear(reel_linear(in[0], in[1], in[2]), in[1], in[2]);
}

static const reel_op_case linear_cases[] = {
    {.label = "bias", .in = "(3, 4) (5, 4) (5)"},
    {.label = "no bias", .in = "(3, 4) (5, 4)"},
    {.label = "one sample, one feature", .in = "(1, 1) (1, 1) (1)"},
    {.label = "more outputs than a block", .in = "(5, 37) (70, 37) (70)"},
    {.label = "weights used twice", .in = "(3, 4) (4, 4) (4)", .build = linear_shared},
};

const reel_op reel_op_linear =
    REEL_OP_WITH_BF16(linear, 2, 3,
                      .flags = REEL_OP_PIECES | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS |
                               REEL_OP_PARTS | REEL_OP_FACTORS,
                      .infer = linear_infer, .multiply_adds = reel_linear_multiply_adds,
                      REEL_CHECKS(linear_cases, reel_random_linear));
#endif
