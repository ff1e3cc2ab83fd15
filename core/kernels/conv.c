/* The three passes of a convolution: choose an implementation, run it. */
#include "core/kernels/conv.h"

#include "core/kernels/conv_choice.h"

size_t reel_conv_scratch(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                         const reel_conv_shape *s)
{
    const bool f64 = dtype == REEL_F64;
    return reel_conv_choose(ctx, s, pass, f64)->scratch(ctx, s, pass, f64);
}

/* max(y, 0), NaN stays NaN, for implementations that do not end in it themselves. */
static void rectify_f32(int threads, float *y, int64_t n)
{
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 16384)
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < 0 ? 0 : y[i];
}

static void rectify_f64(int threads, double *y, int64_t n)
{
#pragma omp parallel for simd schedule(static) num_threads(threads) if (n > 16384)
    for (int64_t i = 0; i < n; i++)
        y[i] = y[i] < 0 ? 0 : y[i];
}

void reel_conv_run(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                   const reel_conv_job *job)
{
    const reel_conv_shape *s = job->s;
    const bool f64 = dtype == REEL_F64;
    const reel_conv_kind *kind = reel_conv_choose(ctx, s, pass, f64);
    kind->run(ctx, job, pass, f64);

    if (!job->relu || kind->ends_in_relu)
        return;
    const int64_t outputs = s->n * s->oc * s->oh * s->ow;
    if (f64)
        rectify_f64(reel_ctx_threads(ctx), job->out, outputs);
    else
        rectify_f32(reel_ctx_threads(ctx), job->out, outputs);
}
