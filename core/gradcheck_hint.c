/* From the numbers of a failed gradient check to the likely mistake. A wrong backward pass rarely gives noise: it gives the
 * right values doubled, halved, negated, averaged, missing or in the wrong order, and each of these leaves a pattern in the
 * ratios. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/gradcheck_internal.h"

void reel_check_unravel(const reel_tensor *t, int64_t flat, int64_t *index)
{
    for (int d = t->ndim - 1; d >= 0; d--) {
        index[d] = flat % t->shape[d];
        flat /= t->shape[d];
    }
}

static bool near(double a, double b, double scale)
{
    return fabs(a - b) <= 1e-5 * scale;
}

/* Whether every sampled element is off by the same factor. */
static bool common_ratio(const reel_check_input *in, double ratio)
{
    for (int64_t k = 0; k < in->n; k++)
        if (!isnan(in->numeric[k]) && !near(in->analytic[k], ratio * in->numeric[k], in->largest)) return false;
    return true;
}

static bool all_sampled(const reel_check_input *in)
{
    for (int64_t k = 0; k < in->n; k++)
        if (isnan(in->numeric[k])) return false;
    return true;
}

/* A matrix gradient written into memory as its transpose. */
static bool transposed(const reel_check_input *in)
{
    const reel_tensor *x = in->x;
    if (x->ndim < 2) return false;
    const int64_t rows = x->shape[x->ndim - 2], columns = x->shape[x->ndim - 1];
    if (rows == 1 || columns == 1) return false;
    for (int64_t k = 0; k < in->n; k++) {
        const int64_t matrix = k / (rows * columns) * rows * columns, i = k % (rows * columns) / columns, j = k % columns;
        if (!near(in->analytic[matrix + j * rows + i], in->numeric[k], in->largest)) return false;
    }
    return true;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The right values in wrong places. Sorts both arrays: to be asked last. */
static bool permuted(const reel_check_input *in)
{
    if (in->n < 3) return false;
    qsort(in->analytic, (size_t)in->n, sizeof(double), ascending);
    qsort(in->numeric, (size_t)in->n, sizeof(double), ascending);
    for (int64_t k = 0; k < in->n; k++)
        if (!near(in->analytic[k], in->numeric[k], in->largest)) return false;
    return in->analytic[0] != in->analytic[in->n - 1];
}

static int64_t dimension_with_size(const reel_tensor *x, double factor)
{
    for (int d = 0; d < x->ndim; d++)
        if (x->shape[d] > 1 && near(factor, (double)x->shape[d], factor)) return x->shape[d];
    const double n = (double)reel_tensor_numel(x);
    return n > 1 && near(factor, n, n) ? reel_tensor_numel(x) : 0;
}

static void suggest(char *text, size_t size, const reel_check_input *in, double a, double n, int64_t wrong, int64_t checked)
{
    const double scale = fmax(fabs(a), fabs(n));
    const double ratio = a / n;
    const char *extent = wrong == checked ? "everywhere" : "in some places only";
    int64_t dim;
    if (!isfinite(a) || !isfinite(n))
        snprintf(text, size, "not finite: %s",
                 isfinite(n) ? "backward made it" : "the expression itself leaves its domain near this input");
    else if (in->largest == 0)
        snprintf(text, size, "missing: no gradient arrives at this input at all");
    else if (fabs(n) > 1e3 * fabs(a))
        snprintf(text, size,
                 "missing %s: backward leaves this element out, or the gradient was overwritten and not accumulated", extent);
    else if (fabs(a) > 1e3 * fabs(n))
        snprintf(text, size, "a gradient where the value has no influence, %s", extent);
    else if (near(ratio, -1, 1))
        snprintf(text, size, "sign: the gradient has the wrong sign %s", extent);
    else if (near(ratio, 2, 1))
        snprintf(text, size, "factor 2 %s: counted twice, or the derivative of a square", extent);
    else if (near(ratio, 0.5, 1))
        snprintf(text, size, "factor 1/2 %s: a second use of the value was overwritten, not accumulated", extent);
    else if (in->n > 1 && common_ratio(in, ratio) && (dim = dimension_with_size(in->x, fmax(fabs(ratio), fabs(1 / ratio)))) > 0)
        snprintf(text, size,
                 "factor %s%lld everywhere, the size of a dimension: a mean taken for a sum, or the other way round",
                 fabs(ratio) > 1 ? "" : "1/", (long long)dim);
    else if (in->n > 1 && common_ratio(in, ratio))
        snprintf(text, size, "factor %.6g everywhere", ratio);
    else if (all_sampled(in) && transposed(in))
        snprintf(text, size, "transposed: the values are right, rows and columns are swapped");
    else if (all_sampled(in) && permuted(in))
        snprintf(text, size, "the values are right but in other places: memory order (channels-last for rank 4) or an index");
    else
        snprintf(text, size, "no common factor: a wrong term, %s%s", extent, scale < 1e-6 ? " (the values are tiny)" : "");
}

void reel_gradcheck_explain(reel_gradcheck_report *report, const reel_check_input *in, double tolerance, int64_t wrong)
{
    char shape[96], at[96], hint[300];
    int64_t index[REEL_MAX_DIMS];
    reel_check_unravel(in->x, report->index, index);
    reel_shape_text(shape, sizeof shape, in->x->ndim, in->x->shape);
    reel_shape_text(at, sizeof at, in->x->ndim, index);
    suggest(hint, sizeof hint, in, report->analytic, report->numeric, wrong, report->checked);
    snprintf(report->message, sizeof report->message,
             "input %d %s at %s (element %lld): analytic %.12g, numeric %.12g, ratio %.6g, error %.3g over %.3g; %lld of %lld "
             "elements wrong; %s",
             report->input, shape, at, (long long)report->index, report->analytic, report->numeric,
             report->analytic / report->numeric, report->worst_error, tolerance, (long long)wrong, (long long)report->checked,
             hint);
}
