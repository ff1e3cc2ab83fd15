/* Gradient check: inputs that are drawn, for an operator's cases, its random uses, and expressions
 * of one's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/gradcheck/gradcheck.h"
#include "core/rng.h"

/* A shuffled grid of spacing 0.03 that leaves out 0, each value moved by at most 0.0025: at least
 * 0.025 apart, 0.0125 from 0.
 */
static void draw_distinct(double *x, int64_t n, reel_rng *rng)
{
    const int64_t middle = n / 2;
    for (int64_t i = 0; i < n; i++)
        x[i] = ((double)(i - middle) + 0.5) * 0.03 + reel_rng_range(rng, -0.0025, 0.0025);
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
        for (int64_t i = 0; i < n; i++)
            x[i] = reel_rng_normal(rng);
        return;
    case REEL_DRAW_POSITIVE:
        for (int64_t i = 0; i < n; i++)
            x[i] = reel_rng_range(rng, 0.5, 2.0);
        return;
    case REEL_DRAW_DISTINCT:
        draw_distinct(x, n, rng);
        return;
    }
}

reel_status reel_gradcheck_drawn(const reel_ctx *ctx, reel_gradcheck_fn *fn, void *user,
                                 reel_draw how, const reel_gradcheck_shape *shapes, int n_in,
                                 const reel_gradcheck_config *config, reel_gradcheck_report *report,
                                 reel_error *err)
{
    reel_tensor inputs[REEL_GRADCHECK_MAX_INPUTS];
    const uint64_t seed = config ? config->seed : 0;
    reel_status status = REEL_OK;
    int made = 0;
    REEL_ASSERT(n_in >= 1 && n_in <= REEL_GRADCHECK_MAX_INPUTS);
    for (; made < n_in && status == REEL_OK; made++) {
        const int ndim = shapes[made].ndim;
        const int64_t n =
            ndim < 0 || ndim > REEL_MAX_DIMS ? -1 : reel_shape_numel(ndim, shapes[made].shape);
        if (n < 0) {
            status = reel_fail(err, REEL_ERR_INVALID,
                               "gradient check: input %d: expected a shape of 0 to %d dimensions, "
                               "none negative and of fewer "
                               "than 2^60 elements together",
                               made, REEL_MAX_DIMS);
            break;
        }
        double *x = calloc((size_t)n + 1, sizeof *x);
        inputs[made] = reel_tensor_of(x, REEL_F64, shapes[made].ndim, shapes[made].shape);
        reel_rng rng = reel_rng_at(seed, REEL_STREAM_CHECK, 2, (uint32_t)made);
        if (x)
            draw(x, n, how, &rng);
        else
            status = reel_fail(err, REEL_ERR_MEMORY, "gradient check: out of memory");
    }
    if (status == REEL_OK)
        status = reel_gradcheck(ctx, fn, user, inputs, n_in, config, report, err);
    while (made-- > 0)
        free(inputs[made].data);
    return status;
}

static reel_var build_case(reel_tape *tape, const reel_var *in, void *user)
{
    return ((const reel_op_case *)user)->build(tape, in);
}

reel_status reel_gradcheck_case(const reel_ctx *ctx, const reel_op_case *c,
                                const reel_gradcheck_config *config, reel_gradcheck_report *report,
                                reel_error *err)
{
    reel_gradcheck_shape shapes[REEL_COUNT(c->in)];
    REEL_ASSERT(c->n_in >= 1 && c->n_in <= REEL_COUNT(c->in));
    for (int i = 0; i < c->n_in; i++) {
        shapes[i].ndim = c->in[i].ndim;
        memcpy(shapes[i].shape, c->in[i].shape, sizeof shapes[i].shape);
    }
    return reel_gradcheck_drawn(ctx, build_case, (void *)c, c->draw, shapes, c->n_in, config,
                                report, err);
}

static reel_var build_sample(reel_tape *tape, const reel_var *in, void *user)
{
    const reel_op_sample *s = user;
    return s->build(tape, in, &s->attrs);
}

reel_status reel_gradcheck_random(const reel_ctx *ctx, const reel_op *op, uint32_t number,
                                  const reel_gradcheck_config *config,
                                  reel_gradcheck_report *report, reel_error *err)
{
    reel_gradcheck_config own = config ? *config : (reel_gradcheck_config){0};
    reel_op_sample s = {0};
    reel_gradcheck_shape shapes[REEL_MAX_INPUTS];
    uint32_t name = 0; /* other operators, other streams */
    if (!op->random)
        return reel_fail(err, REEL_ERR_INVALID, "%s draws no random uses", op->name);
    for (const char *p = op->name; *p; p++)
        name = name * 31 + (unsigned char)*p;
    reel_rng rng = reel_rng_at(own.seed, REEL_STREAM_CHECK, name | 0x80000000u, number);
    op->random(&rng, &s);
    own.seed = (uint64_t)reel_rng_u32(&rng) << 32 | reel_rng_u32(&rng);
    REEL_ASSERT(s.n_in >= 1 && s.n_in <= REEL_MAX_INPUTS);
    for (int i = 0; i < s.n_in; i++) {
        shapes[i].ndim = s.in[i].ndim;
        memcpy(shapes[i].shape, s.in[i].shape, sizeof shapes[i].shape);
    }
    const reel_status status =
        reel_gradcheck_drawn(ctx, build_sample, &s, s.draw, shapes, s.n_in, &own, report, err);
    if (status == REEL_OK && !report->passed) {
        char text[sizeof report->message];
        size_t used = (size_t)snprintf(text, sizeof text, "random use %u:", number);
        for (int i = 0; i < s.n_in && used < sizeof text; i++) {
            char shape[96];
            used +=
                (size_t)snprintf(text + used, sizeof text - used, " %s",
                                 reel_shape_text(shape, sizeof shape, s.in[i].ndim, s.in[i].shape));
        }
        if (used < sizeof text)
            snprintf(text + used, sizeof text - used, " %s; %.600s", s.label, report->message);
        memcpy(report->message, text, sizeof text);
    }
    return status;
}
