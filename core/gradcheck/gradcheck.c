/* Gradient check in float64: set-up and the order of things.
 *
 * The expression's output y is reduced by fixed random weights r, |r| in 0.5 .. 1.5, to f = sum r_i
 * y_i, so that no two output elements can cancel. First backward itself is tried
 * (gradcheck_analytic.c), then its numbers are compared with differences (gradcheck_numeric.c), and
 * a failure is explained (gradcheck_hint.c) and pinned to an operator (gradcheck_blame.c). */
#include "core/gradcheck/gradcheck.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"
#include "core/rng.h"

void reel_check_unravel(const reel_tensor *t, int64_t flat, int64_t *index)
{
    for (int d = t->ndim - 1; d >= 0; d--) {
        index[d] = flat % t->shape[d];
        flat /= t->shape[d];
    }
}

const char *reel_check_name(const reel_check *k, int input, char *text, size_t size)
{
    if (k->config->names)
        snprintf(text, size, "%s", k->config->names[input]);
    else
        snprintf(text, size, "input %d", input);
    return text;
}

/* Of views only the first element is looked at: two of them may lie in each other's gaps. */
static bool overlap(const reel_tensor *a, const reel_tensor *b)
{
    const char *p = a->data, *q = b->data;
    const size_t na = a->layout == REEL_STRIDED ? sizeof(double) : reel_tensor_bytes(a),
                 nb = b->layout == REEL_STRIDED ? sizeof(double) : reel_tensor_bytes(b);
    return p < q + nb && q < p + na;
}

static reel_status allocate(reel_check *k, reel_error *err)
{
    const reel_tape_config recording = {.dtype = REEL_F64, .retain = true, .poison = true},
                           quiet = {.dtype = REEL_F64, .no_grad = true, .poison = true};
    int64_t longest = 1;
    REEL_TRY(reel_tape_create(&k->tape, k->ctx, &recording, err));
    REEL_TRY(reel_tape_create(&k->quiet, k->ctx, &quiet, err));
    for (int i = 0; i < k->n_in; i++) {
        reel_check_input *in = &k->in[i];
        if (in->x->dtype != REEL_F64)
            return reel_fail(err, REEL_ERR_INVALID,
                             "gradient check: input %d: expected float64, got %s", i,
                             reel_dtype_name(in->x->dtype));
        in->n = reel_tensor_numel(in->x);
        for (int j = 0; j < i; j++) /* one would move with the other */
            if (in->n && k->in[j].n && overlap(in->x, k->in[j].x))
                return reel_fail(err, REEL_ERR_INVALID,
                                 "gradient check: inputs %d and %d share memory", j, i);
        if (in->n > longest)
            longest = in->n;
        in->analytic = calloc((size_t)in->n + 1, sizeof(double));
        in->numeric = calloc((size_t)in->n + 1, sizeof(double));
        if (!in->analytic || !in->numeric)
            return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
        for (int64_t e = 0; e < in->n; e++)
            in->numeric[e] = NAN;
        in->crc = reel_check_crc(in);
    }
    k->again = calloc((size_t)longest, sizeof(double));
    return k->again ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
}

reel_var reel_check_build(reel_check *k, reel_tape *tape, int wanted, reel_var *leaves)
{
    reel_tape_reset(tape);
    for (int i = 0; i < k->n_in; i++)
        leaves[i] = wanted == REEL_CHECK_ALL || wanted == i ? reel_input_grad(tape, k->in[i].x)
                                                            : reel_input(tape, k->in[i].x);
    return k->fn(tape, leaves, k->user);
}

/* Runs the expression once to learn y, and draws the weights. */
static reel_status first_run(reel_check *k, reel_error *err)
{
    reel_var leaves[REEL_GRADCHECK_MAX_INPUTS];
    const reel_var built = reel_check_build(k, k->quiet, REEL_CHECK_NONE, leaves);
    REEL_TRY(reel_tape_status(k->quiet, err));
    if (built.tape != k->quiet)
        return reel_fail(err, REEL_ERR_INVALID,
                         "gradient check: the expression returns no value of the tape it is given");
    const reel_tensor y = reel_value(built);
    if (!y.data)
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: the expression gives no value");
    k->out = y;
    k->out.data = NULL;
    k->n_out = reel_tensor_numel(&y);
    k->weights = calloc((size_t)k->n_out + 1, sizeof(double));
    k->y = calloc((size_t)k->n_out + 1, sizeof(double));
    k->slopes = calloc((size_t)k->n_out + 1, sizeof(double));
    if (!k->weights || !k->y || !k->slopes)
        return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    memcpy(k->y, y.data, (size_t)k->n_out * sizeof(double));
    reel_rng rng = reel_rng_at(k->config->seed, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < k->n_out; i++) {
        const double size = reel_rng_range(&rng, 0.5, 1.5);
        k->weights[i] = reel_rng_u32(&rng) & 1 ? size : -size;
    }
    return REEL_OK;
}

static reel_status run(reel_check *k, reel_error *err)
{
    bool sound;
    REEL_TRY(allocate(k, err));
    REEL_TRY(first_run(k, err));
    REEL_TRY(reel_check_analytic(k, &sound, err));
    if (sound)
        REEL_TRY(reel_check_unchanged(k, &sound, err));
    if (sound)
        REEL_TRY(reel_check_compare(k, err));
    else
        k->wrong = true;
    if (k->wrong && k->blame)
        reel_check_blame(k);
    return REEL_OK;
}

reel_status reel_check_run(reel_check *k, reel_error *err)
{
    const reel_gradcheck_config *config = k->config;
    k->step = config->step > 0 ? config->step : 1e-4;
    k->tolerance = config->tolerance > 0 ? config->tolerance : 1e-6;
    *k->report = (reel_gradcheck_report){0};
    const reel_status status = run(k, err);
    for (int i = 0; i < k->n_in; i++) {
        free(k->in[i].analytic);
        free(k->in[i].numeric);
    }
    free(k->again);
    free(k->weights);
    free(k->y);
    free(k->slopes);
    reel_tape_destroy(k->quiet);
    reel_tape_destroy(k->tape);
    return status;
}

reel_status reel_gradcheck(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user,
                           reel_tensor *inputs, int n_in, const reel_gradcheck_config *config,
                           reel_gradcheck_report *report, reel_error *err)
{
    static const reel_gradcheck_config defaults;
    reel_ctx *own = NULL;
    REEL_ASSERT(n_in >= 1 && n_in <= REEL_GRADCHECK_MAX_INPUTS);
    if (!ctx)
        REEL_TRY(reel_ctx_create(&own, &(reel_ctx_config){.threads = 1}, err));
    reel_check k = {.ctx = ctx ? ctx : own,
                    .fn = fn,
                    .user = user,
                    .n_in = n_in,
                    .config = config ? config : &defaults,
                    .report = report,
                    .blame = true};
    for (int i = 0; i < n_in; i++)
        k.in[i].x = &inputs[i];
    const reel_status status = reel_check_run(&k, err);
    reel_ctx_destroy(own);
    return status;
}
