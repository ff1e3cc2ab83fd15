/* Gradient check: gradients by backward, and whether backward behaves.
 *
 * What an operator is only lent keeps its bits: the inputs and the gradient from above. A second
 * run must give the same bits, also when the expression is computed with other numbers between
 * forward and backward; a second backward on the same tape must add the same again (where fresh[i]
 * is false backward adds, and it has not spoilt what it saved); a gradient must not depend on which
 * other inputs want one. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"

/* ---- f = sum r_i y_i as an operator of its own, so that the check leans on no operator that it
 * checks ---- */
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
    for (int64_t i = 0; i < n; i++)
        sum += r[i] * y[i];
    *(double *)c->out.data = sum;
}

static void project_backward(const reel_call *c)
{
    const double *r = ((const project_attrs *)c->attrs)->weights, *df = c->dout.data;
    const int64_t n = reel_tensor_numel(&c->din[0]);
    double *dy = c->din[0].data;
    for (int64_t i = 0; i < n; i++)
        dy[i] += r[i] * *df;
}

static const reel_op project = {.name = "gradcheck",
                                .min_in = 1,
                                .max_in = 1,
                                .infer = project_infer,
                                .forward = {NULL, project_forward},
                                .backward = {NULL, project_backward}};

/* Row-major copy of a leaf's gradient; zeros where none arrived. */
static void fetch_grad(double *out, const reel_check_input *in, reel_var leaf)
{
    const reel_tensor grad = reel_grad(leaf);
    memset(out, 0, (size_t)in->n * sizeof *out);
    if (!grad.data)
        return;
    const int64_t *shape = in->x->shape;
    const reel_tensor flat =
        reel_tensor_with_layout(out, REEL_F64, REEL_ROW_MAJOR, in->x->ndim, shape);
    reel_tensor_copy(&flat, &grad);
}

/* Flips a bit of every input's mantissa: numbers as near as those of the differences, and the old
 * ones when it is done once more. */
static void disturb(reel_check_state *k)
{
    for (int i = 0; i < k->n_in; i++) {
        for (int64_t e = 0; e < k->in[i].n; e++) {
            uint64_t bits;
            unsigned char *x = reel_check_element(k->in[i].x, e);
            memcpy(&bits, x, sizeof bits);
            bits ^= UINT64_C(1) << 39; /* 1.2e-4 of the leading one */
            memcpy(x, &bits, sizeof bits);
        }
    }
}

/* Values of the recording tape: the inputs, the expression's y, and f. */
typedef struct built {
    reel_var leaves[REEL_GRADCHECK_MAX_INPUTS], y, f;
} built;

/* Builds on the recording tape with gradients for the inputs in `wanted` and sweeps back. between:
 * the expression is computed with other numbers before that. */
static reel_status sweep_back(reel_check_state *k, int wanted, bool between, built *b,
                              reel_error *err)
{
    b->y = reel_check_build(k, k->tape, wanted, b->leaves);
    if (between) {
        reel_var others[REEL_GRADCHECK_MAX_INPUTS];
        disturb(k);
        reel_check_build(k, k->quiet, REEL_CHECK_NONE, others);
        disturb(k);
    }
    const project_attrs attrs = {k->weights};
    REEL_TRY(reel_tape_status(k->tape, err));
    b->f = reel_apply(&project, &attrs, sizeof attrs, &b->y, 1);
    return reel_backward(b->f, err);
}

bool reel_check_thrice(reel_check_state *k, int input)
{
    built b;
    if (sweep_back(k, REEL_CHECK_ALL, false, &b, NULL) != REEL_OK ||
        reel_backward_scaled(b.f, 2, NULL) != REEL_OK)
        return false;
    fetch_grad(k->again, &k->in[input], b.leaves[input]);
    return true;
}

static bool fail_element(reel_check_state *k, const char *what, int input, int64_t index,
                         double first, double second)
{
    char shape[96], name[96];
    k->report->input = input;
    k->report->index = index;
    k->report->worst_error = INFINITY;
    snprintf(k->report->message, sizeof k->report->message,
             "%s: %s %s, element %lld: %.17g, then %.17g", what,
             reel_check_name(k, input, name, sizeof name),
             reel_shape_text(shape, sizeof shape, k->in[input].x->ndim, k->in[input].x->shape),
             (long long)index, first, second);
    return false;
}

static bool lent(reel_check_state *k, int input, const char *what)
{
    k->report->input = input;
    k->report->worst_error = INFINITY;
    snprintf(k->report->message, sizeof k->report->message, "%s, which is only lent to it", what);
    return false;
}

static bool inputs_kept(reel_check_state *k, const char *pass)
{
    char shape[96], name[96], what[240];
    for (int i = 0; i < k->n_in; i++) {
        if (reel_check_crc(&k->in[i]) == k->in[i].crc)
            continue;
        snprintf(what, sizeof what, "%s writes %s %s", pass,
                 reel_check_name(k, i, name, sizeof name),
                 reel_shape_text(shape, sizeof shape, k->in[i].x->ndim, k->in[i].x->shape));
        return lent(k, i, what);
    }
    return true;
}

/* What the projection handed to the expression's last operator are the weights. */
static bool dout_kept(reel_check_state *k, reel_var y)
{
    const reel_tensor grad = reel_grad(y);
    if (!grad.data || memcmp(grad.data, k->weights, (size_t)k->n_out * sizeof *k->weights) == 0)
        return true;
    return lent(
        k, 0, "backward writes the gradient from above (dout; REEL_OP_SPENDS_DOUT would allow it)");
}

/* Compares k->again with factor * analytic; exactly where slack is 0. */
static bool same_gradients(reel_check_state *k, int input, double factor, double slack,
                           const char *what)
{
    const reel_check_input *in = &k->in[input];
    for (int64_t e = 0; e < in->n; e++) {
        const double first = in->analytic[e], second = k->again[e];
        /* Bits: +0 is not -0, and a NaN is itself.
         * NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
        if (slack == 0 ? memcmp(&first, &second, sizeof first) != 0
                       : fabs(second - factor * first) > slack * in->largest)
            return fail_element(k, what, input, e, first, second);
    }
    return true;
}

/* What a second analytic gradient must be: `factor` times the first within slack, else `what` is
 * wrong. */
typedef struct again_rule {
    double factor, slack;
    const char *what;
} again_rule;

static bool again_is_right(reel_check_state *k, const built *b, const again_rule *rule)
{
    for (int i = 0; i < k->n_in; i++) {
        fetch_grad(k->again, &k->in[i], b->leaves[i]);
        if (!same_gradients(k, i, rule->factor, rule->slack, rule->what))
            return false;
    }
    return true;
}

static void keep_analytic(reel_check_state *k, const built *b)
{
    for (int i = 0; i < k->n_in; i++) {
        reel_check_input *in = &k->in[i];
        fetch_grad(in->analytic, in, b->leaves[i]);
        for (int64_t e = 0; e < in->n; e++)
            if (!(fabs(in->analytic[e]) <= in->largest))
                in->largest = fabs(in->analytic[e]);
    }
}

/* Each input alone wants a gradient: it is the same as with the others. */
static reel_status check_alone(reel_check_state *k, bool *sound, reel_error *err)
{
    *sound = true;
    for (int i = 0; i < k->n_in && k->n_in > 1 && *sound; i++) {
        built b;
        reel_error none;
        const reel_status status = sweep_back(k, i, false, &b, &none);
        if (status != REEL_OK && reel_tape_status(k->tape, err) != REEL_OK)
            return status;

        /* Zeros where nothing was recorded: y does not depend on this input. */
        fetch_grad(k->again, &k->in[i], b.leaves[i]);
        *sound =
            same_gradients(k, i, 1, 1e-10, "the gradient changes when the other inputs want none");
    }
    return REEL_OK;
}

reel_status reel_check_analytic(reel_check_state *k, bool *sound, reel_error *err)
{
    static const again_rule repeated = {
        1, 0,
        "forward and backward again give other bits (not repeatable: memory that was not set, or a "
        "race)"};
    static const again_rule doubled = {
        2, 1e-10,
        "a second backward on the same tape does not add the same again (not accumulated: where "
        "fresh[i] is false, backward must add; or it changed what it had saved)"};
    static const again_rule undisturbed = {
        1, 0,
        "the gradient changes when the expression is computed with other values before backward "
        "(it reads what another call has left; what backward needs belongs into `saved`)"};
    built b;
    *sound = false;
    const bool kept = inputs_kept(k, "forward");
    REEL_TRY(sweep_back(k, REEL_CHECK_ALL, false, &b, err));
    if (!kept || !inputs_kept(k, "backward") || !dout_kept(k, b.y))
        return REEL_OK;
    keep_analytic(k, &b);

    REEL_TRY(sweep_back(k, REEL_CHECK_ALL, false, &b, err));
    if (!again_is_right(k, &b, &repeated))
        return REEL_OK;

    REEL_TRY(reel_backward(b.f, err));
    if (!again_is_right(k, &b, &doubled))
        return REEL_OK;

    REEL_TRY(sweep_back(k, REEL_CHECK_ALL, true, &b, err));
    if (!again_is_right(k, &b, &undisturbed))
        return REEL_OK;
    return check_alone(k, sound, err);
}
