/* The blocked product of matrix.h, for template use: an ISA's file defines real, VL, MR and MATRIX_NAME, then includes this. */
#include <omp.h>
#include <string.h>

#include "core/kernels/matrix.h"

#include "core/kernels/vector.h"

#include "core/kernels/product.h"

enum { NR = 2 * VL };

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#include "core/kernels/matrix_pack.h"
#include "core/kernels/matrix_small.h"

/* Rows x cols of C at (i, j) from packed A and one packed panel of B. Full panels of a row-major C are written in place; others
 * go by way of a small tile. */
static void block(const reel_matrix_job *job, int64_t i, int64_t rows, int64_t j, int64_t cols, int64_t depth, const real *a,
                  int64_t a_row, int64_t a_step, const real *b, bool first, bool last)
{
    real *c = (real *)job->c + i * job->c_row + j * job->c_col;
    const bool add = !first || job->accumulate;
    const real *bias = last && job->bias ? (const real *)job->bias + j : NULL;
    if (job->c_col == 1 && cols == NR) {
        product_panel(rows, NR, depth, a, a_row, a_step, b, c, job->c_row, add);
        if (bias)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t t = 0; t < NR; t++) c[r * job->c_row + t] += bias[t];
        return;
    }
    real tile[REEL_MATRIX_MC * NR];
    product_panel(rows, NR, depth, a, a_row, a_step, b, tile, NR, false);
    if (job->c_col == 1) {
        for (int64_t r = 0; r < rows; r++)
            for (int64_t t = 0; t < cols; t++) {
                real *to = c + r * job->c_row + t;
                *to = (add ? *to : 0) + tile[r * NR + t] + (bias ? bias[t] : 0);
            }
        return;
    }
    for (int64_t t = 0; t < cols; t++)
        for (int64_t r = 0; r < rows; r++) {
            real *to = c + r + t * job->c_col;
            *to = (add ? *to : 0) + tile[r * NR + t] + (bias ? bias[t] : 0);
        }
}

/* B is packed whole and shared; each thread takes chunks of rows. */
static void by_rows(const reel_matrix_job *job)
{
    const int64_t panels = (job->n + NR - 1) / NR, chunks = (job->m + REEL_MATRIX_MC - 1) / REEL_MATRIX_MC;
    const int64_t blocks = (job->k + REEL_MATRIX_KC - 1) / REEL_MATRIX_KC;
    real *shared = job->scratch;
    real *own = shared + panels * NR * job->k;
#pragma omp parallel num_threads(job->threads)
    {
        real *a = own + (size_t)omp_get_thread_num() * REEL_MATRIX_MC * (REEL_MATRIX_KC + REEL_MATRIX_PAD);
#pragma omp for schedule(static)
        for (int64_t item = 0; item < panels * blocks; item++) {
            const int64_t j = item / blocks * NR, p = item % blocks * REEL_MATRIX_KC;
            pack_b(&job->b, j, least(NR, job->n - j), p, least(REEL_MATRIX_KC, job->k - p), shared + j * job->k + p * NR);
        }
#pragma omp for schedule(static)
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            const int64_t i = chunk * REEL_MATRIX_MC, rows = least(REEL_MATRIX_MC, job->m - i);
            for (int64_t p = 0; p < job->k; p += REEL_MATRIX_KC) {
                const int64_t depth = least(REEL_MATRIX_KC, job->k - p);
                int64_t a_row, a_step;
                pack_a(&job->a, i, rows, p, depth, a, &a_row, &a_step);
                for (int64_t j = 0; j < job->n; j += NR)
                    block(job, i, rows, j, least(NR, job->n - j), depth, a, a_row, a_step, shared + j * job->k + p * NR, p == 0,
                          p + depth == job->k);
            }
        }
    }
}

/* Each thread takes panels of columns, and packs A's block and its panels of B for itself. */
static void by_columns(const reel_matrix_job *job)
{
    const int64_t panels = (job->n + NR - 1) / NR;
#pragma omp parallel num_threads(job->threads)
    {
        const int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
        const int64_t begin = panels * t / threads, end = panels * (t + 1) / threads;
        const int64_t chunks = (job->m + REEL_MATRIX_MC - 1) / REEL_MATRIX_MC;
        const int64_t a_size = REEL_MATRIX_MC * (REEL_MATRIX_KC + REEL_MATRIX_PAD);
        real *a = (real *)job->scratch + t * (chunks * a_size + REEL_MATRIX_KC * REEL_MATRIX_PANEL), *b = a + chunks * a_size;
        for (int64_t p = 0; p < job->k && begin < end; p += REEL_MATRIX_KC) {
            const int64_t depth = least(REEL_MATRIX_KC, job->k - p);
            int64_t a_row = 0, a_step = 0;
            for (int64_t i = 0; i < chunks; i++)
                pack_a(&job->a, i * REEL_MATRIX_MC, least(REEL_MATRIX_MC, job->m - i * REEL_MATRIX_MC), p, depth,
                       a + i * a_size, &a_row, &a_step);
            for (int64_t panel = begin; panel < end; panel++) {
                const int64_t j = panel * NR, cols = least(NR, job->n - j);
                pack_b(&job->b, j, cols, p, depth, b);
                for (int64_t i = 0; i < chunks; i++)
                    block(job, i * REEL_MATRIX_MC, least(REEL_MATRIX_MC, job->m - i * REEL_MATRIX_MC), j, cols, depth,
                          a + i * a_size, a_row, a_step, b, p == 0, p + depth == job->k);
            }
        }
    }
}

void MATRIX_NAME(const reel_matrix_job *job)
{
    if (small_product(job)) return;
    if (reel_matrix_by_rows(job->m, job->n))
        by_rows(job);
    else
        by_columns(job);
}
