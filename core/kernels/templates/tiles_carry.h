/* The micro-kernel of the matrix product by tiles of bf16 (limbs.h): 32 x 32 sums, or fewer, while
 * it splits numbers for a later block and writes the sums of an earlier one.
 *
 * The tiles' unit and the vectors work at the same time, if their instructions are mixed finely. So
 * a little of the other work stands in every slot, behind the tile products of two limbs. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_TILES_CARRY_H
#define REEL_CORE_KERNELS_TEMPLATES_TILES_CARRY_H

#include "core/kernels/templates/tiles.h"

enum { TILE_SLOTS = 6 /* of a step: products of two limbs */ };

/* Rows of 32 numbers of a plain matrix that a product splits meanwhile, `each` at every step of the
 * sum, for a product that comes later. A unit is one row of a tile: the first halves of its words
 * are 16 numbers at `from`, the second halves 16 at from + second. Units are visited in three
 * nested loops, the innermost first; after each turn of a loop both pointers move on. */
typedef struct tile_carry {
    const float *from;
    char *to;
    int64_t left;       /* units */
    int64_t each, more; /* units at each slot of a product; one more at the first slots of a step */
    int64_t second;
    int64_t turns[2], turn[2];        /* of the two inner loops */
    int64_t from_move[3], to_move[3]; /* numbers; bytes */
    int64_t ahead;                    /* what is asked for lies so far behind what is split */
} tile_carry;

KERNEL_INLINE void split_units(tile_carry *c, int64_t count)
{
    for (int64_t n = least(count, c->left); n > 0; n--) {
        const float *from = c->from;
        put_limb_words(c->to, load(from), load(from + c->second));
        __builtin_prefetch(from + c->ahead, 0, 2);
        __builtin_prefetch(from + c->second + c->ahead, 0, 2);
        c->left--;
        c->from += c->from_move[0];
        c->to += c->to_move[0];
        for (int loop = 0; loop < 2 && ++c->turn[loop] == c->turns[loop]; loop++) {
            c->turn[loop] = 0;
            c->from += c->from_move[loop + 1];
            c->to += c->to_move[loop + 1];
        }
    }
}

/* `left` units over so many steps, each of which has TILE_SLOTS slots. */
KERNEL_INLINE void spread_units(tile_carry *c, int64_t steps)
{
    const int64_t of_step = (c->left + steps - 1) / steps;
    c->each = of_step / TILE_SLOTS;
    c->more = of_step % TILE_SLOTS;
}

/* Finished rows of two vectors, which leave while the next block is multiplied: a burst of stores
 * would stop everything behind it. */
typedef struct tile_rows {
    const float *from;
    int64_t from_row;
    float *to;
    int64_t to_row;
    int64_t left, each; /* rows; at each slot */
    bool past;          /* the caches; `to` is aligned to 64 bytes then */
} tile_rows;

KERNEL_INLINE void write_rows(tile_rows *w, int64_t count)
{
    for (int64_t n = least(count, w->left); n > 0; n--) {
        const vec first = load(w->from), second = load(w->from + VL);
        if (w->past) {
            stream(w->to, first);
            stream(w->to + VL, second);
        } else {
            store(w->to, first);
            store(w->to + VL, second);
        }
        w->from += w->from_row;
        w->to += w->to_row;
        w->left--;
    }
}

/* What a product of float32 numbers does besides: a little in every slot, so that the tiles' unit
 * and the vectors' work at the same time. */
typedef struct tile_work {
    tile_carry split;
    tile_rows write;
} tile_work;

KERNEL_INLINE void carry_some(tile_work *w, const int slot)
{
    split_units(&w->split, w->split.each + (slot < w->split.more));
    write_rows(&w->write, w->write.each);
}

/* A block of C: 1 or 2 groups of 16 rows by 1 or 2 of 16 columns. Distances in bytes. */
typedef struct carried_block {
    int64_t steps; /* of 32 terms */
    const char *a, *b;
    int64_t a_next, b_next; /* to the next group */
    float *c;
    int64_t c_row; /* in numbers */
    bool add;
} carried_block;

#define LOAD_A(limb)                                                                               \
    do {                                                                                           \
        TILE_LOAD(4, a + (limb), TILE_ROW_BYTES);                                                  \
        if (rows > 1)                                                                              \
            TILE_LOAD(5, a + j.a_next + (limb), TILE_ROW_BYTES);                                   \
    } while (0)
#define LOAD_B(limb)                                                                               \
    do {                                                                                           \
        TILE_LOAD(6, b + (limb), TILE_ROW_BYTES);                                                  \
        if (cols > 1)                                                                              \
            TILE_LOAD(7, b + j.b_next + (limb), TILE_ROW_BYTES);                                   \
    } while (0)
#define MULTIPLY_SLOT(slot)                                                                        \
    do {                                                                                           \
        TILE_MULTIPLY(0, 4, 6);                                                                    \
        if (cols > 1)                                                                              \
            TILE_MULTIPLY(1, 4, 7);                                                                \
        if (rows > 1)                                                                              \
            TILE_MULTIPLY(2, 5, 6);                                                                \
        if (rows > 1 && cols > 1)                                                                  \
            TILE_MULTIPLY(3, 5, 7);                                                                \
        if (carry)                                                                                 \
            carry_some(carry, slot);                                                               \
    } while (0)

/* l h', m h', m m', h m', h l', h h' of a step of the sum, as in tiles.h. mirrored: with A and B
 * exchanged, so that (A B)^T = B^T A^T has the same bits. */
KERNEL_INLINE void carried_step(const carried_block *job, int64_t step, const int rows,
                                const int cols, const bool mirrored, tile_work *carry)
{
    const carried_block j = *job;
    const char *a = j.a + step * STEP_OF_ROWS, *b = j.b + step * STEP_OF_ROWS;
    if (mirrored) {
        LOAD_A(LIMB_H);
        LOAD_B(LIMB_L);
        MULTIPLY_SLOT(0);
        LOAD_B(LIMB_M);
        MULTIPLY_SLOT(1);
        LOAD_A(LIMB_M);
        MULTIPLY_SLOT(2);
        LOAD_B(LIMB_H);
        MULTIPLY_SLOT(3);
        LOAD_A(LIMB_L);
        MULTIPLY_SLOT(4);
        LOAD_A(LIMB_H);
        MULTIPLY_SLOT(5);
    } else {
        LOAD_A(LIMB_L);
        LOAD_B(LIMB_H);
        MULTIPLY_SLOT(0);
        LOAD_A(LIMB_M);
        MULTIPLY_SLOT(1);
        LOAD_B(LIMB_M);
        MULTIPLY_SLOT(2);
        LOAD_A(LIMB_H);
        MULTIPLY_SLOT(3);
        LOAD_B(LIMB_L);
        MULTIPLY_SLOT(4);
        LOAD_B(LIMB_H);
        MULTIPLY_SLOT(5);
    }
}

KERNEL_INLINE void multiply_carrying(const carried_block *job, const int rows, const int cols,
                                     const bool mirrored, tile_work *carry)
{
    float *const below = job->c + TILE_ROWS * job->c_row;
    const int64_t c_row = job->c_row * (int64_t)sizeof(float);
    if (job->add) {
        TILE_LOAD(0, job->c, c_row);
        if (cols > 1)
            TILE_LOAD(1, job->c + TILE_COLS, c_row);
        if (rows > 1)
            TILE_LOAD(2, below, c_row);
        if (rows > 1 && cols > 1)
            TILE_LOAD(3, below + TILE_COLS, c_row);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }

    for (int64_t step = 0; step < job->steps; step++)
        carried_step(job, step, rows, cols, mirrored, carry);

    TILE_STORE(0, job->c, c_row);
    if (cols > 1)
        TILE_STORE(1, job->c + TILE_COLS, c_row);
    if (rows > 1)
        TILE_STORE(2, below, c_row);
    if (rows > 1 && cols > 1)
        TILE_STORE(3, below + TILE_COLS, c_row);
}

#undef LOAD_A
#undef LOAD_B
#undef MULTIPLY_SLOT

#endif
