/* Plans of the Winograd passes: tile counts, group sizes, scratch. The arithmetic is in
 * templates/winograd*, compiled for each instruction set. */
#include "core/kernels/winograd.h"

#include "core/kernels/kernels.h"
#include "core/kernels/widest.h"

static const int64_t panel = REEL_WIDEST_PANEL;

static int64_t from_to(int64_t n, int64_t least, int64_t most)
{
    if (n < least)
        return least;
    return n < most ? n : most;
}

bool reel_winograd_accepts(const reel_conv_shape *s, const char **why_not)
{
    *why_not = NULL;
    if (s->kh != s->kw || (s->kh != 3 && s->kh != 5))
        *why_not = "wants a 3x3 or 5x5 kernel";
    else if (s->sh != 1 || s->sw != 1)
        *why_not = "wants stride 1";
    else if (s->ph > (s->kh - 1) * s->dh || s->pw > (s->kw - 1) * s->dw)
        *why_not = "wants padding smaller than the dilated kernel";
    else if (s->c / s->groups % 16 || s->oc / s->groups % 16)
        *why_not = "wants channels of a group in multiples of 16";
    return !*why_not;
}

/* Measured on cores with 1 MB of second-level cache and a share of 32 MB behind them that
 * neighbours use too: what leaves the second level is read at half the speed, what leaves the third
 * at a tenth. */
enum {
    OWN = 760 << 10,     /* V and two panels' M of a thread that works for itself */
    IN_THIRD = 24 << 20, /* V and M of a group where tiles of bf16 are multiplied */
    WEIGHTS = 4 << 20,   /* U that threads may each read again and again */
    THRIFTY = 10 << 20,  /* the same, and sums of the weight gradient, where memory is short */
    TOGETHER = 8 << 20,  /* V of a group that all threads share; V and D of the weight gradient */
    DEPTH = 64,          /* of a sum: less error than one sum over 256 channels; U stays in L1 */
};

static reel_winograd_phases cut_phases(int64_t count, int64_t outputs, int64_t m)
{
    const int64_t tiles = (outputs + m - 1) / m, full = outputs - tiles * (m - 1);
    return (reel_winograd_phases){count, tiles, full > 0 ? full : 0};
}

/* Without dilation one phase, the shorter. */
static reel_winograd_cut cut(int64_t outputs, int64_t m, int64_t dilation)
{
    const int64_t longer = outputs % dilation, length = outputs / dilation;
    reel_winograd_cut side = {.dilation = dilation,
                              .longer = cut_phases(longer, length + 1, m),
                              .shorter = cut_phases(dilation - longer, length, m)};
    side.tiles = longer * side.longer.tiles + side.shorter.count * side.shorter.tiles;
    side.full = longer * side.longer.full + side.shorter.count * side.shorter.full;
    return side;
}

/* Tiles a batch that are tall, or not, and wide, or not. */
static int64_t tiles_that_are(const reel_winograd_plan *p, bool tall, bool wide)
{
    const int64_t rows = tall ? p->rows.full : p->rows.tiles - p->rows.full;
    const int64_t cols = wide ? p->cols.full : p->cols.tiles - p->cols.full;
    return p->images * rows * cols;
}

reel_winograd_tiles reel_winograd_tiles_of(const reel_winograd_plan *p, int i, int j)
{
    enum { INFINITE = REEL_WINOGRAD_POINTS - 1 };
    const int64_t tall = tiles_that_are(p, true, false), both = tiles_that_are(p, true, true),
                  wide = tiles_that_are(p, false, true);
    const int64_t end = i == INFINITE ? tall + both : tall + both + wide;
    if (i == INFINITE || j == INFINITE)
        return (reel_winograd_tiles){j == INFINITE ? tall : 0, end};
    return (reel_winograd_tiles){0, p->tiles};
}

/* Of a phase, the tiles that are full, or the others. */
static int64_t tiles_of_phase(reel_winograd_phases of, bool full)
{
    return full ? of.full : of.tiles - of.full;
}

/* The first output of a side's tile `at` of those that are full, or of the others: phase after
 * phase, the longer ones first. */
static int64_t tile_begins(const reel_winograd_cut *side, int64_t m, bool full, int64_t at)
{
    const int64_t in_longer = side->longer.count * tiles_of_phase(side->longer, full);
    const bool longer = at < in_longer;
    const reel_winograd_phases of = longer ? side->longer : side->shorter;
    const int64_t place = longer ? at : at - in_longer, each = tiles_of_phase(of, full);
    const int64_t phase = place / each + (longer ? 0 : side->longer.count);

    /* In outputs of the phase. */
    const int64_t begin = full ? place % each * m : of.full * m + place % each * (m - 1);
    return begin * side->dilation + phase;
}

reel_winograd_tile reel_winograd_tile_at(const reel_winograd_plan *p, int64_t place)
{
    static const bool tall[4] = {true, true, false, false}, wide[4] = {false, true, true, false};
    int kind = 0;
    for (; place >= tiles_that_are(p, tall[kind], wide[kind]); kind++)
        place -= tiles_that_are(p, tall[kind], wide[kind]);

    const int64_t cols = wide[kind] ? p->cols.full : p->cols.tiles - p->cols.full;
    const int64_t rows = tall[kind] ? p->rows.full : p->rows.tiles - p->rows.full;
    return (reel_winograd_tile){
        place / cols / rows, tile_begins(&p->rows, p->m, tall[kind], place / cols % rows),
        tile_begins(&p->cols, p->m, wide[kind], place % cols), tall[kind], wide[kind]};
}

/* Tiles a group: as many as fit the cache, at most REEL_WINOGRAD_GROUP, dealt out evenly. Results
 * do not depend on it: tiles are independent. */
static int64_t group_of(const reel_winograd_plan *p)
{
    const int64_t tile =
        REEL_WINOGRAD_PRODUCTS * (int64_t)sizeof(float) * (p->ic + (p->shared ? 0 : 2 * panel));
    int64_t most = (p->shared ? TOGETHER : OWN) / tile / 6 * 6;
    most = from_to(most, 12, REEL_WINOGRAD_GROUP);
    const int64_t rounds = (p->tiles + most - 1) / most;
    return (p->tiles + rounds - 1) / rounds;
}

/* The same where V is in limbs: as many whole tiles of bf16 as make V and M of all threads fit the
 * third-level cache. */
static int64_t group_in_limbs(const reel_winograd_plan *p)
{
    enum { ROWS = 2 * REEL_TILE_ROWS, MOST = 1024 };
    const int64_t tile = REEL_WINOGRAD_PRODUCTS * (int64_t)sizeof(float) * (p->v_row + p->oc);
    const int64_t most = from_to(reel_round_up(p->tiles, ROWS), ROWS, MOST);
    return from_to(IN_THIRD / tile / ROWS * ROWS, ROWS, most);
}

/* Of `channels`, as many as go through at a time: all, or in a thrifty plan, parts of whole panels
 * whose transformed weights or sums, with `others` channels on the other side, take a few
 * megabytes. Results do not depend on it: channels are independent. */
static int64_t part_of_channels(const reel_conv_shape *s, int64_t channels, int64_t others)
{
    const int64_t bytes = REEL_WINOGRAD_PRODUCTS * channels * others * (int64_t)sizeof(float),
                  parts = s->thrifty ? (bytes + THRIFTY - 1) / THRIFTY : 1;
    const int64_t part = reel_round_up((channels + parts - 1) / parts, panel);
    return part < channels ? part : channels;
}

/* Products in limbs read and write so much that they pay only where each number is used often: with
 * many tiles and, in `apply`, with many channels on both sides and with 3x3 kernels, which need 2
 * points an output and not 5. */
enum { LIMB_TILES = 128, LIMB_CHANNELS = 128 };

static bool limbs_pay(const reel_winograd_plan *p)
{
    return p->tiles >= LIMB_TILES && p->r == 3 && p->ic >= LIMB_CHANNELS && p->all >= LIMB_CHANNELS;
}

/* Floats that `n` float32 numbers in three limbs of bf16 take. */
static int64_t floats_of_limbs(int64_t n)
{
    return n / 2 * 3;
}

reel_winograd_plan reel_winograd_plan_apply(const reel_conv_shape *s, bool input_grad, bool tiles)
{
    reel_winograd_plan p = {.r = s->kh, .m = 8 - s->kh};
    const int64_t h = input_grad ? s->h : s->oh, w = input_grad ? s->w : s->ow;
    p.ic = (input_grad ? s->oc : s->c) / s->groups;
    p.all = (input_grad ? s->c : s->oc) / s->groups;
    p.oc = part_of_channels(s, p.all, p.ic);
    p.depth = DEPTH;
    p.rows = cut(h, p.m, s->dh);
    p.cols = cut(w, p.m, s->dw);
    p.images = s->n;
    p.tiles = s->n * p.rows.tiles * p.cols.tiles;
    p.in_limbs = tiles && limbs_pay(&p);
    if (p.in_limbs) {
        p.shared = true;
        p.v_row = floats_of_limbs(reel_round_up(p.ic, REEL_TILE_TERMS));
        p.group = group_in_limbs(&p);
        p.m_step = reel_odd_lines(p.group * p.oc);
        p.u_step = reel_odd_lines(p.v_row * reel_round_up(p.oc, panel));
    } else {
        p.shared = REEL_WINOGRAD_PRODUCTS * p.ic * p.all * (int64_t)sizeof(float) > WEIGHTS;
        p.v_row = p.ic;
        p.group = group_of(&p);
        p.m_step = reel_odd_lines(p.group * 2 * panel);
        p.u_step = reel_odd_lines(p.ic * panel);
    }
    p.groups = (p.tiles + p.group - 1) / p.group;
    p.v_step = reel_odd_lines(p.group * p.v_row);

    const size_t points = REEL_WINOGRAD_PRODUCTS, u = points * (size_t)p.u_step,
                 v = points * (size_t)p.v_step, m = points * (size_t)p.m_step;
    p.u_floats = p.in_limbs ? u : u * (size_t)((p.oc + panel - 1) / panel);
    p.shared_floats = !p.shared ? 0 : p.in_limbs ? v + m : v;
    p.private_floats = !p.shared ? v + m : p.in_limbs ? 0 : m;
    return p;
}

reel_winograd_plan reel_winograd_plan_weight_grad(const reel_conv_shape *s, bool tiles)
{
    reel_winograd_plan p = {
        .r = s->kh, .m = 8 - s->kh, .all = s->c / s->groups, .oc = s->oc / s->groups};
    p.ic = part_of_channels(s, p.all, p.oc);
    p.rows = cut(s->oh, p.m, s->dh);
    p.cols = cut(s->ow, p.m, s->dw);
    p.images = s->n;
    p.tiles = s->n * p.rows.tiles * p.cols.tiles;

    /* A function of the shape alone: sums over tiles are taken group by group, in this order, for
     * any number of threads. */
    p.in_limbs = tiles && p.tiles >= LIMB_TILES;
    const int64_t together = p.in_limbs ? 2 * TOGETHER : TOGETHER;
    int64_t most = together / (REEL_WINOGRAD_PRODUCTS * (p.all + p.oc) * (int64_t)sizeof(float));
    most = from_to(most, 32, 512);
    const int64_t rounds = (p.tiles + most - 1) / most;
    p.group = (p.tiles + rounds - 1) / rounds;
    if (p.in_limbs)
        p.group = reel_round_up(p.group, REEL_TILE_TERMS);
    p.groups = (p.tiles + p.group - 1) / p.group;
    p.v_step = reel_odd_lines(p.group * reel_round_up(p.ic, panel));
    p.m_step = reel_odd_lines(p.group * p.oc);
    p.u_step = reel_odd_lines(p.oc * p.ic); /* sums in the transformed domain */
    p.u_floats = (size_t)(REEL_WINOGRAD_PRODUCTS * p.u_step);
    p.shared_floats = (size_t)(REEL_WINOGRAD_PRODUCTS * (p.v_step + p.m_step));
    if (p.in_limbs) /* a point's V and D */
        p.private_floats = (size_t)floats_of_limbs(p.group * (reel_round_up(p.ic, panel) + p.oc));
    return p;
}

static size_t winograd_scratch(const reel_ctx *ctx, const reel_conv_shape *s, reel_conv_pass pass,
                               bool f64)
{
    (void)f64;
    const bool tiles = reel_ctx_kernels(ctx)->tiles;
    const reel_winograd_plan p =
        pass == REEL_CONV_WEIGHT_GRAD
            ? reel_winograd_plan_weight_grad(s, tiles)
            : reel_winograd_plan_apply(s, pass == REEL_CONV_INPUT_GRAD, tiles);
    const size_t threads = (size_t)reel_ctx_threads(ctx);
    return (p.u_floats + p.shared_floats + threads * p.private_floats) * sizeof(float);
}

static void winograd_run(const reel_ctx *ctx, const reel_conv_job *job, reel_conv_pass pass,
                         bool f64)
{
    (void)f64;
    reel_ctx_kernels(ctx)->winograd[pass](job, reel_ctx_threads(ctx));
}

/* Points of all tiles of a side. */
static int64_t points_of_side(reel_winograd_cut side)
{
    return side.tiles * (REEL_WINOGRAD_POINTS - 1) + side.full;
}

/* Winograd transforms 49 matrices of weights whatever the batch: below a few tiles the transforms
 * cost more than the products save. Phases of a dilated map may be smaller than a tile: as
 * measured, the matrix product is as fast where Winograd needs 0.6 to 0.7 of its multiplications.
 */
static bool winograd_pays(const reel_conv_shape *s, reel_conv_pass pass, const char **why_not)
{
    (void)pass;
    if (!reel_winograd_accepts(s, why_not))
        return false;
    const int64_t m = 8 - s->kh;
    const reel_winograd_cut rows = cut(s->oh, m, s->dh), cols = cut(s->ow, m, s->dw);
    const int64_t products = points_of_side(rows) * points_of_side(cols),
                  direct = s->oh * s->ow * s->kh * s->kw;
    if (s->n * rows.tiles * cols.tiles < 32)
        *why_not = "wants 32 tiles or more";
    else if (s->dh * s->dw > 1 && 5 * products > 3 * direct)
        *why_not = "wants larger phases of a dilated map";
    return !*why_not;
}

/* Products in limbs have bits of their own; what uses them depends on the number of tiles. */
static bool winograd_images_agree(const reel_ctx *ctx, const reel_conv_shape *s,
                                  reel_conv_pass pass, int64_t n)
{
    reel_conv_shape some = *s;
    some.n = n;
    const bool input_grad = pass == REEL_CONV_INPUT_GRAD, tiles = reel_ctx_kernels(ctx)->tiles;
    return reel_winograd_plan_apply(s, input_grad, tiles).in_limbs ==
           reel_winograd_plan_apply(&some, input_grad, tiles).in_limbs;
}

const reel_conv_kind reel_conv_winograd = {.name = "winograd",
                                           .ends_in_relu = true,
                                           .images_agree = winograd_images_agree,
                                           .bf16 = true,
                                           .accepts = winograd_pays,
                                           .scratch = winograd_scratch,
                                           .run = winograd_run};
