/* Gradient check in float64.
 *
 * The expression's output y is reduced by fixed random weights r, |r| in 0.5 .. 1.5, to f = sum r_i y_i, so that no two output
 * elements can cancel. Differences are summed as r_i (y_i(x + h) - y_i(x)): outputs that do not depend on the perturbed element
 * contribute exactly 0 instead of rounding noise. The numeric derivative is Richardson's (4 D(h) - D(2h)) / 3 of the central
 * differences D, whose truncation is O(h^4): h may be 1e-4, where rounding leaves about 12 digits.
 *
 * Kinks. Near a corner no step agrees with any analytic value, so a disagreement is tried again with steps 16, 256, 4096 times
 * smaller, which leave behind corners close by. If none agrees, the one-sided differences decide: their gap J(h) = |D+ - D-| is
 * h |f''| where f is smooth, so J(h) / J(2h) = 1/2; at a corner it does not shrink. Only a gap that is above rounding noise,
 * does not halve, and is large enough to explain the disagreement counts as a kink: a wrong gradient at a smooth point never
 * does.
 *
 * Before the numbers are compared, backward itself is tried: a second run must give the same bits, a second backward on the
 * same tape must add the same again, a gradient must not depend on which other inputs want one, and inputs must stay as they
 * were. */
#include "core/gradcheck.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck_internal.h"
#include "core/rng.h"

enum { LEVELS = 4 };

typedef struct check {
    reel_gradcheck_fn *fn;
    void *user;
    int n_in;
    reel_check_input in[REEL_MAX_INPUTS];
    reel_tape *tape, *quiet; /* recording with everything retained; not recording */
    int64_t n_out;           /* elements of y */
    double *weights, *y;     /* r and y at the unperturbed inputs, in memory order of y */
    double *again;           /* a second analytic gradient: as long as the longest input */
    double step, tolerance;
    reel_gradcheck_report *report;
} check;

/* ---- f = sum r_i y_i as an operator of its own, so that the check leans on no operator that it checks ---- */
typedef struct project_attrs {
    const double *weights;
} project_attrs;

static reel_status project_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = 0;
    return REEL_OK;
}

static void project_forward(const reel_call *c)
{
    const double *r = ((const project_attrs *)c->attrs)->weights, *y = c->in[0].data;
    const int64_t n = reel_tensor_numel(&c->in[0]);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += r[i] * y[i];
    *(double *)c->out.data = sum;
}

static void project_backward(const reel_call *c)
{
    const double *r = ((const project_attrs *)c->attrs)->weights, *df = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->din[0]);
    double *dy = c->din[0].data;
    for (int64_t i = 0; i < n; i++) dy[i] += r[i] * *df;
}

static const reel_op project = {.name = "gradcheck",
                                .min_in = 1,
                                .max_in = 1,
                                .infer = project_infer,
                                .forward = {NULL, project_forward},
                                .backward = {NULL, project_backward}};

/* ---- analytic gradients ---- */
static reel_var build(check *k, reel_tape *tape, unsigned wanted, reel_var *leaves)
{
    reel_tape_reset(tape);
    for (int i = 0; i < k->n_in; i++)
        leaves[i] = wanted >> i & 1 ? reel_input_grad(tape, k->in[i].x) : reel_input(tape, k->in[i].x);
    return k->fn(tape, leaves, k->user);
}

/* Row-major copy of a leaf's gradient; zeros where none arrived. */
static void fetch_grad(double *out, const reel_check_input *in, reel_var leaf)
{
    const reel_tensor grad = reel_grad(leaf);
    memset(out, 0, (size_t)in->n * sizeof *out);
    if (!grad.data) return;
    const int64_t *shape = in->x->shape;
    const reel_tensor flat = reel_tensor_with_layout(out, REEL_F64, REEL_ROW_MAJOR, in->x->ndim, shape);
    reel_tensor_copy(&flat, &grad);
}

/* Builds on the recording tape with gradients for the inputs in `wanted` and sweeps back. */
static reel_status sweep(check *k, unsigned wanted, reel_var *leaves, reel_var *f, reel_error *err)
{
    const reel_var y = build(k, k->tape, wanted, leaves);
    const project_attrs attrs = {k->weights};
    REEL_TRY(reel_tape_status(k->tape, err));
    *f = reel_apply(&project, &attrs, sizeof attrs, &y, 1);
    return reel_backward(*f, err);
}

static bool fail(check *k, const char *what, int input, int64_t index, double first, double second)
{
    char shape[96];
    k->report->input = input;
    k->report->index = index;
    snprintf(k->report->message, sizeof k->report->message, "%s: input %d %s, element %lld: %.17g, then %.17g", what, input,
             reel_shape_text(shape, sizeof shape, k->in[input].x->ndim, k->in[input].x->shape), (long long)index, first,
             second);
    return false;
}

/* Compares k->again with factor * analytic; exactly where slack is 0. */
static bool same(check *k, int input, double factor, double slack, const char *what)
{
    const reel_check_input *in = &k->in[input];
    for (int64_t e = 0; e < in->n; e++) {
        const double first = in->analytic[e], second = k->again[e];
        if (slack == 0 ? memcmp(&first, &second, sizeof first) != 0 : fabs(second - factor * first) > slack * in->largest)
            return fail(k, what, input, e, first, second);
    }
    return true;
}

/* Analytic gradients of all inputs, and the behaviour of backward itself. *sound: whether that is right. */
static reel_status analytic_gradients(check *k, bool *sound, reel_error *err)
{
    reel_var leaves[REEL_MAX_INPUTS], f;
    const unsigned all = (1u << k->n_in) - 1;
    *sound = false;
    REEL_TRY(sweep(k, all, leaves, &f, err));
    for (int i = 0; i < k->n_in; i++) {
        reel_check_input *in = &k->in[i];
        fetch_grad(in->analytic, in, leaves[i]);
        for (int64_t e = 0; e < in->n; e++)
            if (!(fabs(in->analytic[e]) <= in->largest)) in->largest = fabs(in->analytic[e]);
    }
    REEL_TRY(reel_backward(f, err));
    for (int i = 0; i < k->n_in; i++) {
        fetch_grad(k->again, &k->in[i], leaves[i]);
        if (!same(k, i, 2, 1e-10,
                  "a second backward on the same tape does not add the same again (not accumulated: where fresh[i] is false, "
                  "backward must add; or it changed what it had saved)"))
            return REEL_OK;
    }
    REEL_TRY(sweep(k, all, leaves, &f, err));
    for (int i = 0; i < k->n_in; i++) {
        fetch_grad(k->again, &k->in[i], leaves[i]);
        if (!same(k, i, 1, 0,
                  "forward and backward again give other bits (not repeatable: memory that was not set, or a race)"))
            return REEL_OK;
    }
    for (int i = 0; i < k->n_in && k->n_in > 1; i++) {
        reel_error none;
        const reel_status status = sweep(k, 1u << i, leaves, &f, &none);
        if (status != REEL_OK && reel_tape_status(k->tape, err) != REEL_OK) return status;
        fetch_grad(k->again, &k->in[i], leaves[i]); /* zeros where nothing was recorded: y does not depend on this input */
        if (!same(k, i, 1, 1e-10, "the gradient changes when the other inputs want none")) return REEL_OK;
    }
    *sound = true;
    return REEL_OK;
}

/* ---- numeric gradients ---- */
typedef struct difference {
    double sum;   /* sum r_i (y_i - y0_i) */
    double scale; /* L2 norm of r_i y0_i over the outputs that changed: bounds rounding */
} difference;

static reel_status evaluate(check *k, difference *out, reel_error *err)
{
    reel_var leaves[REEL_MAX_INPUTS];
    const reel_tensor y = reel_value(build(k, k->quiet, 0, leaves));
    REEL_TRY(reel_tape_status(k->quiet, err));
    const double *now = y.data;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < k->n_out; i++) {
        if (now[i] == k->y[i]) continue;
        sum += k->weights[i] * (now[i] - k->y[i]);
        squares += k->weights[i] * k->weights[i] * k->y[i] * k->y[i];
    }
    *out = (difference){sum, sqrt(squares)};
    return REEL_OK;
}

typedef struct estimate {
    double value, noise, gap, ratio, scale;
} estimate;

/* Derivative with respect to one element with step h. */
static reel_status differentiate(check *k, const reel_tensor *x, const int64_t *index, double h, estimate *out, reel_error *err)
{
    const double x0 = reel_tensor_get(x, index), offset[4] = {h, -h, 2 * h, -2 * h};
    double slope[4], scale = 0; /* one-sided: +h, -h, +2h, -2h */
    reel_status status = REEL_OK;
    for (int p = 0; p < 4 && status == REEL_OK; p++) {
        difference d = {0};
        const volatile double moved = x0 + offset[p];
        reel_tensor_set(x, index, moved);
        status = evaluate(k, &d, err);
        slope[p] = d.sum / (moved - x0);
        scale = fmax(scale, d.scale);
    }
    reel_tensor_set(x, index, x0);
    REEL_TRY(status);
    const double near = (slope[0] + slope[1]) / 2, far = (slope[2] + slope[3]) / 2;
    const double gap = fabs(slope[0] - slope[1]), far_gap = fabs(slope[2] - slope[3]);
    *out = (estimate){(4 * near - far) / 3, 8 * DBL_EPSILON * scale / h, far_gap, gap / far_gap, scale};
    return REEL_OK;
}

/* Compares one element. Kinks are counted and leave NaN in numeric. */
static reel_status compare_element(check *k, int input, int64_t e, int64_t *wrong, reel_error *err)
{
    reel_check_input *in = &k->in[input];
    reel_gradcheck_report *report = k->report;
    int64_t index[REEL_MAX_DIMS];
    reel_check_unravel(in->x, e, index);
    const double a = in->analytic[e], x0 = reel_tensor_get(in->x, index);
    double h = k->step * fmax(1, fabs(x0)), error = 0, best = INFINITY, numeric = 0;
    bool kink = false;
    for (int level = 0; level < LEVELS; level++, h /= 16) {
        estimate d;
        REEL_TRY(differentiate(k, in->x, index, h, &d, err));
        /* The last term keeps a gradient that is zero by nature (a shift before batch norm) from being compared with noise. */
        const double size = fmax(fmax(fabs(a), fabs(d.value)), fmax(1e-3 * in->largest, 1e-5 * d.scale));
        const double off = fabs(a - d.value);
        error = off == 0 ? 0 : off / size;
        if (!(error >= best)) {
            best = error;
            numeric = d.value;
        }
        if (error <= k->tolerance) break;
        if (level == 0 || 10 * d.noise <= k->tolerance * size)
            kink = d.gap > 50 * d.noise && (d.ratio < 0.4 || d.ratio > 0.6) && off <= 4 * d.gap;
    }
    if (!(error <= k->tolerance) && kink) {
        report->kinks++;
        return REEL_OK;
    }
    if (isnan(error)) best = INFINITY;
    report->checked++;
    in->numeric[e] = numeric;
    if (!(best <= k->tolerance)) ++*wrong;
    if (best > report->worst_error || report->checked == 1) {
        report->worst_error = best;
        report->input = input;
        report->index = e;
        report->analytic = a;
        report->numeric = numeric;
    }
    return REEL_OK;
}

/* Compares up to max_elements of every input, chosen by selection sampling (Knuth 3.4.2 S): each set is equally likely. */
static reel_status compare(check *k, const reel_gradcheck_config *config, reel_error *err)
{
    const int64_t most = config->max_elements > 0 ? config->max_elements : 400;
    int64_t wrong[REEL_MAX_INPUTS] = {0}, total = 0;
    for (int i = 0; i < k->n_in; i++) {
        reel_rng rng = reel_rng_at(config->seed, REEL_STREAM_CHECK, 1, (uint32_t)i);
        int64_t wanted = k->in[i].n < most ? k->in[i].n : most;
        for (int64_t e = 0; e < k->in[i].n; e++) {
            k->in[i].numeric[e] = NAN;
            if ((int64_t)reel_rng_below(&rng, (uint64_t)(k->in[i].n - e)) >= wanted) continue;
            wanted--;
            REEL_TRY(compare_element(k, i, e, &wrong[i], err));
        }
        total += wrong[i];
    }
    reel_gradcheck_report *report = k->report;
    report->passed = total == 0 && report->checked > 0;
    if (total > 0)
        reel_gradcheck_explain(report, &k->in[report->input], k->tolerance, total);
    else if (!report->passed)
        snprintf(report->message, sizeof report->message, "nothing could be compared: %lld elements, all on kinks",
                 (long long)report->kinks);
    return REEL_OK;
}

/* ---- set-up ---- */
static reel_status allocate(check *k, const reel_ctx *ctx, reel_error *err)
{
    const reel_tape_config recording = {.dtype = REEL_F64, .retain = true}, quiet = {.dtype = REEL_F64, .no_grad = true};
    int64_t longest = 1;
    REEL_TRY(reel_tape_create(&k->tape, ctx, &recording, err));
    REEL_TRY(reel_tape_create(&k->quiet, ctx, &quiet, err));
    for (int i = 0; i < k->n_in; i++) {
        reel_check_input *in = &k->in[i];
        if (in->x->dtype != REEL_F64)
            return reel_fail(err, REEL_ERR_INVALID, "gradient check: input %d: expected float64, got %s", i,
                             reel_dtype_name(in->x->dtype));
        in->n = reel_tensor_numel(in->x);
        if (in->n > longest) longest = in->n;
        in->analytic = calloc((size_t)in->n + 1, sizeof(double));
        in->numeric = calloc((size_t)in->n + 1, sizeof(double));
        if (!in->analytic || !in->numeric) return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    }
    k->again = calloc((size_t)longest, sizeof(double));
    return k->again ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
}

/* Runs the expression once to learn y, and draws the weights. */
static reel_status first_run(check *k, uint64_t seed, reel_error *err)
{
    reel_var leaves[REEL_MAX_INPUTS];
    const reel_tensor y = reel_value(build(k, k->quiet, 0, leaves));
    REEL_TRY(reel_tape_status(k->quiet, err));
    if (!y.data) return reel_fail(err, REEL_ERR_INVALID, "gradient check: the expression gives no value");
    k->n_out = reel_tensor_numel(&y);
    k->weights = calloc((size_t)k->n_out + 1, sizeof(double));
    k->y = calloc((size_t)k->n_out + 1, sizeof(double));
    if (!k->weights || !k->y) return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    memcpy(k->y, y.data, (size_t)k->n_out * sizeof(double));
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < k->n_out; i++) {
        const double size = reel_rng_range(&rng, 0.5, 1.5);
        k->weights[i] = reel_rng_u32(&rng) & 1 ? size : -size;
    }
    return REEL_OK;
}

/* Inputs and outputs as they were? Operators never write an input; and the expression must be a pure function. */
static reel_status unchanged(check *k, bool *sound, reel_error *err)
{
    difference d;
    REEL_TRY(evaluate(k, &d, err));
    *sound = d.sum == 0 && d.scale == 0;
    if (!*sound)
        snprintf(k->report->message, sizeof k->report->message,
                 "the value changes from run to run (by %.3g, weighted): an input was written, memory was not set, or the "
                 "expression is not a pure function of its inputs",
                 d.sum);
    return REEL_OK;
}

static reel_status run(check *k, const reel_ctx *ctx, const reel_gradcheck_config *config, reel_error *err)
{
    bool sound;
    REEL_TRY(allocate(k, ctx, err));
    REEL_TRY(first_run(k, config->seed, err));
    REEL_TRY(analytic_gradients(k, &sound, err));
    if (!sound) return REEL_OK;
    REEL_TRY(unchanged(k, &sound, err));
    return sound ? compare(k, config, err) : REEL_OK;
}

reel_status reel_gradcheck(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user, reel_tensor *inputs, int n_in,
                           const reel_gradcheck_config *config, reel_gradcheck_report *report, reel_error *err)
{
    static const reel_gradcheck_config defaults;
    REEL_ASSERT(n_in >= 1 && n_in <= REEL_MAX_INPUTS);
    if (!config) config = &defaults;
    *report = (reel_gradcheck_report){0};
    check k = {.fn = fn,
               .user = user,
               .n_in = n_in,
               .step = config->step > 0 ? config->step : 1e-4,
               .tolerance = config->tolerance > 0 ? config->tolerance : 1e-6,
               .report = report};
    for (int i = 0; i < n_in; i++) k.in[i].x = &inputs[i];
    const reel_status status = run(&k, ctx, config, err);
    for (int i = 0; i < n_in; i++) {
        free(k.in[i].analytic);
        free(k.in[i].numeric);
    }
    free(k.again);
    free(k.weights);
    free(k.y);
    reel_tape_destroy(k.quiet);
    reel_tape_destroy(k.tape);
    return status;
}
