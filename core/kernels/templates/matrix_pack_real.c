/* Reading a matrix product's operands into packed blocks: plain matrices, their transposes, patches
 * of an image, the weights of an input gradient. */
#include "core/kernels/templates/matrix_parts.h"

#include <string.h>

enum {
    TERMS_AHEAD = 12 /* a term of a k-major matrix is asked for so long before it is copied */
};

/* Asks for a run of a matrix: runs too short and too far apart for the hardware to foresee. */
static inline void ask_for_run(const real *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += REALS_OF_LINE)
        __builtin_prefetch(from + i, 0, 3);
}

static inline void copy_run(real *to, const real *from, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL)
        store(to + i, load(from + i));
    if (i < n && n >= VL)
        store(to + n - VL, load(from + n - VL)); /* overlaps the one before */
    else
        for (; i < n; i++)
            to[i] = from[i];
}

/* Values of a patch that lie side by side in the map: `take` of them, from element `at` of the
 * packed row on. They begin `offset` reals from the patch's corner, in row y and from column x on,
 * and reach over `pixels` pixels. */
typedef struct patch_run {
    int64_t y, x, pixels, offset, take, at;
} patch_run;

enum { MOST_RUNS = REEL_MATRIX_KC }; /* the longest row that is packed */

/* Runs of elements [first, first + count) of a patch: the same for every patch. Where taps are
 * neighbours and the group has all channels, a kernel row is one run. */
static int find_runs(const reel_patches *s, int64_t first, int64_t count, patch_run *runs)
{
    const int64_t row = s->kw * s->c;
    const bool whole_rows = s->tap_x == 1 && s->c == s->pixel;
    int found = 0;
    for (int64_t j = first; j < first + count; found++) {
        const int64_t ky = j / row, kx = j % row / s->c, channel = j % s->c;
        const int64_t take = least(whole_rows ? row - j % row : s->c - channel, first + count - j);
        const int64_t y = ky * s->tap_y, x = kx * s->tap_x;
        runs[found] = (patch_run){
            y,    x,        (channel + take + s->c - 1) / s->c, (y * s->w + x) * s->pixel + channel,
            take, j - first};
        j += take;
    }
    return found;
}

/* A run that may lie on the map's edge. */
static void copy_edge_run(const reel_patches *s, const patch_run *run, const real *corner,
                          int64_t y, int64_t x, real *to)
{
    y += run->y;
    x += run->x;
    if (y >= 0 && y < s->h && x >= 0 && x + run->pixels <= s->w) {
        copy_run(to, corner + run->offset, run->take);
        return;
    }

    /* Zeros, then the part that lies on the map. */
    memset(to, 0, (size_t)run->take * sizeof *to);
    if (y < 0 || y >= s->h || run->pixels == 1)
        return;
    const int64_t channel =
        run->offset - (run->y * s->w + run->x) * s->pixel; /* of the first value */
    int64_t begin = x < 0 ? -x * s->c - channel : 0, end = (s->w - x) * s->c - channel;
    if (begin < 0)
        begin = 0;
    if (end > run->take)
        end = run->take;
    if (begin < end)
        copy_run(to + begin, corner + run->offset + begin, end - begin);
}

/* Elements [p, p + depth) of `count` patches from patch `at` on, `ld` reals apart. */
static void pack_patches(const reel_operand *o, operand_part part, real *to, int64_t ld)
{
    const reel_patches *s = o->patches;
    patch_run runs[MOST_RUNS];
    const int found = find_runs(s, part.p, part.depth, runs);

    int64_t low_y = 0, high_y = 0, low_x = 0,
            high_x = 0; /* the pixels that the runs reach, from the corner */
    for (int r = 0; r < found; r++) {
        low_y = least(low_y, runs[r].y);
        low_x = least(low_x, runs[r].x);
        high_y = -least(-high_y, -runs[r].y);
        high_x = -least(-high_x, -(runs[r].x + runs[r].pixels - 1));
    }

    int64_t gx = part.at % s->grid_w, gy = part.at / s->grid_w % s->grid_h;
    int64_t image = part.at / s->grid_w / s->grid_h;
    for (int64_t patch = 0; patch < part.count; patch++, to += ld) {
        const int64_t y = s->y + gy * s->step_y, x = s->x + gx * s->step_x;
        const real *corner = (const real *)o->data + ((image * s->h + y) * s->w + x) * s->pixel;
        if (y + low_y >= 0 && y + high_y < s->h && x + low_x >= 0 && x + high_x < s->w)
            for (int r = 0; r < found; r++)
                copy_run(to + runs[r].at, corner + runs[r].offset, runs[r].take);
        else
            for (int r = 0; r < found; r++)
                copy_edge_run(s, &runs[r], corner, y, x, to + runs[r].at);
        if (++gx == s->grid_w) {
            gx = 0;
            if (++gy == s->grid_h)
                gy = 0, image++;
        }
    }
}

void pack_a(const reel_operand *o, operand_part part, real *to)
{
    const real *data = o->data;
    if (o->kind == REEL_OPERAND_COLUMNS)
        for (int64_t p = 0; p < part.depth; p++) {
            const real *from = data + (part.p + p) * o->ld + part.at;
            ask_for_run(from + TERMS_AHEAD * o->ld, part.count);
            memcpy(to + p * WIDE_LD, from, (size_t)part.count * sizeof *to);
        }
    else if (o->kind == REEL_OPERAND_PATCHES)
        pack_patches(o, part, to, LONG_LD);
    else
        for (int64_t i = 0; i < part.count; i++)
            memcpy(to + i * LONG_LD, data + (part.at + i) * o->ld + part.p,
                   (size_t)part.depth * sizeof *to);
}

product_carry carry_a(const reel_operand *o, operand_part part, real *to)
{
    enum { LINES_AHEAD = 4 };
    const bool columns = o->kind == REEL_OPERAND_COLUMNS;
    const int64_t length = columns ? part.count : part.depth, run = length / CARRY_UNIT;
    if ((!columns && o->kind != REEL_OPERAND_ROWS) || length % CARRY_UNIT)
        return (product_carry){0};

    const int64_t from = columns ? part.p * o->ld + part.at : part.at * o->ld + part.p;
    const int64_t packed_ld = columns ? WIDE_LD : LONG_LD;
    return (product_carry){.from = (const real *)o->data + from,
                           .to = to,
                           .units = (columns ? part.depth : part.count) * run,
                           .left = run,
                           .run = run,
                           .from_jump = o->ld - length,
                           .to_jump = packed_ld - length,
                           .ahead = (columns ? TERMS_AHEAD : LINES_AHEAD) * o->ld};
}

/* Eight columns at a time: both sides then move along short runs instead of single values far
 * apart. */
static void transpose_into(const real *from, int64_t ld, int64_t cols, int64_t depth, real *to)
{
    for (int64_t j = 0; j < cols; j += 8) {
        const int64_t width = least(8, cols - j);
        for (int64_t p = 0; p < depth; p++)
            for (int64_t t = 0; t < width; t++)
                to[p * NR + j + t] = from[(j + t) * ld + p];
    }
}

/* Where the weights of term p of an input gradient's sum begin. */
static const real *tap_weights(const reel_operand *o, int64_t p)
{
    const reel_taps *t = o->taps;
    const int64_t tap = p / t->oc;
    const int64_t y = t->y + tap / t->taps_x * t->step_y, x = t->x + tap % t->taps_x * t->step_x;
    return (const real *)o->data + ((p % t->oc * t->kh + y) * t->kw + x) * t->c;
}

void pack_b(const reel_operand *o, operand_part part, real *to)
{
    const real *data = o->data;
    if (part.count < NR)
        memset(to, 0, (size_t)(part.depth * NR) * sizeof *to);

    switch (o->kind) {
    case REEL_OPERAND_ROWS:
        transpose_into(data + part.at * o->ld + part.p, o->ld, part.count, part.depth, to);
        return;
    case REEL_OPERAND_PATCHES: /* here the patches are the sum's index */
        pack_patches(o, (operand_part){part.p, part.depth, part.at, part.count}, to, NR);
        return;
    case REEL_OPERAND_COLUMNS:
        for (int64_t p = part.p; p < part.p + part.depth; p++, to += NR)
            copy_run(to, data + p * o->ld + part.at, part.count);
        return;
    case REEL_OPERAND_TAPS:
        for (int64_t p = part.p; p < part.p + part.depth; p++, to += NR)
            copy_run(to, tap_weights(o, p) + part.at, part.count);
    }
}

void pack_panels(const reel_operand *o, operand_part part, real *to, int64_t step)
{
    const int64_t whole = o->kind == REEL_OPERAND_COLUMNS ? part.count / NR : 0;
    for (int64_t p = 0; p < part.depth && whole > 0; p++) {
        const real *from = (const real *)o->data + (part.p + p) * o->ld + part.at;
        ask_for_run(from + TERMS_AHEAD * o->ld, whole * NR);
        for (int64_t panel = 0; panel < whole; panel++)
            for (int q = 0; q < NR; q += VL)
                store(to + panel * step + p * NR + q, load(from + panel * NR + q));
    }
    for (int64_t panel = whole; panel * NR < part.count; panel++) {
        operand_part one = part;
        one.at += panel * NR;
        one.count = least(NR, part.count - panel * NR);
        pack_b(o, one, to + panel * step);
    }
}
