/* Plans of the direct convolution for first layers. The arithmetic is in
 * templates/first_layer*, compiled for each instruction set. */
#include "core/kernels/first_layer.h"

#include "core/kernels/kernels.h"
#include "core/kernels/widest.h"

enum { VECTOR = REEL_WIDEST_VECTOR };

static bool first_layer_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    *why_not = NULL;
    if (s->c > 4 || s->groups != 1)
        *why_not = "wants at most 4 channels in one group";
    else if (s->dh != 1 || s->dw != 1)
        *why_not = "wants dilation 1";
    else if (pass != REEL_CONV_INPUT_GRAD && s->oc % VECTOR)
        *why_not = "wants output channels in multiples of 16";
    else if (s->kh * s->kw * s->c > 1024)
        *why_not = "wants at most 1024 weights an output";
    else if (pass == REEL_CONV_INPUT_GRAD && (s->oc < VECTOR || s->oc > 1024))
        *why_not = "wants 16 to 1024 output channels";
    return !*why_not;
}

bool reel_first_layer_by_taps(const reel_conv_shape *s, reel_conv_pass pass)
{
    enum { PIXELS = 16, STRIDE = 2 }; /* forward: a block of any instruction set; constants there */
    if (s->kh != 3 || s->kw != 3 || s->kw * s->c != REEL_FIRST_LAYER_RUN)
        return false;
    return pass == REEL_CONV_WEIGHT_GRAD ||
           (pass == REEL_CONV_FORWARD && s->ow >= PIXELS && s->sw <= STRIDE);
}

/* A band of output rows is what a thread works on at a time: its image rows are copied into a
 * padded buffer that stays in the second-level cache. */
reel_first_layer_plan reel_first_layer_plan_of(const reel_conv_shape *s, reel_conv_pass pass)
{
    reel_first_layer_plan p = {.run = s->kw * s->c,
                               .columns = reel_round_up(s->kh * s->kw * s->c, 32)};
    if (pass == REEL_CONV_INPUT_GRAD) { /* bands of the input */
        p.bands = s->h < 4 ? s->h : 4;
        if (s->n >= 8)
            p.bands = 1;
        return p;
    }
    const int64_t most = pass == REEL_CONV_FORWARD && s->n < 8 ? 4 : 8;
    p.by_taps = reel_first_layer_by_taps(s, pass);
    p.line = reel_round_up(((s->ow - 1) * s->sw + s->kw) * s->c, VECTOR) + VECTOR;
    p.bands = (s->oh + most - 1) / most;
    p.rows = (s->oh + p.bands - 1) / p.bands;
    p.lines = (p.rows - 1) * s->sh + s->kh;
    p.rest = p.run % VECTOR;
    p.spread = reel_round_up(s->kh * p.rest, VECTOR);
    /* Sums of the weight gradient are taken part by part, whatever the number of threads. */
    const int64_t items = s->n * p.bands;
    p.parts = items < 8 ? items : 8;
    if (items > 64)
        p.parts = items < 256 ? items / 8 : 32;
    return p;
}

int64_t reel_first_layer_own(const reel_conv_shape *s, const reel_first_layer_plan *p,
                             reel_conv_pass pass)
{
    if (pass == REEL_CONV_INPUT_GRAD)
        return s->ow * p->columns;
    return reel_round_up(p->lines * p->line, VECTOR) +
           (pass == REEL_CONV_WEIGHT_GRAD && !p->by_taps ? p->rows * s->ow * p->spread : 0);
}

int64_t reel_first_layer_shared(const reel_conv_shape *s, const reel_first_layer_plan *p,
                                reel_conv_pass pass)
{
    if (pass == REEL_CONV_INPUT_GRAD)
        return s->oc * p->columns;
    if (p->by_taps)
        return reel_round_up(s->oc * s->kh * p->run, VECTOR);
    return pass == REEL_CONV_FORWARD
               ? reel_round_up(s->oc, 32) * s->kh * p->run
               : reel_round_up(s->oc * (s->kh * (p->run - p->rest) + p->spread), VECTOR);
}

static size_t first_layer_scratch(const reel_ctx *ctx, const reel_conv_shape *s,
                                  reel_conv_pass pass, bool f64)
{
    (void)f64;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, pass);
    const int64_t parts = pass == REEL_CONV_WEIGHT_GRAD ? p.parts : 1;
    const int64_t shared = reel_first_layer_shared(s, &p, pass) * parts;
    const int64_t own = reel_ctx_threads(ctx) * reel_first_layer_own(s, &p, pass);
    return (size_t)(shared + own) * sizeof(float);
}

static void first_layer_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                            bool f64)
{
    (void)f64;
    const reel_kernels *kernels = reel_ctx_kernels(ctx);
    if (reel_first_layer_plan_of(job->s, pass).by_taps)
        kernels->first_layer_taps[pass](job, reel_ctx_threads(ctx));
    else
        kernels->first_layer[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_first_layer = {.name = "direct",
                                              .ends_in_relu = true,
                                              .accepts = first_layer_accepts,
                                              .scratch = first_layer_scratch,
                                              .run = first_layer_run};
