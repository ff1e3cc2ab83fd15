/* Reading operands into packed blocks, for template use (see matrix_impl.h). */

static inline void copy_run(real *to, const real *from, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) store(to + i, load(from + i));
    if (i < n && n >= VL)
        store(to + n - VL, load(from + n - VL)); /* overlaps the one before */
    else
        for (; i < n; i++) to[i] = from[i];
}

/* Values of a patch that lie side by side in the map: `take` of them, from element `at` of the packed row on. They begin
 * `offset` reals from the patch's corner, in row y and from column x on, and reach over `pixels` pixels. */
typedef struct patch_run {
    int64_t y, x, pixels, offset, take, at;
} patch_run;

enum { MOST_RUNS = REEL_MATRIX_KC }; /* the longest row that is packed */

/* Runs of elements [first, first + count) of a patch: the same for every patch. Where taps are neighbours and the group has all
 * channels, a kernel row is one run. */
static int find_runs(const reel_patches *s, int64_t first, int64_t count, patch_run *runs)
{
    const int64_t row = s->kw * s->c;
    const bool whole_rows = s->tap_x == 1 && s->c == s->pixel;
    int found = 0;
    for (int64_t j = first; j < first + count; found++) {
        const int64_t ky = j / row, kx = j % row / s->c, channel = j % s->c;
        const int64_t take = least(whole_rows ? row - j % row : s->c - channel, first + count - j);
        const int64_t y = ky * s->tap_y, x = kx * s->tap_x;
        runs[found] =
            (patch_run){y, x, (channel + take + s->c - 1) / s->c, (y * s->w + x) * s->pixel + channel, take, j - first};
        j += take;
    }
    return found;
}

/* A run that may lie on the map's edge. */
static void copy_edge_run(const reel_patches *s, const patch_run *run, const real *corner, int64_t y, int64_t x, real *to)
{
    y += run->y;
    x += run->x;
    if (y >= 0 && y < s->h && x >= 0 && x + run->pixels <= s->w) {
        copy_run(to, corner + run->offset, run->take);
        return;
    }
    memset(to, 0, (size_t)run->take * sizeof *to);
    if (y < 0 || y >= s->h || run->pixels == 1) return;
    const int64_t channel = run->offset - (run->y * s->w + run->x) * s->pixel; /* of the first value */
    int64_t begin = x < 0 ? -x * s->c - channel : 0, end = (s->w - x) * s->c - channel;
    if (begin < 0) begin = 0;
    if (end > run->take) end = run->take;
    if (begin < end) copy_run(to + begin, corner + run->offset + begin, end - begin);
}

/* Elements [first, first + width) of `count` patches from patch p0 on, `ld` reals apart. */
static void pack_patches(const reel_operand *o, int64_t p0, int64_t count, int64_t first, int64_t width, real *to, int64_t ld)
{
    const reel_patches *s = o->patches;
    patch_run runs[MOST_RUNS];
    const int found = find_runs(s, first, width, runs);
    int64_t low_y = 0, high_y = 0, low_x = 0, high_x = 0; /* the pixels that the runs reach, from the corner */
    for (int r = 0; r < found; r++) {
        low_y = least(low_y, runs[r].y);
        low_x = least(low_x, runs[r].x);
        high_y = -least(-high_y, -runs[r].y);
        high_x = -least(-high_x, -(runs[r].x + runs[r].pixels - 1));
    }
    int64_t gx = p0 % s->grid_w, gy = p0 / s->grid_w % s->grid_h, image = p0 / s->grid_w / s->grid_h;
    for (int64_t p = 0; p < count; p++, to += ld) {
        const int64_t y = s->y + gy * s->step_y, x = s->x + gx * s->step_x;
        const real *corner = (const real *)o->data + ((image * s->h + y) * s->w + x) * s->pixel;
        if (y + low_y >= 0 && y + high_y < s->h && x + low_x >= 0 && x + high_x < s->w)
            for (int r = 0; r < found; r++) copy_run(to + runs[r].at, corner + runs[r].offset, runs[r].take);
        else
            for (int r = 0; r < found; r++) copy_edge_run(s, &runs[r], corner, y, x, to + runs[r].at);
        if (++gx == s->grid_w) {
            gx = 0;
            if (++gy == s->grid_h) gy = 0, image++;
        }
    }
}

/* Packed columns of A lie so far apart. */
enum { WIDE_LD = REEL_MATRIX_WIDE + REEL_MATRIX_PAD };

/* Steps from row to row and from term to term in a packed block of A: columns are kept k-major, all else row-major. */
static void a_steps(const reel_operand *o, int64_t *row_step, int64_t *k_step)
{
    const bool columns = o->kind == REEL_OPERAND_COLUMNS;
    *row_step = columns ? 1 : REEL_MATRIX_KC + REEL_MATRIX_PAD;
    *k_step = columns ? WIDE_LD : 1;
}

/* A block of A, rows x depth. */
static void pack_a(const reel_operand *o, int64_t i0, int64_t rows, int64_t p0, int64_t depth, real *to)
{
    enum { LD = REEL_MATRIX_KC + REEL_MATRIX_PAD };
    const real *data = o->data;
    if (o->kind == REEL_OPERAND_COLUMNS)
        for (int64_t p = 0; p < depth; p++) memcpy(to + p * WIDE_LD, data + (p0 + p) * o->ld + i0, (size_t)rows * sizeof *to);
    else if (o->kind == REEL_OPERAND_PATCHES)
        pack_patches(o, i0, rows, p0, depth, to, LD);
    else
        for (int64_t i = 0; i < rows; i++) memcpy(to + i * LD, data + (i0 + i) * o->ld + p0, (size_t)depth * sizeof *to);
}

/* The same as a copy that is carried along; nothing where it does not fall into whole units. */
static product_carry carry_a(const reel_operand *o, int64_t i0, int64_t rows, int64_t p0, int64_t depth, real *to)
{
    enum { LINES_AHEAD = 4, TERMS_AHEAD = 12 };
    const bool columns = o->kind == REEL_OPERAND_COLUMNS;
    const int64_t length = columns ? rows : depth, run = length / CARRY_UNIT;
    if ((!columns && o->kind != REEL_OPERAND_ROWS) || length % CARRY_UNIT) return (product_carry){0};
    return (product_carry){.from = (const real *)o->data + (columns ? p0 * o->ld + i0 : i0 * o->ld + p0),
                           .to = to,
                           .units = (columns ? depth : rows) * run,
                           .left = run,
                           .run = run,
                           .hop = CARRY_UNIT,
                           .from_jump = o->ld - length,
                           .to_jump = (columns ? WIDE_LD : REEL_MATRIX_KC + REEL_MATRIX_PAD) - length,
                           .ahead = (columns ? TERMS_AHEAD : LINES_AHEAD) * o->ld};
}

/* Eight columns at a time: both sides then move along short runs instead of single values far apart. */
static void transpose_into(const real *from, int64_t ld, int64_t cols, int64_t depth, real *to)
{
    for (int64_t j = 0; j < cols; j += 8) {
        const int64_t width = cols - j < 8 ? cols - j : 8;
        for (int64_t p = 0; p < depth; p++)
            for (int64_t t = 0; t < width; t++) to[p * NR + j + t] = from[(j + t) * ld + p];
    }
}

/* A panel of B: depth x NR, columns from j0, zeros behind the last one. */
static void pack_b(const reel_operand *o, int64_t j0, int64_t cols, int64_t p0, int64_t depth, real *to)
{
    const real *data = o->data;
    if (cols < NR) memset(to, 0, (size_t)(depth * NR) * sizeof *to);
    if (o->kind == REEL_OPERAND_ROWS) {
        transpose_into(data + j0 * o->ld + p0, o->ld, cols, depth, to);
        return;
    }
    if (o->kind == REEL_OPERAND_PATCHES) {
        pack_patches(o, p0, depth, j0, cols, to, NR); /* here the patches are the sum's index */
        return;
    }
    for (int64_t p = p0; p < p0 + depth; p++, to += NR)
        if (o->kind == REEL_OPERAND_COLUMNS) {
            copy_run(to, data + p * o->ld + j0, cols);
        } else {
            const reel_taps *t = o->taps;
            const int64_t tap = p / t->oc, y = t->y + tap / t->taps_x * t->step_y, x = t->x + tap % t->taps_x * t->step_x;
            copy_run(to, data + ((p % t->oc * t->kh + y) * t->kw + x) * t->c + j0, cols);
        }
}

/* Columns [j0, j0 + cols) in panels that lie `step` reals apart. */
static void pack_panels(const reel_operand *o, int64_t j0, int64_t cols, int64_t p0, int64_t depth, real *to, int64_t step)
{
    const int64_t whole = o->kind == REEL_OPERAND_COLUMNS ? cols / NR : 0;
    for (int64_t p = 0; p < depth && whole > 0; p++) {
        const real *from = (const real *)o->data + (p0 + p) * o->ld + j0;
        for (int64_t panel = 0; panel < whole; panel++)
            for (int q = 0; q < NR; q += VL) store(to + panel * step + p * NR + q, load(from + panel * NR + q));
    }
    for (int64_t panel = whole; panel * NR < cols; panel++)
        pack_b(o, j0 + panel * NR, least(NR, cols - panel * NR), p0, depth, to + panel * step);
}
