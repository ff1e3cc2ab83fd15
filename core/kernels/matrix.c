/* Scratch sizes of the blocked matrix product. */
#include "core/kernels/matrix.h"

/* The shorter side's limbs, packed for all threads, and what each thread has for itself. */
static int64_t tiles_scratch(int threads, int64_t m, int64_t n, int64_t k)
{
    enum { BLOCK_SUMS = 4 * REEL_TILES_GROUP * REEL_TILES_GROUP * (int)sizeof(float) };
    const int64_t shorter = m < n ? m : n, steps = (k + REEL_TILES_STEP - 1) / REEL_TILES_STEP;
    const int64_t groups = (shorter + REEL_TILES_GROUP - 1) / REEL_TILES_GROUP;
    const int64_t panels = (groups + 1) / 2;
    const int64_t sums = panels > REEL_TILES_PANELS ? panels : REEL_TILES_PANELS;
    const int64_t own = 2 * REEL_TILES_OWN * REEL_TILES_SET;
    const int64_t stage = REEL_MATRIX_A * (int64_t)sizeof(float);
    return groups * (steps < REEL_TILES_CHAIN ? steps : REEL_TILES_CHAIN) * REEL_TILES_SET +
           threads * (own + stage + sums * BLOCK_SUMS);
}

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
    int64_t bytes = reals * (int64_t)element;
    if (element == sizeof(float) && m > 0 && n > 0 && k > 0) {
        const int64_t tiles = tiles_scratch(threads, m, n, k);
        bytes = tiles > bytes ? tiles : bytes;
    }
    return (size_t)bytes;
}
