/* The three passes of a convolution: choose an implementation, run it; for a batch in pieces, run
 * it once where that gives the bits of the pieces. */
#include "core/kernels/conv.h"

#include "core/kernels/conv_choice.h"

/* Of a call in `dtype`: REEL_BF16 where at least one map is stored so. */
static reel_dtype maps_of_job(const reel_conv_job *job, reel_dtype dtype)
{
    return job->x_bf16 || job->dy_bf16 || job->out_bf16 ? REEL_BF16 : dtype;
}

size_t reel_conv_scratch(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                         const reel_conv_shape *s)
{
    const bool f64 = maps == REEL_F64;
    const reel_conv_kind *kind = reel_conv_choose(ctx, s, pass, maps);
    if (reel_conv_needs_copies(kind, maps))
        return reel_conv_copies_scratch(ctx, kind, s, pass);
    return kind->scratch(ctx, s, pass, f64);
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

void reel_conv_rectify(const reel_ctx *ctx, const reel_conv_job *job, bool f64)
{
    REEL_ASSERT(!job->out_bf16); /* what takes bf16 ends in ReLU itself */
    const reel_conv_shape *s = job->s;
    const int64_t outputs = s->n * s->oc * s->oh * s->ow;
    if (f64)
        rectify_f64(reel_ctx_threads(ctx), job->out, outputs);
    else
        rectify_f32(reel_ctx_threads(ctx), job->out, outputs);
}

void reel_conv_run(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                   const reel_conv_job *job)
{
    const bool f64 = dtype == REEL_F64;
    const reel_dtype maps = maps_of_job(job, dtype);
    const reel_conv_kind *kind = reel_conv_choose(ctx, job->s, pass, maps);
    if (reel_conv_needs_copies(kind, maps)) {
        reel_conv_run_copies(ctx, kind, job, pass);
        return;
    }
    kind->run(ctx, job, pass, f64);
    if (job->relu && !kind->ends_in_relu)
        reel_conv_rectify(ctx, job, f64);
}

/* ---- a batch in pieces ---- */

static reel_conv_shape images_of(const reel_conv_shape *s, int64_t n)
{
    reel_conv_shape some = *s;
    some.n = n;
    return some;
}

bool reel_conv_images_agree(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                            const reel_conv_shape *s, int64_t n)
{
    if (n == s->n)
        return true;
    const reel_conv_shape some = images_of(s, n);
    const reel_conv_kind *kind = reel_conv_choose(ctx, s, pass, maps);
    return kind == reel_conv_choose(ctx, &some, pass, maps) &&
           !reel_conv_needs_copies(kind, maps) &&
           (!kind->images_agree || kind->images_agree(ctx, s, pass, n));
}

size_t reel_conv_pieces_scratch(const reel_ctx *ctx, reel_dtype maps, reel_conv_pass pass,
                                const reel_conv_shape *s, int64_t pieces)
{
    const reel_conv_shape piece = images_of(s, s->n / pieces);
    const bool together = reel_conv_images_agree(ctx, maps, pass, s, piece.n);
    return reel_conv_scratch(ctx, maps, pass, together ? s : &piece);
}

static const void *images_from(const void *map, int64_t reals, reel_dtype dtype)
{
    return map ? (const char *)map + (size_t)reals * reel_dtype_size(dtype) : NULL;
}

void reel_conv_pieces_run(const reel_ctx *ctx, reel_dtype dtype, reel_conv_pass pass,
                          const reel_conv_job *job, int64_t pieces)
{
    const reel_conv_shape piece = images_of(job->s, job->s->n / pieces);
    if (reel_conv_images_agree(ctx, maps_of_job(job, dtype), pass, job->s, piece.n)) {
        reel_conv_run(ctx, dtype, pass, job);
        return;
    }

    const int64_t in = piece.n * piece.h * piece.w * piece.c,
                  out = piece.n * piece.oh * piece.ow * piece.oc;
    const int64_t written = pass == REEL_CONV_FORWARD ? out : in;
    for (int64_t p = 0; p < pieces; p++) {
        reel_conv_job one = *job;
        one.s = &piece;
        one.x = images_from(job->x, p * in, job->x_bf16 ? REEL_BF16 : dtype);
        one.dy = images_from(job->dy, p * out, job->dy_bf16 ? REEL_BF16 : dtype);
        one.out = (void *)images_from(job->out, p * written, job->out_bf16 ? REEL_BF16 : dtype);
        reel_conv_run(ctx, dtype, pass, &one);
    }
}
