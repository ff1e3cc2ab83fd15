/* Mixing a batch in place: images go from the last to the first, so that each still finds the one
 * before it unmixed. */
#include "train/run/mix.h"

#include "core/elementary.h"

#include <math.h>
#include <string.h>

/* ---- what is drawn ---- */

/* In (0, 1]: its logarithm is finite. */
static double open_uniform(reel_rng *rng)
{
    return 1 - reel_rng_uniform(rng);
}

/* ln X of X ~ Gamma(shape, 1): X = d (1 + c z)^3 with z ~ N(0, 1), accepted with the probability
 * that makes it exact. */
static double log_gamma_draw(reel_rng *rng, double shape)
{
    const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        const double z = reel_rng_normal(rng), root = 1 + c * z;
        if (root <= 0)
            continue;
        const double v = root * root * root, log_v = reel_math_log(v);
        if (reel_math_log(open_uniform(rng)) >= 0.5 * z * z + d * (1 - v + log_v))
            continue;

        const double drawn = reel_math_log(d) + log_v;
        return shape < 1 ? drawn + reel_math_log(open_uniform(rng)) / shape : drawn;
    }
}

double reel_beta_draw(reel_rng *rng, double alpha)
{
    /* So small an alpha gives 0 or 1, and a smaller one would make both logarithms infinite. */
    const double least = 1e-300, shape = alpha < least ? least : alpha;
    const double x = log_gamma_draw(rng, shape), y = log_gamma_draw(rng, shape);
    return 1 / (1 + reel_math_exp(y - x)); /* X / (X + Y) */
}

reel_mix reel_mix_box(double lambda, int64_t x, int64_t y, int64_t h, int64_t w)
{
    const double r = 0.5 * sqrt(1 - lambda);
    const int64_t half_w = (int64_t)(r * (double)w), half_h = (int64_t)(r * (double)h);
    reel_mix m = {.cut = true,
                  .x1 = x > half_w ? x - half_w : 0,
                  .y1 = y > half_h ? y - half_h : 0,
                  .x2 = x + half_w < w ? x + half_w : w,
                  .y2 = y + half_h < h ? y + half_h : h};
    m.lambda = 1 - (double)((m.x2 - m.x1) * (m.y2 - m.y1)) / (double)(w * h);
    return m;
}

reel_mix reel_mix_draw(const reel_mix_config *config, int64_t h, int64_t w, uint64_t seed,
                       int64_t epoch, int64_t batch)
{
    reel_rng rng = reel_rng_at(seed, REEL_STREAM_MIX, (uint32_t)epoch, (uint32_t)batch);
    bool cut = config->mixup_alpha == 0;
    if (config->mixup_alpha > 0 && config->cutmix_alpha > 0)
        cut = reel_rng_uniform(&rng) >= 0.5;

    const double lambda = reel_beta_draw(&rng, cut ? config->cutmix_alpha : config->mixup_alpha);
    if (!cut)
        return (reel_mix){.lambda = lambda};
    const int64_t x = (int64_t)reel_rng_below(&rng, (uint64_t)w),
                  y = (int64_t)reel_rng_below(&rng, (uint64_t)h);
    return reel_mix_box(lambda, x, y, h, w);
}

/* ---- images ---- */

enum { PIECE = 1024 };

static void blend_piece(float *to, const float *rolled, int64_t count, float own, float other)
{
    for (int64_t k = 0; k < count; k++)
        to[k] = to[k] * own + rolled[k] * other;
}

/* `count` elements of each of n images, the first one's at `first`, the next one's `stride`
 * further. */
static void mix_piece(float *first, int64_t count, int64_t n, int64_t stride, const reel_mix *m)
{
    const float own = (float)m->lambda, other = (float)(1 - m->lambda);
    float last[PIECE];
    memcpy(last, first + (n - 1) * stride, (size_t)count * sizeof *last);
    for (int64_t i = n - 1; i >= 0; i--) {
        float *to = first + i * stride;
        const float *rolled = i > 0 ? to - stride : last;
        if (m->cut)
            memcpy(to, rolled, (size_t)count * sizeof *to);
        else
            blend_piece(to, rolled, count, own, other);
    }
}

void reel_mix_images(const reel_tensor *images, const reel_mix *m, int threads)
{
    const int64_t n = images->shape[0], c = images->shape[1], h = images->shape[2],
                  w = images->shape[3];
    float *data = images->data; /* (n, h, w, c) in memory */

    /* Mixup goes over whole images, as over one line of pixels; CutMix over the box's lines. */
    const int64_t lines = m->cut ? m->y2 - m->y1 : 1;
    const int64_t length = (m->cut ? m->x2 - m->x1 : h * w) * c;
    const int64_t begin = m->cut ? (m->y1 * w + m->x1) * c : 0;
    const int64_t pieces = (length + PIECE - 1) / PIECE; /* of a line */

#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t p = 0; p < lines * pieces; p++) {
        const int64_t at = p % pieces * PIECE, count = length - at < PIECE ? length - at : PIECE;
        mix_piece(data + begin + p / pieces * w * c + at, count, n, h * w * c, m);
    }
}

/* ---- labels ---- */

static int64_t rolled_label(const int64_t *labels, int64_t n, int64_t i)
{
    return labels[i > 0 ? i - 1 : n - 1];
}

void reel_mix_targets(float *targets, const int64_t *labels, int64_t n, int64_t classes,
                      const reel_mix *m)
{
    memset(targets, 0, (size_t)(n * classes) * sizeof *targets);
    for (int64_t i = 0; i < n; i++) {
        float *row = targets + i * classes;
        row[labels[i]] = (float)m->lambda;
        row[rolled_label(labels, n, i)] += (float)(1 - m->lambda);
    }
}

int64_t reel_mix_label(const int64_t *labels, int64_t n, int64_t i, const reel_mix *m)
{
    const int64_t own = labels[i], other = rolled_label(labels, n, i);
    const float share = (float)m->lambda, rest = (float)(1 - m->lambda);
    if (share == rest)
        return own < other ? own : other;
    return share > rest ? own : other;
}
