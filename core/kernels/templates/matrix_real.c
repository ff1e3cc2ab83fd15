/* The blocked matrix product of matrix.h. */
#include "core/kernels/templates/matrix_parts.h"
#include "core/kernels/templates/names.h"

#include <omp.h>

/* Sums of a chunk of rows in scratch, row-major. */
typedef struct row_sums {
    const real *from;
    int64_t ld;
    bool add, last; /* added to C; complete, so that the bias follows */
} row_sums;

/* Results of a chunk of rows that were summed row-major in scratch, to where they belong:
 * transposed, or a grid's pixels. */
static void write_chunk(const reel_matrix_job *job, int64_t i, int64_t rows, const row_sums *sums)
{
    const real *from = sums->from;
    const int64_t ld = sums->ld;
    const bool add = sums->add;
    const reel_grid *g = job->grid;

    /* Row `at` of C is one pixel of the grid: at = (image grid_h + row) grid_w + column. */
    for (int64_t r = 0; r < rows && g; r++) {
        const int64_t at = i + r, x = g->x + at % g->grid_w * g->step_x;
        const int64_t y = g->y + at / g->grid_w % g->grid_h * g->step_y;
        const int64_t image = at / g->grid_w / g->grid_h;
        real *to = (real *)job->c + ((image * g->h + y) * g->w + x) * job->c_row;
        for (int64_t j = 0; j < job->n; j++)
            to[j] = (add ? to[j] : 0) + from[r * ld + j];
    }
    if (g)
        return;

    for (int64_t j = 0; j < job->n; j++) {
        real *to = (real *)job->c + i * job->c_row + j * job->c_col;
        for (int64_t r = 0; r < rows; r++)
            to[r] = (add ? to[r] : 0) + from[r * ld + j];
        if (sums->last)
            finish_sums(job, i, j, false, rows, to);
    }
}

/* Where a chunk of rows begins. Chunks of a k-major A are whole panels, so that they can be
 * carried. */
static int64_t chunk_at(const reel_matrix_job *job, int64_t chunks, int64_t chunk)
{
    const int64_t at = job->m * chunk / chunks;
    return job->a.kind == REEL_OPERAND_COLUMNS
               ? least((at + REEL_MATRIX_PANEL - 1) / REEL_MATRIX_PANEL * REEL_MATRIX_PANEL, job->m)
               : at;
}

/* The rows of C when B is packed and shared, as much of the sum at a time as fits the budget, and
 * threads take chunks of rows. */
typedef struct row_sharing {
    int64_t panels, chunks;
    bool past;  /* C is written past the caches */
    bool local; /* a chunk keeps its sums in the thread's scratch until they are complete */
} row_sharing;

/* What one thread works with. `a` is the packed block in use, `spare` the one that is filled ahead.
 */
typedef struct row_worker {
    real *a, *spare, *sums;
    bool packed;  /* a holds the block that comes next */
    int64_t term; /* the block's first term of the sum */
} row_worker;

/* The stretch [from, to) of the sum whose B is packed. */
typedef struct stretch_of_sum {
    int64_t from, to;
    const real *b;
} stretch_of_sum;

/* Terms [p, p + depth) of a chunk of rows against all panels. */
static void multiply_panels(const reel_matrix_job *job, const row_sharing *r, const row_worker *w,
                            const stretch_of_sum *s, matrix_block at, product_carry *carry)
{
    const reel_matrix_job here = {.c = w->sums, .c_row = r->panels * NR, .c_col = 1};
    const int64_t i = at.i, p = w->term;
    at.b_next = (s->to - s->from) * NR;

    for (int64_t j = 0, cols; j < job->n; j += cols) {
        cols = block_cols(job->n - j);
        at.b = s->b + j * (s->to - s->from) + (p - s->from) * NR;
        at.j = j;

        /* Local sums lie in scratch and have room for whole panels; else C itself is written. */
        if (r->local) {
            at.i = 0;
            at.cols = packed_width(cols);
            at.end = p == s->from ? PRODUCT_ASSIGN : PRODUCT_ADD;
            at.last = false;
            multiply_block(&here, &at, carry);
        } else {
            at.i = i;
            at.cols = cols;
            at.end = p == 0 && !job->accumulate ? PRODUCT_ASSIGN : PRODUCT_ADD;
            if (r->past)
                at.end = PRODUCT_STREAM;
            at.last = p + at.depth == job->k;
            multiply_block(job, &at, carry);
        }
    }
}

/* One chunk of rows over a stretch of the sum. Returns the thread's next chunk, which it takes
 * before it begins the last block of this one, so that A's blocks are always copied ahead. */
static int64_t multiply_rows(const reel_matrix_job *job, const row_sharing *r, row_worker *w,
                             const stretch_of_sum *s, int64_t chunk, int64_t *dealt)
{
    const int64_t i = chunk_at(job, r->chunks, chunk),
                  rows = chunk_at(job, r->chunks, chunk + 1) - i;
    int64_t next = r->chunks;
    for (int64_t p = s->from; p < s->to; p += REEL_MATRIX_KC) {
        const int64_t depth = least(REEL_MATRIX_KC, s->to - p), after = p + depth;
        if (!w->packed)
            pack_a(&job->a, (operand_part){i, rows, p, depth}, w->a);

        /* A's next block is copied while this one is multiplied: the chunk's next terms, or the
         * first terms of the thread's next chunk. */
        product_carry carry = {0};
        if (after < s->to) {
            const int64_t then = least(REEL_MATRIX_KC, s->to - after);
            carry = carry_a(&job->a, (operand_part){i, rows, after, then}, w->spare);
        } else {
            next = __atomic_fetch_add(dealt, 1, __ATOMIC_RELAXED);
            const int64_t i1 = chunk_at(job, r->chunks, next);
            const int64_t rows1 = chunk_at(job, r->chunks, next + 1) - i1;
            const int64_t then = least(REEL_MATRIX_KC, s->to - s->from);
            if (next < r->chunks)
                carry = carry_a(&job->a, (operand_part){i1, rows1, s->from, then}, w->spare);
        }

        const matrix_block at = {
            .i = i, .rows = rows, .depth = depth, .a = w->a, .k_major = is_k_major(&job->a)};
        w->term = p;
        multiply_panels(job, r, w, s, at, &carry);

        w->packed = finish_carry(&carry);
        if (w->packed) {
            real *const used = w->a;
            w->a = w->spare;
            w->spare = used;
        }
    }
    if (r->local)
        write_chunk(job, i, rows,
                    &(row_sums){.from = w->sums,
                                .ld = r->panels * NR,
                                .add = job->accumulate || s->from > 0,
                                .last = s->to == job->k});
    return next;
}

/* Whether C is written once, in whole cache lines, and no cache holds it until it is read. */
static bool is_written_past(const reel_matrix_job *job)
{
    enum { CACHE_LINE = 64, LARGE = 16 << 20 };
    const int64_t row_bytes = job->c_row * (int64_t)sizeof(real);
    const bool once = job->k <= REEL_MATRIX_KC && !job->accumulate && !job->bias && !job->grid;
    const bool whole_lines = job->c_col == 1 && job->n % NR == 0 && sizeof(vec) * 2 >= CACHE_LINE &&
                             ((uintptr_t)job->c | (uintptr_t)row_bytes) % CACHE_LINE == 0;
    return once && whole_lines && job->m * row_bytes >= LARGE;
}

/* B's panels of a stretch of the sum, packed by all threads. Several panels of a term lie side by
 * side and are packed together. */
static void pack_stretch(const reel_matrix_job *job, int64_t panels, const stretch_of_sum *s,
                         real *to)
{
    const int64_t depth = s->to - s->from;
    const int64_t blocks = (depth + REEL_MATRIX_KC - 1) / REEL_MATRIX_KC;
    const int64_t groups = (panels + REEL_MATRIX_GROUP - 1) / REEL_MATRIX_GROUP;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < groups * blocks; item++) {
        const int64_t j = item / blocks * REEL_MATRIX_GROUP * NR,
                      p = item % blocks * REEL_MATRIX_KC;
        const operand_part part = {j, least(REEL_MATRIX_GROUP * NR, job->n - j), s->from + p,
                                   least(REEL_MATRIX_KC, depth - p)};
        pack_panels(&job->b, part, to + j * depth + p * NR, depth * NR);
    }
}

static void by_rows(const reel_matrix_job *job)
{
    enum { A_SIZE = REEL_MATRIX_A };
    const int64_t limit = job->a.kind == REEL_OPERAND_COLUMNS ? REEL_MATRIX_WIDE : REEL_MATRIX_MC;
    const bool keeps = job->grid || reel_matrix_is_local(job->n, job->k);
    const row_sharing r = {.panels = (job->n + NR - 1) / NR,
                           .chunks = reel_matrix_chunks(job->threads, job->m, limit, MR),
                           .past = is_written_past(job),
                           .local = keeps && (job->grid || job->c_col != 1)};
    const int64_t stretch = reel_matrix_stretch(job->n, job->k);
    const int64_t own_size = 2 * A_SIZE + (keeps ? REEL_MATRIX_WIDE * r.panels * NR : 0);
    real *shared = job->scratch, *own = shared + r.panels * NR * stretch;
    int64_t dealt = 0;
#pragma omp parallel num_threads(job->threads)
    {
        real *mine = own + omp_get_thread_num() * own_size;
        row_worker w = {.a = mine, .spare = mine + A_SIZE, .sums = mine + 2 * A_SIZE};
        for (int64_t from = 0; from < job->k; from += stretch) {
            const stretch_of_sum s = {from, least(from + stretch, job->k), shared};
#pragma omp single nowait
            dealt = 0;

            /* It ends in a barrier: `dealt` is 0 and B packed when the first chunk is taken. */
            pack_stretch(job, r.panels, &s, shared);

            w.packed = false;
            int64_t chunk = __atomic_fetch_add(&dealt, 1, __ATOMIC_RELAXED);
            while (chunk < r.chunks)
                chunk = multiply_rows(job, &r, &w, &s, chunk, &dealt);

            /* The next stretch overwrites the packed panels, so all threads are done first. */
            if (r.past)
                stream_end();
#pragma omp barrier
        }
    }
}

/* A group of panels, packed, against all of A's blocks. */
static void multiply_group(const reel_matrix_job *job, matrix_block at, int64_t chunks,
                           const real *a, const real *b, int64_t cols)
{
    product_carry none = {0};
    const int64_t first = at.j;
    at.b_next = REEL_MATRIX_KC * NR;
    for (int64_t j = 0; j < cols; j += at.cols) {
        at.j = first + j;
        at.cols = block_cols(cols - j);
        at.b = b + j * REEL_MATRIX_KC;
        for (int64_t chunk = 0; chunk < chunks; chunk++) {
            at.i = job->m * chunk / chunks;
            at.rows = job->m * (chunk + 1) / chunks - at.i;
            at.a = a + chunk * REEL_MATRIX_A;
            multiply_block(job, &at, &none);
        }
    }
}

/* Each thread takes panels of columns, and packs A's block and its panels of B for itself; several
 * panels at a time, so that a visit to a page of a long matrix brings more than one panel's width.
 */
static void by_columns(const reel_matrix_job *job)
{
    enum { B_SIZE = REEL_MATRIX_KC * NR };
    const int64_t panels = (job->n + NR - 1) / NR;
    const int64_t chunks = reel_matrix_chunks(1, job->m, REEL_MATRIX_MC, MR);
    const int64_t own =
        chunks * REEL_MATRIX_A + REEL_MATRIX_GROUP * REEL_MATRIX_KC * REEL_MATRIX_PANEL;
#pragma omp parallel num_threads(job->threads)
    {
        const int64_t threads = omp_get_num_threads(), t = omp_get_thread_num();
        const int64_t begin = panels * t / threads, end = panels * (t + 1) / threads;
        real *a = (real *)job->scratch + t * own, *b = a + chunks * REEL_MATRIX_A;
        matrix_block at = {.k_major = is_k_major(&job->a)};
        for (int64_t p = 0; p < job->k && begin < end; p += REEL_MATRIX_KC) {
            at.depth = least(REEL_MATRIX_KC, job->k - p);
            at.end = p == 0 && !job->accumulate ? PRODUCT_ASSIGN : PRODUCT_ADD;
            at.last = p + at.depth == job->k;

            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const int64_t i = job->m * chunk / chunks;
                const int64_t rows = job->m * (chunk + 1) / chunks - i;
                pack_a(&job->a, (operand_part){i, rows, p, at.depth}, a + chunk * REEL_MATRIX_A);
            }

            for (int64_t group = begin; group < end; group += REEL_MATRIX_GROUP) {
                const int64_t count = least(REEL_MATRIX_GROUP, end - group);
                const int64_t cols = least(count * NR, job->n - group * NR);
                pack_panels(&job->b, (operand_part){group * NR, cols, p, at.depth}, b, B_SIZE);
                at.j = group * NR;
                multiply_group(job, at, chunks, a, b, cols);
            }
        }
    }
}

void REEL_KERNEL_FN(reel_matrix)(const reel_matrix_job *job)
{
    if (small_product(job))
        return;
#if defined(REEL_TILES) && REEL_REAL_BITS == 32
    if (tiles_product(job))
        return;
#endif
    if (outer_product(job))
        return;
    if (job->grid || reel_matrix_by_rows(job->m, job->n))
        by_rows(job);
    else
        by_columns(job);
}
