/* Products with a short sum and a large result, as the weight gradients of fully connected layers are: C = A^T B over the
 * batch. Writing C bounds the time, so it is written once, row by row in long runs, past the caches where it is larger than
 * those. For template use (see matrix_impl.h). */

enum {
    OUTER_B = 1 << 16,       /* reals of B that a thread keeps packed: a quarter of its second-level cache */
    OUTER_STREAM = 16 << 20, /* bytes of a C that no cache holds until it is read */
};

static bool outer_product(const reel_matrix_job *job)
{
    if (job->a.kind != REEL_OPERAND_COLUMNS || job->b.kind != REEL_OPERAND_COLUMNS || job->c_col != 1 || job->grid ||
        job->k > REEL_MATRIX_KC || job->n < 4 * NR || job->m < MR)
        return false;
    const int64_t panels = (job->n + NR - 1) / NR, most = OUTER_B / (job->k * NR);
    const int64_t groups = (panels + most - 1) / most, chunks = (job->m + REEL_MATRIX_MC - 1) / REEL_MATRIX_MC;
    const bool aligned = ((uintptr_t)job->c | (uintptr_t)(job->c_row * (int64_t)sizeof(real))) % sizeof(vec) == 0;
    const bool streams = aligned && !job->accumulate && !job->bias && job->m * job->n * (int64_t)sizeof(real) >= OUTER_STREAM;
    const product_end end = job->accumulate ? PRODUCT_ADD : streams ? PRODUCT_STREAM : PRODUCT_ASSIGN;
#pragma omp parallel num_threads(job->threads)
    {
        real *b = (real *)job->scratch + omp_get_thread_num() * REEL_MATRIX_OUTER, *a = b + OUTER_B;
        product_carry none = {0};
        int64_t packed = -1;
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < groups * chunks; item++) {
            const int64_t group = item / chunks, chunk = item % chunks;
            const int64_t begin = panels * group / groups, end_panel = panels * (group + 1) / groups;
            const int64_t i = job->m * chunk / chunks, rows = job->m * (chunk + 1) / chunks - i;
            if (packed != group)
                pack_panels(&job->b, begin * NR, least(end_panel * NR, job->n) - begin * NR, 0, job->k, b, job->k * NR);
            packed = group;
            pack_a(&job->a, i, rows, 0, job->k, a);
            const int64_t blocks = (rows + MR - 1) / MR;
            for (int64_t r = 0; r < blocks; r++) {
                const int64_t row = rows * r / blocks, count = rows * (r + 1) / blocks - row;
                for (int64_t panel = begin; panel < end_panel; panel++)
                    block(job, i + row, count, panel * NR, least(NR, job->n - panel * NR), job->k, a + row, 1, WIDE_LD,
                          b + (panel - begin) * job->k * NR, end, true, &none);
            }
        }
        stream_end();
    }
    return true;
}
