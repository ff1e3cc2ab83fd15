/* bf16 against float64: the same expression on a tape that stores bf16 and on a float64 tape, from
 * inputs that bf16 holds exactly.
 *
 * What differs is rounding: of what is stored (2^-8 at most, each time) and of what operators round
 * on the way. Errors are measured over a tensor, |a - b| / |b| in the Euclidean norm, so that a
 * ReLU whose argument changes sign by rounding counts as one of many elements. A gradient that is
 * zero by nature is measured against the largest one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bf16.h"
#include "core/gradcheck/gradcheck_internal.h"
#include "core/ops.h"
#include "core/rng.h"

/* Copies t, of any dtype and layout, to row-major doubles; NULL data is zeros. */
static void copy_out(const reel_tensor *t, double *to)
{
    const reel_tensor dense =
        reel_tensor_with_layout(to, REEL_F64, REEL_ROW_MAJOR, t->ndim, t->shape);
    memset(to, 0, reel_tensor_bytes(&dense));
    reel_tensor_copy(&dense, t);
}

/* The first `narrow` inputs are stored in bf16 before the expression reads them. */
static reel_var build_bf16(reel_check_state *k, reel_tape *tape, int narrow, reel_var *leaves)
{
    reel_var in[REEL_GRADCHECK_MAX_INPUTS];
    reel_tape_reset(tape);
    for (int i = 0; i < k->n_in; i++) {
        leaves[i] = reel_input_grad(tape, k->in[i].x);
        in[i] = i < narrow ? reel_neg(reel_neg(leaves[i])) : leaves[i];
    }
    return k->fn(tape, in, k->user);
}

/* Forward, and backward from sum r y. Gradients into in[].analytic or in[].numeric, y into `y`. */
static reel_status sweep_bf16(reel_check_state *k, reel_tape *tape, int narrow, double *y,
                              reel_error *err)
{
    reel_var leaves[REEL_GRADCHECK_MAX_INPUTS];
    const bool wide = reel_tape_dtype(tape) == REEL_F64;
    const reel_var built = build_bf16(k, tape, narrow, leaves);
    REEL_TRY(reel_tape_status(tape, err));
    const reel_tensor value = reel_value(built);
    if (!y) {
        k->n_out = reel_tensor_numel(&value);
        return REEL_OK;
    }

    copy_out(&value, y);
    const reel_tensor r =
        reel_tensor_with_layout(k->weights, REEL_F64, REEL_ROW_MAJOR, value.ndim, value.shape);
    REEL_TRY(reel_backward(reel_mean_all(reel_mul(built, reel_input(tape, &r))), err));
    for (int i = 0; i < k->n_in; i++) {
        const reel_tensor grad = reel_grad(leaves[i]);
        double *to = wide ? k->in[i].analytic : k->in[i].numeric;
        if (grad.data)
            copy_out(&grad, to);
        else
            memset(to, 0, (size_t)k->in[i].n * sizeof *to);
    }
    return REEL_OK;
}

/* Learns the size of y, and draws the weights r, which bf16 holds exactly. */
static reel_status draw_weights(reel_check_state *k, reel_error *err)
{
    REEL_TRY(sweep_bf16(k, k->tape, 0, NULL, err));
    k->weights = calloc((size_t)k->n_out + 1, sizeof(double));
    k->y = calloc((size_t)k->n_out + 1, sizeof(double));
    k->slopes = calloc((size_t)k->n_out + 1, sizeof(double));
    if (!k->weights || !k->y || !k->slopes)
        return reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    reel_rng rng = reel_rng_at(k->config->seed, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < k->n_out; i++) {
        const double size =
            (double)reel_bf16_to_float(reel_bf16_from_float((float)reel_rng_range(&rng, 0.5, 1.5)));
        k->weights[i] = reel_rng_u32(&rng) & 1 ? size : -size;
    }
    return REEL_OK;
}

static double norm_of_values(const double *a, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * a[i];
    return sqrt(sum);
}

static double distance_of_values(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* A NaN is a failure, too. */
static void note_bf16_error(reel_check_state *k, const char *what, int input, double error)
{
    reel_gradcheck_report *r = k->report;
    if (error <= r->worst_error)
        return;
    r->worst_error = error;
    r->input = input;
    if (error <= k->tolerance)
        return;
    r->passed = false;
    snprintf(r->message, sizeof r->message,
             "%s: in bf16 off by %.2g of its size, expected at most %.2g", what, error,
             k->tolerance);
}

static void compare_bf16(reel_check_state *k)
{
    char name[200], text[100];
    const double size = norm_of_values(k->y, k->n_out);
    note_bf16_error(k, "the value", -1,
                    distance_of_values(k->slopes, k->y, k->n_out) / fmax(size, 1e-30));

    /* The largest gradient, as a root mean square. */
    double largest = 0;
    for (int i = 0; i < k->n_in; i++)
        if (k->in[i].n)
            largest = fmax(largest, norm_of_values(k->in[i].analytic, k->in[i].n) /
                                        sqrt((double)k->in[i].n));
    for (int i = 0; i < k->n_in; i++) {
        const reel_check_input *in = &k->in[i];
        const double floor = fmax(0.1 * largest * sqrt((double)in->n), 1e-30);
        snprintf(name, sizeof name, "the gradient of %s", reel_check_name(k, i, text, sizeof text));
        note_bf16_error(k, name, i,
                        distance_of_values(in->numeric, in->analytic, in->n) /
                            fmax(norm_of_values(in->analytic, in->n), floor));
        k->report->checked += in->n;
    }
}

static void round_inputs(reel_check_state *k)
{
    for (int i = 0; i < k->n_in; i++)
        for (int64_t e = 0; e < k->in[i].n; e++) {
            double value;
            unsigned char *at = reel_check_element(k->in[i].x, e);
            memcpy(&value, at, sizeof value);
            value = (double)reel_bf16_to_float(reel_bf16_from_float((float)value));
            memcpy(at, &value, sizeof value);
        }
}

/* Memory full of NaN must not show in any bit: twice, with and without. */
static reel_status compare_on(reel_check_state *k, const reel_ctx *half, int narrow,
                              reel_error *err)
{
    const reel_tape_config plain = {.dtype = REEL_F32},
                           poisoned = {.dtype = REEL_F32, .poison = true};
    uint32_t sums[2] = {0};
    for (int way = 0; way < 2; way++) {
        reel_tape *tape;
        REEL_TRY(reel_tape_create(&tape, half, way ? &poisoned : &plain, err));
        const reel_status status = sweep_bf16(k, tape, narrow, k->slopes, err);
        reel_tape_destroy(tape);
        REEL_TRY(status);
        for (int i = 0; i < k->n_in; i++)
            sums[way] = sums[way] * 31 + reel_check_crc_of(k->in[i].numeric, k->in[i].n);
    }
    compare_bf16(k);
    if (sums[0] != sums[1]) {
        k->report->passed = false;
        snprintf(k->report->message, sizeof k->report->message,
                 "in bf16, gradients depend on what memory held before");
    }
    return REEL_OK;
}

reel_status reel_check_bf16(reel_check_state *k, reel_error *err)
{
    reel_ctx *half;
    const reel_ctx_config like = {.threads = reel_ctx_threads(k->ctx),
                                  .seed = reel_ctx_seed(k->ctx),
                                  .isa = reel_isa_name(reel_ctx_isa(k->ctx)),
                                  .precision = REEL_PRECISION_BF16};
    k->tolerance = k->config->tolerance > 0 ? k->config->tolerance : REEL_GRADCHECK_BF16;
    *k->report = (reel_gradcheck_report){.passed = true};
    REEL_TRY(reel_check_allocate(k, err));
    round_inputs(k);
    REEL_TRY(draw_weights(k, err));
    REEL_TRY(sweep_bf16(k, k->tape, 0, k->y, err));

    /* Once with parameters as they are, float32, once with everything in bf16. */
    REEL_TRY(reel_ctx_create(&half, &like, err));
    reel_status status = compare_on(k, half, 1, err);
    if (status == REEL_OK && k->n_in > 1)
        status = compare_on(k, half, k->n_in, err);
    reel_ctx_destroy(half);
    return status;
}
