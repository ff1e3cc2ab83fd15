/* Plans of the polyphase Winograd convolution. The arithmetic is in templates/polyphase*, compiled
 * for each instruction set. */
#include "core/kernels/polyphase.h"

#include "core/kernels/first_layer.h"
#include "core/kernels/kernels.h"
#include "core/kernels/widest.h"
#include "core/kernels/winograd.h"

enum { WIDEST = REEL_WIDEST_VECTOR };

static int64_t divided_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

/* At least `floats`, as an odd multiple of 16, so that neighbours do not collide in a cache set. */
static int64_t odd_vectors(int64_t floats)
{
    return divided_up(floats, 2 * WIDEST) * 2 * WIDEST + WIDEST;
}

static int64_t taps_of(const reel_conv_shape *s)
{
    const int64_t down = divided_up(s->kh, s->sh), across = divided_up(s->kw, s->sw);
    return down > across ? down : across;
}

/* Parts of the weight gradient: a power of two, from the shape alone. Few tiles make short parts,
 * for the sake of threads; many make longer ones, since each part has sums of its own. Parts are
 * made of whole groups, and none is empty: an empty one would leave its sums unset. */
static int64_t parts_of_groups(int64_t tiles, int64_t groups)
{
    int64_t parts = 1;
    while (parts < 16 && 2 * parts * (parts < 8 ? 60 : 240) <= tiles && 2 * parts <= groups)
        parts *= 2;
    return parts;
}

/* Rows of tiles in a group. Forward: enough tiles for two blocks of the micro-kernel, so that the
 * weights are read once for both; more of them would take room in the caches. In the weight
 * gradient, a group is a sum of its own, which its length pays for. */
static int64_t group_of_rows(int64_t rows, int64_t cols, reel_conv_pass pass)
{
    const int64_t tiles = pass == REEL_CONV_FORWARD ? 12 : 28,
                  most = cols < tiles ? tiles / cols : 1;
    return divided_up(rows, divided_up(rows, most));
}

reel_polyphase_plan reel_polyphase_plan_of(const reel_conv_shape *s, reel_conv_pass pass)
{
    reel_polyphase_plan p = {.r = taps_of(s), .run = s->sw * s->c};
    p.m = REEL_WINOGRAD_POINTS + 1 - p.r;
    p.depth = s->sh * p.run;
    p.rows = divided_up(s->oh, p.m);
    p.cols = divided_up(s->ow, p.m);
    p.group = group_of_rows(p.rows, p.cols, pass);
    p.groups = divided_up(p.rows, p.group);

    p.pixels = p.cols * p.m + p.r - 1;
    p.line = odd_vectors(p.pixels * p.depth + WIDEST);
    p.lines = p.group * p.m + p.r - 1;
    p.v_row = divided_up(p.depth, WIDEST) * WIDEST;
    p.v_step = odd_vectors(p.group * p.cols * p.v_row);
    p.u_step = odd_vectors(p.depth * s->oc);
    p.shared = REEL_WINOGRAD_PRODUCTS * p.u_step;

    /* Two transformed lines at a time. Forward keeps all 49 points of a group and the products of
     * one panel, the weight gradient two rows of points: 14, of the image and of dy. */
    p.private = p.lines * p.line + 2 * p.line;
    if (pass == REEL_CONV_FORWARD) {
        p.d_step = odd_vectors(p.group * p.cols * 2 * REEL_WIDEST_PANEL);
        p.private += REEL_WINOGRAD_PRODUCTS * (p.v_step + p.d_step);
        return p;
    }
    p.d_step = odd_vectors(p.group * p.cols * s->oc);
    p.gradient_line = odd_vectors(p.cols * p.m * s->oc);
    p.private += 2 * REEL_WINOGRAD_POINTS * (p.v_step + p.d_step) + 3 * p.gradient_line;
    p.parts = parts_of_groups(s->n * p.rows * p.cols, s->n * p.groups);
    p.shared *= p.parts;
    return p;
}

/* Whether the products and transforms cost less than the direct sum, in multiply-adds of one image:
 * a pure function of the shape that leaves out the batch, so that images agree. The transform of
 * results, or of dy, costs about 8 multiply-adds for each product and output channel; that of a
 * tile of the image 400 a channel; that of the weights 500, that of their gradient, which parts of
 * the batch sum by themselves, 2,000. */
static bool costs_less(const reel_conv_shape *s, reel_conv_pass pass)
{
    const reel_polyphase_plan p = reel_polyphase_plan_of(s, pass);
    const double tiles = (double)(p.rows * p.cols), depth = (double)p.depth, oc = (double)s->oc;
    const double direct = (double)(s->oh * s->ow * s->kh * s->kw * s->c) * oc;
    const double products = tiles * REEL_WINOGRAD_PRODUCTS * (depth + 8) * oc;
    const double image = tiles * 400 * (double)p.v_row;

    /* As measured: directly, the weight gradient runs at half the speed of forward. */
    if (pass == REEL_CONV_FORWARD)
        return products + image + 500 * depth * oc < 0.7 * direct;
    return products + image + 2000 * depth * oc < 1.28 * direct;
}

static bool polyphase_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    const int64_t r = taps_of(s);
    *why_not = NULL;
    if (pass == REEL_CONV_INPUT_GRAD)
        *why_not = "computes no input gradient";
    else if (s->c > 4 || s->groups != 1)
        *why_not = "wants at most 4 channels in one group";
    else if (s->dh != 1 || s->dw != 1)
        *why_not = "wants dilation 1";
    else if (s->sh > REEL_POLYPHASE_STRIDE || s->sw > REEL_POLYPHASE_STRIDE)
        *why_not = "wants a stride of at most 8";
    else if (s->oc % WIDEST)
        *why_not = "wants output channels in multiples of 16";
    else if (r < 2 || r > 5)
        *why_not = "wants a kernel of 2 to 5 strides";
    else if (reel_first_layer_by_taps(s, pass))
        *why_not = "leaves 3 x 3 kernels over 3 channels to the direct sum";
    else if (!costs_less(s, pass))
        *why_not = "wants more products to save";
    return !*why_not;
}

static size_t polyphase_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                                bool f64)
{
    (void)f64;
    const reel_polyphase_plan p = reel_polyphase_plan_of(s, pass);
    return (size_t)(p.shared + reel_ctx_threads(ctx) * p.private) * sizeof(float);
}

static void polyphase_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                          bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->polyphase[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_polyphase = {.name = "polyphase",
                                            .ends_in_relu = true,
                                            .accepts = polyphase_accepts,
                                            .scratch = polyphase_scratch,
                                            .run = polyphase_run};
