/* First layers with 3 x 3 kernels over 3 channels: forward and weight gradient.
 *
 *   y[pixel, o] = bias[o] + sum over taps of w[o, tap] x[pixel, tap],   27 taps: 3 runs of 9 values
 *
 * Forward, a block of MR pixels of a row and two vectors of output channels stay in registers. The
 * stride is a constant, so that a value of the image is reached without arithmetic. Writing bounds
 * the time, so the lines of the next pixels are asked for meanwhile.
 *
 *   dw[o, tap] = sum over pixels of dy[pixel, o] x[pixel, tap]
 *
 * Output channels are the lanes. All taps of VL channels stay in registers while the pixels of a
 * row pass by: a vector of dy is loaded once, each value of the image is broadcast. Where there are
 * too few registers, a kernel row at a time. Rows of dy are summed part by part, in an order that
 * depends on the shape alone. */
#include "core/kernels/templates/first_layer_lines.h"
#include "core/kernels/templates/names.h"

#include <omp.h>

enum {
    RUN = REEL_FIRST_LAYER_RUN,
    KERNEL_ROWS = 3,
    ROWS_AT_ONCE = MR > 6 ? 3 : 1 /* 27 sums, or 9 */
};

/* ---- forward ---- */

/* A block of pixels of one row; x is the first value that its first pixel meets. */
typedef struct tap_block {
    const float *x;
    int64_t line;          /* from image row to image row */
    const float *w, *bias; /* w (27, oc); bias or NULL */
    int64_t oc;
    float *y;
    bool relu;
} tap_block;

KERNEL_INLINE void block_of_pixels(const tap_block *block, int64_t o, const int step,
                                   const int cols)
{
    const tap_block j = *block;
    vec s[MR][2];
    UNROLLED_FOR(u, cols) {
        const vec b = j.bias ? load(j.bias + o + u * VL) : (vec){0};
        UNROLLED_FOR(i, MR)
            s[i][u] = b;
    }

    /* Not unrolled: taps share values, and the compiler would keep those instead of the sums. */
    const float *x = j.x, *w = j.w + o, *next = j.y + MR * j.oc + o;
    for (int a = 0; a < KERNEL_ROWS; a++, x += j.line - RUN)
        for (int t = 0; t < RUN; t++, x++, w += j.oc) {
            UNROLLED_FOR(u, cols)
                __builtin_prefetch(next + u * VL, 1, 2);
            next += j.oc;

            vec wv[2];
            UNROLLED_FOR(u, cols)
                wv[u] = load(w + u * VL);
            UNROLLED_FOR(i, MR) {
                const vec here = broadcast(x[i * step]);
                UNROLLED_FOR(u, cols)
                    s[i][u] = muladd(here, wv[u], s[i][u]);
            }
        }

    UNROLLED_FOR(i, MR)
        UNROLLED_FOR(u, cols) {
            const vec y = j.relu ? rectified(s[i][u]) : s[i][u];
            store(j.y + i * j.oc + o + u * VL, y);
        }
}

KERNEL_INLINE void block_of_channels(const tap_block *j, const int step)
{
    int64_t o = 0;
    for (; o + NR <= j->oc; o += NR)
        block_of_pixels(j, o, step, 2);
    if (o < j->oc)
        block_of_pixels(j, o, step, 1);
}

/* One row of the output. The last block reaches back over pixels that the one before has written,
 * with the same values. */
static void forward_row(tap_block row, int64_t pixels, int64_t stride)
{
    enum { CHANNELS = RUN / KERNEL_ROWS };
    for (int64_t i = 0; i < pixels; i += MR) {
        tap_block j = row;
        const int64_t from = least(i, pixels - MR);
        j.x += from * stride * CHANNELS;
        j.y += from * row.oc;
        if (stride == 1)
            block_of_channels(&j, CHANNELS);
        else
            block_of_channels(&j, 2 * CHANNELS);
    }
}

void REEL_ISA_FN(reel_first_layer_taps_forward)(const reel_conv_job *job, int threads)
{
    enum { TAPS = KERNEL_ROWS * RUN };
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_FORWARD);
    const int64_t own = reel_first_layer_own(s, &p, REEL_CONV_FORWARD);
    float *w = job->scratch, *buffers = w + reel_first_layer_shared(s, &p, REEL_CONV_FORWARD);

    for (int64_t o = 0; o < s->oc; o++)
        for (int64_t tap = 0; tap < TAPS; tap++)
            w[tap * s->oc + o] = ((const float *)job->w)[o * TAPS + tap];

#pragma omp parallel num_threads(threads)
    {
        float *lines = buffers + omp_get_thread_num() * own;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < s->n * p.bands; item++) {
            const band at = band_of(s, &p, item);
            copy_lines(s, &p, job->x, at, lines);
            float *y = (float *)job->out + (at.image * s->oh + at.row) * s->ow * s->oc;
            for (int64_t r = 0; r < at.rows; r++) {
                const tap_block row = {.x = lines + r * s->sh * p.line,
                                       .line = p.line,
                                       .w = w,
                                       .bias = job->bias,
                                       .oc = s->oc,
                                       .y = y + r * s->ow * s->oc,
                                       .relu = job->relu};
                forward_row(row, s->ow, s->sw);
            }
        }
    }
}

/* ---- weight gradient ---- */

/* A row of dy against the image rows under it. */
typedef struct tap_row {
    const float *dy, *lines;
    int64_t pixels, oc, step, line; /* of a row; channels; values from pixel to pixel of the image,
                                       from row to row */
    int64_t ahead;                  /* from dy to what is asked for meanwhile */
} tap_row;

/* Adds to sums (27, oc), for VL output channels: all taps of the kernel rows from `first` on. */
KERNEL_INLINE void sum_taps_of_rows(const tap_row *row, const int first, const int rows,
                                    float *sums)
{
    const tap_row r = *row;
    const float *dy = r.dy, *x[KERNEL_ROWS];
    vec s[KERNEL_ROWS][RUN];
    UNROLLED_FOR(a, rows)
        x[a] = r.lines + (first + a) * r.line;
    UNROLLED_FOR(a, rows)
        UNROLLED_FOR(t, RUN)
            s[a][t] = (vec){0};

    for (int64_t i = 0; i < r.pixels; i++) {
        const vec d = load(dy);
        __builtin_prefetch(dy + r.ahead, 0, 2);
        UNROLLED_FOR(a, rows)
            UNROLLED_FOR(t, RUN)
                s[a][t] = muladd(broadcast(x[a][t]), d, s[a][t]);
        UNROLLED_FOR(a, rows)
            x[a] += r.step;
        dy += r.oc;
    }

    UNROLLED_FOR(a, rows)
        UNROLLED_FOR(t, RUN) {
            float *to = sums + ((first + a) * RUN + t) * r.oc;
            store(to, load(to) + s[a][t]);
        }
}

static void sum_row(tap_row row, float *sums)
{
    for (int64_t o = 0; o < row.oc; o += VL, row.dy += VL)
        UNROLLED_FOR(first, KERNEL_ROWS / ROWS_AT_ONCE)
            sum_taps_of_rows(&row, first * ROWS_AT_ONCE, ROWS_AT_ONCE, sums + o);
}

/* The parts' sums in their order, for output channel o. */
static void add_tap_parts(const reel_conv_job *job, const float *all, int64_t parts, int64_t o)
{
    enum { TAPS = KERNEL_ROWS * RUN };
    float *to = (float *)job->out + o * TAPS;
    for (int64_t tap = 0; tap < TAPS; tap++) {
        float sum = 0;
        for (int64_t part = 0; part < parts; part++)
            sum += all[(part * TAPS + tap) * job->s->oc + o];
        to[tap] = job->accumulate ? to[tap] + sum : sum;
    }
}

void REEL_ISA_FN(reel_first_layer_taps_grad)(const reel_conv_job *job, int threads)
{
    const reel_conv_shape *s = job->s;
    const reel_first_layer_plan p = reel_first_layer_plan_of(s, REEL_CONV_WEIGHT_GRAD);
    const int64_t own = reel_first_layer_own(s, &p, REEL_CONV_WEIGHT_GRAD), items = s->n * p.bands;
    const int64_t size = reel_first_layer_shared(s, &p, REEL_CONV_WEIGHT_GRAD);
    float *all = job->scratch, *buffers = all + p.parts * size;
#pragma omp parallel num_threads(threads)
    {
        float *lines = buffers + omp_get_thread_num() * own;
#pragma omp for schedule(dynamic, 1)
        for (int64_t part = 0; part < p.parts; part++) {
            const int64_t first = items * part / p.parts, last = items * (part + 1) / p.parts;
            float *sums = all + part * size;
            memset(sums, 0, (size_t)size * sizeof *sums);
            for (int64_t item = first; item < last; item++) {
                const band at = band_of(s, &p, item);
                const float *dy =
                    (const float *)job->dy + (at.image * s->oh + at.row) * s->ow * s->oc;
                copy_lines(s, &p, job->x, at, lines);
                for (int64_t r = 0; r < at.rows; r++) {
                    const tap_row row = {.dy = dy + r * s->ow * s->oc,
                                         .lines = lines + r * s->sh * p.line,
                                         .pixels = s->ow,
                                         .oc = s->oc,
                                         .step = s->sw * s->c,
                                         .line = p.line,
                                         .ahead = s->ow * s->oc};
                    sum_row(row, sums);
                }
            }
        }
#pragma omp for schedule(static)
        for (int64_t o = 0; o < s->oc; o++)
            add_tap_parts(job, all, p.parts, o);
    }
}
