/* batch_norm2d: y = gamma z + beta with z = (x - mean_c) / sqrt(var_c + eps) (Ioffe and Szegedy
 * 2015), or ReLU or ReLU6 of that.
 *
 * Training takes mean and biased variance of the batch and moves the running ones towards them
 * (variance unbiased there); evaluation takes the running ones as constants. With m = n h w pixels
 * a channel, r = 1 / sqrt(var + eps) and g = dy where the rectifier let y through: dbeta = sum g,
 * dgamma = sum g z,  dx = gamma r (g - dbeta / m - z dgamma / m) in training, gamma r g in
 * evaluation. The passes over the map are in core/kernels/batch_norm.h. */
#include "core/op_impl.h"

#include <float.h>

#include "core/bf16.h"
#include "core/kernels/batch_norm.h"

#ifdef REEL_PUBLIC
/* What the normalised value goes through in the same pass. */
typedef enum reel_rectifier {
    REEL_RECTIFIER_NONE,
    REEL_RECTIFIER_RELU,  /* as reel_relu behind it, with the same bits */
    REEL_RECTIFIER_RELU6, /* as reel_clamp to [0, 6] behind it, with the same bits */
} reel_rectifier;

typedef struct reel_batch_norm2d_attrs {
    reel_tensor running_mean, running_var; /* (c); read in evaluation; updated in training unless
                                              data is NULL; borrowed until the tape's reset */
    double momentum; /* running = (1 - momentum) running + momentum batch, with unbiased variance */
    double eps;      /* 0 = 1e-5 */
    bool training;   /* batch statistics (biased variance) or running ones */
    reel_rectifier rectifier;
    /* Not for callers. Above 0: what each piece has is put down in rows so far apart, and nothing
     * moves (core/statistics.h). */
    int64_t record_step;
} reel_batch_norm2d_attrs;

/* y = gamma (x - mean_c) / sqrt(var_c + eps) + beta; x (n, c, h, w), gamma and beta (c) (Ioffe and
 * Szegedy 2015), and ReLU or ReLU6 of it where the attributes say so. Training needs more than one
 * value a channel. */
REEL_API reel_var reel_batch_norm2d(reel_var x, reel_var gamma, reel_var beta,
                                    const reel_batch_norm2d_attrs *attrs);
#endif

REEL_DECLARE_OP(batch_norm2d);

/* The smallest positive number: z > 0 means z >= SMALLEST. */
#if REEL_REAL_BITS == 64
#define SMALLEST DBL_TRUE_MIN
#else
#define SMALLEST ((double)FLT_TRUE_MIN)
#endif

/* Every pass needs these: z = (x - centre) factor + beta, in reel_real. */
static reel_batch_norm_job batch_norm_job_of(const reel_call *c, const double *mean,
                                             const double *r, reel_real *centre)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const reel_tensor *x = &c->in[0];
    const reel_real *gamma = c->in[1].data;
    const int64_t ch = x->shape[1];
    reel_real *factor = centre + ch;
    for (int64_t k = 0; k < ch; k++) {
        centre[k] = (reel_real)mean[k];
        factor[k] = (reel_real)((double)gamma[k] * r[k]);
    }

    /* ReLU's gradient needs z > 0; clamp's, which ReLU6 is, 0 <= z <= 6. */
    const bool six = a->rectifier == REEL_RECTIFIER_RELU6;
    return (reel_batch_norm_job){.rows = x->shape[0] * x->shape[2] * x->shape[3],
                                 .ch = ch,
                                 .x = x->data,
                                 .x_bf16 = x->dtype == REEL_BF16,
                                 .centre = centre,
                                 .factor = factor,
                                 .beta = c->in[2].data,
                                 .mean = mean,
                                 .rectified = a->rectifier != REEL_RECTIFIER_NONE,
                                 .opens = six ? 0 : SMALLEST,
                                 .cap = six ? 6 : (double)INFINITY};
}

/* Training: mean and r of the batch; moves the running statistics. Both moments are taken about the
 * channel's first value, which is as near to the mean as any, so that their difference does not
 * cancel. */
static void batch_statistics(const reel_call *c, double *mean, double *r, double *parts)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const reel_tensor *x = &c->in[0];
    const bool narrow = x->dtype == REEL_BF16;
    const int64_t ch = x->shape[1], rows = x->shape[0] * x->shape[2] * x->shape[3];
    reel_real *running_mean = c->again ? NULL : a->running_mean.data,
              *running_var = c->again ? NULL : a->running_var.data;
    const bool records = a->record_step > 0 && running_mean && running_var;
    for (int64_t k = 0; k < ch; k++)
        mean[k] = narrow ? (double)reel_bf16_to_float(((const reel_bf16 *)x->data)[k])
                         : (double)((const reel_real *)x->data)[k];
    const reel_batch_norm_job moments = {
        .rows = rows, .ch = ch, .x = x->data, .x_bf16 = narrow, .mean = mean, .parts = parts};
    reel_batch_norm_run(c->ctx, REEL_DTYPE, REEL_BATCH_NORM_MOMENTS, moments);

    for (int64_t k = 0; k < ch; k++) {
        const double shift = parts[k] / (double)rows;
        const double squares = parts[ch + k] - parts[k] * shift; /* about the mean */
        const double sum = squares < 0 ? 0 : squares;
        mean[k] += shift;
        r[k] = 1 / sqrt(sum / (double)rows + a->eps);
        if (records) {
            running_mean[c->piece * a->record_step + k] = (reel_real)mean[k];
            running_var[c->piece * a->record_step + k] = (reel_real)(sum / (double)(rows - 1));
            continue;
        }
        if (running_mean)
            running_mean[k] =
                (reel_real)((1 - a->momentum) * (double)running_mean[k] + a->momentum * mean[k]);
        if (running_var)
            running_var[k] = (reel_real)((1 - a->momentum) * (double)running_var[k] +
                                         a->momentum * sum / (double)(rows - 1));
    }
}

/* Scratch: mean, r, centre and factor of each channel, then the parts. */
void REEL_FN(reel_batch_norm2d_forward)(const reel_call *c)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1];
    double *mean = c->scratch, *r = mean + ch;

    /* A pass that is run again takes the statistics that it saved; the running ones move once. */
    if (c->again && c->saved) {
        memcpy(mean, c->saved, (size_t)(2 * ch) * sizeof *mean);
    } else if (a->training) {
        batch_statistics(c, mean, r, mean + 4 * ch);
    } else {
        const reel_real *running_mean = a->running_mean.data, *running_var = a->running_var.data;
        for (int64_t k = 0; k < ch; k++) {
            mean[k] = (double)running_mean[k];
            r[k] = 1 / sqrt((double)running_var[k] + a->eps);
        }
    }
    if (c->saved)
        memcpy(c->saved, mean, (size_t)(2 * ch) * sizeof *mean);

    reel_batch_norm_job job = batch_norm_job_of(c, mean, r, (reel_real *)(r + ch));
    job.out = c->out.data;
    job.out_bf16 = c->out.dtype == REEL_BF16;
    reel_batch_norm_run(c->ctx, REEL_DTYPE, REEL_BATCH_NORM_OUTPUT, job);
}

/* Scratch: centre and factor, the three factors of dx, then the parts. */
void REEL_FN(reel_batch_norm2d_backward)(const reel_call *c)
{
    const reel_batch_norm2d_attrs *a = c->attrs;
    const int64_t ch = c->dout.shape[1];
    const reel_real *gamma = c->in[1].data;
    reel_real *dgamma = c->din[1].data, *dbeta = c->din[2].data;
    const double *mean = c->saved, *r = mean + ch;
    double *of_g = (double *)c->scratch + 2 * ch, *of_x = of_g + ch, *rest = of_x + ch,
           *parts = rest + ch;
    REEL_ASSERT(c->dout.data);

    reel_batch_norm_job job = batch_norm_job_of(c, mean, r, c->scratch);
    job.dy = c->dout.data;
    job.dy_bf16 = c->dout.dtype == REEL_BF16;
    job.parts = parts;
    reel_batch_norm_run(c->ctx, REEL_DTYPE, REEL_BATCH_NORM_GRAD_SUMS, job);
    for (int64_t k = 0; k < ch; k++) {
        parts[ch + k] *= r[k]; /* sum of g z */
        if (dbeta)
            dbeta[k] = (c->fresh[2] ? 0 : dbeta[k]) + (reel_real)parts[k];
        if (dgamma)
            dgamma[k] = (c->fresh[1] ? 0 : dgamma[k]) + (reel_real)parts[ch + k];
    }
    if (!c->din[0].data)
        return;

    /* dx = of_g g + of_x (x - mean) + rest: z is linear in x. */
    for (int64_t k = 0; k < ch; k++) {
        of_g[k] = (double)gamma[k] * r[k];
        of_x[k] = a->training ? -of_g[k] * r[k] * parts[ch + k] / (double)job.rows : 0;
        rest[k] = a->training ? -of_g[k] * parts[k] / (double)job.rows : 0;
    }
    job.of_g = of_g;
    job.of_x = of_x;
    job.rest = rest;
    job.out = c->din[0].data;
    job.out_bf16 = c->din[0].dtype == REEL_BF16;
    job.accumulate = !c->fresh[0];
    reel_batch_norm_run(c->ctx, REEL_DTYPE, REEL_BATCH_NORM_INPUT_GRAD, job);
}

#ifdef REEL_ONCE
/* The same text: the kernels are told which maps are bf16. */
void reel_batch_norm2d_forward_bf16(const reel_call *c)
{
    reel_batch_norm2d_forward_f32(c);
}

void reel_batch_norm2d_backward_bf16(const reel_call *c)
{
    reel_batch_norm2d_backward_f32(c);
}

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

    q->takes_bf16 = q->bf16 && ch <= REEL_BATCH_NORM_WIDEST && q->in[1].dtype == REEL_F32 &&
                    q->in[2].dtype == REEL_F32;
    const size_t channel = (size_t)ch * sizeof(double),
                 parts = (size_t)reel_batch_norm_parts(rows) * 2;
    q->saved_bytes = 2 * channel;
    q->forward_scratch = (4 + parts) * channel;
    q->backward_scratch = (5 + parts) * channel;
    return REEL_OK;
}

reel_var reel_batch_norm2d(reel_var x, reel_var gamma, reel_var beta,
                           const reel_batch_norm2d_attrs *attrs)
{
    reel_batch_norm2d_attrs a = attrs ? *attrs : (reel_batch_norm2d_attrs){0};
    if (a.eps == 0)
        a.eps = 1e-5;
    reel_tensor mean = a.running_mean, var = a.running_var;
    if (a.training && reel_tape_records(x.tape, &mean, a.momentum, &a.record_step) &&
        reel_tape_records(x.tape, &var, a.momentum, &a.record_step)) {
        a.running_mean = mean;
        a.running_var = var;
    } else {
        a.record_step = 0;
    }
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
    REEL_CASE("training, ReLU", "(3, 4, 3, 2) (4) (4)", TRAINING(.rectifier = REEL_RECTIFIER_RELU)),
    REEL_CASE("training, ReLU6", "(3, 2, 7, 3) (2) (2)",
              TRAINING(.rectifier = REEL_RECTIFIER_RELU6)),
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
    a->rectifier = (reel_rectifier)reel_random_int(rng, 0, 2);
    a->training = shape[0] * shape[2] * shape[3] > 2 && reel_random_chance(rng, 0.7);
    if (!a->training) {
        for (int64_t c = 0; c < shape[1]; c++) {
            mean[c] = reel_rng_normal(rng);
            var[c] = reel_rng_range(rng, 0.1, 3);
        }
        a->running_mean = reel_tensor_of(mean, REEL_F64, 1, &shape[1]);
        a->running_var = reel_tensor_of(var, REEL_F64, 1, &shape[1]);
    }
    snprintf(s->label, sizeof s->label, "%s, eps %.17g, rectifier %d",
             a->training ? "training" : "evaluation", a->eps, (int)a->rectifier);
}

const reel_op reel_op_batch_norm2d = REEL_OP_WITH_BF16(
    batch_norm2d, 3, 3,
    .flags = REEL_OP_SLICES | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS | REEL_OP_GRAD_OVER_DOUT,
    .attrs_bytes = sizeof(reel_batch_norm2d_attrs), .infer = batch_norm2d_infer,
    .build = batch_norm2d_build, REEL_CHECKS(batch_norm2d_cases, batch_norm2d_random));
#endif
