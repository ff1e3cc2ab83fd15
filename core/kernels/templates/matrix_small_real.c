/* Products with few rows on one side, where the other side's matrix is read once and bounds the
 * time: it is streamed as it lies, without packing. */
#include "core/kernels/templates/matrix_parts.h"

#include <omp.h>
#include <string.h>

enum { SMALL = REEL_MATRIX_SMALL };

/* The few rows of B, interleaved vector by vector where scratch has been given for it: vector p of
 * row s is at data[p step + s next]. Rows that lie a multiple of a page apart would push each other
 * out of the cache. */
typedef struct dots_operand {
    const real *data;
    int64_t step, next;
} dots_operand;

/* C(i, .) for `rows` rows of A and all `cols` rows of B, rows * cols <= 24: dot products, kept as
 * vectors until the end. While rows are read, the rows that come next are prefetched. */
KERNEL_INLINE void dots_block(const reel_matrix_job *job, const dots_operand *b, int64_t i,
                              int rows, int cols)
{
    const real *a = (const real *)job->a.data + i * job->a.ld, *at = b->data;
    vec sum[4][SMALL];
    UNROLLED_FOR(r, rows)
        UNROLLED_FOR(s, cols)
            sum[r][s] = (vec){0};

    int64_t p = 0;
    for (; p + VL <= job->k; p += VL, at += b->step) {
        vec av[4];
        UNROLLED_FOR(r, rows) {
            av[r] = load(a + r * job->a.ld + p);
            __builtin_prefetch(a + (r + rows) * job->a.ld + p, 0, 3);
        }
        UNROLLED_FOR(s, cols) {
            const vec bv = load(at + s * b->next);
            UNROLLED_FOR(r, rows)
                sum[r][s] = muladd(av[r], bv, sum[r][s]);
        }
    }

    /* The lanes of a sum in order, then the terms behind the last whole vector. */
    UNROLLED_FOR(r, rows)
        UNROLLED_FOR(s, cols) {
            real *to = (real *)job->c + (i + r) * job->c_row + s * job->c_col;
            real total = 0;
            for (int l = 0; l < VL; l++)
                total += sum[r][s][l];
            for (int64_t q = p; q < job->k; q++)
                total = muladd_one(a[r * job->a.ld + q],
                                   ((const real *)job->b.data)[s * job->b.ld + q], total);
            *to = (job->accumulate ? *to : 0) + total;
            finish_sums(job, i + r, s, true, 1, to);
        }
}

KERNEL_INLINE void dots_rows(const reel_matrix_job *job, const dots_operand *b, int64_t i, int rows)
{
    switch (job->n) {
    case 1:
        dots_block(job, b, i, rows, 1);
        return;
    case 2:
        dots_block(job, b, i, rows, 2);
        return;
    case 3:
        dots_block(job, b, i, rows, 3);
        return;
    case 4:
        dots_block(job, b, i, rows, 4);
        return;
    case 5:
        dots_block(job, b, i, rows, 5);
        return;
    case 6:
        dots_block(job, b, i, rows, 6);
        return;
    case 7:
        dots_block(job, b, i, rows, 7);
        return;
    default:
        dots_block(job, b, i, rows, 8);
    }
}

/* Rows of A at a time: as many as there are registers for their sums. */
enum { DOTS_ROWS = VL * sizeof(real) == 64 ? 3 : 1 };

/* The rows of one block; the last block has those that are left. */
static void dots_rows_of_block(const reel_matrix_job *job, const dots_operand *b, int64_t block)
{
    int64_t i = block * DOTS_ROWS;
    if (i + DOTS_ROWS <= job->m) {
        dots_rows(job, b, i, DOTS_ROWS);
        return;
    }
    for (; i < job->m; i++)
        dots_rows(job, b, i, 1);
}

/* A (many rows) times B^T (few): rows of A are shared out, B stays in cache. */
static void by_dots(const reel_matrix_job *job)
{
    const int64_t blocks = (job->m + DOTS_ROWS - 1) / DOTS_ROWS, vectors = job->k / VL;
    const bool packs = job->n > 1 && reel_matrix_by_rows(job->m, job->n) &&
                       reel_matrix_stretch(job->n, job->k) == job->k;
    const dots_operand b = {packs ? job->scratch : job->b.data, packs ? job->n * VL : VL,
                            packs ? VL : job->b.ld};

#pragma omp parallel num_threads(job->threads)
    {
#pragma omp for schedule(static)
        for (int64_t v = 0; v < (packs ? vectors : 0); v++)
            for (int64_t s = 0; s < job->n; s++)
                store((real *)job->scratch + (v * job->n + s) * VL,
                      load((const real *)job->b.data + s * job->b.ld + v * VL));
#pragma omp for schedule(static)
        for (int64_t block = 0; block < blocks; block++)
            dots_rows_of_block(job, &b, block);
    }
}

/* DEEP: a sum is loaded and stored once for so many terms. The factors of two rows then take 16
 * registers, half of AVX-512's. STRIPE: the sums of four rows take half of a first-level cache of
 * 32 KB. The 16 more: rows 4 KB apart would lie on the same lines of that cache. */
enum { DEEP = 8, STRIPE = 1024, SUMS_LD = STRIPE + 16 };

/* Columns [begin, begin + count) of C, and DEEP rows of B from row p on. With ahead, the rows of B
 * after those are prefetched. */
typedef struct stripe_step {
    int64_t begin, count, p;
    bool ahead;
} stripe_step;

/* DEEP terms of the sums of one or two rows: their factors of A, and `count` columns of the rows of
 * B. */
typedef struct deep_terms {
    real a[2][DEEP];
    const real *b;
    int64_t ld, count;
    bool ahead;
} deep_terms;

KERNEL_INLINE void add_terms(const deep_terms *terms, const int rows, real *sums)
{
    enum { LINE = 64 / sizeof(real) };
    const real *b = terms->b;
    const int64_t ld = terms->ld, count = terms->count;
    const bool ahead = terms->ahead;
    vec av[2][DEEP];
    UNROLLED_FOR(r, rows)
        UNROLLED_FOR(q, DEEP)
            av[r][q] = broadcast(terms->a[r][q]);

    int64_t j = 0;
    for (; j + VL <= count; j += VL) {
        vec sum[2];
        /* Into the second level: all rows of A pass before these rows of B are read. Behind the
         * end of B a prefetch does nothing. */
        if (ahead && j % LINE == 0)
            UNROLLED_FOR(q, DEEP)
                __builtin_prefetch(b + (DEEP + q) * ld + j, 0, 2);
        UNROLLED_FOR(r, rows)
            sum[r] = load(sums + r * SUMS_LD + j);
        UNROLLED_FOR(q, DEEP) {
            const vec bv = load(b + q * ld + j);
            UNROLLED_FOR(r, rows)
                sum[r] = muladd(av[r][q], bv, sum[r]);
        }
        UNROLLED_FOR(r, rows)
            store(sums + r * SUMS_LD + j, sum[r]);
    }

    for (; j < count; j++)
        for (int r = 0; r < rows; r++)
            for (int q = 0; q < DEEP; q++)
                sums[r * SUMS_LD + j] =
                    muladd_one(terms->a[r][q], b[q * ld + j], sums[r * SUMS_LD + j]);
}

/* Not inlined: what surrounds the loop would take its registers. */
static __attribute__((noinline)) void add_terms_one_row(const deep_terms *terms, real *sums)
{
    add_terms(terms, 1, sums);
}

static __attribute__((noinline)) void add_terms_two_rows(const deep_terms *terms, real *sums)
{
    add_terms(terms, 2, sums);
}

/* Adds what the step gives to `rows` rows of sums, one or two, from row i of C on. */
static void sums_rows(const reel_matrix_job *job, const stripe_step *step, int64_t i, int rows,
                      real *sums)
{
    const int64_t p = step->p, ld = job->b.ld;
    const real *a = job->a.data;
    const bool by_row = job->a.kind == REEL_OPERAND_ROWS;
    deep_terms terms = {.b = (const real *)job->b.data + p * ld + step->begin,
                        .ld = ld,
                        .count = step->count,
                        .ahead = step->ahead};
    for (int r = 0; r < rows; r++)
        for (int q = 0; q < DEEP; q++)
            terms.a[r][q] = a[by_row ? (i + r) * job->a.ld + p + q : (p + q) * job->a.ld + i + r];

    if (rows == 2)
        add_terms_two_rows(&terms, sums);
    else
        add_terms_one_row(&terms, sums);
}

/* The rows of B behind the last whole DEEP, then the bias; the sums of row i go to C. */
static void finish_row(const reel_matrix_job *job, const stripe_step *step, int64_t i, real *sum)
{
    const real *a = job->a.data, *b = (const real *)job->b.data + step->begin;
    const bool by_row = job->a.kind == REEL_OPERAND_ROWS;
    for (int64_t q = step->p; q < job->k; q++) {
        const real av = a[by_row ? i * job->a.ld + q : q * job->a.ld + i];
        for (int64_t j = 0; j < step->count; j++)
            sum[j] = muladd_one(av, b[q * job->b.ld + j], sum[j]);
    }
    finish_sums(job, i, step->begin, true, step->count, sum);

    real *c = (real *)job->c + i * job->c_row + step->begin;
    memcpy(c, sum, (size_t)step->count * sizeof(real));
}

/* All rows of one stripe of columns. `sums` stays in the first-level cache. */
static void sum_stripe(const reel_matrix_job *job, stripe_step step, real *sums)
{
    const real *c = (const real *)job->c + step.begin;
    for (int64_t i = 0; i < job->m; i++)
        for (int64_t j = 0; j < step.count; j++)
            sums[i * SUMS_LD + j] = job->accumulate ? c[i * job->c_row + j] : 0;

    for (; step.p + DEEP <= job->k; step.p += DEEP) {
        step.ahead = true;
        int64_t i = 0;
        for (; i + 2 <= job->m; i += 2) {
            sums_rows(job, &step, i, 2, sums + i * SUMS_LD);
            step.ahead = false;
        }
        if (i < job->m)
            sums_rows(job, &step, i, 1, sums + i * SUMS_LD);
    }

    for (int64_t i = 0; i < job->m; i++)
        finish_row(job, &step, i, sums + i * SUMS_LD);
}

/* Few rows of A times B: rows of B pass by eight at a time and are added up in scratch. Stripes of
 * columns are shared out; they begin at whole lines. */
static void by_sums(const reel_matrix_job *job)
{
    const int64_t lines = (job->n + NR - 1) / NR, wide = (job->n + STRIPE - 1) / STRIPE;
    const int64_t stripes = (wide + job->threads - 1) / job->threads * job->threads;
#pragma omp parallel for schedule(static) num_threads(job->threads)
    for (int64_t stripe = 0; stripe < stripes; stripe++) {
        const int64_t begin = lines * stripe / stripes * NR;
        const int64_t end = least(lines * (stripe + 1) / stripes * NR, job->n);
        real *sums = (real *)job->scratch + omp_get_thread_num() * (SMALL * SUMS_LD);
        sum_stripe(job, (stripe_step){.begin = begin, .count = end - begin}, sums);
    }
}

/* True where one of them has done the job. The rule sees the shape only. */
bool small_product(const reel_matrix_job *job)
{
    if (job->n <= SMALL && job->a.kind == REEL_OPERAND_ROWS && job->b.kind == REEL_OPERAND_ROWS) {
        by_dots(job);
        return true;
    }
    const bool plain = job->a.kind == REEL_OPERAND_ROWS || job->a.kind == REEL_OPERAND_COLUMNS;
    if (!job->blocked && reel_matrix_is_running(job->m, job->k) && plain &&
        job->b.kind == REEL_OPERAND_COLUMNS && job->c_col == 1) {
        by_sums(job);
        return true;
    }
    return false;
}
