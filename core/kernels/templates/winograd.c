/* The Winograd convolution, forward and input gradient: which maps and weights take part. The work
 * itself is winograd_floats.h's, or winograd_limbs.h's where tiles of bf16 are multiplied. */
#include "core/kernels/templates/names.h"

#include "core/kernels/templates/winograd_floats.h"
#ifdef REEL_TILES
#include "core/kernels/templates/winograd_limbs.h"
enum { HAS_TILES = true };
#else
enum { HAS_TILES = false };
#endif

static void apply(const application *all, int threads, float *scratch)
{
#ifdef REEL_TILES
    if (all->p->in_limbs) {
        apply_in_limbs(all, threads, scratch);
        return;
    }
#endif
    apply_in_floats(all, threads, scratch);
}

void REEL_ISA_FN(reel_winograd_forward)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_apply(s, false, HAS_TILES);
    const float *w = job->w, *bias = job->bias;
    const map x = {job->x, job->x_bf16, s->h, s->w, s->c, -s->ph, -s->pw, s->dh, s->dw};
    const map y = {job->out, job->out_bf16, s->oh, s->ow, s->oc, 0, 0, s->dh, s->dw};
    const int64_t part = p.oc, taps = p.r * p.r * p.ic;
    for (int64_t o = 0; o < s->oc; o += p.oc) {
        /* Output channels of group g, from the `first` on. */
        const int64_t g = o / p.all, first = o % p.all;
        p.oc = least(part, p.all - first);
        const map in = channels_from(&x, g * p.ic), out = channels_from(&y, o);
        const weights kernel = {w + o * taps, taps, 1, p.ic, false};
        const output_end end = {.bias = bias ? bias + o : NULL, .relu = job->relu};
        apply(&(application){&p, &in, &out, &kernel, &end}, threads, job->scratch);
    }
}

void REEL_ISA_FN(reel_winograd_input_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    reel_winograd_plan p = reel_winograd_plan_apply(s, true, HAS_TILES);
    const float *w = job->w;
    const int64_t top = s->ph - (p.r - 1) * s->dh, left = s->pw - (p.r - 1) * s->dw;
    const map dy = {job->dy, job->dy_bf16, s->oh, s->ow, s->oc, top, left, s->dh, s->dw};
    const map dx = {job->out, job->out_bf16, s->h, s->w, s->c, 0, 0, s->dh, s->dw};
    const int64_t part = p.oc, taps = p.r * p.r * p.all;
    for (int64_t i = 0; i < s->c; i += p.oc) {
        const int64_t g = i / p.all, first = i % p.all;
        p.oc = least(part, p.all - first);
        const map in = channels_from(&dy, g * p.ic), out = channels_from(&dx, i);
        const weights kernel = {w + g * p.ic * taps + first, 1, taps, p.all, true};
        const output_end end = {.accumulate = job->accumulate};
        apply(&(application){&p, &in, &out, &kernel, &end}, threads, job->scratch);
    }
}
