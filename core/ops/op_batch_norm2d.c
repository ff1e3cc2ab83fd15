/* batch_norm2d: y = gamma z + beta with z = (x - mean_c) / sqrt(var_c + eps) (Ioffe and Szegedy
 * 2015).
 *
 * Training takes mean and biased variance of the batch and moves the running ones towards them
 * (variance unbiased there); evaluation takes the running ones as constants. With m = n h w pixels
 * a channel and r = 1 / sqrt(var + eps): dbeta = sum dy,  dgamma = sum dy z,  dx = gamma r (dy -
 * dbeta / m - z dgamma / m) in training, gamma r dy in evaluation. Sums are kept in double, over a
 * number of row parts that depends on the shape alone, and the parts are added in order: the same
 * bits for any number of threads. The variance is a second pass over x - mean, which cannot cancel.
 */
#include "core/op_impl.h"

#ifdef REEL_PUBLIC
typedef struct reel_batch_norm2d_attrs {
    reel_tensor running_mean, running_var; /* (c); read in evaluation; updated in training unless
                                              data is NULL; borrowed until the tape's reset */
    double momentum; /* running = (1 - momentum) running + momentum batch, with unbiased variance */
    double eps;      /* 0 = 1e-5 */
    bool training;   /* batch statistics (biased variance) or running ones */
} reel_batch_norm2d_attrs;

/* y = gamma (x - mean_c) / sqrt(var_c + eps) + beta; x (n, c, h, w), gamma and beta (c) (Ioffe and
 * Szegedy 2015). Training needs more than one value a channel. */
REEL_API reel_var reel_batch_norm2d(reel_var x, reel_var gamma, reel_var beta,
                                    const reel_batch_norm2d_attrs *attrs);
#endif

REEL_DECLARE_OP(batch_norm2d);

enum { MAX_PARTS = 64, MIN_ROWS = 64 };

static inline int64_t part_count(int64_t rows)
{
    const int64_t parts = (rows + MIN_ROWS - 1) / MIN_ROWS;
    return parts < MAX_PARTS ? parts : MAX_PARTS;
}

/* What the passes over all rows read: x and dy (rows, ch), mean and r (ch). */
typedef struct batch_norm_rows {
    const reel_real *x, *dy;
    const double *mean, *r;
    int64_t rows, ch;
} batch_norm_rows;

/* What a pass adds up for each channel of one row. */
typedef void batch_norm_row_fn(const batch_norm_rows *in, int64_t row, double *a, double *b);

static void sum_value(const batch_norm_rows *in, int64_t row, double *a, double *b)
{
    const reel_real *x = in->x + row * in->ch;
    (void)b;
#pragma omp simd
    for (int64_t k = 0; k < in->ch; k++)
        a[k] += (double)x[k];
}

static void sum_square(const batch_norm_rows *in, int64_t row, double *a, double *b)
{
    const reel_real *x = in->x + row * in->ch;
    const double *mean = in->mean;
    (void)b;
#pragma omp simd
    for (int64_t k = 0; k < in->ch; k++)
        a[k] += ((double)x[k] - mean[k]) * ((double)x[k] - mean[k]);
}

static void sum_grads(const batch_norm_rows *in, int64_t row, double *a, double *b)
{
    const reel_real *x = in->x + row * in->ch, *dy = in->dy + row * in->ch;
    const double *mean = in->mean, *r = in->r;
#pragma omp simd
    for (int64_t k = 0; k < in->ch; k++) {
        a[k] += (double)dy[k];
        b[k] += (double)dy[k] * ((double)x[k] - mean[k]) * r[k];
    }
}

/* Runs `add` over all rows; the totals are in parts[0 .. ch) and parts[ch .. 2 ch). parts:
 * part_count x 2 ch doubles. */
static void sum_rows(const reel_ctx *ctx, const batch_norm_rows *in, double *parts,
                     batch_norm_row_fn *add)
{
    const int64_t rows = in->rows, ch = in->ch, count = part_count(rows);
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx)) if (rows * ch > 16384)
    for (int64_t part = 0; part < count; part++) {
        double *a = parts + part * 2 * ch, *b = a + ch;
        memset(a, 0, (size_t)(2 * ch) * sizeof *a);
        for (int64_t row = rows * part / count; row < rows * (part + 1) / count; row++)
            add(in, row, a, b);
    }

    for (int64_t part = 1; part < count; part++)
        for (int64_t k = 0; k < 2 * ch; k++)
            parts[k] += parts[part * 2 * ch + k];
}

/* Training: mean and r of the batch; moves the running statistics. */
static void batch_statistics(const reel_call *c, const batch_norm_rows *in, double *mean, double *r,
                             double *parts)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const int64_t ch = in->ch, rows = in->rows;
    reel_real *running_mean = a->running_mean.data, *running_var = a->running_var.data;
    sum_rows(c->ctx, in, parts, sum_value);
    for (int64_t k = 0; k < ch; k++)
        mean[k] = parts[k] / (double)rows;

    sum_rows(c->ctx, in, parts, sum_square);
    for (int64_t k = 0; k < ch; k++) {
        r[k] = 1 / sqrt(parts[k] / (double)rows + a->eps);
        if (running_mean)
            running_mean[k] =
                (reel_real)((1 - a->momentum) * (double)running_mean[k] + a->momentum * mean[k]);
        if (running_var)
            running_var[k] = (reel_real)((1 - a->momentum) * (double)running_var[k] +
                                         a->momentum * parts[k] / (double)(rows - 1));
    }
}

/* Scratch: mean, r, offset and factor of each channel, then the parts. */
void REEL_FN(reel_batch_norm2d_forward)(const reel_call *c)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1], rows = c->out.shape[0] * c->out.shape[2] * c->out.shape[3];
    const reel_real *x = c->in[0].data, *gamma = c->in[1].data, *beta = c->in[2].data;
    reel_real *y = c->out.data;
    double *mean = c->scratch, *r = mean + ch, *parts = r + ch;

    if (a->training) {
        const batch_norm_rows in = {.x = x, .mean = mean, .rows = rows, .ch = ch};
        batch_statistics(c, &in, mean, r, parts);
    } else {
        const reel_real *running_mean = a->running_mean.data, *running_var = a->running_var.data;
        for (int64_t k = 0; k < ch; k++) {
            mean[k] = (double)running_mean[k];
            r[k] = 1 / sqrt((double)running_var[k] + a->eps);
        }
    }
    if (c->saved)
        memcpy(c->saved, mean, (size_t)(2 * ch) * sizeof *mean);

    /* y = (x - centre) factor + beta, in reel_real */
    reel_real *centre = (reel_real *)parts, *factor = centre + ch;
    for (int64_t k = 0; k < ch; k++) {
        centre[k] = (reel_real)mean[k];
        factor[k] = (reel_real)((double)gamma[k] * r[k]);
    }
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 16384)
    for (int64_t row = 0; row < rows; row++)
#pragma omp simd
        for (int64_t k = 0; k < ch; k++)
            y[row * ch + k] = (x[row * ch + k] - centre[k]) * factor[k] + beta[k];
}

void REEL_FN(reel_batch_norm2d_backward)(const reel_call *c)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1], rows = c->out.shape[0] * c->out.shape[2] * c->out.shape[3];
    const reel_real *x = c->in[0].data, *gamma = c->in[1].data, *dy = c->dout.data;
    reel_real *dx = c->din[0].data, *dgamma = c->din[1].data, *dbeta = c->din[2].data;
    REEL_ASSERT(dy);
    const double *mean = c->saved, *r = mean + ch;
    double *parts = c->scratch;

    const batch_norm_rows in = {x, dy, mean, r, rows, ch};
    sum_rows(c->ctx, &in, parts, sum_grads);
    for (int64_t k = 0; k < ch; k++) {
        if (dbeta)
            dbeta[k] = (c->fresh[2] ? 0 : dbeta[k]) + (reel_real)parts[k];
        if (dgamma)
            dgamma[k] = (c->fresh[1] ? 0 : dgamma[k]) + (reel_real)parts[ch + k];
    }
    if (!dx)
        return;

    /* dx = of_dy dy + of_x x + rest: z is linear in x. */
    double *of_dy = parts + 2 * ch * part_count(rows), *of_x = of_dy + ch, *rest = of_x + ch;
    for (int64_t k = 0; k < ch; k++) {
        of_dy[k] = (double)gamma[k] * r[k];
        of_x[k] = a->training ? -of_dy[k] * r[k] * parts[ch + k] / (double)rows : 0;
        rest[k] = a->training ? -of_dy[k] * parts[k] / (double)rows : 0;
    }

    const bool fresh = c->fresh[0];
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 16384)
    for (int64_t row = 0; row < rows; row++) {
        reel_real *to = dx + row * ch;
        if (fresh)
            memset(to, 0, (size_t)ch * sizeof *to);
#pragma omp simd
        for (int64_t k = 0; k < ch; k++)
            to[k] += (reel_real)(of_dy[k] * (double)dy[row * ch + k] +
                                 of_x[k] * ((double)x[row * ch + k] - mean[k]) + rest[k]);
    }
}

#ifdef REEL_ONCE
/* running: "mean" or "variance", whose tensor is t. */
static reel_status batch_norm2d_check_running(const reel_infer *q, const reel_tensor *t,
                                              const char *running, reel_error *err)
{
    const int64_t ch = q->in[0].shape[1];
    if (!t->data)
        return REEL_OK;
    if (t->ndim != 1 || t->shape[0] != ch || t->dtype != q->dtype)
        return reel_fail(err, REEL_ERR_INVALID, "expected a running %s of shape (%lld), %s",
                         running, (long long)ch, reel_dtype_name(q->dtype));
    if (!reel_tensor_is_canonical(t))
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected a running %s whose elements lie side by side, got stride %lld",
                         running, (long long)t->stride[0]);
    return REEL_OK;
}

static reel_status batch_norm2d_infer(reel_infer *q, reel_error *err)
{
    const reel_batch_norm2d_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    const int64_t ch = x->shape[1], rows = x->shape[0] * x->shape[2] * x->shape[3];
    if (rows * ch < 1)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    for (int i = 1; i < 3; i++)
        if (q->in[i].ndim != 1 || q->in[i].shape[0] != ch)
            return reel_fail(err, REEL_ERR_INVALID, "expected %s of shape (%lld)",
                             i == 1 ? "gamma" : "beta", (long long)ch);
    if (a->training && rows < 2)
        return reel_fail(err, REEL_ERR_INVALID,
                         "training needs more than one value a channel for a variance");
    if (!a->training && (!a->running_mean.data || !a->running_var.data))
        return reel_fail(err, REEL_ERR_INVALID, "evaluation needs a running mean and variance");
    REEL_TRY(batch_norm2d_check_running(q, &a->running_mean, "mean", err));
    REEL_TRY(batch_norm2d_check_running(q, &a->running_var, "variance", err));

    const size_t channel = (size_t)ch * sizeof(double), parts = (size_t)part_count(rows) * 2;
    q->saved_bytes = 2 * channel;
    q->forward_scratch = (2 + parts) * channel;
    q->backward_scratch = (3 + parts) * channel;
    return REEL_OK;
}

reel_var reel_batch_norm2d(reel_var x, reel_var gamma, reel_var beta,
                           const reel_batch_norm2d_attrs *attrs)
{
    reel_batch_norm2d_attrs a = attrs ? *attrs : (reel_batch_norm2d_attrs){0};
    if (a.eps == 0)
        a.eps = 1e-5;
    return reel_apply(&reel_op_batch_norm2d, &a, sizeof a, (const reel_var[]){x, gamma, beta}, 3);
}

static reel_var batch_norm2d_build(const reel_var *in, int n_in, const void *attrs)
{
    (void)n_in;
    return reel_batch_norm2d(in[0], in[1], in[2], attrs);
}

/* The running statistics have the tape's dtype. */
static reel_var batch_norm2d_evaluation(reel_tape *tape, const reel_var *in)
{
    static const double mean[] = {0.3, -1.2, 0.05},
                        var[] = {0.5, 2.0, 1.25}; /* evaluation only reads them */
    static const float mean32[] = {0.3F, -1.2F, 0.05F}, var32[] = {0.5F, 2.0F, 1.25F};

    const bool wide = reel_tape_dtype(tape) == REEL_F64;
    const reel_batch_norm2d_attrs a = {
        .running_mean = reel_tensor_of(wide ? (void *)mean : (void *)mean32, reel_tape_dtype(tape),
                                       1, (const int64_t[]){3}),
        .running_var = reel_tensor_of(wide ? (void *)var : (void *)var32, reel_tape_dtype(tape), 1,
                                      (const int64_t[]){3})};
    return reel_batch_norm2d(in[0], in[1], in[2], &a);
}

#define TRAINING(...) (&(const reel_batch_norm2d_attrs){.training = true, __VA_ARGS__})
static reel_var batch_norm2d_twice(reel_tape *tape, const reel_var *in)
{
    return reel_add(batch_norm2d_build(in, 3, TRAINING(.eps = 0)),
                    batch_norm2d_evaluation(tape, in));
}

static const reel_op_case batch_norm2d_cases[] = {
    REEL_CASE("training", "(3, 4, 3, 2) (4) (4)", TRAINING(.eps = 0)),
    REEL_CASE("training, one image", "(1, 3, 4, 5) (3) (3)", TRAINING(.eps = 0)),
    REEL_CASE("training, one pixel", "(6, 3, 1, 1) (3) (3)", TRAINING(.eps = 0)),
    REEL_CASE("training, large eps", "(2, 3, 3, 4) (3) (3)", TRAINING(.eps = 0.3)),
    REEL_CASE("training, several parts", "(3, 2, 7, 11) (2) (2)", TRAINING(.eps = 0)),
    {.label = "evaluation", .in = "(2, 3, 4, 3) (3) (3)", .build = batch_norm2d_evaluation},
    {.label = "inputs used twice", .in = "(2, 3, 2, 3) (3) (3)", .build = batch_norm2d_twice},
};

/* attrs, then the running mean and variance that it points to. */
static void batch_norm2d_random(reel_rng *rng, reel_op_sample *s)
{
    enum { MOST = 16 }; /* channels: what fits behind the attributes */
    reel_batch_norm2d_attrs *a = (reel_batch_norm2d_attrs *)&s->attrs;
    _Static_assert(sizeof(reel_batch_norm2d_attrs) + 2 * MOST * sizeof(double) <= sizeof s->attrs,
                   "samples hold statistics");
    double *mean = (double *)(a + 1), *var = mean + MOST;
    s->n_in = 3;

    reel_random_image(rng, s, 0);
    int64_t *shape = s->in[0].shape;
    if (shape[1] > MOST)
        shape[1] = MOST;
    s->in[1].ndim = s->in[2].ndim = 1;
    s->in[1].shape[0] = s->in[2].shape[0] = shape[1];

    a->eps = reel_random_chance(rng, 0.5) ? 0 : reel_rng_range(rng, 1e-3, 0.5);
    a->training = shape[0] * shape[2] * shape[3] > 2 && reel_random_chance(rng, 0.7);
    if (!a->training) {
        for (int64_t c = 0; c < shape[1]; c++) {
            mean[c] = reel_rng_normal(rng);
            var[c] = reel_rng_range(rng, 0.1, 3);
        }
        a->running_mean = reel_tensor_of(mean, REEL_F64, 1, &shape[1]);
        a->running_var = reel_tensor_of(var, REEL_F64, 1, &shape[1]);
    }
    snprintf(s->label, sizeof s->label, "%s, eps %.17g", a->training ? "training" : "evaluation",
             a->eps);
}

const reel_op reel_op_batch_norm2d =
    REEL_OP(batch_norm2d, 3, 3, .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
            .attrs_bytes = sizeof(reel_batch_norm2d_attrs), .infer = batch_norm2d_infer,
            .build = batch_norm2d_build, REEL_CHECKS(batch_norm2d_cases, batch_norm2d_random));
#endif
