/* The gradient check of an operator's case: draws its inputs, then checks its expression like any other. */
#include <stdlib.h>

#include "core/gradcheck.h"
#include "core/rng.h"

static reel_var build_case(reel_tape *tape, const reel_var *in, void *user)
{
    return ((const reel_op_case *)user)->build(tape, in);
}

/* A shuffled grid of spacing 0.03 that leaves out 0, each value moved by at most 0.0025: at least 0.025 apart, 0.0125 from 0.
 */
static void draw_distinct(double *x, int64_t n, reel_rng *rng)
{
    for (int64_t i = 0; i < n; i++) x[i] = ((double)(i - n / 2) + 0.5) * 0.03 + reel_rng_range(rng, -0.0025, 0.0025);
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)reel_rng_below(rng, (uint64_t)i + 1);
        const double t = x[i];
        x[i] = x[j];
        x[j] = t;
    }
}

static void draw(double *x, int64_t n, reel_draw how, reel_rng *rng)
{
    switch (how) {
    case REEL_DRAW_NORMAL:
        for (int64_t i = 0; i < n; i++) x[i] = reel_rng_normal(rng);
        return;
    case REEL_DRAW_POSITIVE:
        for (int64_t i = 0; i < n; i++) x[i] = reel_rng_range(rng, 0.5, 2.0);
        return;
    case REEL_DRAW_DISTINCT:
        draw_distinct(x, n, rng);
        return;
    }
}

reel_status reel_gradcheck_case(const reel_ctx *ctx, const reel_op_case *c, const reel_gradcheck_config *config,
                                reel_gradcheck_report *report, reel_error *err)
{
    reel_tensor inputs[REEL_COUNT(c->in)];
    const uint64_t seed = config ? config->seed : 0;
    reel_status status = REEL_OK;
    int made = 0;
    REEL_ASSERT(c->n_in >= 1 && c->n_in <= REEL_COUNT(c->in));
    for (; made < c->n_in && status == REEL_OK; made++) {
        const int64_t n = reel_shape_numel(c->in[made].ndim, c->in[made].shape);
        REEL_ASSERT(n >= 0);
        double *x = calloc((size_t)n + 1, sizeof *x);
        inputs[made] = reel_tensor_of(x, REEL_F64, c->in[made].ndim, c->in[made].shape);
        reel_rng rng = reel_rng_at(seed, REEL_STREAM_CHECK, 2, (uint32_t)made);
        if (x)
            draw(x, n, c->draw, &rng);
        else
            status = reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    }
    if (status == REEL_OK) status = reel_gradcheck(ctx, build_case, (void *)c, inputs, c->n_in, config, report, err);
    while (made-- > 0) free(inputs[made].data);
    return status;
}
