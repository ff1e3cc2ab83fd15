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

/* Asks for elements of a plain operand that are packed soon. */
static inline void prefetch(const reel_operand *o, int64_t i0, int64_t rows, int64_t p0, int64_t depth)
{
    enum { LINE = 64 / sizeof(real) };
    const bool by_row = o->kind == REEL_OPERAND_ROWS;
    if (!by_row && o->kind != REEL_OPERAND_COLUMNS) return;
    const int64_t lines = by_row ? rows : depth, length = by_row ? depth : rows;
    const real *from = (const real *)o->data + (by_row ? i0 * o->ld + p0 : p0 * o->ld + i0);
    for (int64_t l = 0; l < lines; l++)
        for (int64_t q = 0; q < length; q += LINE) __builtin_prefetch(from + l * o->ld + q, 0, 2);
}

/* Results of a chunk of rows that were summed row-major in scratch, to where they belong: transposed, or a grid's pixels. */
static void write_chunk(const reel_matrix_job *job, int64_t i, int64_t rows, const real *from, int64_t ld, bool add)
{
    const reel_grid *g = job->grid;
    if (g) {
        for (int64_t r = 0; r < rows; r++) {
            const int64_t at = i + r, x = g->x + at % g->grid_w * g->step_x;
            const int64_t y = g->y + at / g->grid_w % g->grid_h * g->step_y, image = at / g->grid_w / g->grid_h;
            real *to = (real *)job->c + ((image * g->h + y) * g->w + x) * job->c_row;
            for (int64_t j = 0; j < job->n; j++) to[j] = (add ? to[j] : 0) + from[r * ld + j];
        }
        return;
    }
    for (int64_t j = 0; j < job->n; j++) {
        real *to = (real *)job->c + i * job->c_row + j * job->c_col;
        const real bias = job->bias ? ((const real *)job->bias)[j] : 0;
        for (int64_t r = 0; r < rows; r++) to[r] = (add ? to[r] : 0) + from[r * ld + j] + bias;
    }
}

/* B is packed and shared, as much of the sum at a time as fits the budget; threads take chunks of rows. */
static void by_rows(const reel_matrix_job *job)
{
    enum { A_SIZE = REEL_MATRIX_MC * (REEL_MATRIX_KC + REEL_MATRIX_PAD) };
    const int64_t panels = (job->n + NR - 1) / NR, stretch = reel_matrix_stretch(job->n, job->k);
    const int64_t chunks = reel_matrix_chunks(job->threads, job->m, MR);
    const bool keeps = job->grid || reel_matrix_is_local(job->n, job->k), local = keeps && (job->grid || job->c_col != 1);
    const int64_t own_size = A_SIZE + (keeps ? REEL_MATRIX_MC * panels * NR : 0);
    real *shared = job->scratch, *own = shared + panels * NR * stretch;
#pragma omp parallel num_threads(job->threads)
    {
        real *a = own + omp_get_thread_num() * own_size, *sums = a + A_SIZE;
        for (int64_t from = 0; from < job->k; from += stretch) {
            const int64_t to = least(from + stretch, job->k), blocks = (to - from + REEL_MATRIX_KC - 1) / REEL_MATRIX_KC;
#pragma omp for schedule(static)
            for (int64_t item = 0; item < panels * blocks; item++) {
                const int64_t j = item / blocks * NR, p = item % blocks * REEL_MATRIX_KC;
                pack_b(&job->b, j, least(NR, job->n - j), from + p, least(REEL_MATRIX_KC, to - from - p),
                       shared + j * (to - from) + p * NR);
            }
#pragma omp for schedule(dynamic, 1)
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
                const reel_matrix_job here = {.c = sums, .c_row = panels * NR, .c_col = 1};
                for (int64_t p = from; p < to; p += REEL_MATRIX_KC) {
                    const int64_t depth = least(REEL_MATRIX_KC, to - p), next = least(REEL_MATRIX_KC, to - p - depth);
                    int64_t a_row, a_step;
                    pack_a(&job->a, i, rows, p, depth, a, &a_row, &a_step);
                    for (int64_t panel = 0; panel < panels; panel++) {
                        const int64_t j = panel * NR;
                        const real *b = shared + j * (to - from) + (p - from) * NR;
                        const int64_t at = rows * panel / panels;
                        if (next > 0) prefetch(&job->a, i + at, rows * (panel + 1) / panels - at, p + depth, next);
                        if (local)
                            block(&here, 0, rows, j, NR, depth, a, a_row, a_step, b, p == from, false);
                        else
                            block(job, i, rows, j, least(NR, job->n - j), depth, a, a_row, a_step, b, p == 0,
                                  p + depth == job->k);
                    }
                }
                if (local) write_chunk(job, i, rows, sums, panels * NR, job->accumulate || from > 0);
            }
        }
    }
}

/* Each thread takes panels of columns, and packs A's block and its panels of B for itself; several panels at a time, so that a
 * visit to a page of a long matrix brings more than one panel's width. */
static void by_columns(const reel_matrix_job *job)
{
    enum { A_SIZE = REEL_MATRIX_MC * (REEL_MATRIX_KC + REEL_MATRIX_PAD), B_SIZE = REEL_MATRIX_KC * NR };
    const int64_t panels = (job->n + NR - 1) / NR, chunks = reel_matrix_chunks(1, job->m, MR);
    const int64_t own = chunks * A_SIZE + REEL_MATRIX_GROUP * REEL_MATRIX_KC * REEL_MATRIX_PANEL;
#pragma omp parallel num_threads(job->threads)
    {
        const int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
        const int64_t begin = panels * t / threads, end = panels * (t + 1) / threads;
        real *a = (real *)job->scratch + t * own, *b = a + chunks * A_SIZE;
        for (int64_t p = 0; p < job->k && begin < end; p += REEL_MATRIX_KC) {
            const int64_t depth = least(REEL_MATRIX_KC, job->k - p);
            int64_t a_row = 0, a_step = 0;
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
                pack_a(&job->a, i, rows, p, depth, a + chunk * A_SIZE, &a_row, &a_step);
            }
            for (int64_t group = begin; group < end; group += REEL_MATRIX_GROUP) {
                const int64_t count = least(REEL_MATRIX_GROUP, end - group);
                pack_panels(&job->b, group * NR, least(count * NR, job->n - group * NR), p, depth, b, B_SIZE);
                for (int64_t panel = group; panel < group + count; panel++) {
                    const int64_t j = panel * NR, cols = least(NR, job->n - j);
                    for (int64_t chunk = 0; chunk < chunks; chunk++) {
                        const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
                        block(job, i, rows, j, cols, depth, a + chunk * A_SIZE, a_row, a_step, b + (panel - group) * B_SIZE,
                              p == 0, p + depth == job->k);
                    }
                }
            }
        }
    }
}

void MATRIX_NAME(const reel_matrix_job *job)
{
    if (small_product(job)) return;
    if (job->grid || reel_matrix_by_rows(job->m, job->n))
        by_rows(job);
    else
        by_columns(job);
}
