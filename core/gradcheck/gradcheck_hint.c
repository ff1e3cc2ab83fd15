/* Gradient check: from the numbers of a failure to the likely mistake.
 *
 * A wrong backward pass rarely gives noise: it gives the right values doubled, halved, negated,
 * averaged, missing, in the wrong order, or summed over the wrong part of the output, and each of
 * these leaves a pattern. Patterns of the whole tensor are tried first, the most specific ones
 * before those that more mistakes could explain; then those of the worst element alone. What sums
 * were taken is read off the contributions c_i = r_i dy_i / dx_e, of which a right gradient is the
 * sum over all outputs i. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"

enum { MOST_CONTRIBUTORS = 64 }; /* elements whose contributions are added up */

#define SAY(e, ...) (snprintf((e)->text, (e)->size, __VA_ARGS__), true)

static bool is_near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-5 * scale;
}

/* Whether every sampled element is off by the same factor. */
static bool common_ratio(const reel_check_input *in, double ratio)
{
    int64_t seen = 0;
    for (int64_t k = 0; k < in->n; k++) {
        if (isnan(in->numeric[k]))
            continue;
        if (!is_near(in->analytic[k], ratio * in->numeric[k], in->largest))
            return false;
        seen++;
    }
    return seen > 0;
}

static bool all_sampled(const reel_check_input *in)
{
    for (int64_t k = 0; k < in->n; k++)
        if (isnan(in->numeric[k]))
            return false;
    return true;
}

/* ---- one factor ---- */
/* The ratio as a fraction of small whole numbers, not 1/1; false where it is none. */
static bool small_fraction(double ratio, int *p, int *q)
{
    for (*q = 1; *q <= 30; ++*q) {
        *p = (int)fmin(1e6, round(fabs(ratio) * *q));
        if (*p >= 1 && *p <= 30 && is_near(fabs(ratio), (double)*p / *q, 0.01 * fabs(ratio)))
            return true;
    }
    return false;
}

/* The fewest dimensions whose sizes, multiplied, are the factor; *size is their product. 0: there
 * are none. */
static int dimensions_of(const reel_tensor *x, double factor, int64_t *size)
{
    int fewest = 0;
    for (unsigned chosen = 1; chosen < 1u << x->ndim; chosen++) {
        int64_t product = 1;
        int count = 0;
        for (int d = 0; d < x->ndim; d++)
            if (chosen >> d & 1 && x->shape[d] > 1) {
                product *= x->shape[d];
                count++;
            }
        if (!count || !is_near(factor, (double)product, factor) || (fewest && count >= fewest))
            continue;
        fewest = count;
        *size = product;
    }
    return fewest;
}

static bool whole_factor(const reel_check_evidence *e)
{
    const double ratio = e->a / e->n, factor = fmax(fabs(ratio), fabs(1 / ratio));
    if (e->n == 0 || !common_ratio(e->in, ratio))
        return false;

    if (fabs(ratio - 1) < 1e-4)
        return SAY(e,
                   "off by %.1e of itself everywhere: a step too large for a strongly curved "
                   "function, or single precision "
                   "on the way, more likely than a wrong term",
                   fabs(ratio - 1));
    if (is_near(ratio, -1, 1))
        return SAY(e, "sign: the gradient has the wrong sign everywhere");
    if (is_near(ratio, 2, 1))
        return SAY(e, "factor 2 everywhere: counted twice, or the derivative of a square");

    int64_t size = 0;
    int dimensions = dimensions_of(e->in->x, factor, &size);
    if (!dimensions)
        dimensions = dimensions_of(&e->k->out, factor, &size);
    if (dimensions && !is_near(factor, 2, 1))
        return SAY(e,
                   "factor %s%lld everywhere, the size of %s: a mean taken for a sum, or the other "
                   "way round",
                   fabs(ratio) > 1 ? "" : "1/", (long long)size,
                   dimensions == 1 ? "a dimension" : "several dimensions together");
    if (is_near(ratio, 0.5, 1))
        return SAY(e, "factor 1/2 everywhere: a factor 2 is missing (the derivative of a square), "
                      "or a second use of the value "
                      "was overwritten, not accumulated");

    int p, q;
    if (small_fraction(ratio, &p, &q) && q > 1)
        return SAY(e, "factor %s%d/%d everywhere: a factor is missing or stands there twice",
                   ratio < 0 ? "-" : "", p, q);
    return SAY(e, "factor %.6g everywhere: a factor is missing or stands there twice", ratio);
}

/* As much too much, or too little, at each element. */
static bool same_amount(const reel_check_evidence *e)
{
    const double amount = e->a - e->n;
    for (int64_t k = 0; k < e->in->n; k++)
        if (!isnan(e->in->numeric[k]) &&
            fabs(e->in->analytic[k] - e->in->numeric[k] - amount) > 1e-3 * fabs(amount))
            return false;
    return SAY(e,
               "%.3g too much at every element: a term that all share, such as the one through a "
               "mean, is missing or does not "
               "belong there",
               amount);
}

/* ---- what is passed on ---- */
/* Backward from twice the gradient adds no more than backward from the gradient did. */
static bool dout_forgotten(const reel_check_evidence *e)
{
    reel_check_state *k = e->k;
    if (!reel_check_thrice(k, e->input))
        return false;
    for (int64_t i = 0; i < e->in->n; i++)
        if (!is_near(k->again[i], 2 * e->in->analytic[i], fabs(e->in->analytic[i])))
            return false;
    return SAY(e, "the gradient from above is forgotten: this one does not grow with it");
}

static bool another_input(const reel_check_evidence *e)
{
    const reel_check_state *k = e->k;
    for (int j = 0; j < k->n_in; j++) {
        const reel_check_input *other = &k->in[j];
        bool agrees = j != e->input && other->n == e->in->n && all_sampled(other);
        for (int64_t i = 0; i < e->in->n && agrees; i++)
            agrees = is_near(e->in->analytic[i], other->numeric[i], e->in->largest);
        char name[96];
        if (agrees)
            return SAY(e, "this is the gradient of %s: given to the wrong input",
                       reel_check_name(k, j, name, sizeof name));
    }
    return false;
}

/* ---- places ---- */
/* A matrix gradient written into memory as its transpose. */
static bool transposed(const reel_check_evidence *e)
{
    const reel_tensor *x = e->in->x;
    if (x->ndim < 2 || !all_sampled(e->in))
        return false;
    const int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1];
    if (rows == 1 || columns == 1)
        return false;
    for (int64_t k = 0; k < e->in->n; k++) {
        const int64_t matrix = k / (rows * columns) * rows * columns,
                      i = k % (rows * columns) / columns, j = k % columns;
        if (!is_near(e->in->analytic[matrix + j * rows + i], e->in->numeric[k], e->in->largest))
            return false;
    }
    return SAY(e, "transposed: the values are right, rows and columns are swapped");
}

/* Zero where it should not be and not zero where it should be, elsewhere right: a mask or an index
 * that is not forward's. */
static bool other_mask(const reel_check_evidence *e)
{
    int64_t missing = 0, superfluous = 0;
    const reel_check_input *in = e->in;
    for (int64_t k = 0; k < in->n; k++) {
        if (isnan(in->numeric[k]))
            continue;
        const bool have = fabs(in->analytic[k]) > 1e-9 * in->largest,
                   want = fabs(in->numeric[k]) > 1e-9 * in->largest;
        if (have && want && !is_near(in->analytic[k], in->numeric[k], in->largest))
            return false;
        missing += want && !have;
        superfluous += have && !want;
    }

    if (!missing || !superfluous)
        return false;
    return SAY(e,
               "right values in some places, missing in %lld, and %lld where the value has no "
               "influence: backward uses another "
               "mask or other indices than forward",
               (long long)missing, (long long)superfluous);
}

static int ascending_doubles(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The right values in wrong places: nearer to each other by far when both are sorted. Sorts both
 * arrays: to be asked last. */
static bool permuted(const reel_check_evidence *e)
{
    const reel_check_input *in = e->in;
    const double off = fabs(e->a - e->n);
    if (in->n < 3 || !all_sampled(in))
        return false;
    qsort(in->analytic, (size_t)in->n, sizeof(double), ascending_doubles);
    qsort(in->numeric, (size_t)in->n, sizeof(double), ascending_doubles);
    for (int64_t k = 0; k < in->n; k++)
        if (fabs(in->analytic[k] - in->numeric[k]) > fmin(1e-5 * in->largest, 1e-3 * off))
            return false;
    if (in->analytic[0] == in->analytic[in->n - 1])
        return false;
    return SAY(e, "the values are right but in other places: memory order (channels-last for rank "
                  "4) or an index that is off");
}

/* ---- sums over the wrong part of the output ---- */
/* Adds up contributions by their index along dimension d of the output: sums[index]. */
static void sums_along(const reel_check_state *k, const double *contributions, int d, double *sums)
{
    int64_t index[REEL_MAX_DIMS];
    memset(sums, 0, (size_t)k->out.shape[d] * sizeof *sums);
    for (int64_t i = 0; i < k->n_out; i++) {
        reel_check_unravel(&k->out, i, index);
        sums[index[d]] += contributions[reel_tensor_offset(&k->out, index)];
    }
}

/* The worst element's gradient is the sum over one slice of the output only, or over all but one.
 */
static bool partial_sum(const reel_check_evidence *e, const double *contributions, double *sums)
{
    const reel_tensor *out = &e->k->out;
    for (int d = 0; d < out->ndim; d++) {
        const int64_t n = out->shape[d];
        int64_t touched = 0;
        sums_along(e->k, contributions, d, sums);
        for (int64_t i = 0; i < n; i++)
            touched += fabs(sums[i]) > 1e-9 * fabs(e->n);
        if (touched < 2)
            continue;

        for (int64_t i = 0; i < n; i++) {
            const double scale = fmax(fabs(e->a), fabs(sums[i]));
            if (fabs(sums[i]) <= 1e-9 * fabs(e->n))
                continue;
            if (is_near(e->a, sums[i], scale))
                return SAY(e,
                           "only index %lld of %lld along dimension %d of the result arrives: "
                           "overwritten where it must be "
                           "added, or a broadcast dimension that is not reduced",
                           (long long)i, (long long)n, d);
            if (is_near(e->a, e->n - sums[i], scale))
                return SAY(e,
                           "index %lld of %lld along dimension %d of the result does not arrive: "
                           "off by one, or a border left "
                           "out",
                           (long long)i, (long long)n, d);
            if (is_near(e->a, e->n + sums[i], scale))
                return SAY(e,
                           "index %lld of %lld along dimension %d of the result arrives twice: off "
                           "by one, or overlapping parts",
                           (long long)i, (long long)n, d);
        }
    }
    return false;
}

/* The gradient of a vector along dimension d of the output, summed along another one of the same
 * size. */
static bool wrong_axis(const reel_check_evidence *e, const double *all, double *sums)
{
    const reel_tensor *out = &e->k->out;
    for (int d = 0; d < out->ndim; d++) {
        if (out->shape[d] != e->in->n)
            continue;
        sums_along(e->k, all, d, sums);
        bool agrees = true;
        for (int64_t i = 0; i < e->in->n && agrees; i++)
            agrees = is_near(e->in->analytic[i], sums[i], e->in->largest);
        if (agrees)
            return SAY(e,
                       "wrong broadcast reduction: summed over the wrong axes, element i got what "
                       "belongs to index i of dimension "
                       "%d of the result",
                       d);
    }
    return false;
}

/* Every element got the sum of all: one reduction too many. */
static bool summed_too_far(const reel_check_evidence *e)
{
    const reel_check_input *in = e->in;
    double total = 0;
    if (in->n < 2 || !all_sampled(in))
        return false;
    for (int64_t k = 0; k < in->n; k++)
        total += in->numeric[k];
    for (int64_t k = 0; k < in->n; k++)
        if (!is_near(in->analytic[k], total, in->largest))
            return false;
    return SAY(e, "wrong broadcast reduction: every element got the sum over all of them, one axis "
                  "too many is reduced");
}

static bool wrong_sums(const reel_check_evidence *e)
{
    reel_check_state *k = e->k;
    int64_t longest = e->in->n;
    bool found = false;
    if (k->report->index < 0 || k->n_out < 2)
        return false;
    for (int d = 0; d < k->out.ndim; d++)
        if (k->out.shape[d] > longest)
            longest = k->out.shape[d];
    double *one = calloc((size_t)k->n_out, sizeof *one),
           *all = calloc((size_t)k->n_out, sizeof *all);
    double *sums = calloc((size_t)longest, sizeof *sums);

    if (one && all && sums &&
        reel_check_contributions(k, e->input, k->report->index, one, NULL) == REEL_OK) {
        found = partial_sum(e, one, sums);
        if (!found && e->in->n > 1 && e->in->n <= MOST_CONTRIBUTORS) {
            bool known = true;
            for (int64_t i = 0; i < e->in->n && known; i++) {
                known = reel_check_contributions(k, e->input, i, one, NULL) == REEL_OK;
                for (int64_t j = 0; j < k->n_out; j++)
                    all[j] += one[j];
            }
            found = known && wrong_axis(e, all, sums);
        }
    }

    free(one);
    free(all);
    free(sums);
    return found;
}

/* ---- the worst element alone ---- */
static bool one_element(const reel_check_evidence *e)
{
    const double ratio = e->a / e->n;
    int p, q;
    if (fabs(e->n) > 1e3 * fabs(e->a))
        return SAY(e,
                   "missing %s: backward leaves this element out, or the gradient was overwritten "
                   "and not accumulated",
                   e->extent);
    if (fabs(e->a) > 1e3 * fabs(e->n))
        return SAY(e, "a gradient where the value has no influence, %s", e->extent);
    if (is_near(ratio, -1, 1))
        return SAY(e, "sign: the gradient has the wrong sign %s", e->extent);
    if (is_near(ratio, 2, 1))
        return SAY(e, "factor 2 %s: counted twice", e->extent);
    if (is_near(ratio, 0.5, 1))
        return SAY(e, "factor 1/2 %s: a second use of the value was overwritten, not accumulated",
                   e->extent);
    if (small_fraction(ratio, &p, &q))
        return SAY(e,
                   "factor %s%d/%d %s: divided by another count, or some terms counted otherwise",
                   ratio < 0 ? "-" : "", p, q, e->extent);
    return SAY(e, "no common factor: a wrong term, %s%s", e->extent,
               fmax(fabs(e->a), fabs(e->n)) < 1e-6 ? " (the values are tiny)" : "");
}

/* The NaN that fills the memory of a check's tapes; arithmetic hands it on as it is. */
static bool is_poison(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == UINT64_MAX;
}

/* Whether already the value is not, or only what comes after it; and whether somebody computed it,
 * or nobody wrote anything. */
static bool say_not_finite(const reel_check_evidence *e)
{
    const reel_check_state *k = e->k;
    for (int64_t i = 0; i < k->n_out; i++)
        if (is_poison(k->y[i]))
            return SAY(e,
                       "not written: element %lld of the result is what lay in memory before, or "
                       "was computed from that",
                       (long long)i);

    for (int64_t i = 0; i < e->in->n; i++)
        if (is_poison(e->in->analytic[i]))
            return SAY(e,
                       "not written: element %lld of the gradient is what lay in memory before, or "
                       "was computed from that "
                       "(with REEL_OP_ASSIGNS backward must write all of din, and forward all of "
                       "`saved` that is read)",
                       (long long)i);

    for (int64_t i = 0; i < k->n_out; i++)
        if (!isfinite(k->y[i]))
            return SAY(e,
                       "not finite: the value is not, without any gradient: element %lld of the "
                       "result is %s",
                       (long long)i, isnan(k->y[i]) ? "nan" : "inf");
    return SAY(e, "not finite: %s",
               isfinite(e->n) ? "backward made it"
                              : "the expression itself leaves its domain near this input");
}

void reel_check_suggest(const reel_check_evidence *e)
{
    bool finite = isfinite(e->a) && isfinite(e->n);
    for (int64_t i = 0; i < e->k->n_out && finite; i++)
        finite = isfinite(e->k->y[i]);
    if (!finite) {
        say_not_finite(e);
        return;
    }

    /* The first test that explains the difference speaks, and ends the search. */
    const bool found = e->in->largest == 0
                           ? SAY(e, "missing: no gradient arrives at this input at all")
                           : dout_forgotten(e) ||
                                 (e->in->n > 1 && (whole_factor(e) || same_amount(e))) ||
                                 another_input(e) || other_mask(e) || transposed(e) ||
                                 summed_too_far(e) || wrong_sums(e);

    if (!found && fabs(e->n) <= 1e3 * fabs(e->a) && fabs(e->a) <= 1e3 * fabs(e->n) && permuted(e))
        return;
    if (!found)
        one_element(e);
}
