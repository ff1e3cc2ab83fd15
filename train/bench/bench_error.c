/* How far a pass is off: some of its results again as plain sums in float64, each from the formula.
 */
#include "train/bench/bench_work.h"

#include "core/rng.h"

#include <math.h>

typedef struct at {
    int64_t n, y, x, c;
} at;

/* Where element `index` of a map of h x w pixels and c channels lies. */
static at map_at(int64_t index, int64_t h, int64_t w, int64_t c)
{
    return (at){index / c / w / h, index / c / w % h, index / c % w, index % c};
}

static double x_at(const reel_conv_shape *s, const float *x, int64_t n, int64_t y, int64_t z,
                   int64_t c)
{
    return y < 0 || z < 0 || y >= s->h || z >= s->w
               ? 0
               : (double)x[((n * s->h + y) * s->w + z) * s->c + c];
}

static double exact_forward(const reel_conv_shape *s, const float *x, const float *w, int64_t index)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    const at o = map_at(index, s->oh, s->ow, s->oc);
    double sum = 0;

    for (int64_t i = 0; i < s->kh; i++)
        for (int64_t j = 0; j < s->kw; j++)
            for (int64_t c = 0; c < cg; c++)
                sum += x_at(s, x, o.n, o.y * s->sh - s->ph + i * s->dh,
                            o.x * s->sw - s->pw + j * s->dw, o.c / og * cg + c) *
                       (double)w[((o.c * s->kh + i) * s->kw + j) * cg + c];
    return sum;
}

static double exact_input_grad(const reel_conv_shape *s, const float *dy, const float *w,
                               int64_t index)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    const at a = map_at(index, s->h, s->w, s->c);
    const int64_t first = a.c / cg * og;
    double sum = 0;

    for (int64_t i = 0; i < s->kh; i++)
        for (int64_t j = 0; j < s->kw; j++) {
            /* The output pixel that tap (i, j) connects to this input pixel, if there is one. */
            const int64_t y = a.y + s->ph - i * s->dh, x = a.x + s->pw - j * s->dw;
            if (y < 0 || x < 0 || y % s->sh || x % s->sw || y / s->sh >= s->oh ||
                x / s->sw >= s->ow)
                continue;
            for (int64_t o = first; o < first + og; o++)
                sum += (double)dy[((a.n * s->oh + y / s->sh) * s->ow + x / s->sw) * s->oc + o] *
                       (double)w[((o * s->kh + i) * s->kw + j) * cg + a.c % cg];
        }
    return sum;
}

static double exact_weight_grad(const reel_conv_shape *s, const float *x, const float *dy,
                                int64_t index)
{
    const int64_t cg = s->c / s->groups, og = s->oc / s->groups;
    const at t = map_at(index, s->kh, s->kw, cg); /* n is the output channel */
    double sum = 0;
    for (int64_t pixel = 0; pixel < s->n * s->oh * s->ow; pixel++)
        sum +=
            (double)dy[pixel * s->oc + t.n] *
            x_at(s, x, pixel / s->ow / s->oh, pixel / s->ow % s->oh * s->sh - s->ph + t.y * s->dh,
                 pixel % s->ow * s->sw - s->pw + t.x * s->dw, t.n / og * cg + t.c);
    return sum;
}

/* x W^T, or x W where only that is measured; dy W; dy^T x. */
static double exact_product(const reel_bench_work *v, int64_t index)
{
    const reel_bench_shape *s = v->shape;
    const float *a = v->in[0], *b = v->in[1];
    const int64_t columns = v->pass == REEL_CONV_FORWARD ? s->n : s->k, i = index / columns,
                  j = index % columns;
    int64_t terms = s->m;
    if (v->pass == REEL_CONV_FORWARD)
        terms = s->k;
    if (v->pass == REEL_CONV_INPUT_GRAD)
        terms = s->n;

    double sum = 0;
    for (int64_t p = 0; p < terms; p++) {
        /* Row i of the left factor: a column of dy for the weight gradient. */
        const double left =
            (double)(v->pass == REEL_CONV_WEIGHT_GRAD ? a[p * s->n + i] : a[i * terms + p]);
        sum +=
            left * (double)(v->pass == REEL_CONV_FORWARD && !s->forward_only ? b[j * s->k + p]
                                                                             : b[p * columns + j]);
    }
    return sum;
}

static double exact_value(const reel_bench_work *v, int64_t index)
{
    if (v->shape->is_product)
        return exact_product(v, index) + (v->bias ? (double)v->bias[index % v->shape->n] : 0);
    const reel_conv_shape *s = &v->shape->conv;
    switch (v->pass) {
    case REEL_CONV_FORWARD:
        return exact_forward(s, v->in[0], v->in[1], index) +
               (v->bias ? (double)v->bias[index % s->oc] : 0);
    case REEL_CONV_INPUT_GRAD:
        return exact_input_grad(s, v->in[0], v->in[1], index);
    default:
        return exact_weight_grad(s, v->in[0], v->in[1], index);
    }
}

double reel_bench_work_error(const reel_bench_work *work)
{
    enum { FEWEST = 64, MOST = 1024, PRODUCTS = 1 << 25 };
    const double terms = reel_bench_work_flop(work) / 2 / (double)work->out_count;
    int64_t samples = (int64_t)(PRODUCTS / (terms < 1 ? 1 : terms));
    if (samples < FEWEST)
        samples = FEWEST;
    if (samples > MOST)
        samples = MOST;

    /* Each sample has a generator of its own: the error does not depend on the threads. */
    double difference = 0, square = 0;
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(work->ctx))                 \
    reduction(+ : difference, square)
    for (int64_t i = 0; i < samples; i++) {
        reel_rng rng = reel_rng_at(reel_ctx_seed(work->ctx), REEL_STREAM_BENCH, 2, (uint32_t)i);
        const int64_t index = (int64_t)reel_rng_below(&rng, (uint64_t)work->out_count);
        const double right = exact_value(work, index), off = (double)work->out[index] - right;
        difference += off * off;
        square += right * right;
    }

    return square > 0 ? sqrt(difference / square) : sqrt(difference);
}
