/* cross_entropy_soft: cross-entropy with targets that are probabilities t, with label smoothing e
 * and class weights w.
 *
 *   t'[i, k] = (1 - e) t[i, k] + e / classes
 *   loss     = sum_i sum_k w[k] t'[i, k] (-log p[i, k]) / n;  with `sum`, undivided
 *   dx[i, k] = dy / n (p[i, k] sum_j w[j] t'[i, j] - w[k] t'[i, k])
 *
 * as torch.nn.functional.cross_entropy with probabilities: the mean divides by the number of rows
 * n, also with class weights. cross_entropy divides by the sum of the labels' weights. Targets are
 * constants: they have no gradient. Forward leaves p for backward. Rows add up in order in double,
 * whatever the number of threads. */
#include "core/op_impl.h"
#include "core/ops/loss_row.h"

#ifdef REEL_PUBLIC
/* The loss of logits (n, classes) for targets (n, classes): each row holds probabilities of the
 * classes, of any real dtype; they are copied. The value has shape (). As
 * torch.nn.functional.cross_entropy with probabilities: the mean divides by n, also with class
 * weights. attrs NULL: all fields 0; ignore_index belongs to class indices and is refused.
 *
 * An error of the tape: targets of another shape; a probability that is negative or not a number; a
 * row whose sum is further than 1e-4 from 1. */
REEL_API reel_var reel_cross_entropy_soft(reel_var logits, const reel_tensor *targets,
                                          const reel_cross_entropy_attrs *attrs);
#endif

REEL_DECLARE_OP(cross_entropy_soft);

/* Followed by n * classes targets and, if weighted, `classes` weights: one block, for the tape
 * copies attributes as bytes. */
typedef struct soft_attrs {
    double smoothing;
    int64_t n, classes; /* of the targets */
    bool sum, weighted, indices;
    double targets[];
} soft_attrs;

static inline const double *soft_weights(const soft_attrs *a)
{
    return a->weighted ? a->targets + a->n * a->classes : NULL;
}

/* w[k] t'[k] of a row. */
static inline double soft_share(const soft_attrs *a, const double *targets, int64_t k)
{
    const double *w = soft_weights(a);
    const double smooth = (1 - a->smoothing) * targets[k] + a->smoothing / (double)a->classes;
    return w ? w[k] * smooth : smooth;
}

static double soft_row_loss(const void *attrs, int64_t i, const reel_real *x, reel_real *p)
{
    const soft_attrs *a = attrs;
    const double *targets = a->targets + i * a->classes;
    const double offset = loss_row(x, a->classes, p); /* -log p_k = offset - x_k */
    double loss = 0;
    for (int64_t k = 0; k < a->classes; k++)
        loss += soft_share(a, targets, k) * (offset - (double)x[k]);
    return loss;
}

void REEL_FN(reel_cross_entropy_soft_forward)(const reel_call *c)
{
    const soft_attrs *a = c->attrs;
    const double total = sum_of_row_losses(c, soft_row_loss);
    *(reel_real *)c->out.data = (reel_real)(a->sum ? total : total / (double)a->n);
}

void REEL_FN(reel_cross_entropy_soft_backward)(const reel_call *c)
{
    const soft_attrs *a = c->attrs;
    const double dy = (double)*(const reel_real *)c->dout.data / (a->sum ? 1 : (double)a->n);
    const bool fresh = c->fresh[0];

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (a->n * a->classes > 16384)
    for (int64_t i = 0; i < a->n; i++) {
        const double *targets = a->targets + i * a->classes;
        const reel_real *p = (const reel_real *)c->saved + i * a->classes;
        reel_real *dx = (reel_real *)c->din[0].data + i * a->classes;
        double all = 0;
        for (int64_t k = 0; k < a->classes; k++)
            all += soft_share(a, targets, k);

        for (int64_t k = 0; k < a->classes; k++) {
            const double slope = dy * ((double)p[k] * all - soft_share(a, targets, k));
            dx[k] = (fresh ? 0 : dx[k]) + (reel_real)slope;
        }
    }
}

#ifdef REEL_ONCE
/* Each row holds probabilities. A sum in float32 over many classes is 1 to about 1e-6. */
static reel_status check_targets(const soft_attrs *a, reel_error *err)
{
    const double tolerance = 1e-4;
    for (int64_t i = 0; i < a->n; i++) {
        const double *row = a->targets + i * a->classes;
        double sum = 0;
        for (int64_t k = 0; k < a->classes; k++) {
            if (!(row[k] >= 0))
                return reel_fail(err, REEL_ERR_INVALID,
                                 "target (%lld, %lld) is %g, expected a probability", (long long)i,
                                 (long long)k, row[k]);
            sum += row[k];
        }
        if (!(sum >= 1 - tolerance && sum <= 1 + tolerance))
            return reel_fail(err, REEL_ERR_INVALID,
                             "row %lld of the targets sums to %.9g, expected 1", (long long)i, sum);
    }
    return REEL_OK;
}

static reel_status cross_entropy_soft_infer(reel_infer *q, reel_error *err)
{
    const soft_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 2 || x->shape[0] < 1 || x->shape[1] < 1)
        return reel_fail(err, REEL_ERR_INVALID, "expected logits of shape (n, classes)");
    if (x->shape[0] != a->n || x->shape[1] != a->classes)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected targets of the logits' shape (%lld, %lld), got (%lld, %lld)",
                         (long long)x->shape[0], (long long)x->shape[1], (long long)a->n,
                         (long long)a->classes);
    if (a->indices)
        return reel_fail(err, REEL_ERR_INVALID,
                         "ignore_index is for class indices, not for probabilities");
    if (!(a->smoothing >= 0 && a->smoothing <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "label smoothing %g must be from 0 to 1",
                         a->smoothing);
    REEL_TRY(check_targets(a, err));

    q->ndim = 0;
    q->saved_bytes = (size_t)reel_tensor_numel(x) * reel_dtype_size(q->dtype);
    q->forward_scratch = (size_t)a->n * sizeof(double);
    return REEL_OK;
}

reel_var reel_cross_entropy_soft(reel_var logits, const reel_tensor *targets,
                                 const reel_cross_entropy_attrs *attrs)
{
    static const reel_cross_entropy_attrs defaults;
    if (!attrs)
        attrs = &defaults;
    if (logits.id < 0 || !logits.tape)
        return (reel_var){logits.tape, -1};
    if (!targets || !targets->data || targets->ndim != 2)
        return reel_tape_fail(logits.tape, REEL_ERR_INVALID,
                              "cross_entropy_soft: expected targets of shape (n, classes)");
    const reel_tensor x = reel_value(logits);
    /* Targets of another shape: infer says so, and nothing is read here. */
    const bool fits =
        x.ndim == 2 && x.shape[0] == targets->shape[0] && x.shape[1] == targets->shape[1];
    const size_t target_bytes = fits ? (size_t)reel_tensor_numel(targets) * sizeof(double) : 0;
    const size_t weight_bytes =
        fits && attrs->class_weights ? (size_t)x.shape[1] * sizeof *attrs->class_weights : 0;
    const size_t size = sizeof(soft_attrs) + target_bytes + weight_bytes;

    /* Targets and weights travel behind the attributes: the tape copies them as one block. */
    soft_attrs *a = reel_tape_alloc(logits.tape, size);
    if (!a)
        return (reel_var){logits.tape, -1};
    *a = (soft_attrs){.smoothing = attrs->label_smoothing,
                      .n = targets->shape[0],
                      .classes = targets->shape[1],
                      .sum = attrs->sum,
                      .weighted = attrs->class_weights != NULL,
                      .indices = attrs->use_ignore_index};
    if (target_bytes) {
        const reel_tensor copy = reel_tensor_of(a->targets, REEL_F64, 2, targets->shape);
        reel_tensor_copy(&copy, targets);
    }
    if (weight_bytes)
        memcpy(a->targets + a->n * a->classes, attrs->class_weights, weight_bytes);
    return reel_apply(&reel_op_cross_entropy_soft, a, size, &logits, 1);
}

enum { SOFT_CLASSES = 8 };

/* A checked use: what the builder is called with. Targets are drawn from the seed. Weights are used
 * where attrs.class_weights is set. */
typedef struct soft_use {
    reel_cross_entropy_attrs attrs;
    uint64_t seed;
    double weights[SOFT_CLASSES];
} soft_use;
_Static_assert(sizeof(soft_use) <= sizeof(((reel_op_sample *)0)->attrs), "a sample holds weights");

/* Rows of n probabilities, a third of them 0, as mixing two labels leaves most at 0. */
static void draw_targets(double *row, int64_t n, reel_rng *rng)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        row[k] = k > 0 && reel_random_chance(rng, 0.33) ? 0 : reel_rng_range(rng, 0.01, 1);
        sum += row[k];
    }
    for (int64_t k = 0; k < n; k++)
        row[k] /= sum;
}

static reel_var cross_entropy_soft_build(const reel_var *in, int n_in, const void *attrs)
{
    const soft_use *use = attrs;
    const reel_tensor x = reel_value(in[0]);
    double targets[SOFT_CLASSES * SOFT_CLASSES];
    reel_rng rng = reel_rng_at(use->seed, REEL_STREAM_CHECK, 0, 0);
    (void)n_in;
    for (int64_t i = 0; i < x.shape[0]; i++)
        draw_targets(targets + i * x.shape[1], x.shape[1], &rng);
    const reel_tensor t = reel_tensor_of(targets, REEL_F64, 2, x.shape);
    return reel_cross_entropy_soft(in[0], &t, &use->attrs);
}

static const double soft_case_weights[] = {0.5, 2.0, 1.25, 0.1, 3.0};
#define SOFT(...) (&(const soft_use){.attrs = {__VA_ARGS__}, .seed = 7})

static reel_var cross_entropy_soft_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const soft_use *plain = SOFT(.sum = false);
    const soft_use *both = SOFT(.label_smoothing = 0.2, .class_weights = soft_case_weights);
    return reel_add(cross_entropy_soft_build(in, 1, plain), cross_entropy_soft_build(in, 1, both));
}

static const reel_op_case cross_entropy_soft_cases[] = {
    REEL_CASE("mean", "(6, 5)", SOFT(.sum = false)),
    REEL_CASE("one sample", "(1, 3)", SOFT(.sum = false)),
    REEL_CASE("one class", "(3, 1)", SOFT(.sum = false)),
    REEL_CASE("sum", "(6, 5)", SOFT(.sum = true)),
    REEL_CASE("label smoothing", "(6, 7)", SOFT(.label_smoothing = 0.1)),
    REEL_CASE("class weights", "(6, 5)", SOFT(.class_weights = soft_case_weights)),
    REEL_CASE("smoothing, weights", "(6, 5)",
              SOFT(.label_smoothing = 0.2, .class_weights = soft_case_weights)),
    REEL_CASE("smoothing, weights, sum", "(6, 5)",
              SOFT(.label_smoothing = 0.2, .class_weights = soft_case_weights, .sum = true)),
    {.label = "logits used twice", .in = "(6, 5)", .build = cross_entropy_soft_twice},
};

static void cross_entropy_soft_random(reel_rng *rng, reel_op_sample *s)
{
    soft_use *use = (soft_use *)&s->attrs;
    reel_cross_entropy_attrs *a = &use->attrs;
    s->n_in = 1;
    s->in[0].ndim = 2;
    s->in[0].shape[0] = reel_random_int(rng, 1, SOFT_CLASSES);
    s->in[0].shape[1] = reel_random_int(rng, 1, SOFT_CLASSES);
    use->seed = reel_rng_u32(rng);

    if (reel_random_chance(rng, 0.4))
        a->label_smoothing = reel_rng_range(rng, 0, 1);
    if (reel_random_chance(rng, 0.4))
        a->class_weights = use->weights;
    a->sum = reel_random_chance(rng, 0.3);
    for (int64_t k = 0; k < SOFT_CLASSES; k++)
        use->weights[k] = reel_rng_range(rng, 0.1, 3);
    snprintf(s->label, sizeof s->label, "smoothing %.6g%s%s", a->label_smoothing,
             a->class_weights ? ", class weights" : "", a->sum ? ", sum" : "");
}

const reel_op reel_op_cross_entropy_soft = REEL_OP(
    cross_entropy_soft, 1, 1, /* targets are attributes */ .flags = REEL_OP_ASSIGNS | REEL_OP_WIDE,
    .attrs_bytes = sizeof(soft_use), .infer = cross_entropy_soft_infer,
    .build = cross_entropy_soft_build,
    REEL_CHECKS(cross_entropy_soft_cases, cross_entropy_soft_random));
#endif
