/* Scratch sizes of the blocked matrix product. */
#include "core/kernels/matrix.h"

size_t reel_matrix_scratch(int threads, int64_t m, int64_t n, int64_t k, bool grid, size_t element)
{
    const int64_t columns = (n + REEL_MATRIX_PANEL - 1) / REEL_MATRIX_PANEL * REEL_MATRIX_PANEL;
    int64_t reals;
    if (m <= 0 || n <= 0 || k <= 0)
        reals = 0;
    else if (grid || reel_matrix_by_rows(m, n))
        reals = columns * reel_matrix_stretch(n, k) +
                threads * (2 * REEL_MATRIX_A +
                           (grid || reel_matrix_is_local(n, k) ? REEL_MATRIX_WIDE * columns : 0));
    else
        reals = threads * (reel_matrix_chunks(1, m, REEL_MATRIX_MC, 1) * REEL_MATRIX_A +
                           REEL_MATRIX_GROUP * REEL_MATRIX_KC * REEL_MATRIX_PANEL);
    if (k > 0 && k <= REEL_MATRIX_KC && reals < threads * (int64_t)REEL_MATRIX_OUTER)
        reals = threads * REEL_MATRIX_OUTER;
    return (size_t)reals * element;
}
