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
    enum { WIDTH = 16, ROWS = 64 }; /* short runs are added up as vectors of reals, the runs in double */
#pragma omp parallel for schedule(static) num_threads(reel_ctx_threads(ctx)) if (rows * columns > 16384)
    for (int64_t j0 = 0; j0 < columns; j0 += WIDTH) {
        const int64_t width = columns - j0 < WIDTH ? columns - j0 : WIDTH;
        double total[WIDTH] = {0};
        for (int64_t first = 0; first < rows; first += ROWS) {
            const int64_t end = first + ROWS < rows ? first + ROWS : rows;
            reel_real part[WIDTH] = {0};
            if (width == WIDTH)
                for (int64_t i = first; i < end; i++)
                    for (int64_t j = 0; j < WIDTH; j++) part[j] += a[i * columns + j0 + j];
            else
                for (int64_t i = first; i < end; i++)
                    for (int64_t j = 0; j < width; j++) part[j] += a[i * columns + j0 + j];
            for (int64_t j = 0; j < width; j++) total[j] += (double)part[j];
        }
        for (int64_t j = 0; j < width; j++) out[j0 + j] = (reel_real)(total[j] + (accumulate ? (double)out[j0 + j] : 0.0));
    }
}

#endif
