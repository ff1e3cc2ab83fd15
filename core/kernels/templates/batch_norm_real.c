/* The passes of batch normalisation. Rows are shared out; a loop runs along the channels of a row,
 * or of four rows whose terms are added in turn, so that the sums are loaded once for four. */
#include "core/kernels/batch_norm.h"

#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector.h"

#include <string.h>

enum {
    GROUP = 4,
    ALONE = 16384,   /* elements that one thread does alone */
    LARGE = 16 << 20 /* bytes of a map that no cache holds until it is read */
};

/* What the loops read, so that the compiler knows that nothing changes under them. */
typedef struct channel_terms {
    const real *restrict centre, *restrict factor, *restrict beta;
    const double *restrict mean;
    real opens, cap;
} channel_terms;

static inline channel_terms channel_terms_of(const reel_batch_norm_job *job)
{
    return (channel_terms){job->centre, job->factor,      job->beta,
                           job->mean,   (real)job->opens, (real)job->cap};
}

/* The gradient of one element that comes through the rectifier. */
KERNEL_INLINE real passed(const channel_terms *t, int64_t k, real x, real dy, const bool cut)
{
    const real z = (x - t->centre[k]) * t->factor[k] + t->beta[k];
    return !cut || ((z >= t->opens) & (z <= t->cap)) ? dy : 0;
}

KERNEL_INLINE void add_moments(const reel_batch_norm_job *job, int64_t row, const int rows,
                               double *restrict a, double *restrict b)
{
    const int64_t ch = job->ch;
    const real *restrict x = (const real *)job->x + row * ch;
    const double *restrict mean = job->mean;
#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
        double sum = a[k], squares = b[k];
        UNROLLED_FOR(i, rows) {
            const double d = (double)x[i * ch + k] - mean[k];
            sum += d;
            squares += d * d;
        }
        a[k] = sum;
        b[k] = squares;
    }
}

KERNEL_INLINE void add_grads(const reel_batch_norm_job *job, int64_t row, const int rows,
                             const bool cut, double *restrict a, double *restrict b)
{
    const int64_t ch = job->ch;
    const channel_terms t = channel_terms_of(job);
    const real *restrict x = (const real *)job->x + row * ch;
    const real *restrict dy = (const real *)job->dy + row * ch;

#pragma omp simd
    for (int64_t k = 0; k < ch; k++) {
        double sum = a[k], products = b[k]; /* of g, of g (x - mean) */
        UNROLLED_FOR(i, rows) {
            const real at = x[i * ch + k];
            const double g = (double)passed(&t, k, at, dy[i * ch + k], cut);
            sum += g;
            products += g * ((double)at - t.mean[k]);
        }
        a[k] = sum;
        b[k] = products;
    }
}

/* The rows of one part; which terms are added is a constant where this is inlined. */
KERNEL_INLINE void add_part_rows(const reel_batch_norm_job *job, int64_t row, int64_t end,
                                 const bool grads, const bool cut, double *a)
{
    double *b = a + job->ch;
    for (; row + GROUP <= end; row += GROUP)
        if (grads)
            add_grads(job, row, GROUP, cut, a, b);
        else
            add_moments(job, row, GROUP, a, b);
    for (; row < end; row++)
        if (grads)
            add_grads(job, row, 1, cut, a, b);
        else
            add_moments(job, row, 1, a, b);
}

static void norm_add_part(const reel_batch_norm_job *job, int64_t from, int64_t end, bool grads,
                          double *a)
{
    if (!grads)
        add_part_rows(job, from, end, false, false, a);
    else if (job->rectified)
        add_part_rows(job, from, end, true, true, a);
    else
        add_part_rows(job, from, end, true, false, a);
}

static void sum_parts(const reel_batch_norm_job *job, bool grads)
{
    const int64_t rows = job->rows, ch = job->ch, count = reel_batch_norm_parts(rows);
    if (job->adds) {
        norm_add_part(job, 0, rows, grads, job->parts);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(job->threads) if (rows * ch > ALONE)
    for (int64_t part = 0; part < count; part++) {
        double *a = job->parts + part * 2 * ch;
        const int64_t from = rows * part / count, end = rows * (part + 1) / count;
        memset(a, 0, (size_t)(2 * ch) * sizeof *a);
        norm_add_part(job, from, end, grads, a);
    }
}

KERNEL_INLINE real output_one(const channel_terms *t, int64_t k, real x, const bool cut)
{
    const real z = (x - t->centre[k]) * t->factor[k] + t->beta[k];
    if (!cut)
        return z;
    const real low = z < 0 ? 0 : z;
    return low > t->cap ? t->cap : low;
}

KERNEL_INLINE vec output_vec(const channel_terms *t, int64_t k, vec x, const bool cut)
{
    typedef __typeof__(x < x) mask;
    const vec z = (x - load(t->centre + k)) * load(t->factor + k) + load(t->beta + k);
    if (!cut)
        return z;
    const vec low = rectified(z), cap = broadcast(t->cap);
    const mask over = low > cap;
    return (vec)((over & (mask)cap) | (~over & (mask)low));
}

KERNEL_INLINE void output_rows(const reel_batch_norm_job *job, const bool cut, const bool past)
{
    const int64_t rows = job->rows, ch = job->ch;
    const channel_terms t = channel_terms_of(job);
    const real *from = job->x;
    real *to = job->out;
#pragma omp parallel num_threads(job->threads) if (rows * ch > ALONE)
    {
#pragma omp for schedule(static)
        for (int64_t row = 0; row < rows; row++) {
            const real *x = from + row * ch;
            real *y = to + row * ch;
            int64_t k = 0;
            for (; k + VL <= ch; k += VL)
                if (past)
                    stream(y + k, output_vec(&t, k, load(x + k), cut));
                else
                    store(y + k, output_vec(&t, k, load(x + k), cut));
            for (; k < ch; k++)
                y[k] = output_one(&t, k, x[k], cut);
        }
        if (past)
            stream_end();
    }
}

/* A map that no cache holds is written past the caches. */
static void output_map(const reel_batch_norm_job *job)
{
    const size_t bytes = (size_t)(job->rows * job->ch) * sizeof(real);
    const bool past = bytes > LARGE && job->ch % VL == 0 && (uintptr_t)job->out % sizeof(vec) == 0;
    if (job->rectified && past)
        output_rows(job, true, true);
    else if (job->rectified)
        output_rows(job, true, false);
    else
        output_rows(job, false, past);
}

KERNEL_INLINE void grad_rows(const reel_batch_norm_job *job, const bool cut)
{
    const int64_t rows = job->rows, ch = job->ch;
    const bool accumulate = job->accumulate;
    const channel_terms t = channel_terms_of(job);
    const double *restrict of_g = job->of_g, *restrict of_x = job->of_x, *restrict rest = job->rest;
#pragma omp parallel for schedule(static) num_threads(job->threads) if (rows * ch > ALONE)
    for (int64_t row = 0; row < rows; row++) {
        const real *restrict x = (const real *)job->x + row * ch;
        const real *dy = (const real *)job->dy + row * ch;
        real *dx = (real *)job->out + row * ch;
#pragma omp simd
        for (int64_t k = 0; k < ch; k++) {
            const real before = accumulate ? dx[k] : 0;
            const double g = (double)passed(&t, k, x[k], dy[k], cut);
            dx[k] = before + (real)(of_g[k] * g + of_x[k] * ((double)x[k] - t.mean[k]) + rest[k]);
        }
    }
}

void REEL_KERNEL_FN(reel_batch_norm)(const reel_batch_norm_job *job)
{
    if (job->pass == REEL_BATCH_NORM_OUTPUT)
        output_map(job);
    else if (job->pass == REEL_BATCH_NORM_INPUT_GRAD && job->rectified)
        grad_rows(job, true);
    else if (job->pass == REEL_BATCH_NORM_INPUT_GRAD)
        grad_rows(job, false);
    else
        sum_parts(job, job->pass == REEL_BATCH_NORM_GRAD_SUMS);
}
