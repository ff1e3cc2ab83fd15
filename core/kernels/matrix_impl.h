/* The blocked product of matrix.h, for template use: an ISA's file defines real, VL, MR and MATRIX_NAME, then includes this. */
#include <omp.h>
#include <string.h>

#include "core/kernels/matrix.h"

#include "core/kernels/vector.h"

enum { NR = 2 * VL };

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#include "core/kernels/product_carry.h"

#include "core/kernels/matrix_pack.h"

/* What complete sums become: n of them from (i, j) on, side by side along a row of C, or along a column. */
static void finish(const reel_matrix_job *job, int64_t i, int64_t j, bool along_row, int64_t n, real *restrict sums)
{
    if (!job->bias) return;
    const real *restrict bias = (const real *)job->bias + (job->bias_by_row ? i : j);
    if (along_row != job->bias_by_row) {
        for (int64_t q = 0; q < n; q++) sums[q] += bias[q];
    } else {
        const real one = *bias;
        for (int64_t q = 0; q < n; q++) sums[q] += one;
    }
}

/* Rows x cols of C at (i, j) from packed A and one packed panel of B. A whole vector or two of a row-major C are written in
 * place; others go by way of a small tile. last: the sum is complete with this. */
static void block(const reel_matrix_job *job, int64_t i, int64_t rows, int64_t j, int64_t cols, int64_t depth, const real *a,
                  int64_t a_row, int64_t a_step, const real *b, product_end end, bool last, product_carry *carry)
{
    real *c = (real *)job->c + i * job->c_row + j * job->c_col;
    const bool closes = last && job->bias;
    if (job->c_col == 1 && (cols == NR || cols == VL)) {
        carry_panel(rows, cols, depth, a, a_row, a_step, b, NR, c, job->c_row, end, carry);
        for (int64_t r = 0; r < rows && closes; r++) finish(job, i + r, j, true, cols, c + r * job->c_row);
        return;
    }
    real tile[REEL_MATRIX_WIDE * NR];
    carry_panel(rows, cols > VL ? NR : VL, depth, a, a_row, a_step, b, NR, tile, NR, PRODUCT_ASSIGN, carry);
    const bool by_row = job->c_col == 1;
    const int64_t outer = by_row ? rows : cols, inner = by_row ? cols : rows;
    for (int64_t o = 0; o < outer; o++) {
        real *to = c + o * (by_row ? job->c_row : job->c_col);
        const real *from = tile + o * (by_row ? NR : 1);
        const int64_t step = by_row ? 1 : NR;
        for (int64_t q = 0; q < inner; q++) to[q] = (end == PRODUCT_ADD ? to[q] : 0) + from[q * step];
        if (closes) finish(job, by_row ? i + o : i, by_row ? j : j + o, by_row, inner, to);
    }
}

#include "core/kernels/matrix_outer.h"
#include "core/kernels/matrix_small.h"

/* Results of a chunk of rows that were summed row-major in scratch, to where they belong: transposed, or a grid's pixels. */
static void write_chunk(const reel_matrix_job *job, int64_t i, int64_t rows, const real *from, int64_t ld, bool add, bool last)
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
        for (int64_t r = 0; r < rows; r++) to[r] = (add ? to[r] : 0) + from[r * ld + j];
        if (last) finish(job, i, j, false, rows, to);
    }
}

/* Where a chunk of rows begins. Chunks of a k-major A are whole panels, so that they can be carried. */
static int64_t chunk_at(const reel_matrix_job *job, int64_t chunks, int64_t chunk)
{
    const int64_t at = job->m * chunk / chunks;
    return job->a.kind == REEL_OPERAND_COLUMNS
               ? least((at + REEL_MATRIX_PANEL - 1) / REEL_MATRIX_PANEL * REEL_MATRIX_PANEL, job->m)
               : at;
}

/* B is packed and shared, as much of the sum at a time as fits the budget; threads take chunks of rows. A thread knows its next
 * chunk before it begins the last block of one, so that A's blocks are always copied ahead. */
static void by_rows(const reel_matrix_job *job)
{
    enum { A_SIZE = REEL_MATRIX_A };
    const int64_t limit = job->a.kind == REEL_OPERAND_COLUMNS ? REEL_MATRIX_WIDE : REEL_MATRIX_MC;
    const int64_t panels = (job->n + NR - 1) / NR, stretch = reel_matrix_stretch(job->n, job->k);
    const int64_t chunks = reel_matrix_chunks(job->threads, job->m, limit, MR);
    const bool keeps = job->grid || reel_matrix_is_local(job->n, job->k), local = keeps && (job->grid || job->c_col != 1);
    const int64_t own_size = 2 * A_SIZE + (keeps ? REEL_MATRIX_WIDE * panels * NR : 0);
    real *shared = job->scratch, *own = shared + panels * NR * stretch;
    int64_t dealt = 0;
#pragma omp parallel num_threads(job->threads)
    {
        real *a = own + omp_get_thread_num() * own_size, *spare = a + A_SIZE, *sums = spare + A_SIZE;
        const reel_matrix_job here = {.c = sums, .c_row = panels * NR, .c_col = 1};
        for (int64_t from = 0; from < job->k; from += stretch) {
            const int64_t to = least(from + stretch, job->k), blocks = (to - from + REEL_MATRIX_KC - 1) / REEL_MATRIX_KC;
#pragma omp single nowait
            dealt = 0;
#pragma omp for schedule(static)
            for (int64_t item = 0; item < panels * blocks; item++) {
                const int64_t j = item / blocks * NR, p = item % blocks * REEL_MATRIX_KC;
                pack_b(&job->b, j, least(NR, job->n - j), from + p, least(REEL_MATRIX_KC, to - from - p),
                       shared + j * (to - from) + p * NR);
            }
            bool packed = false;
            for (int64_t chunk = __atomic_fetch_add(&dealt, 1, __ATOMIC_RELAXED), next; chunk < chunks; chunk = next) {
                const int64_t i = chunk_at(job, chunks, chunk), rows = chunk_at(job, chunks, chunk + 1) - i;
                next = chunks;
                for (int64_t p = from; p < to; p += REEL_MATRIX_KC) {
                    const int64_t depth = least(REEL_MATRIX_KC, to - p), after = p + depth;
                    int64_t a_row, a_step;
                    a_steps(&job->a, &a_row, &a_step);
                    if (!packed) pack_a(&job->a, i, rows, p, depth, a);
                    product_carry carry = {0};
                    if (after < to) {
                        carry = carry_a(&job->a, i, rows, after, least(REEL_MATRIX_KC, to - after), spare);
                    } else {
                        next = __atomic_fetch_add(&dealt, 1, __ATOMIC_RELAXED);
                        const int64_t i1 = chunk_at(job, chunks, next), rows1 = chunk_at(job, chunks, next + 1) - i1;
                        if (next < chunks) carry = carry_a(&job->a, i1, rows1, from, least(REEL_MATRIX_KC, to - from), spare);
                    }
                    for (int64_t panel = 0; panel < panels; panel++) {
                        const int64_t j = panel * NR, cols = least(NR, job->n - j);
                        const real *b = shared + j * (to - from) + (p - from) * NR;
                        if (local)
                            block(&here, 0, rows, j, cols > VL ? NR : VL, depth, a, a_row, a_step, b,
                                  p == from ? PRODUCT_ASSIGN : PRODUCT_ADD, false, &carry);
                        else
                            block(job, i, rows, j, cols, depth, a, a_row, a_step, b,
                                  p == 0 && !job->accumulate ? PRODUCT_ASSIGN : PRODUCT_ADD, after == job->k, &carry);
                    }
                    packed = carry_finish(&carry);
                    if (packed) {
                        real *const used = a;
                        a = spare;
                        spare = used;
                    }
                }
                if (local) write_chunk(job, i, rows, sums, panels * NR, job->accumulate || from > 0, to == job->k);
            }
#pragma omp barrier
        }
    }
}

/* Each thread takes panels of columns, and packs A's block and its panels of B for itself; several panels at a time, so that a
 * visit to a page of a long matrix brings more than one panel's width. */
static void by_columns(const reel_matrix_job *job)
{
    enum { A_SIZE = REEL_MATRIX_A, B_SIZE = REEL_MATRIX_KC * NR };
    const int64_t panels = (job->n + NR - 1) / NR, chunks = reel_matrix_chunks(1, job->m, REEL_MATRIX_MC, MR);
    const int64_t own = chunks * A_SIZE + REEL_MATRIX_GROUP * REEL_MATRIX_KC * REEL_MATRIX_PANEL;
#pragma omp parallel num_threads(job->threads)
    {
        const int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
        const int64_t begin = panels * t / threads, end = panels * (t + 1) / threads;
        real *a = (real *)job->scratch + t * own, *b = a + chunks * A_SIZE;
        product_carry none = {0};
        int64_t a_row, a_step;
        a_steps(&job->a, &a_row, &a_step);
        for (int64_t p = 0; p < job->k && begin < end; p += REEL_MATRIX_KC) {
            const int64_t depth = least(REEL_MATRIX_KC, job->k - p);
            const product_end how = p == 0 && !job->accumulate ? PRODUCT_ASSIGN : PRODUCT_ADD;
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
                pack_a(&job->a, i, rows, p, depth, a + chunk * A_SIZE);
            }
            for (int64_t group = begin; group < end; group += REEL_MATRIX_GROUP) {
                const int64_t count = least(REEL_MATRIX_GROUP, end - group);
                pack_panels(&job->b, group * NR, least(count * NR, job->n - group * NR), p, depth, b, B_SIZE);
                for (int64_t panel = group; panel < group + count; panel++) {
                    const int64_t j = panel * NR, cols = least(NR, job->n - j);
                    for (int64_t chunk = 0; chunk < chunks; chunk++) {
                        const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
                        block(job, i, rows, j, cols, depth, a + chunk * A_SIZE, a_row, a_step, b + (panel - group) * B_SIZE,
                              how, p + depth == job->k, &none);
                    }
                }
            }
        }
    }
}

void MATRIX_NAME(const reel_matrix_job *job)
{
    if (small_product(job) || outer_product(job)) return;
    if (job->grid || reel_matrix_by_rows(job->m, job->n))
        by_rows(job);
    else
        by_columns(job);
}
