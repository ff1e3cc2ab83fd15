/* local_response_norm: y_c = x_c s_c^-beta with s_c = k + a sum x_c'^2 over the channel window of c
 * (Krizhevsky et al. 2012, 3.3).
 *
 * a is alpha / size, or alpha with `paper`. The window of c runs from c - floor(size / 2) to c +
 * floor((size - 1) / 2), cut at the ends; c' sees c in its window where c' is in the mirrored
 * window of c, hence dx_c = dy_c s_c^-beta - 2 a beta x_c sum_{c' in mirrored window of c} dy_c'
 * x_c' s_c'^(-beta - 1). Backward computes s again from x: that costs less than writing and reading
 * a second map of the largest layer. */
#include "core/op_impl.h"

#include <omp.h>

#ifdef REEL_PUBLIC
typedef struct reel_local_response_norm_attrs {
    int64_t size; /* channels in the window; 0 = 5 */
    double alpha; /* 0 = 1e-4 */
    double beta;  /* 0 = 0.75 */
    double k;     /* 0 = 1 */
    bool paper; /* alpha multiplies the sum, as the 2012 formula is printed, instead of the mean */
} reel_local_response_norm_attrs;

/* y_c = x_c / (k + alpha / size sum_{c' in window} x_c'^2)^beta; the window runs from c -
 * floor(size / 2) to c + floor((size - 1) / 2) (Krizhevsky et al. 2012, section 3.3). attrs NULL:
 * PyTorch's defaults. */
REEL_API reel_var reel_local_response_norm(reel_var x, const reel_local_response_norm_attrs *attrs);
#endif

REEL_DECLARE_OP(local_response_norm);

/* Scratch of one thread, in elements: a padded row to sum over, and two plain ones. */
static inline int64_t lrn_row_elements(int64_t ch, int64_t size)
{
    return (3 * ch + size + 31) / 16 * 16;
}

/* sum[c] = padded[c] + ... + padded[c + size - 1] */
static inline void lrn_window_sums(const reel_real *restrict padded, int64_t ch, int64_t size,
                                   reel_real *restrict sum)
{
    if (size == 5) {
        for (int64_t k = 0; k < ch; k++)
            sum[k] = padded[k] + padded[k + 1] + padded[k + 2] + padded[k + 3] + padded[k + 4];
        return;
    }
    memcpy(sum, padded, (size_t)ch * sizeof *sum);
    for (int64_t j = 1; j < size; j++)
        for (int64_t k = 0; k < ch; k++)
            sum[k] += padded[k + j];
}

/* to[c] = s[c]^-beta; the exponents people use need no logarithm. */
static inline void lrn_inverse_power(const reel_real *restrict s, int64_t ch, double beta,
                                     reel_real *restrict to)
{
    if (beta == 0.75)
        for (int64_t k = 0; k < ch; k++) {
            const reel_real root = REEL_MATH(sqrt)(s[k]);
            to[k] = 1 / (root * REEL_MATH(sqrt)(root));
        }
    else if (beta == 0.5)
        for (int64_t k = 0; k < ch; k++)
            to[k] = 1 / REEL_MATH(sqrt)(s[k]);
    else if (beta == 1)
        for (int64_t k = 0; k < ch; k++)
            to[k] = 1 / s[k];
    else
        for (int64_t k = 0; k < ch; k++)
            to[k] = REEL_POWER_OF_POSITIVE(s[k], (reel_real)-beta);
}

/* s of one row; padded has `before` zeros in front and enough behind. */
static inline void lrn_row_scale(const reel_local_response_norm_attrs *a,
                                 const reel_real *restrict x, int64_t ch,
                                 reel_real *restrict padded, reel_real *restrict s)
{
    const reel_real factor = (reel_real)(a->paper ? a->alpha : a->alpha / (double)a->size),
                    base = (reel_real)a->k;
    const int64_t before = a->size / 2;
    for (int64_t k = 0; k < ch; k++)
        padded[before + k] = x[k] * x[k];
    lrn_window_sums(padded, ch, a->size, s);
    for (int64_t k = 0; k < ch; k++)
        s[k] = base + factor * s[k];
}

/* The rows of this thread: the padded one, which is 0, and two plain ones. */
typedef struct lrn_rows {
    reel_real *padded, *s, *p;
} lrn_rows;

static inline lrn_rows lrn_rows_of(const reel_call *c)
{
    const int64_t ch = c->out.shape[1];
    const int64_t size = ((const reel_local_response_norm_attrs *)c->attrs)->size;
    reel_real *padded = (reel_real *)c->scratch + omp_get_thread_num() * lrn_row_elements(ch, size);
    memset(padded, 0, (size_t)(ch + size) * sizeof *padded);
    return (lrn_rows){padded, padded + ch + size, padded + ch + size + ch};
}

void REEL_FN(reel_local_response_norm_forward)(const reel_call *c)
{
    const reel_local_response_norm_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1], rows = c->out.shape[0] * c->out.shape[2] * c->out.shape[3];

#pragma omp parallel num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 4096)
    {
        const lrn_rows my = lrn_rows_of(c);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; row++) {
            const reel_real *x = (const reel_real *)c->in[0].data + row * ch;
            reel_real *y = (reel_real *)c->out.data + row * ch;
            lrn_row_scale(a, x, ch, my.padded, my.s);
            lrn_inverse_power(my.s, ch, a->beta, my.p);
#pragma omp simd
            for (int64_t k = 0; k < ch; k++)
                y[k] = x[k] * my.p[k];
        }
    }
}

void REEL_FN(reel_local_response_norm_backward)(const reel_call *c)
{
    const reel_local_response_norm_attrs *a = c->attrs;
    const int64_t ch = c->out.shape[1], rows = c->out.shape[0] * c->out.shape[2] * c->out.shape[3];
    const int64_t before = a->size / 2, mirrored = (a->size - 1) / 2;
    const reel_real factor =
        (reel_real)(2 * a->beta * (a->paper ? a->alpha : a->alpha / (double)a->size));
    const bool fresh = c->fresh[0];

#pragma omp parallel num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 4096)
    {
        const lrn_rows my = lrn_rows_of(c);
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; row++) {
            const reel_real *x = (const reel_real *)c->in[0].data + row * ch,
                            *dy = (const reel_real *)c->dout.data + row * ch;
            reel_real *dx = (reel_real *)c->din[0].data + row * ch;
            lrn_row_scale(a, x, ch, my.padded, my.s);
            lrn_inverse_power(my.s, ch, a->beta, my.p);

            /* The padded row is used again. An even window's mirror image starts one earlier: both
             * ends must stay zero. */
            my.padded[before + ch - 1] = 0;
            for (int64_t k = 0; k < ch; k++)
                my.padded[mirrored + k] = dy[k] * x[k] * my.p[k] / my.s[k];
            lrn_window_sums(my.padded, ch, a->size, my.s);
            if (fresh)
                for (int64_t k = 0; k < ch; k++)
                    dx[k] = dy[k] * my.p[k] - factor * x[k] * my.s[k];
            else
                for (int64_t k = 0; k < ch; k++)
                    dx[k] += dy[k] * my.p[k] - factor * x[k] * my.s[k];
            if (mirrored < before)
                my.padded[mirrored] = 0;
        }
    }
}

#ifdef REEL_ONCE
static reel_status local_response_norm_infer(reel_infer *q, reel_error *err)
{
    const reel_local_response_norm_attrs *a = q->attrs;
    if (q->in[0].ndim != 4)
        return reel_fail(err, REEL_ERR_INVALID, "expected an input of shape (n, c, h, w)");
    if (reel_tensor_numel(&q->in[0]) == 0)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    if (a->size < 1 || a->size > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID,
                         "a window of %lld channels: expected 1 to 2147483647", (long long)a->size);
    if (!(a->k > 0) || !(a->alpha > 0))
        return reel_fail(err, REEL_ERR_INVALID, "k %g and alpha %g must be positive", a->k,
                         a->alpha);
    q->forward_scratch =
        (size_t)(lrn_row_elements(q->in[0].shape[1], a->size) * reel_ctx_threads(q->ctx)) *
        reel_dtype_size(q->dtype);
    q->backward_scratch = q->forward_scratch;
    return REEL_OK;
}

reel_var reel_local_response_norm(reel_var x, const reel_local_response_norm_attrs *attrs)
{
    reel_local_response_norm_attrs a = attrs ? *attrs : (reel_local_response_norm_attrs){0};
    if (a.size == 0)
        a.size = 5;
    if (a.alpha == 0)
        a.alpha = 1e-4;
    if (a.beta == 0)
        a.beta = 0.75;
    if (a.k == 0)
        a.k = 1;
    return reel_apply(&reel_op_local_response_norm, &a, sizeof a, &x, 1);
}

static reel_var local_response_norm_build(const reel_var *in, int n_in, const void *attrs)
{
    (void)n_in;
    return reel_local_response_norm(in[0], attrs);
}

/* alpha is large, so that the second term of the gradient counts. */
#define LRN(...) (&(const reel_local_response_norm_attrs){__VA_ARGS__})
static reel_var local_response_norm_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(reel_local_response_norm(in[0], LRN(.alpha = 2)),
                    reel_local_response_norm(in[0], LRN(.size = 4, .alpha = 1.5, .k = 2)));
}

static const reel_op_case local_response_norm_cases[] = {
    REEL_CASE("window 5", "(2, 9, 2, 3)", LRN(.alpha = 2)),
    REEL_CASE("window 5 over few channels", "(2, 3, 2, 2)", LRN(.alpha = 2)),
    REEL_CASE("window 4", "(2, 7, 2, 3)", LRN(.size = 4, .alpha = 1.5, .k = 2)),
    REEL_CASE("window 4 over one channel", "(2, 1, 2, 3)", LRN(.size = 4, .alpha = 1.5, .k = 2)),
    REEL_CASE("window 3, beta 0.5", "(2, 6, 2, 2)", LRN(.size = 3, .alpha = 1, .beta = 0.5)),
    REEL_CASE("window 2, beta 1", "(2, 6, 2, 2)", LRN(.size = 2, .alpha = 1, .beta = 1)),
    REEL_CASE("window 1, beta 0.6", "(2, 4, 2, 2)", LRN(.size = 1, .alpha = 1, .beta = 0.6)),
    REEL_CASE("paper's alpha", "(2, 8, 2, 2)", LRN(.size = 5, .alpha = 0.3, .k = 2, .paper = true)),
    {.label = "defaults", .in = "(1, 8, 2, 2)"},
    {.label = "input used twice", .in = "(1, 6, 2, 2)", .build = local_response_norm_twice},
};

static void local_response_norm_random(reel_rng *rng, reel_op_sample *s)
{
    reel_local_response_norm_attrs *a = (reel_local_response_norm_attrs *)&s->attrs;
    s->n_in = 1;
    reel_random_image(rng, s, 0);
    *a = (reel_local_response_norm_attrs){
        .size = reel_random_int(rng, 0, 9),
        .alpha = reel_rng_range(rng, 0.01, 2),
        .beta = reel_random_chance(rng, 0.3) ? 0 : reel_rng_range(rng, 0.2, 1.5),
        .k = reel_random_chance(rng, 0.3) ? 0 : reel_rng_range(rng, 0.5, 3),
        .paper = reel_random_chance(rng, 0.3)};
    snprintf(s->label, sizeof s->label, "size %lld, alpha %.6g, beta %.6g, k %.6g%s",
             (long long)a->size, a->alpha, a->beta, a->k, a->paper ? ", paper" : "");
}

const reel_op reel_op_local_response_norm = REEL_OP(
    local_response_norm, 1, 1, .flags = REEL_OP_ROWS | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
    .attrs_bytes = sizeof(reel_local_response_norm_attrs), .infer = local_response_norm_infer,
    .build = local_response_norm_build,
    REEL_CHECKS(local_response_norm_cases, local_response_norm_random));
#endif
