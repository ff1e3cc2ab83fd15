/* Products with few rows on one side, where the other side's matrix is read once and bounds the time: it is streamed as it
 * lies, without packing. For template use (see matrix_impl.h). */

enum { SMALL = 8 }; /* most rows of the short side */

/* C(i, j) for `rows` rows of A and `cols` <= 4 rows of B, both row-major: dot products, kept as vectors until the end. */
static inline __attribute__((always_inline)) void dots_block(const reel_matrix_job *job, int64_t i, int rows, int64_t j,
                                                             int cols)
{
    const real *a = (const real *)job->a.data + i * job->a.ld, *b = (const real *)job->b.data + j * job->b.ld;
    vec sum[4][4];
    real tail[4][4] = {{0}};
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < cols; s++) sum[r][s] = (vec){0};
    int64_t p = 0;
    for (; p + VL <= job->k; p += VL) {
        vec bv[4];
        _Pragma("GCC unroll 4") for (int s = 0; s < cols; s++) bv[s] = load(b + s * job->b.ld + p);
        _Pragma("GCC unroll 4") for (int r = 0; r < rows; r++)
        {
            const vec av = load(a + r * job->a.ld + p);
            _Pragma("GCC unroll 4") for (int s = 0; s < cols; s++) sum[r][s] += av * bv[s];
        }
    }
    for (; p < job->k; p++)
        for (int r = 0; r < rows; r++)
            for (int s = 0; s < cols; s++) tail[r][s] += a[r * job->a.ld + p] * b[s * job->b.ld + p];
    for (int r = 0; r < rows; r++)
        for (int s = 0; s < cols; s++) {
            real *to = (real *)job->c + (i + r) * job->c_row + (j + s) * job->c_col;
            real total = tail[r][s];
            for (int l = 0; l < VL; l++) total += sum[r][s][l];
            *to = (job->accumulate ? *to : 0) + total + (job->bias ? ((const real *)job->bias)[j + s] : 0);
        }
}

/* A (many rows) times B^T (few): rows of A are shared out, B stays in cache. */
static void by_dots(const reel_matrix_job *job)
{
    const int64_t blocks = job->m / 4;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t block = 0; block < blocks; block++) {
        int64_t j = 0;
        for (; j + 4 <= job->n; j += 4) dots_block(job, block * 4, 4, j, 4);
        for (; j < job->n; j++) dots_block(job, block * 4, 4, j, 1);
    }
    for (int64_t i = blocks * 4; i < job->m; i++)
        for (int64_t j = 0; j < job->n; j++) dots_block(job, i, 1, j, 1);
}

/* Few rows of A times B: rows of B pass by eight at a time and are added into C, whose columns are shared out. */
static void by_sums(const reel_matrix_job *job)
{
    enum { DEEP = 8, STRIPE = 512 };
    const real *a = job->a.data, *b = job->b.data;
    const int64_t stripes = (job->n + STRIPE - 1) / STRIPE;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t stripe = 0; stripe < stripes; stripe++) {
        const int64_t begin = stripe * STRIPE, end = least(begin + STRIPE, job->n);
        for (int64_t i = 0; i < job->m; i++)
            for (int64_t j = begin; j < end; j++) {
                real *c = (real *)job->c + i * job->c_row + j;
                *c = (job->accumulate ? *c : 0) + (job->bias ? ((const real *)job->bias)[j] : 0);
            }
        for (int64_t p = 0; p < job->k; p += DEEP) {
            const int64_t deep = least(DEEP, job->k - p);
            for (int64_t i = 0; i < job->m; i++) {
                real *c = (real *)job->c + i * job->c_row, av[DEEP];
                for (int64_t q = 0; q < deep; q++)
                    av[q] = a[job->a.kind == REEL_OPERAND_ROWS ? i * job->a.ld + p + q : (p + q) * job->a.ld + i];
                int64_t j = begin;
                if (deep == DEEP)
                    for (; j + VL <= end; j += VL) {
                        vec sum = load(c + j);
                        _Pragma("GCC unroll 8") for (int q = 0; q < DEEP; q++) sum += av[q] * load(b + (p + q) * job->b.ld + j);
                        store(c + j, sum);
                    }
                for (; j < end; j++)
                    for (int64_t q = 0; q < deep; q++) c[j] += av[q] * b[(p + q) * job->b.ld + j];
            }
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
