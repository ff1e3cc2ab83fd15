/* The direct convolution by tiles of bf16, forward and input gradient:
 *
 *   out (positions, oc) = sum over taps and channels of in (position + tap, c) w (tap, c, oc)
 *
 * A thread copies some images, with zeros around them, into its second-level cache. Rows of a tile
 * are then pixels that follow each other there, whatever the tap, and nothing is packed but the
 * weights. A panel of weights passes over all positions of the copies, 32 at a time; their sums
 * stay in registers from the first tap to the last. A weight is the sum of two bf16 numbers, which
 * leaves an error of 2^-17: h is the weight rounded, m what is left. */
#include "core/kernels/templates/names.h"

#ifdef REEL_TILES

#include "core/kernels/templates/tiles_conv.h"

#include <omp.h>

enum { SIDE = REEL_TILES_SIDE, LIMB_BYTES = REEL_TILES_BLOCK_BYTES };

typedef struct tiles_apply {
    const reel_conv_job *job;
    reel_tiles_plan p;
    bool input_grad;
    channels_of in;
    char *weights;   /* a panel: a block of h and one of m for each step */
    int64_t *offset; /* of the pixels that a step meets, in bytes */
} tiles_apply;

/* ---- weights ---- */

/* One step of a sum: a line of the kernel, 32 channels, a column. Columns run fastest, so that
 * pixels that a step has read are read again while they are near. */
typedef struct tile_step {
    int64_t ky, kx, c;
} tile_step;

static tile_step tile_step_of(const reel_tiles_plan *p, int64_t step)
{
    const int64_t slices = p->in.c / p->groups / SIDE;
    return (tile_step){step / p->kw / slices, step % p->kw, step / p->kw % slices * SIDE};
}

/* Columns are output channels o to o + 15: their terms lie side by side. */
static void pack_forward(const float *w, int64_t ld, char *to)
{
    char rows[2][TILE_BYTES] __attribute__((aligned(64)));
    for (int i = 0; i < TILE_COLS; i++, w += ld) {
        const limbs p = split(load(w)), q = split(load(w + VL));
        _mm512_store_si512(rows[0] + i * TILE_ROW_BYTES, limb_line(p.h, q.h));
        _mm512_store_si512(rows[1] + i * TILE_ROW_BYTES, limb_line(p.m, q.m));
    }
    for (int limb = 0; limb < REEL_TILES_FORWARD_LIMBS; limb++)
        transpose_tile(rows[limb], to + limb * LIMB_BYTES);
}

/* Columns are channels of x, which lie side by side; terms are channels of dy. */
static void pack_input_grad(const float *w, int64_t ld, char *to)
{
    for (int i = 0; i < TILE_ROWS; i++, w += 2 * ld, to += TILE_ROW_BYTES) {
        const limbs p = split(load(w)), q = split(load(w + ld));
        _mm512_storeu_si512(to, limb_words(p.h, q.h));
        if (REEL_TILES_GRAD_LIMBS > 1)
            _mm512_storeu_si512(to + LIMB_BYTES, limb_words(p.m, q.m));
    }
}

/* Weights w (oc, kh, kw, c / groups), taps in reverse for the input gradient. */
static void pack_step(const tiles_apply *all, int64_t panel, int64_t step)
{
    const reel_tiles_plan *p = &all->p;
    const tile_step t = tile_step_of(p, step);
    const int64_t ic = all->job->s->c / p->groups, ld = p->kh * p->kw * ic;
    const float *w = all->job->w;
    char *to = all->weights + (panel * p->steps + step) * p->limbs * LIMB_BYTES;
    if (!all->input_grad) {
        w += panel * SIDE * ld + (t.ky * p->kw + t.kx) * ic + t.c;
        pack_forward(w, ld, to);
        pack_forward(w + TILE_COLS * ld, ld, to + TILE_BYTES);
        return;
    }
    const int64_t column = panel * SIDE, group = column / ic;
    const int64_t tap = (p->kh - 1 - t.ky) * p->kw + p->kw - 1 - t.kx;
    w += (group * (p->in.c / p->groups) + t.c) * ld + tap * ic + column % ic;
    pack_input_grad(w, ld, to);
    pack_input_grad(w + TILE_COLS, ld, to + TILE_BYTES);
}

/* ---- products ---- */

/* 32 positions or 16 times 32 output channels. */
typedef struct tap_sum {
    const char *a;
    int64_t a_row; /* bytes from pixel to pixel */
    const int64_t *offset;
    int64_t steps;
    const char *b;
    tile_ahead ahead;
} tap_sum;

/* Loads stand between products, each before the first product that needs it. */
#define MULTIPLY_TAPS(piece, first)                                                                \
    do {                                                                                           \
        TILE_LOAD(6, b + (piece), TILE_ROW_BYTES);                                                 \
        TILE_MULTIPLY(0, 4, 6);                                                                    \
        TILE_LOAD(7, b + (piece) + TILE_BYTES, TILE_ROW_BYTES);                                    \
        TILE_MULTIPLY(1, 4, 7);                                                                    \
        if (rows > 1) {                                                                            \
            if (first)                                                                             \
                TILE_LOAD(5, a + TILE_ROWS * j.a_row, j.a_row);                                    \
            TILE_MULTIPLY(2, 5, 6);                                                                \
            TILE_MULTIPLY(3, 5, 7);                                                                \
        }                                                                                          \
    } while (0)

KERNEL_INLINE void sum_tile_taps(const tap_sum *job, const int rows, const int limbs_used,
                                 float *sums)
{
    const tap_sum j = *job;
    const char *b = j.b, *wanted_soon = j.ahead.from;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (int64_t step = 0; step < j.steps; step++) {
        const char *a = j.a + j.offset[step];
        TILE_LOAD(4, a, j.a_row);
        MULTIPLY_TAPS(0, true);
        if (limbs_used > 1)
            MULTIPLY_TAPS(LIMB_BYTES, false);
        b += limbs_used * LIMB_BYTES;
        for (int64_t i = 0; i < j.ahead.lines; i++, wanted_soon += 64)
            __builtin_prefetch(wanted_soon, 0, 2);
    }
    TILE_STORE(0, sums, SIDE * 4);
    TILE_STORE(1, sums + TILE_COLS, SIDE * 4);
    if (rows > 1) {
        TILE_STORE(2, sums + TILE_ROWS * SIDE, SIDE * 4);
        TILE_STORE(3, sums + TILE_ROWS * SIDE + TILE_COLS, SIDE * 4);
    }
}

/* One function for each number of limbs and of rows. */
static void taps_1_limb_1(const tap_sum *j, float *sums)
{
    sum_tile_taps(j, 1, 1, sums);
}

static void taps_1_limb_2(const tap_sum *j, float *sums)
{
    sum_tile_taps(j, 2, 1, sums);
}

static void taps_2_limbs_1(const tap_sum *j, float *sums)
{
    sum_tile_taps(j, 1, 2, sums);
}

static void taps_2_limbs_2(const tap_sum *j, float *sums)
{
    sum_tile_taps(j, 2, 2, sums);
}

static void (*const block_of_taps[2][2])(const tap_sum *j, float *sums) = {
    {taps_1_limb_1, taps_1_limb_2}, {taps_2_limbs_1, taps_2_limbs_2}};

/* ---- results ---- */

KERNEL_INLINE void write_pixel(const reel_conv_job *job, int64_t at, int64_t column,
                               const float *sums)
{
    UNROLLED_FOR(k, 2) {
        vec v = load(sums + k * VL);
        float *wide = (float *)job->out + at + k * VL;
        reel_bf16 *half = (reel_bf16 *)job->out + at + k * VL;
        if (job->bias)
            v += load((const float *)job->bias + column + k * VL);
        if (job->accumulate)
            v += job->out_bf16 ? load_bf16(half) : load(wide);
        if (job->relu)
            v = rectified(v);
        if (job->out_bf16)
            store_bf16(half, v);
        else
            store(wide, v);
    }
}

/* Positions [p, p + count) of a unit. */
static void write_positions(const tiles_apply *all, int64_t unit, int64_t p, int64_t count,
                            int64_t column, const float *sums)
{
    const reel_tiles_plan *plan = &all->p;
    const reel_tiles_map *out = &plan->out;
    const int64_t image = unit / plan->bands, first = unit % plan->bands * plan->lines;
    int64_t y = p / plan->pitch, x = p % plan->pitch;
    for (int64_t i = 0; i < count; i++, sums += SIDE) {
        const int64_t pixel = (image * out->h + first + y) * out->w + x;
        if (x < out->w)
            write_pixel(all->job, pixel * out->c + column, column, sums);
        if (++x == plan->pitch) {
            x = 0;
            y++;
        }
    }
}

/* ---- a thread's share ---- */

/* A panel of output channels of units [first, end), whose copies lie at `copies`. */
static void apply_panel(const tiles_apply *all, int64_t panel, int64_t first, int64_t end,
                        const char *copies)
{
    const reel_tiles_plan *p = &all->p;
    const int64_t pixel = p->in.c * (int64_t)sizeof(reel_bf16);
    const int64_t group = panel * SIDE / (p->out.c / p->groups);
    const int64_t bytes = p->steps * p->limbs * LIMB_BYTES;
    const int64_t turns = (end - first) * (reel_tiles_positions(p, p->lines) / SIDE + 1) * p->steps;
    const int64_t lines = panel + 1 < p->panels ? (bytes / 64 + turns - 1) / turns : 0;
    float sums[SIDE * SIDE] __attribute__((aligned(64)));

    tap_sum j = {.a_row = pixel,
                 .offset = all->offset,
                 .steps = p->steps,
                 .b = all->weights + panel * bytes,
                 .ahead = {all->weights + (panel + 1) * bytes, lines}};
    for (int64_t unit = first; unit < end; unit++, copies += p->copy_bytes) {
        const int64_t count = reel_tiles_positions(p, reel_tiles_lines(p, unit % p->bands));
        for (int64_t at = 0; at < count; at += SIDE) {
            const int64_t some = least(SIDE, count - at);
            j.a = copies + at * pixel + group * (pixel / p->groups);
            block_of_taps[p->limbs - 1][some > TILE_ROWS](&j, sums);
            j.ahead.from += lines * p->steps * 64;
            write_positions(all, unit, at, some, panel * SIDE, sums);
        }
    }
}

/* Units [first, end), and of their panels [begin, stop). */
static void apply_units(const tiles_apply *all, int64_t first, int64_t end, int64_t part,
                        int64_t parts, char *copies)
{
    const reel_tiles_plan *p = &all->p;
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t band = unit % p->bands;
        const lines_of at = {.image = unit / p->bands,
                             .first = band * p->lines - p->in.top,
                             .lines = reel_tiles_lines(p, band) + p->kh - 1,
                             .pitch = p->pitch,
                             .pixels = p->pixels};
        copy_map_lines(&all->in, &at,
                       (reel_bf16 *)(copies + (unit - first) * (int64_t)p->copy_bytes));
    }
    for (int64_t panel = p->panels * part / parts; panel < p->panels * (part + 1) / parts; panel++)
        apply_panel(all, panel, first, end, copies);
}

static void apply_by_tiles(tiles_apply *all, int threads)
{
    const reel_tiles_plan *p = &all->p;
    const int64_t pixel = p->in.c * (int64_t)sizeof(reel_bf16);
    for (int64_t step = 0; step < p->steps; step++) {
        const tile_step t = tile_step_of(p, step);
        all->offset[step] = (t.ky * p->pitch + t.kx) * pixel + t.c * (int64_t)sizeof(reel_bf16);
    }

    /* Where units are few, several threads take panels of the same ones. */
    const int64_t groups = (p->units + p->together - 1) / p->together;
    const int64_t parts = least((threads + groups - 1) / groups, p->panels);
    char *own = (char *)all->offset + p->offset_bytes;
#pragma omp parallel num_threads(threads)
    {
        char *copies = own + (size_t)omp_get_thread_num() * p->own_bytes;
        tiles_begin();
#pragma omp for schedule(static)
        for (int64_t item = 0; item < p->panels * p->steps; item++)
            pack_step(all, item / p->steps, item % p->steps);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < groups * parts; item++) {
            const int64_t first = item / parts * p->together;
            apply_units(all, first, least(first + p->together, p->units), item % parts, parts,
                        copies);
        }
        tiles_end();
    }
}

static void apply_pass(const reel_conv_job *job, bool input_grad, int threads)
{
    tiles_apply all = {.job = job,
                       .p = reel_tiles_plan_apply(job->s, input_grad, threads),
                       .input_grad = input_grad,
                       .weights = job->scratch};
    all.in = (channels_of){&all.p.in, input_grad ? job->dy : job->x,
                           input_grad ? job->dy_bf16 : job->x_bf16, 0, all.p.in.c};
    all.offset = (int64_t *)(all.weights + all.p.weight_bytes);
    apply_by_tiles(&all, threads);
}

void REEL_ISA_FN(reel_tiles_conv_forward)(const reel_conv_job *job, int threads)
{
    apply_pass(job, false, threads);
}

void REEL_ISA_FN(reel_tiles_conv_input_grad)(const reel_conv_job *job, int threads)
{
    apply_pass(job, true, threads);
}

#endif
