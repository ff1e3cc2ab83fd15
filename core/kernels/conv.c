/* The three passes of a convolution: choose an implementation, run it. */
#include "core/kernels/conv.h"

#include "core/kernels/conv_choice.h"
#include "core/kernels/conv_product.h"
#include "core/kernels/depthwise.h"
#include "core/kernels/first_layer.h"
#include "core/kernels/winograd.h"

/* The Winograd passes of an instruction set. */
typedef void winograd_fn(const reel_winograd_job *job);
static winograd_fn *winograd_for(reel_isa isa, reel_conv_pass pass)
{
#define ROW(isa)                                                                                                               \
    {                                                                                                                          \
        reel_winograd_forward__##isa, reel_winograd_input_grad__##isa, reel_winograd_weight_grad__##isa                        \
    }
    static winograd_fn *const table[][3] = {
        ROW(portable),
#ifdef REEL_X86
        ROW(avx2),
        ROW(avx512),
#endif
    };
#undef ROW
    return table[isa][pass];
}

static void run_first_layer(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass)
{
    const int threads = reel_ctx_threads(ctx);
#define RUN(isa)                                                                                                               \
    (pass == REEL_CONV_FORWARD      ? reel_first_layer_forward__##isa                                                          \
     : pass == REEL_CONV_INPUT_GRAD ? reel_first_layer_input_grad__##isa                                                       \
                                    : reel_first_layer_weight_grad__##isa)(job, threads)
#ifdef REEL_X86
    if (reel_ctx_isa(ctx) == REEL_ISA_AVX512)
        RUN(avx512);
    else if (reel_ctx_isa(ctx) == REEL_ISA_AVX2)
        RUN(avx2);
    else
#endif
        RUN(portable);
#undef RUN
}

static void run_depthwise(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass)
{
    const int threads = reel_ctx_threads(ctx);
#define RUN(isa)                                                                                                               \
    (pass == REEL_CONV_WEIGHT_GRAD ? reel_depthwise_weight_grad__##isa(job, threads)                                           \
                                   : reel_depthwise_apply__##isa(job, pass == REEL_CONV_INPUT_GRAD, threads))
#ifdef REEL_X86
    if (reel_ctx_isa(ctx) == REEL_ISA_AVX512)
        RUN(avx512);
    else if (reel_ctx_isa(ctx) == REEL_ISA_AVX2)
        RUN(avx2);
    else
#endif
        RUN(portable);
#undef RUN
}

static size_t scratch_of(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass, bool f64)
{
    const int threads = reel_ctx_threads(ctx);
    switch (reel_conv_choose(ctx, s, pass, f64)) {
    case REEL_CONV_DIRECT:
        return 0;
    case REEL_CONV_FIRST_LAYER:
        return reel_first_layer_scratch(s, pass, threads);
    case REEL_CONV_DEPTHWISE:
        return reel_depthwise_scratch(s, pass);
    case REEL_CONV_WINOGRAD:
        return pass == REEL_CONV_FORWARD      ? reel_winograd_forward_scratch(s, threads)
               : pass == REEL_CONV_INPUT_GRAD ? reel_winograd_input_grad_scratch(s, threads)
                                              : reel_winograd_weight_grad_scratch(s, threads);
    default:
        return reel_conv_product_scratch(ctx, s, pass, f64);
    }
}

/* max(y, 0) for implementations that do not end with it themselves. */
#define DEFINE_RECTIFY(real, suffix)                                                                                           \
    static void rectify_##suffix(const reel_ctx *ctx, real *y, int64_t n)                                                      \
    {                                                                                                                          \
        _Pragma("omp parallel for simd schedule(static) num_threads(reel_ctx_threads(ctx)) if (n > 16384)") for (int64_t i =   \
                                                                                                                     0;        \
                                                                                                                 i < n; i++)   \
            y[i] = y[i] < 0 ? 0 : y[i];                                                                                        \
    }
DEFINE_RECTIFY(float, f32)
DEFINE_RECTIFY(double, f64)

static void run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass, bool f64)
{
    switch (reel_conv_choose(ctx, job->s, pass, f64)) {
    case REEL_CONV_DIRECT:
        (f64 ? reel_conv_direct_f64 : reel_conv_direct_f32)(ctx, job, pass);
        break;
    case REEL_CONV_FIRST_LAYER:
        run_first_layer(ctx, job, pass);
        break;
    case REEL_CONV_DEPTHWISE:
        run_depthwise(ctx, job, pass);
        return;
    case REEL_CONV_WINOGRAD: {
        const reel_winograd_job winograd = {.s = job->s,
                                            .threads = reel_ctx_threads(ctx),
                                            .x = job->x,
                                            .w = job->w,
                                            .bias = job->bias,
                                            .dy = job->dy,
                                            .y = pass == REEL_CONV_FORWARD ? job->out : NULL,
                                            .dx = pass == REEL_CONV_INPUT_GRAD ? job->out : NULL,
                                            .dw = pass == REEL_CONV_WEIGHT_GRAD ? job->out : NULL,
                                            .accumulate = job->accumulate,
                                            .relu = job->relu,
                                            .scratch = job->scratch};
        winograd_for(reel_ctx_isa(ctx), pass)(&winograd);
        return;
    }
    default:
        reel_conv_product(ctx, job, pass, f64);
    }
    const int64_t outputs = job->s->n * job->s->oc * job->s->oh * job->s->ow;
    if (job->relu) f64 ? rectify_f64(ctx, job->out, outputs) : rectify_f32(ctx, job->out, outputs);
}

#define REEL_CONV_DEFINE(real, suffix, is_f64)                                                                                 \
    size_t reel_conv_forward_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                                   \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_FORWARD, is_f64);                                                                  \
    }                                                                                                                          \
    size_t reel_conv_input_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                                \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_INPUT_GRAD, is_f64);                                                               \
    }                                                                                                                          \
    size_t reel_conv_weight_grad_scratch_##suffix(const reel_ctx *ctx, const reel_conv_shape *s)                               \
    {                                                                                                                          \
        return scratch_of(ctx, s, REEL_CONV_WEIGHT_GRAD, is_f64);                                                              \
    }                                                                                                                          \
    void reel_conv_forward_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *x, const real *w,               \
                                    const real *bias, bool relu, real *y, void *scratch)                                       \
    {                                                                                                                          \
        const reel_conv_job job = {.s = s, .x = x, .w = w, .bias = bias, .relu = relu, .out = y, .scratch = scratch};          \
        run(ctx, &job, REEL_CONV_FORWARD, is_f64);                                                                             \
    }                                                                                                                          \
    void reel_conv_input_grad_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *dy, const real *w,           \
                                       bool accumulate, real *dx, void *scratch)                                               \
    {                                                                                                                          \
        const reel_conv_job job = {.s = s, .w = w, .dy = dy, .accumulate = accumulate, .out = dx, .scratch = scratch};         \
        run(ctx, &job, REEL_CONV_INPUT_GRAD, is_f64);                                                                          \
    }                                                                                                                          \
    void reel_conv_weight_grad_##suffix(const reel_ctx *ctx, const reel_conv_shape *s, const real *x, const real *dy,          \
                                        bool accumulate, real *dw, void *scratch)                                              \
    {                                                                                                                          \
        const reel_conv_job job = {.s = s, .x = x, .dy = dy, .accumulate = accumulate, .out = dw, .scratch = scratch};         \
        run(ctx, &job, REEL_CONV_WEIGHT_GRAD, is_f64);                                                                         \
    }
REEL_CONV_DEFINE(float, f32, false)
REEL_CONV_DEFINE(double, f64, true)
