/* The matrix product of matrix.h in float32, by a unit that multiplies tiles of bf16 (tiles.h).
 *
 * One side of the product is split into limbs as a whole, or as much of the sum as fits the
 * budget, and shared by all threads. The longer side is dealt out; a thread splits some rows or
 * columns of it for itself, a block of the sum at a time, and splits the next block while it
 * multiplies. Each element of C is one chain over the steps of the sum, however they are cut into
 * blocks, and whichever side is A. */
#include "core/kernels/templates/tiles_matrix.h"

#ifdef REEL_TILES
#include "core/pieces.h"

#include <omp.h>

enum {
    SUMS = BLOCK * BLOCK,
    NEAR_STEPS = 4,    /* of the shared side, that stay in the first-level cache */
    SHARED_STEPS = 16, /* of the shared side, that are packed in one go */
    LEAST_SIDE = 64,
    LEAST_TERMS = 32
};

/* The rule. It leaves out the images, whose number may differ: rows of C in memory. */
static bool tiles_take(const reel_matrix_job *job)
{
    const int64_t count = job->pieces > 1 ? job->pieces : 1;
    return (job->c_col == 1 ? job->n : job->m) >= LEAST_SIDE && job->k / count >= LEAST_TERMS;
}

/* B's patches are the sum's index; A's are its rows. */
static tile_side side_of(const reel_operand *o, int64_t count, bool b)
{
    const bool rows = o->kind == REEL_OPERAND_ROWS || (!b && o->kind == REEL_OPERAND_PATCHES);
    return (tile_side){.o = o, .count = count, .along = !rows};
}

static bool is_large(const reel_matrix_job *job)
{
    enum { LARGE = 16 << 20 }; /* bytes of a C that no cache holds until it is read */
    return job->m * job->n * (int64_t)sizeof(float) >= LARGE;
}

static tile_job tile_job_of(const reel_matrix_job *job)
{
    const int64_t count = job->pieces > 1 ? job->pieces : 1;
    tile_job t = {.job = job,
                  .a = side_of(&job->a, job->m, false),
                  .b = side_of(&job->b, job->n, true),
                  .terms = {.depth = job->k / count}};
    t.terms.steps_of_piece = (t.terms.depth + TILE_TERMS - 1) / TILE_TERMS;
    t.terms.steps = count * t.terms.steps_of_piece;

    /* Either both sides are then as the tiles have them, or the shorter one is turned. */
    t.exchanged = t.a.along && !t.b.along;
    if (!t.a.along && !t.b.along)
        t.exchanged = job->n > job->m;
    if (t.exchanged) {
        const tile_side a = t.a;
        t.a = t.b;
        t.b = a;
    }
    t.a.turned = t.a.along;
    t.b.turned = !t.b.along;
    t.columns = t.exchanged == (job->c_col == 1);

    t.line = job->c_col == 1 ? job->c_row : job->c_col;
    t.past = !job->accumulate && !job->grid && is_large(job) &&
             ((uintptr_t)job->c | (uintptr_t)t.line * sizeof(float)) % 64 == 0;
    return t;
}

/* How the work is shared out. */
typedef struct tile_plan {
    bool own_a;            /* A is the side that is dealt out */
    int64_t blocks;        /* of the side that is dealt out, 32 rows or columns each */
    int64_t chunks;        /* that they are dealt in */
    int64_t block;         /* steps that a thread splits at a time */
    int64_t stretch;       /* steps of the shared side that are packed at a time */
    int64_t shared_groups; /* 16 rows or columns each */
    int64_t panels;        /* two groups each */
} tile_plan;

static const tile_side *own_side(const tile_job *t, const tile_plan *p)
{
    return p->own_a ? &t->a : &t->b;
}

static const tile_side *shared_side(const tile_job *t, const tile_plan *p)
{
    return p->own_a ? &t->b : &t->a;
}

/* Blocks of 32 rows or columns. */
static int64_t blocks_of_side(const tile_side *side)
{
    return (side->count + BLOCK - 1) / BLOCK;
}

/* How many steps and blocks a thread splits at a time. Rows are read in long runs of terms, columns
 * in long runs of neighbours. Where the shared side does not stay in the second-level cache, more
 * of a thread's side passes before it is read again. */
static void share_out(const tile_job *t, tile_plan *p)
{
    enum {
        NEAR_BYTES = 1 << 20,
        NEAR_SETS = 64,
        ROW_STEPS = 32,
        COLUMN_STEPS = 4,
        MOST_BLOCKS = 16
    };
    const int64_t threads = t->job->threads;
    const bool near = p->shared_groups * p->stretch * SET_BYTES <= NEAR_BYTES;
    if (own_side(t, p)->along)
        p->block = near ? COLUMN_STEPS : 2 * COLUMN_STEPS;
    else
        p->block = near ? ROW_STEPS : ROW_STEPS / 2;
    if (t->job->pieces > 1)
        p->block = p->stretch;
    p->block = least(p->block, p->stretch);

    const int64_t sets = near ? NEAR_SETS : REEL_TILES_OWN;
    int64_t each = least(MOST_BLOCKS, most(1, sets / (2 * p->block)));
    if (p->block < p->stretch)
        each = least(each, most(1, REEL_TILES_PANELS / p->panels));

    /* At least two chunks a thread where there is work for them, as many for each. */
    each = least(each, most(1, p->blocks / (2 * threads)));
    const int64_t chunks = (p->blocks + each - 1) / each;
    p->chunks = least(p->blocks, (chunks + threads - 1) / threads * threads);
}

static tile_plan tile_plan_of(const tile_job *t)
{
    const int64_t steps = t->terms.steps;
    tile_plan p = {.own_a = t->a.count >= t->b.count};
    const tile_side *shared = shared_side(t, &p);
    p.blocks = blocks_of_side(own_side(t, &p));
    p.panels = blocks_of_side(shared);
    p.shared_groups = (shared->count + GROUP - 1) / GROUP;
    p.stretch = least(steps, REEL_TILES_CHAIN);
    share_out(t, &p);
    return p;
}

/* What a thread works with. */
typedef struct tile_worker {
    char *own, *spare; /* the packed block in use, and the next one */
    real *stage;       /* numbers on their way into tiles */
    float *sums;       /* blocks of sums: [panel][own block] */
    bool packed;       /* `own` holds the block that comes next */
    int turn;          /* of two blocks of sums: one is written, the other comes next */
    tile_work work;
} tile_worker;

/* ---- one block of C ---- */

#define TILE_BLOCKS_OF(rows, cols)                                                                 \
    do {                                                                                           \
        if (mirrored)                                                                              \
            multiply_carrying(p, rows, cols, true, carry);                                         \
        else                                                                                       \
            multiply_carrying(p, rows, cols, false, carry);                                        \
    } while (0)

static void multiply_tiles(const carried_block *p, int64_t rows, int64_t cols, bool mirrored,
                           tile_work *carry)
{
    if (rows > 1 && cols > 1)
        TILE_BLOCKS_OF(2, 2);
    else if (rows > 1)
        TILE_BLOCKS_OF(2, 1);
    else if (cols > 1)
        TILE_BLOCKS_OF(1, 2);
    else
        TILE_BLOCKS_OF(1, 1);
}

/* Block `own` of a thread's side against panel `panel` of the shared side. */
typedef struct tile_pair {
    const char *own, *shared; /* at the first step */
    int64_t own_stride, shared_stride;
    int64_t own_groups, shared_groups; /* 1 or 2 */
} tile_pair;

/* `count` steps from step `from` on; add: to what the sums are already. */
typedef struct tile_range {
    int64_t from, count;
    bool add;
} tile_range;

static void multiply_pair(const tile_job *t, bool own_a, const tile_pair *pair, tile_range range,
                          float *sums, tile_work *carry)
{
    const char *own = pair->own + range.from * SET_BYTES;
    const char *shared = pair->shared + range.from * SET_BYTES;
    const carried_block product = {.steps = range.count,
                                   .a = own_a ? own : shared,
                                   .a_next = own_a ? pair->own_stride : pair->shared_stride,
                                   .b = own_a ? shared : own,
                                   .b_next = own_a ? pair->shared_stride : pair->own_stride,
                                   .c = sums,
                                   .c_row = BLOCK,
                                   .add = range.add};
    multiply_tiles(&product, own_a ? pair->own_groups : pair->shared_groups,
                   own_a ? pair->shared_groups : pair->own_groups, t->columns, carry);
}

/* The tree over `part`, at `sums`; the memory behind it is for partial sums. */
static void pair_tree(const tile_job *t, bool own_a, const tile_pair *pair, reel_pieces part,
                      float *sums)
{
    const int64_t steps = t->terms.steps_of_piece;
    if (part.count == 1) {
        multiply_pair(t, own_a, pair, (tile_range){part.first * steps, steps, false}, sums, NULL);
        return;
    }
    const int64_t left = reel_pieces_left(part.count);
    float *rest = sums + SUMS;
    pair_tree(t, own_a, pair, (reel_pieces){part.first, left}, sums);
    pair_tree(t, own_a, pair, (reel_pieces){part.first + left, part.count - left}, rest);
    for (int i = 0; i < SUMS; i += VL)
        store(sums + i, load(sums + i) + load(rest + i));
}

/* ---- a chunk of the side that is dealt out ---- */

/* Whether a whole block of C is stored as its sums are. */
static bool is_stored_only(const tile_job *t, int64_t i, int64_t j, tile_end end)
{
    return !t->columns && !t->job->grid && !end.add && !(end.last && t->job->bias) &&
           i + BLOCK <= t->a.count && j + BLOCK <= t->b.count;
}

/* Steps [from, to) of the sum, for which the shared side is packed, and a chunk of the other. */
typedef struct tile_chunk {
    const tile_job *t;
    const tile_plan *plan;
    const char *shared;
    int64_t from, to;
    int64_t first, blocks;
} tile_chunk;

static void move_to_chunk(tile_chunk *c, int64_t chunk)
{
    c->first = c->plan->blocks * chunk / c->plan->chunks;
    c->blocks = c->plan->blocks * (chunk + 1) / c->plan->chunks - c->first;
}

static sets_part part_of_chunk(const tile_chunk *c, int64_t step)
{
    const int64_t at = c->first * BLOCK;
    const int64_t count = least(c->blocks * BLOCK, own_side(c->t, c->plan)->count - at);
    return (sets_part){at, (count + GROUP - 1) / GROUP, step, least(step + c->plan->block, c->to)};
}

/* The sums of a thread's block `own` and a panel, to C. `slots`: of the product that follows, in
 * which they may leave; 0: none. */
static void write_pair(const tile_chunk *c, tile_worker *w, int64_t own, int64_t panel, float *sums,
                       int64_t slots)
{
    const tile_job *t = c->t;
    const bool a = c->plan->own_a;
    const int64_t mine = (c->first + own) * BLOCK, other = panel * BLOCK;
    const int64_t i = a ? mine : other, j = a ? other : mine;
    const tile_end end = {t->job->accumulate || c->from > 0, c->to == t->terms.steps};
    if (slots == 0 || !is_stored_only(t, i, j, end)) {
        write_tile_sums(t, i, j, sums, end);
        return;
    }
    w->work.write = (tile_rows){.from = sums,
                                .from_row = BLOCK,
                                .to = (float *)t->job->c + i * t->line + j,
                                .to_row = t->line,
                                .left = BLOCK,
                                .each = (BLOCK + slots - 1) / slots,
                                .past = t->past};
}

/* One panel of the shared side against the thread's block of the sum, `part`. Its steps are cut, so
 * that those of the panel stay in the first-level cache. */
static void multiply_panel(const tile_chunk *c, tile_worker *w, const sets_part *part,
                           int64_t panel)
{
    const tile_job *t = c->t;
    const int64_t steps = part->to - part->from;
    const bool begins = part->from == c->from, ends = part->to == c->to;
    float *sums = w->sums + (begins && ends ? 0 : panel * c->blocks * SUMS);
    tile_pair pair = {.own_stride = steps * SET_BYTES,
                      .shared_stride = (c->to - c->from) * SET_BYTES,
                      .shared_groups = least(2, c->plan->shared_groups - 2 * panel)};
    pair.shared = c->shared + 2 * panel * pair.shared_stride + (part->from - c->from) * SET_BYTES;

    /* Sums that are complete at once leave during the next product, which has sums of its own. */
    const bool once = begins && ends && steps <= NEAR_STEPS;
    for (int64_t s = 0; s < steps; s += NEAR_STEPS)
        for (int64_t own = 0; own < c->blocks; own++) {
            float *to = once ? w->sums + w->turn * SUMS : sums + own * SUMS;
            pair.own = w->own + 2 * own * pair.own_stride;
            pair.own_groups = least(2, part->groups - 2 * own);
            multiply_pair(t, c->plan->own_a, &pair,
                          (tile_range){s, least(NEAR_STEPS, steps - s), !begins || s > 0}, to,
                          &w->work);
            if (once) {
                write_rows(&w->work.write, w->work.write.left);
                write_pair(c, w, own, panel, to, TILE_SLOTS * steps);
                w->turn ^= 1;
            }
        }
    for (int64_t own = 0; own < c->blocks && ends && !once; own++)
        write_pair(c, w, own, panel, sums + own * SUMS, 0);
}

/* One block of a thread's side against all panels: now its steps stay in the first-level cache. */
static void multiply_one_block(const tile_chunk *c, tile_worker *w, const sets_part *part)
{
    const tile_job *t = c->t;
    const int64_t steps = part->to - part->from, panels = c->plan->panels;
    const bool begins = part->from == c->from, ends = part->to == c->to;
    tile_pair pair = {.own = w->own,
                      .own_stride = steps * SET_BYTES,
                      .own_groups = part->groups,
                      .shared_stride = (c->to - c->from) * SET_BYTES};
    for (int64_t s = 0; s < steps; s += NEAR_STEPS)
        for (int64_t panel = 0; panel < panels; panel++) {
            pair.shared =
                c->shared + 2 * panel * pair.shared_stride + (part->from - c->from) * SET_BYTES;
            pair.shared_groups = least(2, c->plan->shared_groups - 2 * panel);
            multiply_pair(t, c->plan->own_a, &pair,
                          (tile_range){s, least(NEAR_STEPS, steps - s), !begins || s > 0},
                          w->sums + panel * SUMS, &w->work);
        }
    for (int64_t panel = 0; panel < panels && ends; panel++)
        write_pair(c, w, 0, panel, w->sums + panel * SUMS, 0);
}

/* The same for a sum in pieces, which is packed as a whole. */
static void multiply_panel_pieces(const tile_chunk *c, tile_worker *w, const sets_part *part,
                                  int64_t panel)
{
    const tile_job *t = c->t;
    tile_pair pair = {.own_stride = t->terms.steps * SET_BYTES,
                      .shared_stride = t->terms.steps * SET_BYTES,
                      .shared_groups = least(2, c->plan->shared_groups - 2 * panel)};
    pair.shared = c->shared + 2 * panel * pair.shared_stride;
    for (int64_t own = 0; own < c->blocks; own++) {
        pair.own = w->own + 2 * own * pair.own_stride;
        pair.own_groups = least(2, part->groups - 2 * own);
        pair_tree(t, c->plan->own_a, &pair, (reel_pieces){0, t->job->pieces}, w->sums);
        write_pair(c, w, own, panel, w->sums, 0);
    }
}

/* One chunk over the steps that are packed. Returns the thread's next chunk, which it takes before
 * it begins the last block of this one, so that the next block is always split ahead. */
static int64_t multiply_tile_chunk(const tile_chunk *c, tile_worker *w, int64_t *dealt)
{
    const tile_job *t = c->t;
    const tile_side *side = own_side(t, c->plan);
    int64_t next = c->plan->chunks;
    for (int64_t step = c->from; step < c->to; step += c->plan->block) {
        const sets_part part = part_of_chunk(c, step);
        if (!w->packed)
            pack_tiles(side, &t->terms, part, w->own, (part.to - part.from) * SET_BYTES, w->stage);

        tile_chunk then = *c;
        int64_t from = part.to;
        if (from == c->to) {
            next = __atomic_fetch_add(dealt, 1, __ATOMIC_RELAXED);
            move_to_chunk(&then, next);
            from = c->from;
        }
        w->work.split = (tile_carry){0};
        if (from > c->from || next < c->plan->chunks)
            w->work.split = carry_tiles(side, &t->terms, part_of_chunk(&then, from), w->spare);
        spread_units(&w->work.split, c->plan->panels * c->blocks * (part.to - part.from));
        w->packed = w->work.split.left > 0;

        const bool one_block = c->blocks == 1 && t->job->pieces <= 1;
        if (one_block)
            multiply_one_block(c, w, &part);
        for (int64_t panel = 0; panel < c->plan->panels && !one_block; panel++)
            if (t->job->pieces > 1)
                multiply_panel_pieces(c, w, &part, panel);
            else
                multiply_panel(c, w, &part, panel);

        split_units(&w->work.split, w->work.split.left);
        write_rows(&w->work.write, w->work.write.left);
        if (w->packed) {
            char *used = w->own;
            w->own = w->spare;
            w->spare = used;
        }
    }
    return next;
}

/* Steps [from, to) of the shared side, by all threads. */
static void pack_shared(const tile_job *t, const tile_plan *p, int64_t from, int64_t to,
                        char *shared, real *stage)
{
    const int64_t blocks = (to - from + SHARED_STEPS - 1) / SHARED_STEPS;
    const int64_t stride = (to - from) * SET_BYTES;
#pragma omp for schedule(static)
    for (int64_t item = 0; item < p->panels * blocks; item++) {
        const int64_t panel = item / blocks, begin = from + item % blocks * SHARED_STEPS;
        const sets_part part = {panel * BLOCK, least(2, p->shared_groups - 2 * panel), begin,
                                least(begin + SHARED_STEPS, to)};
        pack_tiles(shared_side(t, p), &t->terms, part,
                   shared + 2 * panel * stride + (begin - from) * SET_BYTES, stride, stage);
    }
}

/* One thread's part of the product. */
static void multiply_share(const tile_job *t, const tile_plan *plan, char *shared, tile_worker *w,
                           int64_t *dealt)
{
    for (int64_t from = 0; from < t->terms.steps; from += plan->stretch) {
        tile_chunk c = {.t = t,
                        .plan = plan,
                        .shared = shared,
                        .from = from,
                        .to = least(from + plan->stretch, t->terms.steps)};
#pragma omp single nowait
        *dealt = 0;

        /* It ends in a barrier: `dealt` is 0 when the first chunk is taken. */
        pack_shared(t, plan, from, c.to, shared, w->stage);

        w->packed = false;
        int64_t chunk = __atomic_fetch_add(dealt, 1, __ATOMIC_RELAXED);
        while (chunk < plan->chunks) {
            move_to_chunk(&c, chunk);
            chunk = multiply_tile_chunk(&c, w, dealt);
        }

        /* The next steps overwrite the packed side, so all threads are done first. */
        if (t->past)
            stream_end();
#pragma omp barrier
    }
}

bool tiles_product(const reel_matrix_job *job)
{
    enum { OWN = REEL_TILES_OWN * SET_BYTES };
    if (!tiles_take(job))
        return false;

    const tile_job t = tile_job_of(job);
    const tile_plan plan = tile_plan_of(&t);
    const int64_t shared_bytes = plan.shared_groups * plan.stretch * SET_BYTES;
    const int64_t stage_bytes = REEL_MATRIX_A * (int64_t)sizeof(real);
    const int64_t sums_bytes = most(REEL_TILES_PANELS, plan.panels) * SUMS * (int64_t)sizeof(float);
    int64_t dealt = 0;
#pragma omp parallel num_threads(job->threads)
    {
        char *shared = job->scratch, *mine = shared + shared_bytes;
        mine += omp_get_thread_num() * (2 * OWN + stage_bytes + sums_bytes);
        tile_worker w = {.own = mine,
                         .spare = mine + OWN,
                         .stage = (real *)(mine + 2 * OWN),
                         .sums = (float *)(mine + 2 * OWN + stage_bytes)};
        tiles_begin();
        multiply_share(&t, &plan, shared, &w, &dealt);
        tiles_end();
    }
    return true;
}
#endif
