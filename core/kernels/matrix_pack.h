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

/* 4 x 4 at a time: both sides then move whole short runs instead of single values far apart. */
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
    for (int64_t p = p0; p < p0 + depth; p++, to += NR)
        if (o->kind == REEL_OPERAND_COLUMNS) {
            memcpy(to, data + p * o->ld + j0, (size_t)cols * sizeof *to);
        } else if (o->kind == REEL_OPERAND_PATCHES) {
            copy_patch(o, p, j0, cols, to); /* here the pixels are the sum's index */
        } else {
            const reel_conv_shape *s = o->conv;
            const int64_t oc = s->oc / s->groups, c = s->c / s->groups;
            memcpy(to, data + ((p % oc * s->kh * s->kw) + p / oc) * c + j0, (size_t)cols * sizeof *to);
        }
}
