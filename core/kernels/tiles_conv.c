/* Plans of the direct convolution by tiles of bf16. The arithmetic is in templates/tiles_conv*,
 * compiled for instruction sets that have tiles. */
#include "core/kernels/tiles_conv.h"

#include "core/kernels/kernels.h"
#include "core/memory.h"

enum {
    SIDE = REEL_TILES_SIDE,
    HALF = 2,                   /* bytes of a bf16 number */
    UNIT_BYTES = 512 << 10,     /* of a copy: a band is cut to fit */
    TOGETHER_BYTES = 768 << 10, /* of the copies that a thread takes at once */
    MOST_TOGETHER = 8
};

static int64_t tiles_clamp(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

static int64_t shares_of(int64_t n, int64_t size)
{
    return (n + size - 1) / size;
}

/* Pixels of a line of the copy. With padding, the zeros left of a line end the line before. */
static int64_t pitch_of(const reel_tiles_map *in, int64_t out_w)
{
    if (in->left <= 0)
        return in->w + 2 * in->left;
    return in->w + in->left > out_w ? in->w + in->left : out_w;
}

/* What all passes share. bytes: that a pixel of a copy takes. */
static void plan_bands(reel_tiles_plan *p, int64_t images, int64_t bytes)
{
    p->pitch = pitch_of(&p->in, p->out.w);
    const int64_t most = UNIT_BYTES / (p->pitch * bytes) - (p->kh - 1);
    p->bands = shares_of(p->out.h, tiles_clamp(most, 1, p->out.h));
    p->lines = shares_of(p->out.h, p->bands);
    p->bands = shares_of(p->out.h, p->lines);
    p->units = images * p->bands;
}

static reel_tiles_plan tiles_plan_begin(const reel_conv_shape *s, bool input_grad)
{
    reel_tiles_plan p = {.groups = s->groups, .kh = s->kh, .kw = s->kw};
    p.in = (reel_tiles_map){s->h, s->w, s->c, s->ph, s->pw};
    p.out = (reel_tiles_map){s->oh, s->ow, s->oc, 0, 0};
    if (input_grad) {
        p.in = (reel_tiles_map){s->oh, s->ow, s->oc, s->kh - 1 - s->ph, s->kw - 1 - s->pw};
        p.out = (reel_tiles_map){s->h, s->w, s->c, 0, 0};
    }
    return p;
}

reel_tiles_plan reel_tiles_plan_apply(const reel_conv_shape *s, bool input_grad, int threads)
{
    reel_tiles_plan p = tiles_plan_begin(s, input_grad);
    plan_bands(&p, s->n, p.in.c * HALF);
    p.pixels = (p.lines + p.kh - 1) * p.pitch + SIDE + p.kw;
    const int64_t copy = (int64_t)reel_whole_lines((size_t)(p.pixels * p.in.c * HALF));
    p.together = tiles_clamp(TOGETHER_BYTES / copy, 1, MOST_TOGETHER);
    p.together = tiles_clamp(shares_of(p.units, threads), 1, p.together);
    p.limbs = input_grad ? REEL_TILES_GRAD_LIMBS : REEL_TILES_FORWARD_LIMBS;
    p.steps = p.kh * p.kw * (p.in.c / p.groups / SIDE);
    p.panels = p.out.c / SIDE;
    p.weight_bytes = (size_t)(p.panels * p.steps * REEL_TILES_BLOCK_BYTES * p.limbs);
    p.offset_bytes = reel_whole_lines((size_t)p.steps * sizeof(int64_t));
    p.copy_bytes = (size_t)copy;
    p.own_bytes = (size_t)p.together * p.copy_bytes;
    return p;
}

/* The division that leaves the least to the thread that has most. */
static void share_blocks(reel_tiles_plan *p, int64_t threads)
{
    const int64_t rows = p->out.c / SIDE, cols = p->groups == 1 ? p->in.c / SIDE : 1;
    int64_t least_work = INT64_MAX;
    for (int64_t o = 1; o <= rows && o <= threads; o++) {
        const int64_t c = tiles_clamp(threads / o, 1, cols);
        const int64_t work = shares_of(rows, o) * shares_of(cols, c);
        if (work < least_work) {
            least_work = work;
            p->share_o = o;
            p->share_c = c;
        }
    }
    p->most_o = shares_of(rows, p->share_o) * SIDE;
    p->most_c = p->groups == 1 ? shares_of(cols, p->share_c) * SIDE : p->in.c;
}

reel_tiles_plan reel_tiles_plan_weight_grad(const reel_conv_shape *s, int threads)
{
    reel_tiles_plan p = tiles_plan_begin(s, false);
    plan_bands(&p, s->n, (p.in.c + p.out.c) * HALF);
    share_blocks(&p, threads);

    /* Rows an odd number of cache lines apart do not collide in a cache set. */
    const int64_t positions = reel_round_up(reel_tiles_positions(&p, p.lines), SIDE);
    const int64_t reach = positions + (p.kh - 1) * p.pitch + p.kw - 1;
    p.row = reel_round_up(reach, 2 * SIDE) + SIDE;
    p.pixels = p.row > (p.lines + p.kh - 1) * p.pitch ? p.row : (p.lines + p.kh - 1) * p.pitch;
    p.x_bytes = (size_t)(p.row * p.most_c * HALF);
    p.dy_bytes = (size_t)(positions * p.most_o * HALF);
    const int64_t most = p.most_c > p.most_o ? p.most_c : p.most_o;
    p.copy_bytes = reel_whole_lines((size_t)(p.pixels * most * HALF));
    p.together = tiles_clamp(TOGETHER_BYTES / (int64_t)(p.x_bytes + p.dy_bytes), 1, MOST_TOGETHER);
    p.together = tiles_clamp(p.units, 1, p.together);
    p.sum_bytes = (size_t)(p.out.c * p.kh * p.kw * (p.in.c / p.groups)) * sizeof(float);
    p.own_bytes = p.copy_bytes + (size_t)p.together * (p.x_bytes + p.dy_bytes);
    return p;
}

static bool tiles_conv_accepts(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    const reel_tiles_plan p = tiles_plan_begin(s, pass == REEL_CONV_INPUT_GRAD);
    const int64_t line = (p.in.w + 2 * p.in.left + p.in.w) * (s->c + s->oc) * HALF;
    *why_not = NULL;
    if (s->sh != 1 || s->sw != 1 || s->dh != 1 || s->dw != 1)
        *why_not = "wants stride 1 and dilation 1";
    else if (s->c / s->groups % SIDE || s->oc / s->groups % SIDE)
        *why_not = "wants channels of a group in multiples of 32";
    else if (line * s->kh > 4 * UNIT_BYTES)
        *why_not = "wants shorter lines";
    return !*why_not;
}

static size_t tiles_conv_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                                 bool f64)
{
    (void)f64;
    const int threads = reel_ctx_threads(ctx);
    const reel_tiles_plan p = pass == REEL_CONV_WEIGHT_GRAD
                                  ? reel_tiles_plan_weight_grad(s, threads)
                                  : reel_tiles_plan_apply(s, pass == REEL_CONV_INPUT_GRAD, threads);
    return p.weight_bytes + p.offset_bytes + p.sum_bytes + (size_t)threads * p.own_bytes;
}

static void tiles_conv_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                           bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->tiles_conv[pass](job, reel_ctx_threads(ctx));
}

const reel_conv_kind reel_conv_tiles = {.name = "tiles",
                                        .ends_in_relu = true,
                                        .bf16 = true,
                                        .tiles = true,
                                        .accepts = tiles_conv_accepts,
                                        .scratch = tiles_conv_scratch,
                                        .run = tiles_conv_run};
