/* Operators whose backward can be wrong on purpose: the mistakes that the gradient check must
 * catch (wrong_gradients.h). Mistake 0 of every operator is right. Float64 only; images do not
 * occur, so all is row-major. */
#ifndef REEL_TESTS_GRADIENT_WRONG_OPERATORS_H
#define REEL_TESTS_GRADIENT_WRONG_OPERATORS_H

#include <math.h>

#include "core/gradcheck/gradcheck.h"
#include "tests/gradient/f64_operator.h"

/* What every pass needs. m mistake; x, z inputs; y output; rows x columns of input 0 seen as a
 * matrix. */
#define PASS(name)                                                                                 \
    static void name(const reel_call *c)                                                           \
    {                                                                                              \
        const int m = *(const int *)c->attrs;                                                      \
        const double *x = c->in[0].data, *z = c->n_in > 1 ? c->in[1].data : NULL,                  \
                     *dy = c->dout.data;                                                           \
        double *y = c->out.data, *dx = c->din ? c->din[0].data : NULL,                             \
               *dz = c->din && c->n_in > 1 ? c->din[1].data : NULL;                                \
        const int64_t n = reel_tensor_numel(&c->in[0]),                                            \
                      columns = c->in[0].ndim ? c->in[0].shape[c->in[0].ndim - 1] : 1;             \
        const int64_t rows = n / columns, nz = c->n_in > 1 ? reel_tensor_numel(&c->in[1]) : 0;     \
        (void)m, (void)x, (void)z, (void)dy, (void)y, (void)dx, (void)dz, (void)rows, (void)nz;
#define END_PASS }

#define OPERATOR(id, inputs, shape_rule)                                                           \
    static const reel_op id =                                                                      \
        F64_OPERATOR(#id, inputs, id##_forward, id##_backward,                                     \
                     .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_NEEDS_OUTPUT, .infer = shape_rule);

/* ---- y = x^2 ---- */
enum {
    SIGN = 1,
    FORGOTTEN_2,
    TWICE,
    MEAN_FOR_SUM,
    NOTHING,
    LAST_MISSING,
    OVERWRITES,
    SHIFTED,
    FIFTH_DIGIT,
    NOT_FINITE,
    STRAY,
    OFFSET,
    LAST_COLUMN_MISSING,
    ABSOLUTE,
    WRITES_ITS_INPUT,
    DOUBLES_ITS_INPUT
};
PASS(square_forward)
for (int64_t i = 0; i < n; i++) {
    if (m == WRITES_ITS_INPUT)
        ((double *)c->in[0].data)[i] = fmin(x[i], 0.25);
    y[i] = x[i] * x[i];
}
END_PASS

PASS(square_backward)
for (int64_t i = 0; i < n; i++) {
    double g = 2 * x[i] * dy[i];
    if (m == SIGN)
        g = -g;
    if (m == FORGOTTEN_2)
        g /= 2;
    if (m == TWICE)
        g *= 2;
    if (m == MEAN_FOR_SUM)
        g /= (double)n;
    if (m == NOTHING || (m == LAST_MISSING && i == n - 1))
        g = 0;
    if (m == FIFTH_DIGIT)
        g *= 1 + 1e-5;
    if (m == NOT_FINITE && i == 2)
        g = NAN;
    if (m == STRAY && i == 3)
        g += 1e7;
    if (m == OFFSET)
        g += 1e-5;
    if (m == LAST_COLUMN_MISSING && i % columns == columns - 1)
        g = 0;
    if (m == ABSOLUTE)
        g = 2 * fabs(x[i]) * dy[i];
    if (m == DOUBLES_ITS_INPUT)
        ((double *)c->in[0].data)[i] *= 2;
    if (m == OVERWRITES)
        dx[i] = g;
    else
        dx[m == SHIFTED ? (i + 1) % n : i] += g;
}
END_PASS
OPERATOR(square, 1, NULL)

/* ---- y = tanh x ---- */
PASS(squash_forward)
for (int64_t i = 0; i < n; i++)
    y[i] = tanh(x[i]);
END_PASS

enum { INPUT_FOR_OUTPUT = 1, FORGOTTEN_SQUARE, SLOPE_OF_SIGMOID };
PASS(squash_backward)
for (int64_t i = 0; i < n; i++)
    dx[i] += dy[i] * (m == INPUT_FOR_OUTPUT   ? 1 - x[i] * x[i]
                      : m == FORGOTTEN_SQUARE ? 1 - y[i]
                      : m == SLOPE_OF_SIGMOID ? y[i] * (1 - y[i])
                                              : 1 - y[i] * y[i]);
END_PASS
OPERATOR(squash, 1, NULL)

/* ---- y = max(x, 0) ---- */
PASS(rectify_forward)
for (int64_t i = 0; i < n; i++)
    y[i] = x[i] > 0 ? x[i] : 0;
END_PASS

enum { NO_MASK = 1, INVERTED_MASK };
PASS(rectify_backward)
for (int64_t i = 0; i < n; i++)
    if (m == NO_MASK || (m == INVERTED_MASK ? x[i] <= 0 : x[i] > 0))
        dx[i] += dy[i];
END_PASS
OPERATOR(rectify, 1, NULL)

/* ---- y = x z for matrices ---- */
static reel_status product_infer(reel_infer *q, reel_error *err)
{
    if (q->in[0].shape[1] != q->in[1].shape[0])
        return reel_fail(err, REEL_ERR_INVALID, "inner sizes differ");
    q->shape[1] = q->in[1].shape[1];
    return REEL_OK;
}

PASS(product_forward)
const int64_t out = nz / columns;
for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < out; j++) {
        y[i * out + j] = 0;
        for (int64_t k = 0; k < columns; k++)
            y[i * out + j] += x[i * columns + k] * z[k * out + j];
    }
END_PASS

enum { TRANSPOSED = 1, LAST_ROW_ONLY, FIRST_ROW_LEFT_OUT, OWN_VALUE, NEEDS_THE_OTHER, OTHER_SIGN };
PASS(product_backward)
const int64_t out = nz / columns;
for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < out; j++)
        for (int64_t k = 0; k < columns; k++) {
            const double d = dy[i * out + j];
            if (dx && !(m == NEEDS_THE_OTHER && !dz))
                dx[m == TRANSPOSED ? k * rows + i : i * columns + k] +=
                    d * (m == OWN_VALUE ? x[i * columns + k] : z[k * out + j]);
            if (dz && !(m == LAST_ROW_ONLY && i < rows - 1) && !(m == FIRST_ROW_LEFT_OUT && i == 0))
                dz[k * out + j] += (m == OTHER_SIGN ? -d : d) * x[i * columns + k];
        }
END_PASS
OPERATOR(product, 2, product_infer)

/* ---- y_ij = x_ij + z_j ---- */
PASS(bias_forward)
for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
        y[i * columns + j] = x[i * columns + j] + z[j];
END_PASS

enum { NOT_REDUCED = 1, REDUCED_TO_MEAN, REDUCED_TOO_FAR, WRONG_AXIS, ROW_OFF_BY_ONE, ROW_TWICE };
PASS(bias_backward)
for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
        const double d = dy[i * columns + j];
        if (dx)
            dx[i * columns + j] += d;
        if (!dz || (m == NOT_REDUCED && i < rows - 1) || (m == ROW_OFF_BY_ONE && i == 0))
            continue;
        if (m == REDUCED_TOO_FAR)
            for (int64_t l = 0; l < columns; l++)
                dz[l] += d;
        else
            dz[m == WRONG_AXIS ? i : j] += m == REDUCED_TO_MEAN       ? d / (double)rows
                                           : m == ROW_TWICE && i == 1 ? 2 * d
                                                                      : d;
    }
END_PASS
OPERATOR(bias, 2, NULL)

/* ---- y_i = sum_u z_u x_(2 i + u - 1), zeros outside: a window with stride 2 and padding 1 ---- */
static reel_status window_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->shape[0] = (q->in[0].shape[0] + 2 - q->in[1].shape[0]) / 2 + 1;
    return REEL_OK;
}

PASS(window_forward)
const int64_t out = (n + 2 - nz) / 2 + 1;
for (int64_t i = 0; i < out; i++) {
    y[i] = 0;
    for (int64_t u = 0; u < nz; u++)
        if (2 * i + u >= 1 && 2 * i + u - 1 < n)
            y[i] += z[u] * x[2 * i + u - 1];
}
END_PASS

enum {
    OFF_BY_ONE = 1,
    KERNEL_FLIPPED,
    LAST_OUTPUT_LEFT_OUT,
    STRIDE_FORGOTTEN,
    PADDING_FORGOTTEN,
    LAST_OUTPUT_ONLY
};
PASS(window_backward)
const int64_t out = (n + 2 - nz) / 2 + 1;
for (int64_t i = 0; i < out; i++)
    for (int64_t u = 0; u < nz; u++) {
        const int64_t at = 2 * i + u - 1;
        const int64_t to =
            at + (m == OFF_BY_ONE) - (m == STRIDE_FORGOTTEN) * i + (m == PADDING_FORGOTTEN);
        if (at < 0 || at >= n)
            continue;
        if (dx && to < n)
            dx[to < 0 ? 0 : to] += dy[i] * z[m == KERNEL_FLIPPED ? nz - 1 - u : u];
        if (dz && !(m == LAST_OUTPUT_LEFT_OUT && i == out - 1) &&
            !(m == LAST_OUTPUT_ONLY && i < out - 1))
            dz[u] += dy[i] * x[at];
    }
END_PASS
OPERATOR(window, 2, window_infer)

/* ---- y_i = mean of x_(i - 1) .. x_(i + 1), of those that exist ---- */
PASS(average_forward)
for (int64_t i = 0; i < n; i++) {
    const int64_t lo = i > 0 ? i - 1 : 0, hi = i + 1 < n ? i + 1 : n - 1;
    y[i] = 0;
    for (int64_t j = lo; j <= hi; j++)
        y[i] += x[j] / (double)(hi - lo + 1);
}
END_PASS

enum { COUNTS_PADDING = 1, WRONG_COUNT, NOT_AVERAGED };
PASS(average_backward)
for (int64_t i = 0; i < n; i++) {
    const int64_t lo = i > 0 ? i - 1 : 0, hi = i + 1 < n ? i + 1 : n - 1, real = hi - lo + 1;
    for (int64_t j = lo; j <= hi; j++)
        dx[j] += dy[i] / (double)(m == COUNTS_PADDING ? 3
                                  : m == WRONG_COUNT  ? real * 4
                                  : m == NOT_AVERAGED ? 1
                                                      : real);
}
END_PASS
OPERATOR(average, 1, NULL)

/* ---- y = largest of each row ---- */
static reel_status row_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = 1;
    return REEL_OK;
}

PASS(largest_forward)
for (int64_t i = 0; i < rows; i++) {
    y[i] = x[i * columns];
    for (int64_t j = 1; j < columns; j++)
        y[i] = fmax(y[i], x[i * columns + j]);
}
END_PASS

enum { TO_ALL = 1, TO_THE_FIRST, TO_THE_SMALLEST };
PASS(largest_backward)
for (int64_t i = 0; i < rows; i++) {
    int64_t best = 0;
    for (int64_t j = 0; j < columns; j++) {
        if (m == TO_ALL)
            dx[i * columns + j] += dy[i] / (double)columns;
        if (m == TO_THE_SMALLEST ? x[i * columns + j] < x[i * columns + best]
                                 : x[i * columns + j] > x[i * columns + best])
            best = j;
    }
    if (m != TO_ALL)
        dx[i * columns + (m == TO_THE_FIRST ? 0 : best)] += dy[i];
}
END_PASS
OPERATOR(largest, 1, row_infer)

/* ---- dropout: about half of the elements, doubled ---- */
static bool kept(int64_t i, int mask)
{
    return (i * 7919 + mask * 104729) % 17 < 8;
}

PASS(drop_forward)
for (int64_t i = 0; i < n; i++)
    y[i] = kept(i, 1) ? 2 * x[i] : 0;
END_PASS

enum { ANOTHER_MASK = 1, NOT_SCALED, MASK_FORGOTTEN };
PASS(drop_backward)
for (int64_t i = 0; i < n; i++)
    if (m == MASK_FORGOTTEN || kept(i, m == ANOTHER_MASK ? 2 : 1))
        dx[i] += dy[i] * (m == NOT_SCALED ? 1 : 2);
END_PASS
OPERATOR(drop, 1, NULL)

/* ---- softmax over rows ---- */
PASS(share_forward)
for (int64_t i = 0; i < rows; i++) {
    double sum = 0;
    for (int64_t j = 0; j < columns; j++)
        sum += y[i * columns + j] = exp(x[i * columns + j]);
    for (int64_t j = 0; j < columns; j++)
        y[i * columns + j] /= sum;
}
END_PASS

enum { DIAGONAL_ONLY = 1, SUM_WITHOUT_VALUES, ROWS_MIXED };
PASS(share_backward)
double all = 0;
for (int64_t i = 0; i < n; i++)
    all += dy[i] * y[i];
for (int64_t i = 0; i < rows; i++) {
    double dot = 0;
    for (int64_t j = 0; j < columns; j++)
        dot += dy[i * columns + j] * (m == SUM_WITHOUT_VALUES ? 1 : y[i * columns + j]);
    if (m == DIAGONAL_ONLY)
        dot = 0;
    if (m == ROWS_MIXED)
        dot = all;
    for (int64_t j = 0; j < columns; j++)
        dx[i * columns + j] += y[i * columns + j] * (dy[i * columns + j] - dot);
}
END_PASS
OPERATOR(share, 1, NULL)

/* ---- y = (x - mean) / deviation over all elements ---- */
static double deviation(const double *x, int64_t n, double *mean)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    return sqrt(squares / (double)n);
}

PASS(standard_forward)
double mean;
const double s = deviation(x, n, &mean);
for (int64_t i = 0; i < n; i++)
    y[i] = (x[i] - mean) / s;
END_PASS

enum { MEAN_TAKEN_AS_CONSTANT = 1, DEVIATION_TAKEN_AS_CONSTANT, NOT_DIVIDED };
PASS(standard_backward)
double mean, sum = 0, dot = 0;
const double s = deviation(x, n, &mean);
for (int64_t i = 0; i < n; i++) {
    sum += m == MEAN_TAKEN_AS_CONSTANT ? 0 : dy[i] / (double)n;
    dot += m == DEVIATION_TAKEN_AS_CONSTANT ? 0 : dy[i] * y[i] / (double)n;
}
for (int64_t i = 0; i < n; i++)
    dx[i] += (dy[i] - sum - y[i] * dot) / (m == NOT_DIVIDED ? 1 : s);
END_PASS
OPERATOR(standard, 1, NULL)

/* ---- cross entropy of rows with labels i % columns: a number ---- */
static reel_status number_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = 0;
    return REEL_OK;
}

PASS(loss_forward)
*y = 0;
for (int64_t i = 0; i < rows; i++) {
    double sum = 0;
    for (int64_t j = 0; j < columns; j++)
        sum += exp(x[i * columns + j]);
    *y += (log(sum) - x[i * columns + i % columns]) / (double)rows;
}
END_PASS

enum { NOT_DIVIDED_BY_N = 1, LABEL_NOT_SUBTRACTED, LABEL_OFF_BY_ONE, DOUT_FORGOTTEN };
PASS(loss_backward)
for (int64_t i = 0; i < rows; i++) {
    double sum = 0;
    for (int64_t j = 0; j < columns; j++)
        sum += exp(x[i * columns + j]);
    for (int64_t j = 0; j < columns; j++) {
        const bool label =
            m != LABEL_NOT_SUBTRACTED && j == (i + (m == LABEL_OFF_BY_ONE)) % columns;
        dx[i * columns + j] += (exp(x[i * columns + j]) / sum - label) *
                               (m == DOUT_FORGOTTEN ? 1 : *dy) /
                               (m == NOT_DIVIDED_BY_N ? 1 : (double)rows);
    }
}
END_PASS
OPERATOR(loss, 1, number_infer)

/* ---- y = x z, element by element ---- */
static double left_behind[64]; /* where it does not belong */

PASS(times_forward)
for (int64_t i = 0; i < n; i++) {
    left_behind[i] = z[i];
    y[i] = x[i] * z[i];
}
END_PASS

static double never_cleared[64]; /* a workspace that backward adds to */

enum { GIVEN_TO_THE_OTHER = 1, DOUT_LEFT_OUT, LEFT_BY_ANOTHER_CALL, NEVER_CLEARED };
PASS(times_backward)
for (int64_t i = 0; i < n; i++) {
    if (dx)
        dx[i] += (m == GIVEN_TO_THE_OTHER     ? x[i]
                  : m == LEFT_BY_ANOTHER_CALL ? left_behind[i]
                                              : z[i]) *
                 (m == DOUT_LEFT_OUT ? 1 : dy[i]);
    if (m == NEVER_CLEARED)
        never_cleared[i] += x[i] * dy[i];
    if (dz)
        dz[i] +=
            m == NEVER_CLEARED ? never_cleared[i] : (m == GIVEN_TO_THE_OTHER ? z[i] : x[i]) * dy[i];
}
END_PASS
OPERATOR(times, 2, NULL)

/* ---- y = max(x, 0), whose backward assigns: what is not written stays as it was handed out ----
 */
enum { ZEROS_NOT_WRITTEN = 1, ZERO_GRADIENTS_NOT_WRITTEN, MASK_NOT_WRITTEN };
static reel_status gate_infer(reel_infer *q, reel_error *err)
{
    (void)err;
    q->ndim = q->in[0].ndim;
    for (int d = 0; d < q->ndim; d++)
        q->shape[d] = q->in[0].shape[d];
    q->saved_bytes = reel_tensor_bytes(&q->in[0]);
    return REEL_OK;
}

PASS(gate_forward)
double *mask = c->saved;
for (int64_t i = 0; i < n; i++) {
    if (x[i] > 0 || m != ZEROS_NOT_WRITTEN)
        y[i] = fmax(x[i], 0);
    if (mask && (x[i] > 0 || m != MASK_NOT_WRITTEN))
        mask[i] = x[i] > 0;
}
END_PASS

PASS(gate_backward)
const double *mask = c->saved;
for (int64_t i = 0; i < n; i++)
    if (x[i] > 0 || m != ZERO_GRADIENTS_NOT_WRITTEN)
        dx[i] = (c->fresh[0] ? 0 : dx[i]) + mask[i] * dy[i];
END_PASS

static const reel_op gate =
    F64_OPERATOR("gate", 1, gate_forward, gate_backward,
                 .flags = REEL_OP_NEEDS_INPUTS | REEL_OP_ASSIGNS, .infer = gate_infer);

#endif
