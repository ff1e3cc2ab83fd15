/* Batch normalisation through the context's kernels. */
#include "core/kernels/batch_norm.h"

#include "core/kernels/kernels.h"

enum { MOST_PARTS = 64, LEAST_ROWS = 64 };

/* ---- maps in bf16: stretches of rows get float32 copies that stay in a core's caches ---- */

enum { STRETCH = 4 * REEL_BATCH_NORM_WIDEST }; /* numbers; four rows at least are added in turn */

static int64_t norm_stretch_rows(int64_t ch)
{
    return STRETCH / ch / 4 * 4;
}

/* Numbers [at, at + n) of a map, or a copy. */
static const float *norm_stretch(const reel_kernels *k, const void *map, bool bf16, int64_t at,
                                 int64_t n, float *copy)
{
    if (!map || !bf16)
        return map ? (const float *)map + at : NULL;
    k->bf16_widen(1, (const reel_bf16 *)map + at, copy, n);
    return copy;
}

/* One thread's pass over rows [row, row + rows); sums are added to `part`. */
static void norm_run_stretch(const reel_kernels *k, const reel_batch_norm_job *job, int64_t row,
                             int64_t rows, double *part)
{
    float x[STRETCH], dy[STRETCH], out[STRETCH];
    const int64_t at = row * job->ch, n = rows * job->ch;
    reel_batch_norm_job one = *job;
    one.threads = 1;
    one.rows = rows;
    one.parts = part;
    one.adds = part != NULL;
    one.x = norm_stretch(k, job->x, job->x_bf16, at, n, x);
    one.dy = norm_stretch(k, job->dy, job->dy_bf16, at, n, dy);
    if (job->out)
        one.out = job->out_bf16 && !job->accumulate
                      ? out
                      : (void *)norm_stretch(k, job->out, job->out_bf16, at, n, out);
    k->batch_norm[REEL_F32](&one);
    if (job->out && job->out_bf16)
        k->bf16_round(1, out, (reel_bf16 *)job->out + at, n);
}

static void norm_run_bf16(const reel_kernels *k, const reel_batch_norm_job *job, bool sums)
{
    const int64_t rows = job->rows, ch = job->ch, most = norm_stretch_rows(ch);
    const int64_t parts = sums ? reel_batch_norm_parts(rows) : (rows + most - 1) / most;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t part = 0; part < parts; part++) {
        const int64_t from = rows * part / parts, end = rows * (part + 1) / parts;
        double *to = sums ? job->parts + part * 2 * ch : NULL;
        for (int64_t i = 0; sums && i < 2 * ch; i++)
            to[i] = 0;
        for (int64_t row = from; row < end; row += most)
            norm_run_stretch(k, job, row, end - row < most ? end - row : most, to);
    }
}

int64_t reel_batch_norm_parts(int64_t rows)
{
    const int64_t parts = (rows + LEAST_ROWS - 1) / LEAST_ROWS;
    return parts < MOST_PARTS ? parts : MOST_PARTS;
}

void reel_batch_norm_run(const reel_ctx *ctx, reel_dtype dtype, reel_batch_norm_pass pass,
                         reel_batch_norm_job job)
{
    job.pass = pass;
    job.threads = reel_ctx_threads(ctx);
    const bool sums = pass == REEL_BATCH_NORM_MOMENTS || pass == REEL_BATCH_NORM_GRAD_SUMS;
    if (job.x_bf16 || job.dy_bf16 || job.out_bf16)
        norm_run_bf16(reel_ctx_kernels(ctx), &job, sums);
    else
        reel_ctx_kernels(ctx)->batch_norm[dtype](&job);
    if (!sums)
        return;

    const int64_t count = reel_batch_norm_parts(job.rows);
    for (int64_t part = 1; part < count; part++)
        for (int64_t k = 0; k < 2 * job.ch; k++)
            job.parts[k] += job.parts[part * 2 * job.ch + k];
}
