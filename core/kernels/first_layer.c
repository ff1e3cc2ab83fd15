/* Plans of the direct convolution for first layers. The arithmetic is in first_layer_impl.h, compiled for each ISA. */
#include "core/kernels/first_layer.h"

enum { VECTOR = 16 }; /* floats of the widest vector */

static int64_t up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

bool reel_first_layer_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
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

/* A band of output rows is what a thread works on at a time: its image rows are copied into a padded buffer that stays in the
 * second-level cache. */
reel_first_layer_plan reel_first_layer_plan_of(const reel_conv_shape *s, reel_conv_pass pass)
{
    reel_first_layer_plan p = {.run = s->kw * s->c, .columns = up(s->kh * s->kw * s->c, 32)};
    if (pass == REEL_CONV_INPUT_GRAD) { /* bands of the input */
        p.bands = s->n >= 8 ? 1 : s->h < 4 ? s->h : 4;
        return p;
    }
    const int64_t most = pass == REEL_CONV_FORWARD && s->n < 8 ? 4 : 8;
    p.line = up(((s->ow - 1) * s->sw + s->kw) * s->c, VECTOR) + VECTOR;
    p.bands = (s->oh + most - 1) / most;
    p.rows = (s->oh + p.bands - 1) / p.bands;
    p.lines = (p.rows - 1) * s->sh + s->kh;
    p.rest = p.run % VECTOR;
    p.spread = up(s->kh * p.rest, VECTOR);
    /* Sums of the weight gradient are taken part by part, whatever the number of threads. */
    const int64_t items = s->n * p.bands;
    p.parts = items >= 256 ? 32 : items > 64 ? items / 8 : items < 8 ? items : 8;
    return p;
}

int64_t reel_first_layer_own(const reel_conv_shape *s, const reel_first_layer_plan *p, reel_conv_pass pass)
{
    if (pass == REEL_CONV_INPUT_GRAD) return s->ow * p->columns;
    return up(p->lines * p->line, VECTOR) + (pass == REEL_CONV_WEIGHT_GRAD ? p->rows * s->ow * p->spread : 0);
}

int64_t reel_first_layer_shared(const reel_conv_shape *s, const reel_first_layer_plan *p, reel_conv_pass pass)
{
    if (pass == REEL_CONV_INPUT_GRAD) return s->oc * p->columns;
    return pass == REEL_CONV_FORWARD ? up(s->oc, 32) * s->kh * p->run
                                     : up(s->oc * (s->kh * (p->run - p->rest) + p->spread), VECTOR);
}

size_t reel_first_layer_scratch(const reel_conv_shape *s, reel_conv_pass pass, int threads)
{
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, pass);
    const int64_t shared = reel_first_layer_shared(s, &p, pass) * (pass == REEL_CONV_WEIGHT_GRAD ? p.parts : 1);
    return (size_t)(shared + threads * reel_first_layer_own(s, &p, pass)) * sizeof(float);
}
