/* Batch normalisation through the context's kernels. */
#include "core/kernels/batch_norm.h"

#include "core/kernels/kernels.h"

enum { MOST_PARTS = 64, LEAST_ROWS = 64 };

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
    reel_ctx_kernels(ctx)->batch_norm[dtype](&job);
    if (pass != REEL_BATCH_NORM_MOMENTS && pass != REEL_BATCH_NORM_GRAD_SUMS)
        return;

    const int64_t count = reel_batch_norm_parts(job.rows);
    for (int64_t part = 1; part < count; part++)
        for (int64_t k = 0; k < 2 * job.ch; k++)
            job.parts[k] += job.parts[part * 2 * job.ch + k];
}
