/* Few rows of x times the rows of a long matrix that is stored in bf16 (core/kernels/bf16.h): bound
 * by reading the matrix, which is widened as it is loaded. */
#include "core/kernels/bf16.h"
#include "core/kernels/templates/names.h"
#include "core/kernels/templates/vector_bf16.h"

enum { DOT_ROWS = 3 }; /* of the matrix at a time: 3 x 8 sums, and what feeds them, in registers */

/* y(s, i) for `rows` rows of w from i on and all rows of x: sums of lanes, then the lanes in order.
 * The rows that come next are asked for meanwhile. */
KERNEL_INLINE void bf16_dots_block(const reel_bf16_dots_job *job, int64_t i, const int rows,
                                   const int cols)
{
    const reel_bf16 *w = job->w + i * job->k;
    const float *x = job->x;
    vec sum[DOT_ROWS][REEL_BF16_FEW];
    UNROLLED_FOR(r, rows)
        UNROLLED_FOR(s, cols)
            sum[r][s] = (vec){0};

    int64_t p = 0;
    for (; p + VL <= job->k; p += VL) {
        vec wv[DOT_ROWS];
        UNROLLED_FOR(r, rows) {
            wv[r] = load_bf16(w + r * job->k + p);
            __builtin_prefetch(w + (r + rows) * job->k + p, 0, 3);
        }
        UNROLLED_FOR(s, cols) {
            const vec xv = load(x + s * job->k + p);
            UNROLLED_FOR(r, rows)
                sum[r][s] = muladd(wv[r], xv, sum[r][s]);
        }
    }

    UNROLLED_FOR(r, rows)
        UNROLLED_FOR(s, cols) {
            float total = 0;
            for (int l = 0; l < VL; l++)
                total += sum[r][s][l];
            for (int64_t q = p; q < job->k; q++)
                total = muladd_one(reel_bf16_to_float(w[r * job->k + q]), x[s * job->k + q], total);
            job->y[s * job->m + i + r] = total + (job->bias ? job->bias[i + r] : 0);
        }
}

/* One function for each number of rows of x, so that sums stay in registers. */
#define DOTS_OF(cols)                                                                              \
    static void bf16_dots_of_##cols(const reel_bf16_dots_job *job, int64_t i, int64_t rows)        \
    {                                                                                              \
        if (rows == DOT_ROWS)                                                                      \
            bf16_dots_block(job, i, DOT_ROWS, cols);                                               \
        else                                                                                       \
            for (int64_t r = 0; r < rows; r++)                                                     \
                bf16_dots_block(job, i + r, 1, cols);                                              \
    }
DOTS_OF(1)
DOTS_OF(2)
DOTS_OF(3)
DOTS_OF(4)
DOTS_OF(5)
DOTS_OF(6)
DOTS_OF(7)
DOTS_OF(8)

void REEL_ISA_FN(reel_bf16_dots)(int threads, const reel_bf16_dots_job *job)
{
    typedef void dots_of(const reel_bf16_dots_job *job, int64_t i, int64_t rows);
    static dots_of *const by_rows[REEL_BF16_FEW] = {bf16_dots_of_1, bf16_dots_of_2, bf16_dots_of_3,
                                                    bf16_dots_of_4, bf16_dots_of_5, bf16_dots_of_6,
                                                    bf16_dots_of_7, bf16_dots_of_8};
    dots_of *run = by_rows[job->n - 1];
    const int64_t blocks = (job->m + DOT_ROWS - 1) / DOT_ROWS;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t block = 0; block < blocks; block++)
        run(job, block * DOT_ROWS, least(DOT_ROWS, job->m - block * DOT_ROWS));
}
