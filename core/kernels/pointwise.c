/* Plans of the direct convolution of 1 x 1 kernels. The arithmetic is in templates/pointwise*,
 * compiled for each instruction set. */
#include "core/kernels/pointwise.h"

#include "core/kernels/kernels.h"

enum {
    VECTOR = 16,      /* floats of the widest vector */
    PANEL = 32,       /* and of the widest panel */
    ROWS = 16,        /* no instruction set's block of registers has more */
    MOST_TERMS = 256, /* of a sum; at most a block of the matrix product, which has the same bits */
    WEIGHTS = 64 << 10, /* floats: a part of a core's second-level cache */
    BACK = 48 << 10,    /* the same in the input gradient, where products are faster from here on */
    TILE = 48 << 10,    /* floats of x and dy: the same */
    MOST_PARTS = 16
};

static bool pointwise_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    const int64_t terms = pass == REEL_CONV_FORWARD ? s->c : s->oc;
    *why_not = NULL;
    if (s->kh != 1 || s->kw != 1 || s->ph != 0 || s->pw != 0 || s->groups != 1)
        *why_not = "wants a 1x1 kernel without padding in one group";
    else if (s->c < VECTOR || s->oc < VECTOR || s->oh * s->ow < ROWS)
        *why_not = "wants at least 16 channels and 16 pixels";
    else if (s->c * s->oc > (pass == REEL_CONV_INPUT_GRAD ? BACK : WEIGHTS) ||
             (pass != REEL_CONV_WEIGHT_GRAD && terms > MOST_TERMS))
        *why_not = "wants few channels";
    return !*why_not;
}

/* Columns of the weight gradient's sums are whole vectors, and blocks four vectors wide are the
 * fastest: where input channels are few, output channels make the better columns. */
static bool grad_is_turned(const reel_conv_shape *s)
{
    const int64_t plain = reel_round_up(s->c, VECTOR) * s->oc,
                  turned = reel_round_up(s->oc, VECTOR) * s->c;
    if (s->sh > 1 || s->sw > 1)
        return false;
    return turned < plain || (turned == plain && s->c < 2 * PANEL && s->oc >= 2 * PANEL);
}

reel_pointwise_plan reel_pointwise_plan_of(const reel_conv_shape *s, reel_conv_pass pass)
{
    const bool forward = pass == REEL_CONV_FORWARD;
    reel_pointwise_plan p = {.k = forward ? s->c : s->oc, .n = forward ? s->oc : s->c};
    p.columns = reel_round_up(p.n, PANEL);
    if (pass != REEL_CONV_WEIGHT_GRAD) {
        p.own = ROWS * (p.k + VECTOR) + ROWS * PANEL;
        return p;
    }

    if (grad_is_turned(s)) {
        p.turned = true;
        p.k = s->c, p.n = s->oc;
        p.columns = reel_round_up(p.n, PANEL);
    }

    /* A function of the shape alone: sums are taken part by part for any number of threads. */
    const int64_t rows = s->n * s->oh, most = TILE / (s->ow * (s->c + s->oc));
    p.tile_rows = most < 1 ? 1 : most;
    p.parts = rows < MOST_PARTS ? rows : MOST_PARTS;
    return p;
}

static size_t pointwise_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                                bool f64)
{
    (void)f64;
    const reel_pointwise_plan p = reel_pointwise_plan_of(s, pass);
    const int64_t floats = pass == REEL_CONV_WEIGHT_GRAD
                               ? p.parts * p.k * p.columns
                               : p.k * p.columns + reel_ctx_threads(ctx) * p.own;
    return (size_t)floats * sizeof(float);
}

static void pointwise_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                          bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->pointwise[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_pointwise = {.name = "direct",
                                            .ends_in_relu = true,
                                            .accepts = pointwise_accepts,
                                            .scratch = pointwise_scratch,
                                            .run = pointwise_run};
