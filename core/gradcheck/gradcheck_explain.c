/* Gradient check: the message of a failure: where, which numbers, and what they suggest. */
#include <math.h>
#include <stdio.h>

#include "core/gradcheck/gradcheck_internal.h"

/* Where the wrong elements of a tensor are: everywhere, at one index of a dimension, or somewhere.
 */
static void describe_extent(const reel_check_state *k, const reel_check_input *in, char *text,
                            size_t size)
{
    int64_t index[REEL_MAX_DIMS], shared[REEL_MAX_DIMS], wrong = 0;
    snprintf(text, size, in->wrong == in->compared ? "everywhere" : "in some places only");
    if (in->wrong == in->compared)
        return;

    for (int64_t e = 0; e < in->n; e++) {
        const double a = in->analytic[e], n = in->numeric[e];
        if (isnan(n) ||
            fabs(a - n) <= k->tolerance * fmax(fmax(fabs(a), fabs(n)), 1e-3 * in->largest))
            continue;
        reel_check_unravel(in->x, e, index);
        for (int d = 0; d < in->x->ndim; d++)
            if (!wrong || shared[d] != index[d])
                shared[d] = wrong ? -1 : index[d];
        wrong++;
    }

    size_t used = 0;
    for (int d = 0; d < in->x->ndim && wrong > 1; d++)
        if (shared[d] >= 0 && in->x->shape[d] > 1 && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s index %lld of dimension %d",
                                     used ? "," : "only at", (long long)shared[d], d);
}

/* printf would write the sign of a NaN, which says nothing. */
static double unsigned_nan(double value)
{
    return isnan(value) ? fabs(value) : value;
}

/* The place of the worst element of one input, then how many elements were wrong in all inputs. */
void reel_check_explain(reel_check_state *k, int64_t wrong_in_all)
{
    reel_gradcheck_report *report = k->report;
    const reel_check_input *in = &k->in[report->input];
    char shape[96], at[120] = "along a random direction", hint[300] = "", name[96], extent[200];
    int64_t index[REEL_MAX_DIMS];
    if (report->index >= 0) {
        char text[96];
        reel_check_unravel(in->x, report->index, index);
        reel_shape_text(text, sizeof text, in->x->ndim, index);
        snprintf(at, sizeof at, "at %s (element %lld)", text, (long long)report->index);
    }
    reel_shape_text(shape, sizeof shape, in->x->ndim, in->x->shape);

    describe_extent(k, in, extent, sizeof extent);
    reel_check_suggest(&(reel_check_evidence){.k = k,
                                              .in = in,
                                              .input = report->input,
                                              .a = report->analytic,
                                              .n = report->numeric,
                                              .extent = extent,
                                              .text = hint,
                                              .size = sizeof hint});

    snprintf(report->message, sizeof report->message,
             "%s %s %s: analytic %.12g, numeric %.12g, ratio %.6g, error %.3g over %.3g; %lld of "
             "%lld elements wrong; %s",
             reel_check_name(k, report->input, name, sizeof name), shape, at,
             unsigned_nan(report->analytic), unsigned_nan(report->numeric),
             unsigned_nan(report->analytic / report->numeric), report->worst_error, k->tolerance,
             (long long)wrong_in_all, (long long)report->checked, hint);
}
