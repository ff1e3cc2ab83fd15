/* Products with few rows on one side, where the other side's matrix is read once and bounds the time: it is streamed as it
 * lies, without packing. For template use (see matrix_impl.h). */

enum { SMALL = 8 }; /* most rows of the short side */

/* C(i, j) for `rows` rows of A and `cols` rows of B, both row-major, rows * cols <= 24: dot products, kept as vectors until the
 * end. What lies as far below is asked for while a row is read: the next rows of a long matrix. */
static inline __attribute__((always_inline)) void dots_block(const reel_matrix_job *job, int64_t i, int rows, int64_t j,
                                                             int cols)
{
    const real *a = (const real *)job->a.data + i * job->a.ld, *b = (const real *)job->b.data + j * job->b.ld;
    vec sum[4][SMALL];
    real tail[4][SMALL] = {{0}};
    _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) _Pragma("GCC unroll 8") for (int s = 0; s < cols; s++) sum[r][s] =
        (vec){0};
    int64_t p = 0;
    for (; p + VL <= job->k; p += VL) {
        vec av[4];
        _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++)
        {
            av[r] = load(a + r * job->a.ld + p);
            __builtin_prefetch(a + (r + rows) * job->a.ld + p, 0, 3);
        }
        _Pragma("GCC unroll 8") for (int s = 0; s < cols; s++)
        {
            const vec bv = load(b + s * job->b.ld + p);
            _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) sum[r][s] += av[r] * bv;
        }
    }
    for (; p < job->k; p++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < cols; s++) tail[r][s] += a[r * job->a.ld + p] * b[s * job->b.ld + p];
    _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++) _Pragma("GCC unroll 8") for (int s = 0; s < cols; s++)
    {
        real *to = (real *)job->c + (i + r) * job->c_row + (j + s) * job->c_col;
        real total = tail[r][s];
        for (int l = 0; l < VL; l++) total += sum[r][s][l];
        *to = (job->accumulate ? *to : 0) + total;
        finish(job, i + r, j + s, true, 1, to);
    }
}

/* All columns for a few rows. */
static inline __attribute__((always_inline)) void dots_rows(const reel_matrix_job *job, int64_t i, int rows)
{
    switch (job->n) {
    case 1:
        dots_block(job, i, rows, 0, 1);
        return;
    case 2:
        dots_block(job, i, rows, 0, 2);
        return;
    case 3:
        dots_block(job, i, rows, 0, 3);
        return;
    case 4:
        dots_block(job, i, rows, 0, 4);
        return;
    case 5:
        dots_block(job, i, rows, 0, 5);
        return;
    case 6:
        dots_block(job, i, rows, 0, 6);
        return;
    case 7:
        dots_block(job, i, rows, 0, 7);
        return;
    default:
        dots_block(job, i, rows, 0, 8);
    }
}

/* A (many rows) times B^T (few): rows of A are shared out, B stays in cache. */
static void by_dots(const reel_matrix_job *job)
{
    enum { ROWS = VL * sizeof(real) == 64 ? 3 : 1 }; /* as many as there are registers for their sums */
    const int64_t blocks = job->m / ROWS;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t b = 0; b < blocks; b++) dots_rows(job, b * ROWS, ROWS);
    for (int64_t i = blocks * ROWS; i < job->m; i++) dots_rows(job, i, 1);
}

enum { DEEP = 8 };

/* Adds `rows` rows of C over columns [begin, end): DEEP rows of B from row p on. When `next` is set, the rows of B after those
 * are asked for. */
static inline __attribute__((always_inline)) void sums_rows(const reel_matrix_job *job, int64_t i, int rows, int64_t p,
                                                            int64_t begin, int64_t end, bool next)
{
    enum { LINE = 64 / sizeof(real) };
    const real *a = job->a.data, *b = (const real *)job->b.data + p * job->b.ld;
    const bool by_row = job->a.kind == REEL_OPERAND_ROWS;
    const int64_t ld = job->b.ld;
    real *c = (real *)job->c + i * job->c_row;
    real av[2][DEEP];
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < DEEP; q++) av[r][q] = a[by_row ? (i + r) * job->a.ld + p + q : (p + q) * job->a.ld + i + r];
    int64_t j = begin;
    for (; j + VL <= end; j += VL) {
        vec sum[2];
        if (next && j % LINE == 0)
            _Pragma("GCC unroll 8") for (int q = 0; q < DEEP; q++) __builtin_prefetch(b + (DEEP + q) * ld + j, 0, 3);
        _Pragma("GCC unroll 2") for (int r = 0; r < rows; r++) sum[r] = load(c + r * job->c_row + j);
        _Pragma("GCC unroll 8") for (int q = 0; q < DEEP; q++)
        {
            const vec bv = load(b + q * ld + j);
            _Pragma("GCC unroll 2") for (int r = 0; r < rows; r++) sum[r] += av[r][q] * bv;
        }
        _Pragma("GCC unroll 2") for (int r = 0; r < rows; r++) store(c + r * job->c_row + j, sum[r]);
    }
    for (; j < end; j++)
        for (int r = 0; r < rows; r++)
            for (int q = 0; q < DEEP; q++) c[r * job->c_row + j] += av[r][q] * b[q * ld + j];
}

/* Few rows of A times B: rows of B pass by eight at a time and are added into C, whose columns are shared out. */
static void by_sums(const reel_matrix_job *job)
{
    enum { STRIPE = 768 };
    const real *a = job->a.data, *b = job->b.data;
    const int64_t lines = (job->n + NR - 1) / NR; /* stripes begin at whole ones */
    const int64_t wide = (job->n + STRIPE - 1) / STRIPE, stripes = (wide + job->threads - 1) / job->threads * job->threads;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t stripe = 0; stripe < stripes; stripe++) {
        const int64_t begin = lines * stripe / stripes * NR, end = least(lines * (stripe + 1) / stripes * NR, job->n);
        for (int64_t i = 0; i < job->m && !job->accumulate; i++)
            memset((real *)job->c + i * job->c_row + begin, 0, (size_t)(end - begin) * sizeof(real));
        int64_t p = 0;
        for (; p + DEEP <= job->k; p += DEEP) {
            int64_t i = 0;
            for (; i + 2 <= job->m; i += 2) sums_rows(job, i, 2, p, begin, end, i == 0);
            if (i < job->m) sums_rows(job, i, 1, p, begin, end, i == 0);
        }
        for (int64_t i = 0; i < job->m; i++) {
            real *c = (real *)job->c + i * job->c_row;
            for (int64_t q = p; q < job->k; q++) {
                const real av = a[job->a.kind == REEL_OPERAND_ROWS ? i * job->a.ld + q : q * job->a.ld + i];
                for (int64_t j = begin; j < end; j++) c[j] += av * b[q * job->b.ld + j];
            }
            finish(job, i, begin, true, end - begin, c + begin);
        }
    }
}

/* True where one of them has done the job. The rule sees the shape only. */
static bool small_product(const reel_matrix_job *job)
{
    if (job->n <= SMALL && job->a.kind == REEL_OPERAND_ROWS && job->b.kind == REEL_OPERAND_ROWS) {
        by_dots(job);
        return true;
    }
    const bool plain = job->a.kind == REEL_OPERAND_ROWS || job->a.kind == REEL_OPERAND_COLUMNS;
    if (job->m <= SMALL && plain && job->b.kind == REEL_OPERAND_COLUMNS && job->c_col == 1 && job->k > job->m) {
        by_sums(job);
        return true;
    }
    return false;
}
