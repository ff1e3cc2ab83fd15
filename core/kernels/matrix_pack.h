/* Reading operands into packed blocks, for template use (see matrix_impl.h). */

/* Elements [first, first + count) of the patch of output pixel `pixel`: runs of channels, zeros where the tap lies on padding.
 */
static void copy_patch(const reel_operand *o, int64_t pixel, int64_t first, int64_t count, real *to)
{
    const reel_conv_shape *s = o->conv;
    const int64_t c = s->c / s->groups, row = s->kw * c;
    const int64_t x0 = pixel % s->ow * s->sw - s->pw, y0 = pixel / s->ow % s->oh * s->sh - s->ph;
    const real *image = (const real *)o->data + pixel / s->ow / s->oh * s->h * s->w * s->c;
    const bool whole_rows = s->dw == 1 && s->groups == 1; /* then a kernel row is one run of kw c values */
    while (count > 0) {
        const int64_t ky = first / row, in_row = first % row, y = y0 + ky * s->dh;
        int64_t take = whole_rows ? row - in_row : c - in_row % c;
        if (take > count) take = count;
        const int64_t x = whole_rows ? x0 : x0 + in_row / c * s->dw;
        const int64_t begin = whole_rows ? x * c + in_row : x * c + in_row % c; /* from the left edge, in channels of a group */
        const int64_t end = begin + take, edge = s->w * c;
        if (y < 0 || y >= s->h || end <= 0 || begin >= edge) {
            memset(to, 0, (size_t)take * sizeof *to);
        } else {
            const int64_t left = begin < 0 ? -begin : 0, right = end > edge ? end - edge : 0;
            const real *from = image + y * s->w * s->c + (whole_rows ? begin + left : x * s->c + in_row % c);
            if (left) memset(to, 0, (size_t)left * sizeof *to);
            memcpy(to + left, from, (size_t)(take - left - right) * sizeof *to);
            if (right) memset(to + take - right, 0, (size_t)right * sizeof *to);
        }
        to += take;
        first += take;
        count -= take;
    }
}

/* The same for the input gradient: input pixel `pixel`, taps over dy. */
static void copy_back(const reel_operand *o, int64_t pixel, int64_t first, int64_t count, real *to)
{
    const reel_conv_shape *s = o->conv;
    const int64_t oc = s->oc / s->groups;
    const int64_t x = pixel % s->w + s->pw, y = pixel / s->w % s->h + s->ph;
    const real *image = (const real *)o->data + pixel / s->w / s->h * s->oh * s->ow * s->oc;
    while (count > 0) {
        const int64_t tap = first / oc, channel = first % oc, ky = tap / s->kw, kx = tap % s->kw;
        const int64_t take = oc - channel < count ? oc - channel : count;
        const int64_t yy = y - ky * s->dh, xx = x - kx * s->dw;
        if (yy < 0 || xx < 0 || yy % s->sh || xx % s->sw || yy / s->sh >= s->oh || xx / s->sw >= s->ow)
            memset(to, 0, (size_t)take * sizeof *to);
        else
            memcpy(to, image + (yy / s->sh * s->ow + xx / s->sw) * s->oc + channel, (size_t)take * sizeof *to);
        to += take;
        first += take;
        count -= take;
    }
}

/* A block of A, rows x depth. Returned as (row step, k step) of the packed block: columns are kept k-major, all else row-major.
 */
static void pack_a(const reel_operand *o, int64_t i0, int64_t rows, int64_t p0, int64_t depth, real *to, int64_t *row_step,
                   int64_t *k_step)
{
    const real *data = o->data;
    if (o->kind == REEL_OPERAND_COLUMNS) {
        *row_step = 1;
        *k_step = REEL_MATRIX_MC;
        for (int64_t p = 0; p < depth; p++)
            memcpy(to + p * REEL_MATRIX_MC, data + (p0 + p) * o->ld + i0, (size_t)rows * sizeof *to);
        return;
    }
    *row_step = REEL_MATRIX_KC + REEL_MATRIX_PAD;
    *k_step = 1;
    for (int64_t i = 0; i < rows; i++, to += REEL_MATRIX_KC + REEL_MATRIX_PAD)
        if (o->kind == REEL_OPERAND_ROWS)
            memcpy(to, data + (i0 + i) * o->ld + p0, (size_t)depth * sizeof *to);
        else if (o->kind == REEL_OPERAND_PATCHES)
            copy_patch(o, i0 + i, p0, depth, to);
        else
            copy_back(o, i0 + i, p0, depth, to);
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

/* A run of a patch: `take` values from column `at` of the panel on, `x` channels right of the patch's corner in kernel row
 * `ky`. */
typedef struct patch_run {
    int64_t ky, x, take, at;
    bool inside_pixel; /* within one pixel's channels: padding is decided by kx, not by the run's ends */
    int64_t kx;
} patch_run;

static inline void copy_run(real *to, const real *from, int64_t n)
{
    int64_t i = 0;
    for (; i + VL <= n; i += VL) store(to + i, load(from + i));
    for (; i < n; i++) to[i] = from[i];
}

/* Columns [j0, j0 + cols) of the patches of `depth` output pixels: the runs are the same for every pixel and are found once. */
static void pack_patch_columns(const reel_operand *o, int64_t j0, int64_t cols, int64_t p0, int64_t depth, real *to)
{
    const reel_conv_shape *s = o->conv;
    const int64_t c = s->c / s->groups, row = s->kw * c, edge = s->w * s->c;
    const bool whole_rows = s->dw == 1 && s->groups == 1; /* then a kernel row is one run of kw c values */
    patch_run runs[NR];
    int count = 0;
    for (int64_t j = j0; j < j0 + cols; count++) {
        const int64_t in_row = j % row, kx = in_row / c, left = j0 + cols - j;
        const int64_t take = least(whole_rows ? row - in_row : c - in_row % c, left);
        runs[count] = (patch_run){
            j / row * s->dh, whole_rows ? in_row : kx * s->dw * s->c + in_row % c, take, j - j0, !whole_rows, kx * s->dw};
        j += take;
    }
    int64_t ox = p0 % s->ow, oy = p0 / s->ow % s->oh, image = p0 / s->ow / s->oh;
    for (int64_t p = 0; p < depth; p++, to += NR) {
        const int64_t y0 = oy * s->sh - s->ph, x0 = ox * s->sw - s->pw;
        const real *base = (const real *)o->data + (image * s->h + y0) * edge;
        for (int r = 0; r < count; r++) {
            const patch_run *run = &runs[r];
            const int64_t y = y0 + run->ky, begin = x0 * s->c + run->x, end = begin + run->take, pixel = x0 + run->kx;
            real *at = to + run->at;
            if (y < 0 || y >= s->h || (run->inside_pixel ? pixel < 0 || pixel >= s->w : end <= 0 || begin >= edge)) {
                memset(at, 0, (size_t)run->take * sizeof *at);
            } else if (run->inside_pixel || (begin >= 0 && end <= edge)) {
                copy_run(at, base + run->ky * edge + begin, run->take);
            } else {
                const int64_t left = begin < 0 ? -begin : 0, right = end > edge ? end - edge : 0;
                memset(at, 0, (size_t)run->take * sizeof *at);
                copy_run(at + left, base + run->ky * edge + begin + left, run->take - left - right);
            }
        }
        if (++ox == s->ow) {
            ox = 0;
            if (++oy == s->oh) oy = 0, image++;
        }
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
        pack_patch_columns(o, j0, cols, p0, depth, to); /* here the pixels are the sum's index */
        return;
    }
    for (int64_t p = p0; p < p0 + depth; p++, to += NR)
        if (o->kind == REEL_OPERAND_COLUMNS) {
            copy_run(to, data + p * o->ld + j0, cols);
        } else {
            const reel_conv_shape *s = o->conv;
            const int64_t oc = s->oc / s->groups, c = s->c / s->groups;
            memcpy(to, data + ((p % oc * s->kh * s->kw) + p / oc) * c + j0, (size_t)cols * sizeof *to);
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
