/* group_norm: y = gamma_c z + beta_c with z = (x - mean) r, r = 1 / sqrt(var + eps): mean and
 * biased variance of one image's pixels of one group of channels (Wu and He 2018).
 *
 * With m numbers a group, and for each image A_c = sum dy, B_c = sum dy z over its pixels:
 * dgamma_c = sum B_c and dbeta_c = sum A_c over the images, dx = r (gamma_c dy - a / m - z b / m)
 * with a = sum gamma_c A_c and b = sum gamma_c B_c over the group. The sums of a channel are kept
 * in double, over parts of the pixels whose number depends on the shape alone, and the parts are
 * added in order: the same bits for any number of threads. The variance is a second pass over x -
 * mean, which cannot cancel. Mean and r are kept for each channel, so that inner loops have no
 * groups. */
#include "core/op_impl.h"

#ifdef REEL_PUBLIC
typedef struct reel_group_norm_attrs {
    int64_t groups; /* of equally many channels; 0 = 1 */
    double eps;     /* 0 = 1e-5 */
} reel_group_norm_attrs;

/* y = gamma (x - mean) / sqrt(var + eps) + beta with mean and biased variance of each image and
 * group of channels (Wu and He 2018); x (n, c, h, w) or (n, c), gamma and beta (c). REEL_NONE
 * stands for a gamma of 1 and a beta of 0. attrs NULL: the defaults. */
REEL_API reel_var reel_group_norm(reel_var x, reel_var gamma, reel_var beta,
                                  const reel_group_norm_attrs *attrs);
#endif

REEL_DECLARE_OP(group_norm);

enum { GROUP_NORM_PARTS = 16, GROUP_NORM_PIXELS = 64 }; /* the most parts; pixels of a part */

typedef struct group_norm_shape {
    int64_t n, ch, pixels, groups, parts;
} group_norm_shape;

static inline group_norm_shape group_norm_shape_of(const reel_tensor *x, const void *attrs)
{
    const reel_group_norm_attrs *a = attrs;
    const int64_t pixels = x->ndim == 4 ? x->shape[2] * x->shape[3] : 1;
    const int64_t parts = (pixels + GROUP_NORM_PIXELS - 1) / GROUP_NORM_PIXELS;
    return (group_norm_shape){.n = x->shape[0],
                              .ch = x->shape[1],
                              .pixels = pixels,
                              .groups = a->groups,
                              .parts = parts < GROUP_NORM_PARTS ? parts : GROUP_NORM_PARTS};
}

/* One pixel's channels: what a pass reads, and the sums that it adds to. */
typedef struct group_norm_pixel {
    const reel_real *x, *dy;
    const double *mean, *r;
    double *a, *b;
} group_norm_pixel;

typedef void group_norm_add_fn(const group_norm_pixel *at, int64_t ch);

static void group_norm_add_value(const group_norm_pixel *at, int64_t ch)
{
    const reel_real *x = at->x;
    double *a = at->a;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++)
        a[k] += (double)x[k];
}

static void group_norm_add_square(const group_norm_pixel *at, int64_t ch)
{
    const reel_real *x = at->x;
    const double *mean = at->mean;
    double *a = at->a;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++)
        a[k] += ((double)x[k] - mean[k]) * ((double)x[k] - mean[k]);
}

static void group_norm_add_grads(const group_norm_pixel *at, int64_t ch)
{
    const reel_real *x = at->x, *dy = at->dy;
    const double *mean = at->mean, *r = at->r;
    double *a = at->a, *b = at->b;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
        a[k] += (double)dy[k];
        b[k] += (double)dy[k] * ((double)x[k] - mean[k]) * r[k];
    }
}

/* Runs `add` over all pixels of all images. The totals of an image are in sums[image][2 ch].
 * mean and r: (n, ch); parts: n x parts x 2 ch doubles, of which sums are the first of each image.
 */
static void group_norm_sums(const reel_call *c, const group_norm_shape *s, const double *mean,
                            double *parts, group_norm_add_fn *add)
{
    const int64_t ch = s->ch, pixels = s->pixels, count = s->parts;
    const double *r = mean + s->n * ch;
    const reel_real *x = c->in[0].data, *dy = c->dout.data;

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (s->n * ch * pixels > 16384)
    for (int64_t unit = 0; unit < s->n * count; unit++) {
        const int64_t image = unit / count, part = unit % count;
        double *a = parts + unit * 2 * ch;
        memset(a, 0, (size_t)(2 * ch) * sizeof *a);
        for (int64_t p = pixels * part / count; p < pixels * (part + 1) / count; p++) {
            const int64_t row = (image * pixels + p) * ch;
            const group_norm_pixel at = {
                x + row, dy ? dy + row : NULL, mean + image * ch, r + image * ch, a, a + ch};
            add(&at, ch);
        }
    }

    /* Parts are added in their order, whichever thread summed them. */
    for (int64_t image = 0; image < s->n; image++)
        for (int64_t part = 1; part < count; part++) {
            double *total = parts + image * count * 2 * ch;
            for (int64_t k = 0; k < 2 * ch; k++)
                total[k] += total[part * 2 * ch + k];
        }
}

/* Each channel of to (n, ch) gets its group's sum of `totals` over the numbers of the group. */
static void group_norm_means(const group_norm_shape *s, const double *totals, double *to)
{
    const int64_t width = s->ch / s->groups;
    for (int64_t image = 0; image < s->n; image++, to += s->ch, totals += s->parts * 2 * s->ch)
        for (int64_t first = 0; first < s->ch; first += width) {
            double sum = 0;
            for (int64_t k = first; k < first + width; k++)
                sum += totals[k];
            for (int64_t k = first; k < first + width; k++)
                to[k] = sum / (double)(width * s->pixels);
        }
}

/* Scratch: mean and r of each image and channel, centre and factor in reel_real, the parts. */
void REEL_FN(reel_group_norm_forward)(const reel_call *c)
{
    const reel_group_norm_attrs *a = c->attrs;
    const group_norm_shape s = group_norm_shape_of(&c->in[0], a);
    const int64_t ch = s.ch, all = s.n * ch, rows = s.n * s.pixels;
    const reel_real *x = c->in[0].data, *gamma = c->n_in > 1 ? c->in[1].data : NULL,
                    *beta = c->n_in > 2 ? c->in[2].data : NULL;
    reel_real *y = c->out.data;
    double *mean = c->scratch, *r = mean + all, *parts = r + 3 * all;
    reel_real *centre = (reel_real *)(r + all), *factor = centre + all;

    /* The mean of a group first, then the variance about it: (n, groups), repeated for its
     * channels. */
    group_norm_sums(c, &s, mean, parts, group_norm_add_value);
    group_norm_means(&s, parts, mean);
    group_norm_sums(c, &s, mean, parts, group_norm_add_square);
    group_norm_means(&s, parts, r);

    /* y = (x - mean) (gamma r) + beta: the image's factor of each channel, (n, ch). */
    for (int64_t i = 0; i < all; i++) {
        r[i] = 1 / sqrt(r[i] + a->eps);
        centre[i] = (reel_real)mean[i];
        factor[i] = (reel_real)((gamma ? (double)gamma[i % ch] : 1) * r[i]);
    }
    if (c->saved)
        memcpy(c->saved, mean, (size_t)(2 * all) * sizeof *mean);

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 16384)
    for (int64_t row = 0; row < rows; row++) {
        const reel_real *from = x + row * ch, *mid = centre + row / s.pixels * ch,
                        *by = factor + row / s.pixels * ch;
        reel_real *to = y + row * ch;
        if (beta)
#pragma omp simd
            for (int64_t k = 0; k < ch; k++)
                to[k] = (from[k] - mid[k]) * by[k] + beta[k];
        else
#pragma omp simd
            for (int64_t k = 0; k < ch; k++)
                to[k] = (from[k] - mid[k]) * by[k];
    }
}

/* dgamma and dbeta, from each image's sums of dy and dy z. */
static void group_norm_affine_grads(const reel_call *c, const group_norm_shape *s,
                                    const double *totals)
{
    reel_real *dgamma = c->n_in > 1 ? c->din[1].data : NULL,
              *dbeta = c->n_in > 2 ? c->din[2].data : NULL;
    for (int64_t k = 0; k < s->ch; k++) {
        double sum_a = 0, sum_b = 0;
        for (int64_t image = 0; image < s->n; image++) {
            sum_a += totals[image * s->parts * 2 * s->ch + k];
            sum_b += totals[image * s->parts * 2 * s->ch + s->ch + k];
        }
        if (dgamma)
            dgamma[k] = (c->fresh[1] ? 0 : dgamma[k]) + (reel_real)sum_b;
        if (dbeta)
            dbeta[k] = (c->fresh[2] ? 0 : dbeta[k]) + (reel_real)sum_a;
    }
}

/* Scratch: the factors of dy, of x - mean and of 1 in dx, (n, ch) each, then the parts. */
void REEL_FN(reel_group_norm_backward)(const reel_call *c)
{
    const group_norm_shape s = group_norm_shape_of(&c->in[0], c->attrs);
    const int64_t ch = s.ch, all = s.n * ch, rows = s.n * s.pixels;
    const reel_real *x = c->in[0].data, *dy = c->dout.data,
                    *gamma = c->n_in > 1 ? c->in[1].data : NULL;
    reel_real *dx = c->din[0].data;
    const double *mean = c->saved, *r = mean + all;
    double *of_dy = c->scratch, *of_x = of_dy + all, *rest = of_x + all, *parts = rest + all;

    /* A_c and B_c of each image stand in the first of its parts. */
    group_norm_sums(c, &s, mean, parts, group_norm_add_grads);
    group_norm_affine_grads(c, &s, parts);
    if (!dx)
        return;

    /* dx = (gamma r) dy - (r r b / m) (x - mean) - r a / m: three factors, each (n, ch). */
    for (int64_t image = 0; image < s.n && gamma; image++)
        for (int64_t k = 0; k < 2 * ch; k++)
            parts[image * s.parts * 2 * ch + k] *= (double)gamma[k % ch];
    group_norm_means(&s, parts, rest);
    group_norm_means(&s, parts + ch, of_x);
    for (int64_t i = 0; i < all; i++) {
        of_dy[i] = (gamma ? (double)gamma[i % ch] : 1) * r[i];
        of_x[i] *= -r[i] * r[i];
        rest[i] *= -r[i];
    }

    const bool fresh = c->fresh[0];
#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(c->ctx)) if (rows * ch > 16384)
    for (int64_t row = 0; row < rows; row++) {
        const int64_t image = row / s.pixels * ch;
        const double *by_dy = of_dy + image, *by_x = of_x + image, *mid = mean + image,
                     *plus = rest + image;
        reel_real *to = dx + row * ch;
        if (fresh)
            memset(to, 0, (size_t)ch * sizeof *to);
#pragma omp simd
        for (int64_t k = 0; k < ch; k++)
            to[k] += (reel_real)(by_dy[k] * (double)dy[row * ch + k] +
                                 by_x[k] * ((double)x[row * ch + k] - mid[k]) + plus[k]);
    }
}

#ifdef REEL_ONCE
static reel_status group_norm_infer(reel_infer *q, reel_error *err)
{
    const reel_group_norm_attrs *a = q->attrs;
    const reel_tensor *x = &q->in[0];
    if (x->ndim != 4 && x->ndim != 2)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected an input of shape (n, c, h, w) or (n, c)");
    if (reel_tensor_numel(x) < 1)
        return reel_fail(err, REEL_ERR_INVALID, "the input must not be empty");
    const int64_t ch = x->shape[1];
    if (a->groups < 1 || ch % a->groups)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected groups of equally many channels, got %lld groups of %lld "
                         "channels",
                         (long long)a->groups, (long long)ch);
    for (int i = 1; i < q->n_in; i++)
        if (q->in[i].ndim != 1 || q->in[i].shape[0] != ch)
            return reel_fail(err, REEL_ERR_INVALID, "expected %s of shape (%lld)",
                             i == 1 ? "gamma" : "beta", (long long)ch);

    /* saved: mean and r; scratch: what forward and backward list above, then two sums a part. */
    const group_norm_shape s = group_norm_shape_of(x, a);
    const size_t all = (size_t)(s.n * ch) * sizeof(double);
    q->saved_bytes = 2 * all;
    q->forward_scratch = (4 + 2 * (size_t)s.parts) * all;
    q->backward_scratch = (3 + 2 * (size_t)s.parts) * all;
    return REEL_OK;
}

reel_var reel_group_norm(reel_var x, reel_var gamma, reel_var beta,
                         const reel_group_norm_attrs *attrs)
{
    reel_group_norm_attrs a = attrs ? *attrs : (reel_group_norm_attrs){0};
    if (a.groups == 0)
        a.groups = 1;
    if (a.eps == 0)
        a.eps = 1e-5;
    return reel_apply(&reel_op_group_norm, &a, sizeof a, (const reel_var[]){x, gamma, beta}, 3);
}

static reel_var group_norm_build(const reel_var *in, int n_in, const void *attrs)
{
    return reel_group_norm(in[0], n_in > 1 ? in[1] : REEL_NONE, n_in > 2 ? in[2] : REEL_NONE,
                           attrs);
}

#define GROUP_NORM(...) (&(const reel_group_norm_attrs){__VA_ARGS__})
static reel_var group_norm_twice(reel_tape *tape, const reel_var *in)
{
    (void)tape;
    return reel_add(group_norm_build(in, 3, GROUP_NORM(.groups = 2)),
                    group_norm_build(in, 3, GROUP_NORM(.groups = 4, .eps = 0.1)));
}

static const reel_op_case group_norm_cases[] = {
    REEL_CASE("two groups", "(2, 4, 3, 2) (4) (4)", GROUP_NORM(.groups = 2)),
    REEL_CASE("one group", "(2, 3, 3, 2) (3) (3)", GROUP_NORM(.eps = 0)),
    REEL_CASE("each channel a group", "(2, 3, 4, 3) (3) (3)", GROUP_NORM(.groups = 3)),
    REEL_CASE("large eps", "(2, 6, 2, 3) (6) (6)", GROUP_NORM(.groups = 2, .eps = 0.3)),
    REEL_CASE("without beta", "(2, 4, 2, 3) (4)", GROUP_NORM(.groups = 2)),
    REEL_CASE("without gamma and beta", "(2, 4, 2, 3)", GROUP_NORM(.groups = 2)),
    REEL_CASE("features", "(3, 6) (6) (6)", GROUP_NORM(.groups = 2)),
    REEL_CASE("several parts", "(1, 2, 7, 11) (2) (2)", GROUP_NORM(.groups = 1)),
    {.label = "inputs used twice", .in = "(2, 4, 2, 2) (4) (4)", .build = group_norm_twice},
};

static void group_norm_random(reel_rng *rng, reel_op_sample *s)
{
    reel_group_norm_attrs *a = (reel_group_norm_attrs *)&s->attrs;
    reel_random_image(rng, s, 0);
    const int64_t width = reel_random_int(rng, 1, 3);
    a->groups = s->in[0].shape[1] < 5 ? s->in[0].shape[1] : 1;
    s->in[0].shape[1] *= width;
    s->in[0].shape[3] += 2; /* a variance needs more than one number */
    a->eps = reel_random_chance(rng, 0.5) ? 0 : reel_rng_range(rng, 1e-3, 0.5);

    s->n_in = (int)reel_random_int(rng, 1, 3);
    for (int i = 1; i < s->n_in; i++) {
        s->in[i].ndim = 1;
        s->in[i].shape[0] = s->in[0].shape[1];
    }
    snprintf(s->label, sizeof s->label, "groups %lld, eps %.17g", (long long)a->groups, a->eps);
}

const reel_op reel_op_group_norm =
    REEL_OP(group_norm, 1, 3, .flags = REEL_OP_SLICES | REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS,
            .attrs_bytes = sizeof(reel_group_norm_attrs), .infer = group_norm_infer,
            .build = group_norm_build, REEL_CHECKS(group_norm_cases, group_norm_random));
#endif
