/* Buffers and runs of one pass. Data are drawn uniformly with variance 1; a stretch of prime length
 * repeats, so that filling hundreds of megabytes costs no more than copying them. */
#include "train/bench/bench_work.h"

#include "core/kernels/gemm.h"
#include "core/memory.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

typedef struct product {
    bool ta, tb;
    int64_t m, n, k, lda, ldb;
} product;

/* The three orientations of a linear layer y = x W^T: x W^T, dy W, dy^T x. */
static product product_of(const reel_bench_shape *s, reel_conv_pass pass)
{
    switch (pass) {
    case REEL_CONV_FORWARD:
        return (product){
            false, !s->forward_only, s->m, s->n, s->k, s->k, s->forward_only ? s->n : s->k};
    case REEL_CONV_INPUT_GRAD:
        return (product){false, false, s->m, s->k, s->n, s->n, s->k};
    default:
        return (product){true, false, s->n, s->k, s->m, s->n, s->k};
    }
}

/* A product of sizes, exact below 2^53 and never wrapping round. */
static double product_of_sizes(const int64_t *factor, int n)
{
    double size = 1;
    for (int i = 0; i < n; i++)
        size *= (double)factor[i];
    return size;
}

static void count_elements(const reel_bench_shape *shape, reel_conv_pass pass, double in[2],
                           double *out)
{
    if (shape->is_product) {
        const product p = product_of(shape, pass);
        in[0] = (double)p.m * (double)p.k;
        in[1] = (double)p.k * (double)p.n;
        *out = (double)p.m * (double)p.n;
        return;
    }

    const reel_conv_shape *s = &shape->conv;
    /* x (n, c, h, w), y (n, oc, oh, ow), weights (oc, c / groups, kh, kw) */
    const double x = product_of_sizes((const int64_t[]){s->n, s->c, s->h, s->w}, 4),
                 y = product_of_sizes((const int64_t[]){s->n, s->oc, s->oh, s->ow}, 4);
    const double w = product_of_sizes((const int64_t[]){s->oc, s->c / s->groups, s->kh, s->kw}, 4);
    in[0] = pass == REEL_CONV_INPUT_GRAD ? y : x;
    in[1] = pass == REEL_CONV_WEIGHT_GRAD ? y : w;
    *out = w;
    if (pass == REEL_CONV_FORWARD)
        *out = y;
    if (pass == REEL_CONV_INPUT_GRAD)
        *out = x;
}

static size_t pass_scratch(const reel_ctx *ctx, const reel_bench_shape *shape, reel_conv_pass pass)
{
    if (shape->is_product) {
        const product p = product_of(shape, pass);
        const reel_gemm_job job = {.ta = p.ta, .tb = p.tb, .m = p.m, .n = p.n, .k = p.k};
        return reel_gemm_scratch(ctx, REEL_F32, &job);
    }
    return reel_conv_scratch(ctx, REEL_F32, pass, &shape->conv);
}

reel_status reel_bench_work_check(const reel_ctx *ctx, const reel_bench_shape *shape,
                                  reel_conv_pass pass, reel_error *err)
{
    const double memory = (double)reel_machine_memory();
    double in[2], out, bytes;
    count_elements(shape, pass, in, &out);
    bytes = (in[0] + in[1] + out) * sizeof(float);
    if (bytes <= memory)
        bytes += (double)pass_scratch(ctx, shape,
                                      pass); /* of sizes that wrap round it would be nonsense */
    if (bytes <= 0.9 * memory)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%.200s: expected at most %.1f GB (this machine's memory, nine tenths), got "
                     "%.1f GB with this batch",
                     shape->name, 0.9e-9 * memory, 1e-9 * bytes);
}

static float *carve_floats(char **at, int64_t count)
{
    float *here = (float *)*at;
    *at += ((size_t)count * sizeof(float) + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT * REEL_ALIGNMENT;
    return here;
}

static void fill_random(const reel_ctx *ctx, float *to, int64_t count, uint32_t stream)
{
    enum { STRETCH = 65521 };
    reel_rng rng = reel_rng_at(reel_ctx_seed(ctx), REEL_STREAM_BENCH, 1, stream);
    for (int64_t i = 0; i < count && i < STRETCH; i++)
        to[i] = (float)((double)reel_rng_u32(&rng) * (3.4641016151377544 / 4294967296.0) -
                        1.7320508075688772);
    for (int64_t done = STRETCH; done < count; done += STRETCH)
        memcpy(to + done, to,
               (size_t)(count - done < STRETCH ? count - done : STRETCH) * sizeof *to);
}

reel_status reel_bench_work_open(reel_bench_work *work, const reel_ctx *ctx,
                                 const reel_bench_shape *shape, reel_conv_pass pass,
                                 reel_error *err)
{
    double in[2], out;
    REEL_TRY(reel_bench_work_check(ctx, shape, pass, err));
    count_elements(shape, pass, in, &out);

    *work = (reel_bench_work){.ctx = ctx, .shape = shape, .pass = pass};
    work->in_count[0] = (int64_t)in[0];
    work->in_count[1] = (int64_t)in[1];
    work->out_count = (int64_t)out;
    if (pass == REEL_CONV_FORWARD && !shape->forward_only)
        work->bias_count = shape->is_product ? shape->n : shape->conv.oc;

    /* One block holds inputs, bias, output and scratch, each aligned. */
    const int64_t reals =
        work->in_count[0] + work->in_count[1] + work->bias_count + work->out_count;
    work->bytes =
        (size_t)reals * sizeof(float) + 5 * REEL_ALIGNMENT + pass_scratch(ctx, shape, pass);
    work->block = reel_pages_alloc(work->bytes, err);
    if (!work->block)
        return REEL_ERR_MEMORY;

    char *at = work->block;
    for (int i = 0; i < 2; i++)
        fill_random(ctx, work->in[i] = carve_floats(&at, work->in_count[i]), work->in_count[i],
                    (uint32_t)i);
    work->bias = work->bias_count ? carve_floats(&at, work->bias_count) : NULL;
    if (work->bias)
        fill_random(ctx, work->bias, work->bias_count, 2);
    work->out = carve_floats(&at, work->out_count);
    work->scratch = at;
    return REEL_OK;
}

void reel_bench_work_close(reel_bench_work *work)
{
    reel_pages_free(work->block, work->bytes);
}

void reel_bench_work_run(const reel_bench_work *w)
{
    const reel_conv_shape *s = &w->shape->conv;
    if (w->shape->is_product) {
        const product p = product_of(w->shape, w->pass);
        const reel_gemm_job job = {.ta = p.ta,
                                   .tb = p.tb,
                                   .m = p.m,
                                   .n = p.n,
                                   .k = p.k,
                                   .a = w->in[0],
                                   .lda = p.lda,
                                   .b = w->in[1],
                                   .ldb = p.ldb,
                                   .bias = w->bias,
                                   .c = w->out,
                                   .ldc = p.n,
                                   .scratch = w->scratch};
        reel_gemm(w->ctx, REEL_F32, &job);
        return;
    }

    /* The two inputs of a pass: x and w, dy and w, x and dy. */
    const bool forward = w->pass == REEL_CONV_FORWARD;
    const reel_conv_job job = {.s = s,
                               .x = w->pass == REEL_CONV_INPUT_GRAD ? NULL : w->in[0],
                               .w = w->pass == REEL_CONV_WEIGHT_GRAD ? NULL : w->in[1],
                               .dy =
                                   forward ? NULL : w->in[w->pass == REEL_CONV_INPUT_GRAD ? 0 : 1],
                               .bias = forward ? w->bias : NULL,
                               .out = w->out,
                               .scratch = w->scratch};
    reel_conv_run(w->ctx, REEL_F32, w->pass, &job);
}

const char *reel_bench_work_implementation(const reel_bench_work *w)
{
    return w->shape->is_product ? "gemm"
                                : reel_conv_choose(w->ctx, &w->shape->conv, w->pass, REEL_F32)->name;
}

double reel_bench_work_flop(const reel_bench_work *w)
{
    const reel_bench_shape *p = w->shape;
    const reel_conv_shape *s = &p->conv;
    return 2 * (p->is_product ? product_of_sizes((const int64_t[]){p->m, p->n, p->k}, 3)
                              : product_of_sizes((const int64_t[]){s->n, s->oc, s->oh, s->ow,
                                                                   s->c / s->groups, s->kh, s->kw},
                                                 7));
}
