/* cross_entropy: softmax and negative log-likelihood in one, with label smoothing e, class weights
 * w and an ignored label.
 *
 *   loss_i = (1 - e) w[y_i] (-log p[i, y_i]) + e / classes sum_k w[k] (-log p[i, k])       (0 for
 * an ignored sample) loss   = sum_i loss_i / sum_i w[y_i] over samples that count; with `sum`,
 * undivided; w = 1 where no weights are given dx[i, k] = dy / D ((1 - e) w[y_i] (p[i, k] - [k =
 * y_i]) + e / classes (p[i, k] sum_j w[j] - w[k]))
 *
 * as torch.nn.functional.cross_entropy: smoothing spreads over the weighted classes, yet the
 * denominator D holds the labels' weights only; if nothing counts, the mean is NaN. Each row
 * subtracts its maximum first, so no exponential overflows. Forward leaves p for backward. Rows add
 * up in order in double, whatever the number of threads. */
#include "core/op_impl.h"
#include "core/ops/loss_row.h"

#ifdef REEL_PUBLIC
typedef struct reel_cross_entropy_attrs {
    double label_smoothing;      /* 0 .. 1 */
    const double *class_weights; /* one for each class, or NULL; copied */
    int64_t ignore_index; /* samples with this label count nothing, if use_ignore_index is set */
    bool use_ignore_index;
    bool sum; /* sum over samples instead of the weighted mean */
} reel_cross_entropy_attrs;

/* The loss of logits (n, classes) for n labels, class indices that are copied; of shape (). As
 * torch.nn.functional.cross_entropy: the weighted mean over samples. attrs NULL: all fields 0. */
REEL_API reel_var reel_cross_entropy(reel_var logits, const int64_t *labels, int64_t n,
                                     const reel_cross_entropy_attrs *attrs);
#endif

REEL_DECLARE_OP(cross_entropy);

/* Followed by n labels and, if weighted, `classes` weights: one block, for the tape copies
 * attributes as bytes. */
typedef struct loss_attrs {
    double smoothing;
    int64_t ignore_index;
    int64_t n, classes;
    bool use_ignore_index, sum, weighted;
    int64_t labels[];
} loss_attrs;

static inline const double *loss_weights(const loss_attrs *a)
{
    return a->weighted ? (const double *)(a->labels + a->n) : NULL;
}

static inline bool loss_counts(const loss_attrs *a, int64_t i)
{
    return !a->use_ignore_index || a->labels[i] != a->ignore_index;
}

static inline double loss_denominator(const loss_attrs *a)
{
    const double *w = loss_weights(a);
    double d = 0;
    if (a->sum)
        return 1;
    for (int64_t i = 0; i < a->n; i++)
        if (loss_counts(a, i))
            d += w ? w[a->labels[i]] : 1;
    return d;
}

/* The loss of row i; p receives its softmax where it is not NULL. */
static double cross_entropy_row_loss(const void *attrs, int64_t i, const reel_real *x, reel_real *p)
{
    const loss_attrs *a = attrs;
    const double *w = loss_weights(a);
    const int64_t classes = a->classes;
    const double offset = loss_row(x, classes, p); /* -log p_k = offset - x_k */
    if (!loss_counts(a, i))
        return 0;

    const int64_t label = a->labels[i];
    double loss = (1 - a->smoothing) * (w ? w[label] : 1) * (offset - (double)x[label]);

    if (a->smoothing > 0) {
        double spread = 0;
        for (int64_t k = 0; k < classes; k++)
            spread += (w ? w[k] : 1) * (offset - (double)x[k]);
        loss += a->smoothing / (double)classes * spread;
    }
    return loss;
}

void REEL_FN(reel_cross_entropy_forward)(const reel_call *c)
{
    const loss_attrs *a = c->attrs;
    const double total = sum_of_row_losses(c, cross_entropy_row_loss);
    *(reel_real *)c->out.data = (reel_real)(total / loss_denominator(a));
}

void REEL_FN(reel_cross_entropy_backward)(const reel_call *c)
{
    const loss_attrs *a = c->attrs;
    const double *w = loss_weights(a);
    const double dy = (double)*(const reel_real *)c->dout.data / loss_denominator(a);
    const bool fresh = c->fresh[0];

    /* dx[i, k] = of_p p[i, k] - even w[k] - hit [k = y_i] */
    double all = 0; /* sum of the class weights */
    for (int64_t k = 0; k < a->classes; k++)
        all += w ? w[k] : 1;
    const double share = a->smoothing / (double)a->classes;

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (a->n * a->classes > 16384)
    for (int64_t i = 0; i < a->n; i++) {
        const reel_real *p = (const reel_real *)c->saved + i * a->classes;
        reel_real *dx = (reel_real *)c->din[0].data + i * a->classes;
        if (!loss_counts(a, i)) {
            if (fresh)
                memset(dx, 0, (size_t)a->classes * sizeof *dx);
            continue;
        }

        const double hit = dy * (1 - a->smoothing) * (w ? w[a->labels[i]] : 1);
        const reel_real of_p = (reel_real)(hit + dy * share * all), even = (reel_real)(dy * share);
        if (fresh)
            memset(dx, 0, (size_t)a->classes * sizeof *dx);
        if (w)
            for (int64_t k = 0; k < a->classes; k++)
                dx[k] += of_p * p[k] - even * (reel_real)w[k];
        else
            for (int64_t k = 0; k < a->classes; k++)
                dx[k] += of_p * p[k] - even;
        dx[a->labels[i]] -= (reel_real)hit;
    }
}

#ifdef REEL_ONCE
static reel_status cross_entropy_infer(reel_infer *q, reel_error *err)
{
    const loss_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 2 || x->shape[0] < 1 || x->shape[1] < 1)
        return reel_fail(err, REEL_ERR_INVALID, "expected logits of shape (n, classes)");
    if (x->shape[0] != a->n)
        return reel_fail(err, REEL_ERR_INVALID, "%lld rows of logits, but %lld labels",
                         (long long)x->shape[0], (long long)a->n);
    if (!(a->smoothing >= 0 && a->smoothing <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "label smoothing %g must be from 0 to 1",
                         a->smoothing);
    for (int64_t i = 0; i < a->n; i++)
        if (loss_counts(a, i) && (a->labels[i] < 0 || a->labels[i] >= a->classes))
            return reel_fail(err, REEL_ERR_INVALID, "label %lld is %lld, expected 0 to %lld",
                             (long long)i, (long long)a->labels[i], (long long)(a->classes - 1));

    q->ndim = 0;
    q->saved_bytes = (size_t)reel_tensor_numel(x) * reel_dtype_size(q->dtype);
    q->forward_scratch = (size_t)a->n * sizeof(double);
    return REEL_OK;
}

reel_var reel_cross_entropy(reel_var logits, const int64_t *labels, int64_t n,
                            const reel_cross_entropy_attrs *attrs)
{
    static const reel_cross_entropy_attrs defaults;
    if (!attrs)
        attrs = &defaults;
    if (logits.id < 0 || !logits.tape)
        return (reel_var){logits.tape, -1};
    if (n < 0 || (n > 0 && !labels))
        return reel_tape_fail(logits.tape, REEL_ERR_INVALID,
                              "cross_entropy: expected labels, got %lld%s", (long long)n,
                              labels ? "" : " without memory");
    const reel_tensor x = reel_value(logits);
    const int64_t classes = x.ndim == 2 ? x.shape[1] : 0;
    /* Another number of labels than rows: infer says so, and nothing is read here. */
    const bool fits = x.ndim == 2 && x.shape[0] == n;
    const size_t label_bytes = fits ? (size_t)n * sizeof *labels : 0;
    const size_t weight_bytes =
        fits && attrs->class_weights ? (size_t)classes * sizeof *attrs->class_weights : 0;
    const size_t size = sizeof(loss_attrs) + label_bytes + weight_bytes;

    /* Labels and weights travel behind the attributes: the tape copies them as one block. */
    loss_attrs *a = reel_tape_alloc(logits.tape, size);
    if (!a)
        return (reel_var){logits.tape, -1};
    *a = (loss_attrs){.smoothing = attrs->label_smoothing,
                      .ignore_index = attrs->ignore_index,
                      .n = n,
                      .classes = classes,
                      .use_ignore_index = attrs->use_ignore_index,
                      .sum = attrs->sum,
                      .weighted = attrs->class_weights != NULL};
    if (label_bytes)
        memcpy(a->labels, labels, label_bytes);
    if (weight_bytes)
        memcpy(a->labels + n, attrs->class_weights, weight_bytes);
    return reel_apply(&reel_op_cross_entropy, a, size, &logits, 1);
}

enum { MOST_SAMPLES = 8, MOST_CLASSES = 8 };

/* A checked use: what the builder is called with. Weights are used where attrs.class_weights is
 * set.
 */
typedef struct loss_use {
    reel_cross_entropy_attrs attrs;
    int64_t labels[MOST_SAMPLES];
    double weights[MOST_CLASSES];
} loss_use;
_Static_assert(sizeof(loss_use) <= sizeof(((reel_op_sample *)0)->attrs),
               "a sample holds labels and weights");

static reel_var cross_entropy_build(const reel_var *in, int n_in, const void *attrs)
{
    const loss_use *use = attrs;
    (void)n_in;
    return reel_cross_entropy(in[0], use->labels, reel_value(in[0]).shape[0], &use->attrs);
}

static const double case_weights[] = {0.5, 2.0, 1.25, 0.1, 3.0};
#define LOSS(...) (&(const loss_use){.attrs = {__VA_ARGS__}, .labels = {2, 0, 4, 2, 1, 3}})
static reel_var cross_entropy_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    const loss_use *plain = LOSS(.sum = false);
    const loss_use *everything = LOSS(.label_smoothing = 0.2, .class_weights = case_weights,
                                      .ignore_index = 2, .use_ignore_index = true);
    return reel_add(cross_entropy_build(in, 1, plain), cross_entropy_build(in, 1, everything));
}

static const reel_op_case cross_entropy_cases[] = {
    REEL_CASE("mean", "(6, 5)", LOSS(.sum = false)),
    REEL_CASE("one sample", "(1, 3)", LOSS(.sum = false)),
    REEL_CASE("sum", "(6, 5)", LOSS(.sum = true)),
    REEL_CASE("label smoothing", "(6, 7)", LOSS(.label_smoothing = 0.1)),
    REEL_CASE("nothing but smoothing", "(4, 5)", LOSS(.label_smoothing = 1.0)),
    REEL_CASE("class weights", "(6, 5)", LOSS(.class_weights = case_weights)),
    REEL_CASE("ignored label", "(6, 5)", LOSS(.ignore_index = 2, .use_ignore_index = true)),
    REEL_CASE("smoothing, weights, ignored label", "(6, 5)",
              LOSS(.label_smoothing = 0.2, .class_weights = case_weights, .ignore_index = 2,
                   .use_ignore_index = true)),
    REEL_CASE("smoothing, weights, ignored label, sum", "(6, 5)",
              LOSS(.label_smoothing = 0.2, .class_weights = case_weights, .ignore_index = 0,
                   .use_ignore_index = true, .sum = true)),
    {.label = "logits used twice", .in = "(6, 5)", .build = cross_entropy_twice},
};

/* At least one sample counts: the mean over none is 0/0. */
static void cross_entropy_random(reel_rng *rng, reel_op_sample *s)
{
    loss_use *use = (loss_use *)&s->attrs;
    reel_cross_entropy_attrs *a = &use->attrs;
    s->n_in = 1;
    s->in[0].ndim = 2;
    const int64_t n = s->in[0].shape[0] = reel_random_int(rng, 1, MOST_SAMPLES);
    const int64_t classes = s->in[0].shape[1] = reel_random_int(rng, 1, MOST_CLASSES);

    if (reel_random_chance(rng, 0.4))
        a->label_smoothing = reel_rng_range(rng, 0, 1);
    if (reel_random_chance(rng, 0.4))
        a->class_weights = use->weights;
    a->sum = reel_random_chance(rng, 0.3);
    a->use_ignore_index = reel_random_chance(rng, 0.3);
    a->ignore_index = reel_random_chance(rng, 0.5) ? -100 : classes - 1;

    for (int64_t k = 0; k < classes; k++)
        use->weights[k] = reel_rng_range(rng, 0.1, 3);
    for (int64_t i = 0; i < n; i++) {
        use->labels[i] = reel_random_int(rng, 0, classes - 1);
        if (a->use_ignore_index && reel_random_chance(rng, 0.3))
            use->labels[i] = a->ignore_index;
    }

    /* One label counts at least: the mean over none has no gradient. */
    if (a->ignore_index < 0 || classes > 1)
        use->labels[0] = 0;
    else
        a->use_ignore_index = false;
    snprintf(s->label, sizeof s->label, "smoothing %.6g%s%s%s", a->label_smoothing,
             a->class_weights ? ", class weights" : "",
             a->use_ignore_index ? ", an ignored label" : "", a->sum ? ", sum" : "");
}

const reel_op reel_op_cross_entropy = REEL_OP(
    cross_entropy, 1, 1, /* labels are attributes */ .flags = REEL_OP_ASSIGNS | REEL_OP_WIDE,
    .attrs_bytes = sizeof(loss_use), .infer = cross_entropy_infer, .build = cross_entropy_build,
    REEL_CHECKS(cross_entropy_cases, cross_entropy_random));
#endif
