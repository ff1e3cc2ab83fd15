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
    REEL_NEED(fn, err);
    REEL_NEED(shapes, err);
    REEL_NEED(report, err);

    reel_tensor inputs[REEL_GRADCHECK_MAX_INPUTS];
    const uint64_t seed = config ? config->seed : 0;
    reel_status status = REEL_OK;
    int made = 0;
    if (n_in < 1 || n_in > REEL_GRADCHECK_MAX_INPUTS)
        return reel_fail(err, REEL_ERR_INVALID, "gradient check: expected 1 to %d inputs, got %d",
                         REEL_GRADCHECK_MAX_INPUTS, n_in);

    /* Each input has a random stream of its own: its values do not depend on the other shapes. */
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

/* ---- an operator's cases and random uses ---- */
typedef struct op_use {
    const reel_op *op;
    const reel_op_case *special; /* has its own build; NULL: none */
    const void *attrs;
    int n_in;
} op_use;

static reel_var build_use(reel_tape *tape, const reel_var *in, void *user)
{
    const op_use *use = user;
    if (use->special)
        return use->special->build(tape, in);
    if (use->op->build)
        return use->op->build(in, use->n_in, use->attrs);
    return reel_apply(use->op, use->attrs, use->attrs ? use->op->attrs_bytes : 0, in, use->n_in);
}

/* Reads "(2, 3) (3) ()" into shapes; -1 where the text is not a list of at most `most` shapes. */
static int read_shapes_text(const char *text, reel_gradcheck_shape *shapes, int most)
{
    int count = 0;
    for (; *text; text += strspn(text, " ")) {
        if (count == most || *text++ != '(')
            return -1;
        reel_gradcheck_shape *s = &shapes[count++];
        for (s->ndim = 0; *text != ')'; s->ndim++) {
            char *end;
            if (s->ndim == REEL_MAX_DIMS || *text < '0' || *text > '9')
                return -1;
            s->shape[s->ndim] = strtoll(text, &end, 10);
            text = end + strspn(end, ", ");
        }
        text++;
    }
    return count;
}

reel_status reel_gradcheck_case(const reel_ctx *ctx, const reel_op *op, const reel_op_case *c,
                                const reel_gradcheck_config *config, reel_gradcheck_report *report,
                                reel_error *err)
{
    REEL_NEED(op, err);
    REEL_NEED(c, err);
    REEL_NEED(report, err);

    reel_gradcheck_shape shapes[REEL_MAX_INPUTS];
    const int n_in = read_shapes_text(c->in ? c->in : "", shapes, REEL_MAX_INPUTS);
    if (n_in < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s, case \"%s\": expected shapes such as \"(2, 3) (3)\", got \"%s\"",
                         op->name, c->label, c->in ? c->in : "");
    if (!c->build && !op->build && op->attrs_bytes && !c->attrs)
        return reel_fail(err, REEL_ERR_INVALID, "%s, case \"%s\": expected attributes, got none",
                         op->name, c->label);

    op_use use = {op, c->build ? c : NULL, c->attrs, n_in};
    const reel_draw how = c->draw == REEL_DRAW_NORMAL ? op->draw : c->draw;
    return reel_gradcheck_drawn(ctx, build_use, &use, how, shapes, n_in, config, report, err);
}

/* Puts which use failed before the report's message. */
static void name_sample(const reel_op_sample *s, uint32_t number, reel_gradcheck_report *report)
{
    char text[sizeof report->message];
    size_t used = (size_t)snprintf(text, sizeof text, "random use %u:", number);
    for (int i = 0; i < s->n_in && used < sizeof text; i++) {
        char shape[96];
        used +=
            (size_t)snprintf(text + used, sizeof text - used, " %s",
                             reel_shape_text(shape, sizeof shape, s->in[i].ndim, s->in[i].shape));
    }
    if (used < sizeof text)
        snprintf(text + used, sizeof text - used, " %s; %.600s", s->label, report->message);
    memcpy(report->message, text, sizeof text);
}

reel_status reel_gradcheck_random(const reel_ctx *ctx, const reel_op *op, uint32_t number,
                                  const reel_gradcheck_config *config,
                                  reel_gradcheck_report *report, reel_error *err)
{
    REEL_NEED(op, err);
    REEL_NEED(report, err);

    reel_gradcheck_config own = config ? *config : (reel_gradcheck_config){0};
    reel_op_sample s = {.draw = op->draw};
    reel_gradcheck_shape shapes[REEL_MAX_INPUTS];
    if (!op->random)
        return reel_fail(err, REEL_ERR_INVALID, "%s draws no random uses", op->name);

    /* Each operator has a stream of its own, by its name. */
    uint32_t name = 0;
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

    op_use use = {op, NULL, &s.attrs, s.n_in};
    REEL_TRY(reel_gradcheck_drawn(ctx, build_use, &use, s.draw, shapes, s.n_in, &own, report, err));
    if (!report->passed)
        name_sample(&s, number, report);
    return REEL_OK;
}
