/* Convolution as matrix products over patches that are read in place (im2col without the im2col),
 * one product a group:
 *
 *   forward          (pixels of y) x oc       sum over taps and channels
 *                    patches of x times the weights
 *   weight gradient  oc x (taps, channels)    sum over pixels of y
 *                    dy transposed times patches of x
 *   input gradient   (pixels of x) x c        sum over taps and oc
 *                    patches of dy, taps backwards, times the weights
 *
 * With a stride the input gradient falls into sh x sw phases: pixels of x with the same remainder
 * meet the same taps, and from one such pixel to the next the patch of dy moves by one. Each phase
 * is a product of its own, and no zero is multiplied. */
#include "core/kernels/conv_shape.h"
#include "core/kernels/matrix.h"

#include <string.h>

/* One axis of a phase: pixels first, first + stride, ... meet taps tap, tap + tap_step, ...; pixel
 * number u and tap number q meet output pixel origin + u - q back. */
typedef struct axis {
    int64_t count, taps, tap, tap_step, origin, back;
} axis;

static axis axis_of(int64_t first, int64_t size, int64_t kernel, int64_t stride, int64_t padding,
                    int64_t dilation)
{
    axis a = {.count = first < size ? (size - first + stride - 1) / stride : 0, .tap_step = 1};
    while (a.tap_step < kernel && a.tap_step * dilation % stride)
        a.tap_step++; /* with one tap at most, any step serves */
    while (a.tap < a.tap_step &&
           (first + padding + (stride - 1) * (dilation * a.tap % stride)) % stride)
        a.tap++;
    if (a.tap == a.tap_step || a.tap >= kernel)
        return a;
    a.taps = (kernel - a.tap + a.tap_step - 1) / a.tap_step;
    a.origin = (first + padding - a.tap * dilation) / stride; /* exact: the tap was chosen so */
    a.back = a.tap_step * dilation / stride;
    return a;
}

typedef struct phase {
    axis y, x;
    int64_t m, k; /* pixels, terms */
} phase;

/* Phases of a row and of all; where the stride is longer than the map, the others have no pixels.
 */
static int64_t phases_wide(const reel_conv_shape *s)
{
    return s->sw < s->w ? s->sw : s->w;
}

static int64_t phases_of(const reel_conv_shape *s)
{
    return (s->sh < s->h ? s->sh : s->h) * phases_wide(s);
}

static phase phase_of(const reel_conv_shape *s, int64_t number)
{
    phase p = {.y = axis_of(number / phases_wide(s), s->h, s->kh, s->sh, s->ph, s->dh),
               .x = axis_of(number % phases_wide(s), s->w, s->kw, s->sw, s->pw, s->dw)};
    p.m = s->n * p.y.count * p.x.count;
    p.k = p.y.taps * p.x.taps * (s->oc / s->groups);
    return p;
}

static size_t product_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                              bool f64)
{
    const int threads = reel_ctx_threads(ctx);
    const size_t element = f64 ? sizeof(double) : sizeof(float);
    const int64_t c = s->c / s->groups, oc = s->oc / s->groups, pixels = s->n * s->oh * s->ow,
                  depth = s->kh * s->kw * c;
    if (pass == REEL_CONV_FORWARD)
        return reel_matrix_scratch(threads, pixels, oc, depth, false, element);
    if (pass == REEL_CONV_WEIGHT_GRAD)
        return reel_matrix_scratch(threads, oc, depth, pixels, false, element);

    /* Phases run one after the other and share their scratch. */
    size_t most = 0;
    for (int64_t number = 0; number < phases_of(s); number++) {
        const phase p = phase_of(s, number);
        const size_t bytes = reel_matrix_scratch(threads, p.m, c, p.k, s->sh * s->sw > 1, element);
        if (bytes > most)
            most = bytes;
    }
    return most;
}

static const void *shifted(const void *from, int64_t reals, size_t element)
{
    return (const char *)from + (size_t)reals * element;
}

/* One tap that meets every pixel: the maps are plain matrices. */
static bool is_plain(const reel_conv_shape *s)
{
    return s->kh == 1 && s->kw == 1 && s->sh == 1 && s->sw == 1 && s->ph == 0 && s->pw == 0;
}

/* Forward or weight gradient of group g: both read patches of x. */
static void over_x(const reel_ctx *ctx, const reel_conv_job *job, bool weight_grad, bool f64,
                   int64_t g)
{
    const size_t element = f64 ? sizeof(double) : sizeof(float);
    const reel_conv_shape *s = job->s;
    const int64_t c = s->c / s->groups, oc = s->oc / s->groups, depth = s->kh * s->kw * c,
                  pixels = s->n * s->oh * s->ow;
    const reel_patches patches = {.h = s->h,
                                  .w = s->w,
                                  .pixel = s->c,
                                  .c = c,
                                  .grid_h = s->oh,
                                  .grid_w = s->ow,
                                  .y = -s->ph,
                                  .x = -s->pw,
                                  .step_y = s->sh,
                                  .step_x = s->sw,
                                  .kh = s->kh,
                                  .kw = s->kw,
                                  .tap_y = s->dh,
                                  .tap_x = s->dw};

    const reel_operand x =
        is_plain(s) ? (reel_operand){.kind = weight_grad ? REEL_OPERAND_COLUMNS : REEL_OPERAND_ROWS,
                                     .data = shifted(job->x, g * c, element),
                                     .ld = s->c}
                    : (reel_operand){.kind = REEL_OPERAND_PATCHES,
                                     .data = shifted(job->x, g * c, element),
                                     .patches = &patches};
    reel_matrix_job product = {.threads = reel_ctx_threads(ctx),
                               .accumulate = job->accumulate,
                               .c_col = 1,
                               .scratch = job->scratch};

    if (weight_grad) {
        product.m = oc, product.n = depth, product.k = pixels;
        product.a = (reel_operand){
            .kind = REEL_OPERAND_COLUMNS, .data = shifted(job->dy, g * oc, element), .ld = s->oc};
        product.b = x;
        product.c = (char *)job->out + (size_t)(g * oc * depth) * element;
        product.c_row = depth;
    } else {
        product.m = pixels, product.n = oc, product.k = depth;
        product.a = x;
        product.b = (reel_operand){.kind = REEL_OPERAND_ROWS,
                                   .data = shifted(job->w, g * oc * depth, element),
                                   .ld = depth};
        product.bias = job->bias ? shifted(job->bias, g * oc, element) : NULL;
        product.c = (char *)job->out + (size_t)(g * oc) * element;
        product.c_row = s->oc;
    }
    reel_ctx_kernels(ctx)->matrix[f64](&product);
}

static void over_dy(const reel_ctx *ctx, const reel_conv_job *job, bool f64, int64_t g,
                    int64_t number)
{
    const size_t element = f64 ? sizeof(double) : sizeof(float);
    const reel_conv_shape *s = job->s;
    const int64_t c = s->c / s->groups, oc = s->oc / s->groups;
    const phase p = phase_of(s, number);

    /* dy, read backwards; the taps of this phase; the pixels of x that it writes */
    const reel_patches patches = {.h = s->oh,
                                  .w = s->ow,
                                  .pixel = s->oc,
                                  .c = oc,
                                  .grid_h = p.y.count,
                                  .grid_w = p.x.count,
                                  .y = p.y.origin,
                                  .x = p.x.origin,
                                  .step_y = 1,
                                  .step_x = 1,
                                  .kh = p.y.taps,
                                  .kw = p.x.taps,
                                  .tap_y = -p.y.back,
                                  .tap_x = -p.x.back};
    const reel_taps taps = {.oc = oc,
                            .c = c,
                            .kh = s->kh,
                            .kw = s->kw,
                            .y = p.y.tap,
                            .x = p.x.tap,
                            .step_y = p.y.tap_step,
                            .step_x = p.x.tap_step,
                            .taps_x = p.x.taps};
    const reel_grid grid = {.h = s->h,
                            .w = s->w,
                            .grid_h = p.y.count,
                            .grid_w = p.x.count,
                            .y = number / phases_wide(s),
                            .x = number % phases_wide(s),
                            .step_y = s->sh,
                            .step_x = s->sw};

    const void *dy = shifted(job->dy, g * oc, element),
               *w = shifted(job->w, g * oc * s->kh * s->kw * c, element);
    const bool plain = is_plain(s);
    const reel_matrix_job product = {
        .threads = reel_ctx_threads(ctx),
        .m = p.m,
        .n = c,
        .k = p.k,
        .accumulate = job->accumulate,
        .a = {plain ? REEL_OPERAND_ROWS : REEL_OPERAND_PATCHES, dy, s->oc, &patches, NULL},
        .b = {plain ? REEL_OPERAND_COLUMNS : REEL_OPERAND_TAPS, w, c, NULL, &taps},
        .c = (char *)job->out + (size_t)(g * c) * element,
        .c_row = s->c,
        .c_col = 1,
        .grid = s->sh * s->sw > 1 ? &grid : NULL,
        .scratch = job->scratch};
    if (p.m > 0 && p.k > 0)
        reel_ctx_kernels(ctx)->matrix[f64](&product);
}

static void product_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                        bool f64)
{
    const reel_conv_shape *s = job->s;
    const int64_t phases = pass == REEL_CONV_INPUT_GRAD ? phases_of(s) : 1;
    bool gaps = false; /* pixels of x that no output has read */
    for (int64_t number = 0; number < phases && pass == REEL_CONV_INPUT_GRAD; number++) {
        const phase p = phase_of(s, number);
        gaps |= p.m > 0 && p.k == 0;
    }
    if (gaps && !job->accumulate)
        memset(job->out, 0,
               (size_t)(s->n * s->h * s->w * s->c) * (f64 ? sizeof(double) : sizeof(float)));

    for (int64_t g = 0; g < s->groups; g++)
        for (int64_t number = 0; number < phases; number++)
            if (pass == REEL_CONV_INPUT_GRAD)
                over_dy(ctx, job, f64, g, number);
            else
                over_x(ctx, job, pass == REEL_CONV_WEIGHT_GRAD, f64, g);
}

/* A row of a blocked product has the same bits in any number of rows. Few rows of plain matrices
 * are one running sum instead, where the weights lie in columns: the input gradient of one tap. */
static bool product_images_agree(const reel_ctx *ctx, const reel_conv_shape *s,
                                 reel_conv_pass pass, int64_t n)
{
    (void)ctx;
    const int64_t pixels = s->h * s->w, k = s->oc / s->groups;
    return pass != REEL_CONV_INPUT_GRAD || !is_plain(s) ||
           reel_matrix_is_running(s->n * pixels, k) == reel_matrix_is_running(n * pixels, k);
}

const reel_conv_kind reel_conv_product = {.name = "gemm",
                                          .f64 = true,
                                          .images_agree = product_images_agree,
                                          .scratch = product_scratch,
                                          .run = product_run};
