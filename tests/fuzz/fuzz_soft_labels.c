/* Arbitrary numbers as targets of cross_entropy_soft: what is no probability is refused in one
 * line; an accepted batch has a finite loss, and a gradient whose rows sum to 0. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/ops.h"
#include "core/tape.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { SOFT_MOST = 8 };

typedef struct soft_input {
    uint8_t rows, columns, n, classes; /* of the targets; of the logits */
    uint8_t single, weighted, smooth, sum;
    double targets[SOFT_MOST * SOFT_MOST], weights[SOFT_MOST], smoothing;
} soft_input;

static void soft_check(bool good)
{
    if (!good)
        abort();
}

/* Half of the inputs are made sums of 1: few numbers are by chance. */
static void scale_rows(soft_input *in, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++) {
        double *row = in->targets + i * columns, sum = 0;
        for (int64_t k = 0; k < columns; k++)
            sum += row[k];
        for (int64_t k = 0; k < columns; k++)
            row[k] /= sum;
    }
}

static void check_gradient(reel_var x, reel_var loss, int64_t n, int64_t classes)
{
    soft_check(reel_backward(loss, NULL) == REEL_OK);
    const reel_tensor grad = reel_grad(x);
    const double *dx = grad.data;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < classes; k++) {
            sum += dx[i * classes + k];
            size += fabs(dx[i * classes + k]);
        }
        soft_check(fabs(sum) <= 1e-9 * (1 + size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static reel_ctx *ctx;
    static reel_tape *tape;
    const reel_ctx_config one = {.threads = 1};
    const reel_tape_config f64 = {.dtype = REEL_F64};
    if (!tape && (reel_ctx_create(&ctx, &one, NULL) || reel_tape_create(&tape, ctx, &f64, NULL)))
        abort();
    soft_input in = {0};
    memcpy(&in, bytes, size < sizeof in ? size : sizeof in);

    const int64_t rows = in.rows % (SOFT_MOST + 1), columns = in.columns % (SOFT_MOST + 1);
    const int64_t n = in.n % 4 ? rows : in.n % SOFT_MOST,
                  classes = in.classes % 4 ? columns : in.classes % SOFT_MOST;
    if (in.sum % 2)
        scale_rows(&in, rows, columns);
    float single[SOFT_MOST * SOFT_MOST];
    for (int i = 0; i < REEL_COUNT(single); i++)
        single[i] = fabs(in.targets[i]) < 1e30 ? (float)in.targets[i] : NAN;

    double logits[SOFT_MOST * SOFT_MOST];
    for (int i = 0; i < REEL_COUNT(logits); i++)
        logits[i] = i % 7 - 3;
    const reel_tensor x = reel_tensor_of(logits, REEL_F64, 2, (const int64_t[]){n, classes});
    const reel_tensor t =
        reel_tensor_of(in.single % 2 ? (void *)single : in.targets,
                       in.single % 2 ? REEL_F32 : REEL_F64, 2, (const int64_t[]){rows, columns});
    for (int k = 0; k < SOFT_MOST; k++)
        in.weights[k] = fabs(in.weights[k]) < 1e6 ? fabs(in.weights[k]) : 1;
    const reel_cross_entropy_attrs attrs = {.label_smoothing = in.smooth % 2 ? in.smoothing : 0,
                                            .class_weights = in.weighted % 2 ? in.weights : NULL,
                                            .sum = in.sum % 4 > 1};

    const reel_var input = reel_input_grad(tape, &x);
    const reel_var loss = reel_cross_entropy_soft(input, &t, &attrs);
    reel_error err = {0};
    if (reel_tape_status(tape, &err) == REEL_OK) {
        const double value = *(const double *)reel_value(loss).data;
        soft_check(n == rows && classes == columns && isfinite(value) && value > -1e-9);
        check_gradient(input, loss, n, classes);
    } else {
        soft_check(err.message[0] && !strchr(err.message, '\n'));
    }
    reel_tape_reset(tape);
    return 0;
}
