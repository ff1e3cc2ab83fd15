/* For operator files, after core/op_impl.h: the sum over rows of a row-major matrix, which is the
 * gradient of a bias.
 *
 * A column is summed by one thread, 64 rows at a time and these parts in order: the same bits for
 * any number of threads. The parts add up in double because a bias gradient of a convolution has
 * hundreds of thousands of terms. */
#ifndef REEL_CORE_OPS_COLUMN_SUMS_H
#define REEL_CORE_OPS_COLUMN_SUMS_H

#include "core/bf16.h"
#include "core/op_impl.h"

enum { COLUMN_SUMS_ROWS = 64 };

/* total[t] += the sum over `rows` rows of `width` <= 16 columns. */
static inline void REEL_FN(add_part)(const reel_real *a, int64_t rows, int64_t columns,
                                     int64_t width, double *total)
{
    reel_real part[16] = {0};
    if (width == 16)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t t = 0; t < 16; t++)
                part[t] += a[i * columns + t];
    else
        for (int64_t i = 0; i < rows; i++)
            for (int64_t t = 0; t < width; t++)
                part[t] += a[i * columns + t];
    for (int64_t t = 0; t < width; t++)
        total[t] += (double)part[t];
}

/* The same for a matrix that is stored in bf16. */
static inline void REEL_FN(add_bf16_part)(const reel_bf16 *a, int64_t rows, int64_t columns,
                                          int64_t width, double *total)
{
    reel_real tile[COLUMN_SUMS_ROWS * 16];
    for (int64_t i = 0; i < rows; i++)
        for (int64_t t = 0; t < width; t++)
            tile[i * 16 + t] = (reel_real)reel_bf16_to_float(a[i * columns + t]);
    REEL_FN(add_part)(tile, rows, 16, width, total);
}

/* out[j] = sum_i a[i, j], or added to what out holds. stored: what a is, bf16 or reel_real. */
static inline void REEL_FN(column_sums)(const reel_ctx *ctx, reel_dtype stored, const void *a,
                                        int64_t rows, int64_t columns, bool accumulate,
                                        reel_real *out)
{
    enum { WIDEST = 64, ROWS = COLUMN_SUMS_ROWS }; /* a tile stays in the first-level cache */
    const bool half = stored == REEL_BF16;
    const int64_t share = (columns / reel_ctx_threads(ctx) + 15) / 16 * 16;
    int64_t block = share < 16 ? 16 : share;
    if (block > WIDEST)
        block = WIDEST;

#pragma omp parallel for schedule(static)                                                          \
    num_threads(reel_ctx_threads(ctx)) if (rows * columns > 16384)
    for (int64_t j0 = 0; j0 < columns; j0 += block) {
        const int64_t j1 = j0 + block < columns ? j0 + block : columns;
        double total[WIDEST] = {0};
        for (int64_t i = 0; i < rows; i += ROWS)
            for (int64_t j = j0; j < j1; j += 16) {
                const int64_t height = rows - i < ROWS ? rows - i : ROWS,
                              width = j1 - j < 16 ? j1 - j : 16;
                const int64_t at = i * columns + j;
                if (half)
                    REEL_FN(add_bf16_part)((const reel_bf16 *)a + at, height, columns, width,
                                           total + j - j0);
                else
                    REEL_FN(add_part)((const reel_real *)a + at, height, columns, width,
                                      total + j - j0);
            }

        for (int64_t j = j0; j < j1; j++)
            out[j] = (accumulate ? out[j] : 0) + (reel_real)total[j - j0];
    }
}

#endif
