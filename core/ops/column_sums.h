/* For operator files, after core/op_impl.h: the sum over rows of a row-major matrix, which is the gradient of a bias.
 *
 * Work is split over columns, so each sum runs down its rows in order, whatever the number of threads; sums are kept in double
 * because a bias gradient of a convolution adds up hundreds of thousands of terms. */
#ifndef REEL_CORE_OPS_COLUMN_SUMS_H
#define REEL_CORE_OPS_COLUMN_SUMS_H

#include "core/op_impl.h"

/* out[j] = sum_i a[i, j], or added to what out holds. */
static inline void REEL_FN(column_sums)(const reel_ctx *ctx, const reel_real *a, int64_t rows, int64_t columns, bool accumulate,
                                        reel_real *out)
{
    enum { BLOCK = 64 };
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx)) if (rows * columns > 16384)
    for (int64_t j0 = 0; j0 < columns; j0 += BLOCK) {
        const int64_t width = columns - j0 < BLOCK ? columns - j0 : BLOCK;
        double sum[BLOCK] = {0};
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < width; j++) sum[j] += (double)a[i * columns + j0 + j];
        for (int64_t j = 0; j < width; j++) out[j0 + j] = (reel_real)(sum[j] + (accumulate ? (double)out[j0 + j] : 0.0));
    }
}

#endif
