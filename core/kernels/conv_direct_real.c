/* Convolution by plain sums, as the formula in conv.h reads: the implementation that the others are
 * compared with, compiled for float and double. Work is shared out over what is written; every sum
 * runs in the order of the loops. */
#include "core/kernels/conv_shape.h"
#include "core/real.h"

/* The output pixel that input coordinate `at` meets through tap k, or -1. */
static int64_t met(int64_t at, int64_t k, int64_t stride, int64_t padding, int64_t dilation,
                   int64_t size)
{
    const int64_t from = at + padding - k * dilation;
    return from < 0 || from % stride || from / stride >= size ? -1 : from / stride;
}

/* Where the window of an output pixel begins: image n, row i, column j of the input, perhaps in the
 * padding. */
typedef struct corner {
    int64_t n, i, j;
} corner;

static inline corner corner_of(const reel_conv_shape *s, int64_t pixel)
{
    return (corner){pixel / s->ow / s->oh, pixel / s->ow % s->oh * s->sh - s->ph,
                    pixel % s->ow * s->sw - s->pw};
}

/* The input's pixel under a tap; NULL in the padding. */
static inline const reel_real *seen(const reel_conv_shape *s, const reel_real *x, const corner *at,
                                    int64_t ky, int64_t kx)
{
    const int64_t a = at->i + ky * s->dh, b = at->j + kx * s->dw;
    if (a < 0 || b < 0 || a >= s->h || b >= s->w)
        return NULL;
    return x + ((at->n * s->h + a) * s->w + b) * s->c;
}

static void forward(const reel_conv_shape *s, const reel_real *x, const reel_real *w,
                    const reel_real *bias, reel_real *y, int64_t pixel)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    const corner at = corner_of(s, pixel);

    for (int64_t o = 0; o < s->oc; o++) {
        const int64_t first = o / og * cg; /* input channel of the group */
        reel_real sum = 0;
        for (int64_t ky = 0; ky < s->kh; ky++)
            for (int64_t kx = 0; kx < s->kw; kx++) {
                const reel_real *from = seen(s, x, &at, ky, kx);
                if (!from)
                    continue;
                const reel_real *tap = w + ((o * s->kh + ky) * s->kw + kx) * cg;
                for (int64_t c = 0; c < cg; c++)
                    sum += from[first + c] * tap[c];
            }
        y[pixel * s->oc + o] = sum + (bias ? bias[o] : 0);
    }
}

static void input_grad(const reel_conv_shape *s, const reel_real *dy, const reel_real *w,
                       bool accumulate, reel_real *dx, int64_t pixel)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    const int64_t n = pixel / s->w / s->h, a = pixel / s->w % s->h, b = pixel % s->w;
    reel_real *to = dx + pixel * s->c;
    if (!accumulate)
        memset(to, 0, (size_t)s->c * sizeof *to);

    for (int64_t ky = 0; ky < s->kh; ky++)
        for (int64_t kx = 0; kx < s->kw; kx++) {
            const int64_t i = met(a, ky, s->sh, s->ph, s->dh, s->oh),
                          j = met(b, kx, s->sw, s->pw, s->dw, s->ow);
            if (i < 0 || j < 0)
                continue;
            for (int64_t o = 0; o < s->oc; o++) {
                const reel_real d = dy[((n * s->oh + i) * s->ow + j) * s->oc + o];
                const reel_real *tap = w + ((o * s->kh + ky) * s->kw + kx) * cg;
                for (int64_t c = 0; c < cg; c++)
                    to[o / og * cg + c] += d * tap[c];
            }
        }
}

/* All weights of output channel o. */
static void weight_grad(const reel_conv_shape *s, const reel_real *x, const reel_real *dy,
                        bool accumulate, reel_real *dw, int64_t o)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    reel_real *to = dw + o * s->kh * s->kw * cg;
    if (!accumulate)
        memset(to, 0, (size_t)(s->kh * s->kw * cg) * sizeof *to);

    for (int64_t pixel = 0; pixel < s->n * s->oh * s->ow; pixel++) {
        const corner at = corner_of(s, pixel);
        const reel_real d = dy[pixel * s->oc + o];
        for (int64_t ky = 0; ky < s->kh; ky++)
            for (int64_t kx = 0; kx < s->kw; kx++) {
                const reel_real *from = seen(s, x, &at, ky, kx);
                if (!from)
                    continue;
                for (int64_t c = 0; c < cg; c++)
                    to[(ky * s->kw + kx) * cg + c] += d * from[o / og * cg + c];
            }
    }
}

void REEL_FN(reel_conv_direct_run)(const reel_ctx *ctx, const reel_conv_job *job,
                                   reel_conv_pass pass);

void REEL_FN(reel_conv_direct_run)(const reel_ctx *ctx, const reel_conv_job *job,
                                   reel_conv_pass pass)
{
    const reel_conv_shape *s = job->s;
    int64_t items = s->oc; /* what is written by one thread: all weights of an output channel */
    if (pass == REEL_CONV_FORWARD)
        items = s->n * s->oh * s->ow; /* an output pixel */
    else if (pass == REEL_CONV_INPUT_GRAD)
        items = s->n * s->h * s->w; /* an input pixel */

#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx))
    for (int64_t item = 0; item < items; item++) {
        if (pass == REEL_CONV_FORWARD)
            forward(s, job->x, job->w, job->bias, job->out, item);
        else if (pass == REEL_CONV_INPUT_GRAD)
            input_grad(s, job->dy, job->w, job->accumulate, job->out, item);
        else
            weight_grad(s, job->x, job->dy, job->accumulate, job->out, item);
    }
}

#ifdef REEL_ONCE
void reel_conv_direct_run_f64(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass);

static size_t no_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                         bool f64)
{
    (void)ctx, (void)s, (void)pass, (void)f64;
    return 0;
}

static void direct_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass, bool f64)
{
    (f64 ? reel_conv_direct_run_f64 : reel_conv_direct_run_f32)(ctx, job, pass);
}

const reel_conv_kind reel_conv_direct = {
    .name = "direct", .f64 = true, .scratch = no_scratch, .run = direct_run};
#endif
