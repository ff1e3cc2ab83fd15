/* Gradient check: differences, kinks, comparison.
 *
 * Differences are summed as r_i (y_i(x + h) - y_i(x)): outputs that do not depend on the perturbed
 * element contribute exactly 0 instead of rounding noise. The numeric derivative is Richardson's (4
 * D(h) - D(2h)) / 3 of the central differences D with two step sizes, whose truncation is O(h^4): h
 * may be 1e-4, where rounding leaves about 12 digits.
 *
 * Kinks. Near a corner no step agrees with any analytic value, so a disagreement is tried again
 * with steps 16, 256, 4096 times smaller, which leave behind corners close by. If none agrees, the
 * one-sided differences decide: their gap, summed over the outputs, J(h) = sum |r_i| |D+_i - D-_i|,
 * is h sum |r_i y_i''| where all are smooth, so J(h) / J(2h) = 1/2, and J is a sixteenth of what it
 * was with the step before; at a corner it does not shrink so (a corner at 2/3 h has the first
 * ratio, too, hence the second). Only a gap that is above rounding noise, does not shrink, and is
 * large enough to explain the disagreement counts as a kink: a wrong gradient at a smooth point
 * never does.
 *
 * Directions. Large tensors are compared along random v with |v_i| constant: the expected square of
 * an error's projection is its squared norm, so that no set of wrong elements hides in several
 * directions. A direction that disagrees is halved, keeping the half that disagrees more, down to
 * one element. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"
#include "core/rng.h"

enum { LEVELS = 4, DIRECTIONS = 4, ELEMENTS = 400 };

/* ---- where to go from x ---- */
typedef struct path {
    int input;
    int64_t lo, hi;     /* row-major elements that move; one: just that one */
    double size;        /* |v_i| */
    uint64_t seed;      /* of the signs */
    const double *base; /* [n] the input's elements in row-major order */
} path;

/* A bit that depends on seed and e only (Steele, Lea, Flood 2014: splitmix64). */
static double sign(uint64_t seed, int64_t e)
{
    uint64_t z = seed + (uint64_t)e * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z >> 63 ? 1 : -1;
}

static double component(const path *p, int64_t e)
{
    return p->hi - p->lo == 1 ? 1 : p->size * sign(p->seed, e);
}

/* Sets x to base + t v on the path's elements. */
static void move_input(const reel_check_state *k, const path *p, double t)
{
    const reel_tensor *x = k->in[p->input].x;
    const bool flat = x->ndim != 4 && reel_tensor_is_canonical(x);
    double *data = x->data;
    int64_t index[REEL_MAX_DIMS];
    for (int64_t e = p->lo; e < p->hi; e++) {
        const double value = t == 0 ? p->base[e] : p->base[e] + t * component(p, e);
        if (flat) {
            data[e] = value;
        } else {
            reel_check_unravel(x, e, index);
            reel_tensor_set(x, index, value);
        }
    }
}

/* ---- differences ---- */
/* The value where the inputs are now; NULL with an error. */
static const double *evaluate_outputs(reel_check_state *k, reel_error *err)
{
    reel_var leaves[REEL_GRADCHECK_MAX_INPUTS];
    const reel_tensor y = reel_value(reel_check_build(k, k->quiet, REEL_CHECK_NONE, leaves));
    return reel_tape_status(k->quiet, err) == REEL_OK ? y.data : NULL;
}

reel_status reel_check_unchanged(reel_check_state *k, bool *sound, reel_error *err)
{
    const double *now = evaluate_outputs(k, err);
    if (!now)
        return reel_tape_status(k->quiet, err);

    int64_t changed = 0;
    for (int64_t i = 0; i < k->n_out; i++)
        /* Bits: +0 is not -0, and a NaN is itself.
         * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
        if (memcmp(&now[i], &k->y[i], sizeof *now) != 0)
            snprintf(k->report->message, sizeof k->report->message,
                     "the value changes from run to run (%lld of %lld elements; element %lld was "
                     "%.17g, then %.17g): an input was "
                     "written, memory was not set, or the expression is not a pure function of its "
                     "inputs",
                     (long long)++changed, (long long)k->n_out, (long long)i, k->y[i], now[i]);
    *sound = changed == 0;
    if (!*sound)
        k->report->worst_error = INFINITY;
    return REEL_OK;
}

reel_status reel_check_contributions(reel_check_state *k, int input, int64_t e,
                                     double *contributions, reel_error *err)
{
    int64_t index[REEL_MAX_DIMS];
    const reel_tensor *x = k->in[input].x;
    reel_check_unravel(x, e, index);
    const double x0 = reel_tensor_get(x, index), h = 1e-5 * fmax(1, fabs(x0));
    memset(contributions, 0, (size_t)k->n_out * sizeof *contributions);

    bool failed = false;
    for (int side = -1; side <= 1 && !failed; side += 2) {
        const volatile double moved = x0 + side * h;
        reel_tensor_set(x, index, moved);
        const double *now = evaluate_outputs(k, err);
        failed = !now;
        for (int64_t i = 0; i < k->n_out && !failed; i++)
            contributions[i] += side * k->weights[i] * (now[i] - k->y[i]) / (2 * h);
    }
    reel_tensor_set(x, index, x0);
    return failed ? reel_tape_status(k->quiet, err) : REEL_OK;
}

/* What four evaluations along a path say about the derivative. */
typedef struct estimate {
    double value;
    double scale,
        noise; /* L2 norm of r_i y_i over the outputs that moved, and what it means for value */
    double gap, ratio, gap_noise; /* J(2h), J(h) / J(2h), and the rounding in J(2h) */
} estimate;

/* What the evaluations of one derivative add up to over the outputs that moved. */
typedef struct moved_sums {
    double gap;            /* J of the present step */
    double squares, sizes; /* of r_i y_i */
} moved_sums;

/* Slopes of the outputs from x to x + t v; their weighted sum into *slope. One side leaves them in
 * k->slopes, the other adds J = sum |r_i| |D+_i - D-_i| to the gap: output by output, so that two
 * corners cannot cancel. */
static reel_status one_side(reel_check_state *k, const path *p, double t, double *slope,
                            moved_sums *sums, reel_error *err)
{
    if (p->hi - p->lo == 1) { /* the step that the number really takes */
        const volatile double moved = p->base[p->lo] + t;
        t = moved - p->base[p->lo];
    }
    move_input(k, p, t);
    const double *now = evaluate_outputs(k, err);
    if (!now)
        return reel_tape_status(k->quiet, err);

    double sum = 0;
    for (int64_t i = 0; i < k->n_out; i++) {
        double one = 0;
        if (now[i] != k->y[i]) {
            const double size = k->weights[i] * k->y[i];
            one = k->weights[i] * (now[i] - k->y[i]);
            sum += one;
            sums->squares += size * size;
            sums->sizes += fabs(size);
        }
        if (t > 0)
            k->slopes[i] = one / t;
        else
            sums->gap += fabs(k->slopes[i] - one / t);
    }
    *slope = sum / t;
    return REEL_OK;
}

/* Derivative along a path with step h. */
static reel_status differentiate(reel_check_state *k, const path *p, double h, estimate *out,
                                 reel_error *err)
{
    double central[2], gap[2];
    moved_sums sums = {0};
    reel_status status = REEL_OK;
    for (int i = 0; i < 2 && status == REEL_OK; i++) {
        double above = 0, below = 0;
        sums.gap = 0;
        status = one_side(k, p, (i + 1) * h, &above, &sums, err);
        if (status == REEL_OK)
            status = one_side(k, p, (i + 1) * -h, &below, &sums, err);
        central[i] = (above + below) / 2;
        gap[i] = sums.gap;
    }
    move_input(k, p, 0);
    REEL_TRY(status);

    *out = (estimate){.value = (4 * central[0] - central[1]) / 3,
                      .scale = sqrt(sums.squares / 4),
                      .noise = 8 * DBL_EPSILON * sqrt(sums.squares / 4) / h,
                      .gap = gap[1],
                      .ratio = gap[0] / gap[1],
                      .gap_noise = 8 * DBL_EPSILON * sums.sizes / 4 / h};
    return REEL_OK;
}

typedef struct verdict {
    double error, numeric; /* error NaN: something is not a number */
    bool kink;
} verdict;

/* What a derivative is compared with. */
typedef struct comparison {
    double analytic;
    double floor; /* least size that an error is measured against */
    double step;  /* the first one */
} comparison;

/* Whether the one-sided differences show a corner. d: the estimate of this step; gap: J of the step
 * before; off: the disagreement. */
static bool is_kink(const estimate *d, double gap, double off)
{
    const bool smooth = d->ratio > 0.4 && d->ratio < 0.6 && d->gap < 0.2 * gap;
    return d->gap > 50 * d->gap_noise && off <= 4 * d->gap && !smooth;
}

/* Compares the analytic derivative along a path, with smaller steps as long as the two disagree. */
static reel_status judge_path(reel_check_state *k, const path *p, const comparison *c, verdict *v,
                              reel_error *err)
{
    const double a = c->analytic;
    double error = 0, gap = INFINITY, h = c->step;
    *v = (verdict){.error = INFINITY};
    for (int level = 0; level < LEVELS; level++, h /= 16) {
        estimate d;
        REEL_TRY(differentiate(k, p, h, &d, err));

        /* The last terms keep a gradient that is zero by nature (a shift before batch norm; the
         * loss of a single class) from being compared with rounding noise, which is what values as
         * large as these leave in a difference over this step. */
        const double rounding = 1e-9 * d.scale / c->step;
        const double size =
            fmax(fmax(fmax(fabs(a), fabs(d.value)), fmax(c->floor, rounding)), 1e-8);
        const double off = fabs(a - d.value);
        if (off == 0)
            error = 0;
        else
            error = isfinite(size) ? off / size : INFINITY;

        if (!(error >= v->error)) {
            v->error = error;
            v->numeric = d.value;
        }
        if (error <= k->tolerance)
            break;
        if (level == 0 || 10 * d.noise <= k->tolerance * size)
            v->kink = is_kink(&d, gap, off);
        gap = d.gap;
    }
    v->kink = v->kink && !(error <= k->tolerance);
    if (isnan(error))
        v->error = INFINITY;
    return REEL_OK;
}

/* ---- comparison ---- */
static void note_worst(reel_check_state *k, const path *p, double a, const verdict *v)
{
    reel_gradcheck_report *report = k->report;
    if (!(v->error > report->worst_error) && report->checked + report->projections > 1)
        return;
    report->worst_error = v->error;
    report->input = p->input;
    report->index = p->hi - p->lo == 1 ? p->lo : -1;
    report->analytic = a;
    report->numeric = v->numeric;
}

/* Kinks are counted and leave NaN in numeric. */
static reel_status compare_element(reel_check_state *k, path p, int64_t e, reel_error *err)
{
    reel_check_input *in = &k->in[p.input];
    verdict v;
    p.lo = e;
    p.hi = e + 1;
    const comparison c = {in->analytic[e], 1e-3 * in->largest, k->step * fmax(1, fabs(p.base[e]))};
    REEL_TRY(judge_path(k, &p, &c, &v, err));
    if (v.kink) {
        k->report->kinks++;
        return REEL_OK;
    }

    k->report->checked++;
    in->compared++;
    in->numeric[e] = v.numeric;
    if (!(v.error <= k->tolerance))
        in->wrong++;
    note_worst(k, &p, in->analytic[e], &v);
    return REEL_OK;
}

static reel_status judge_direction(reel_check_state *k, const path *p, double *a, verdict *v,
                                   reel_error *err)
{
    const double *analytic = k->in[p->input].analytic;
    double dot = 0, squares = 0;
    for (int64_t e = p->lo; e < p->hi; e++) {
        dot += component(p, e) * analytic[e];
        squares += analytic[e] * analytic[e];
    }
    *a = dot;
    const comparison c = {dot, sqrt(squares) * p->size, k->step};
    return judge_path(k, p, &c, v, err);
}

/* From a direction that disagrees to an element that does, which is then the report's; else the
 * direction stays. */
static reel_status find_element(reel_check_state *k, path p, reel_error *err)
{
    while (p.hi - p.lo > 1) {
        path half[2] = {p, p};
        double worst = -1;
        half[0].hi = half[1].lo = p.lo + (p.hi - p.lo) / 2;
        for (int i = 0; i < 2; i++) {
            verdict v;
            double a;
            REEL_TRY(judge_direction(k, &half[i], &a, &v, err));
            const double off = v.kink ? 0 : fabs(a - v.numeric);
            if (!(off <= worst)) {
                worst = isnan(off) ? INFINITY : off;
                p = half[i];
            }
        }
    }

    const reel_gradcheck_report before = *k->report;
    if (before.input == p.input && before.index < 0)
        k->report->worst_error = 0; /* the direction gives way to its element */
    REEL_TRY(compare_element(k, p, p.lo, err));
    if (k->in[p.input].wrong == 0)
        *k->report = before;
    return REEL_OK;
}

static reel_status compare_directions(reel_check_state *k, path p, int count, reel_error *err)
{
    reel_check_input *in = &k->in[p.input];
    p.lo = 0;
    p.hi = in->n;
    p.size = fmin(1, 10 / sqrt((double)p.hi));
    for (int i = 0; i < count && in->wrong == 0; i++) {
        verdict v;
        double a;
        reel_rng rng =
            reel_rng_at(k->config->seed, REEL_STREAM_CHECK, 4, (uint32_t)(p.input * 1000 + i));
        p.seed = (uint64_t)reel_rng_u32(&rng) << 32 | reel_rng_u32(&rng);
        REEL_TRY(judge_direction(k, &p, &a, &v, err));
        if (v.kink) {
            k->report->kinks++;
            continue;
        }

        k->report->projections++;
        in->compared++;
        note_worst(k, &p, a, &v);
        if (v.error <= k->tolerance)
            continue;

        REEL_TRY(find_element(k, p, err));
        if (in->wrong == 0)
            in->wrong++;
    }
    return REEL_OK;
}

/* Up to max_elements of an input, chosen by selection sampling (Knuth 3.4.2 S): each set is equally
 * likely. Then, if that was not all of it, whole directions. */
static reel_status compare_input(reel_check_state *k, const path *p, reel_error *err)
{
    const reel_gradcheck_config *config = k->config;
    const int64_t most = config->max_elements > 0 ? config->max_elements : ELEMENTS,
                  n = k->in[p->input].n;
    reel_rng rng = reel_rng_at(config->seed, REEL_STREAM_CHECK, 1, (uint32_t)p->input);
    int64_t wanted = n < most ? n : most;
    for (int64_t e = 0; e < n && wanted > 0; e++) {
        if ((int64_t)reel_rng_below(&rng, (uint64_t)(n - e)) >= wanted)
            continue;
        wanted--;
        REEL_TRY(compare_element(k, *p, e, err));
    }
    if (n <= most || config->projections < 0)
        return REEL_OK;
    return compare_directions(k, *p, config->projections ? config->projections : DIRECTIONS, err);
}

reel_status reel_check_compare(reel_check_state *k, int64_t *wrong, reel_error *err)
{
    reel_gradcheck_report *report = k->report;
    int64_t total = 0;
    for (int i = 0; i < k->n_in; i++) {
        const reel_tensor *x = k->in[i].x;
        const reel_tensor base =
            reel_tensor_with_layout(k->again, REEL_F64, REEL_ROW_MAJOR, x->ndim, x->shape);
        if (k->in[i].n)
            reel_tensor_copy(&base, x);
        REEL_TRY(compare_input(k, &(path){.input = i, .base = k->again}, err));
        total += k->in[i].wrong;
    }
    report->passed = total == 0 && report->checked > 0 && k->n_out > 0;
    *wrong = total;

    const char *why = "nothing could be compared: the inputs have no elements";
    if (report->kinks)
        why = "nothing could be compared: %lld elements, all on kinks";
    if (report->checked)
        why = "nothing could be compared: the result has no elements";
    if (total == 0 && !report->passed)
        snprintf(report->message, sizeof report->message, why, (long long)report->kinks);
    return REEL_OK;
}
