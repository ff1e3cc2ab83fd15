/* Gradient check: the order of things.
 *
 * The expression's output y is reduced by fixed random weights r, |r| in 0.5 .. 1.5, to f = sum r_i
 * y_i, so that no two output elements can cancel. First backward itself is tried
 * (gradcheck_analytic.c), then its numbers are compared with differences (gradcheck_numeric.c), and
 * a failure is explained (gradcheck_explain.c). */
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck_internal.h"
#include "core/rng.h"

/* Runs the expression once to learn y, and draws the weights. */
static reel_status first_run(reel_check_state *k, reel_error *err)
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

    /* |r| in 0.5 .. 1.5, either sign */
    reel_rng rng = reel_rng_at(k->config->seed, REEL_STREAM_CHECK, 0, 0);
    for (int64_t i = 0; i < k->n_out; i++) {
        const double size = reel_rng_range(&rng, 0.5, 1.5);
        k->weights[i] = reel_rng_u32(&rng) & 1 ? size : -size;
    }
    return REEL_OK;
}

reel_status reel_check_run(reel_check_state *k, reel_error *err)
{
    const reel_gradcheck_config *config = k->config;
    k->step = config->step > 0 ? config->step : 1e-4;
    k->tolerance = config->tolerance > 0 ? config->tolerance : 1e-6;
    *k->report = (reel_gradcheck_report){0};
    REEL_TRY(reel_check_allocate(k, err));
    REEL_TRY(first_run(k, err));

    bool sound;
    REEL_TRY(reel_check_analytic(k, &sound, err));
    if (sound)
        REEL_TRY(reel_check_unchanged(k, &sound, err));
    if (!sound) {
        k->wrong = true;
        return REEL_OK;
    }

    int64_t wrong = 0;
    REEL_TRY(reel_check_compare(k, &wrong, err));
    k->wrong = wrong > 0;
    if (k->wrong)
        reel_check_explain(k, wrong);
    return REEL_OK;
}
