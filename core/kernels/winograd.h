/* Convolution by Winograd's minimal filtering over 7 points (Winograd 1980; Lavin and Gray 2016,
 * "Fast algorithms for convolutional neural networks"), for 3x3 and 5x5 kernels of stride 1 and any
 * dilation, in all three passes.
 *
 * One 7x7 tile over the points {1/4, -1/4, 7/8, -7/8, 7/4, -7/4, infinity} serves everything:
 *   F(5x5, 3x3)   forward and input gradient of 3x3 kernels; weight gradient of 5x5 kernels
 *   F(3x3, 5x5)   forward and input gradient of 5x5 kernels; weight gradient of 3x3 kernels
 * Each replaces 225 multiplications by 49 (4.59 times fewer). Per point, the sum over channels (or
 * over tiles, for the weight gradient) is a plain matrix product; 49 of them are the convolution.
 * Relative L2 error in float32: about 1.6e-6 forward and in the input gradient, where sums over
 * channels are taken 64 at a time, 2.5e-6 in the weight gradient.
 *
 * All channels-last; channels of a group must be multiples of 16. Private to core/kernels. */
#ifndef REEL_CORE_KERNELS_WINOGRAD_H
#define REEL_CORE_KERNELS_WINOGRAD_H

#include "core/kernels/conv_shape.h"

enum {
    REEL_WINOGRAD_POINTS = 7,
    REEL_WINOGRAD_PRODUCTS = 49,
    REEL_WINOGRAD_GROUP = 78 /* tiles worked on at a time, at most (forward, input gradient) */
};

/* True where the shape can run; otherwise *why_not says what it wants. */
bool reel_winograd_accepts(const reel_conv_shape *s, const char **why_not);

/* ---- tiles of unequal size ----
 *
 * The point at infinity counts for the last output of a tile alone. A tile of m - 1 outputs leaves
 * it out: 6 products a side instead of 7, of the same transformed weights. So 13 outputs are cut
 * into 5 + 4 + 4, which are 19^2 = 361 products where three tiles of 5 are 441. */

/* ---- a side and its phases ----
 *
 * With dilation d, output i of a side reads pixels i - p + k d: those of one residue modulo d. So
 * the outputs i, i + d, i + 2 d, ... are an undilated convolution, a phase of the side, for each i
 * below d. Phases are read and written where they lie: neighbours in a tile are d pixels apart. */

/* `count` phases of one length. The first `full` tiles of each have m outputs, the others m - 1.
 * The last may reach beyond. */
typedef struct reel_winograd_phases {
    int64_t count, tiles, full;
} reel_winograd_phases;

typedef struct reel_winograd_cut {
    int64_t tiles, full; /* of all phases */
    int64_t dilation;
    reel_winograd_phases longer, shorter; /* by one output */
} reel_winograd_cut;

/* A tile: its first output, and whether it has m rows (tall) and m columns (wide). */
typedef struct reel_winograd_tile {
    int64_t image, top, left;
    bool tall, wide;
} reel_winograd_tile;

/* Places [first, end) of tiles. */
typedef struct reel_winograd_tiles {
    int64_t first, end;
} reel_winograd_tiles;

/* ---- the plan, shared by scratch sizes and passes ---- */

/* A convolution seen as input -> output over tiles: forward, or the input gradient with the roles
 * exchanged. */
typedef struct reel_winograd_plan {
    int64_t m, r;   /* outputs and taps a side; m + r - 1 = 7 */
    int64_t ic, oc; /* channels of one group, on the reading and on the writing side */
    /* How many there are where only some go through at a time: of the writing side (apply), of the
     * reading side (weight gradient). The last part may have fewer. */
    int64_t all;
    reel_winograd_cut rows, cols; /* of an image */
    int64_t images, tiles;        /* tiles of all images */
    bool in_limbs; /* products by tiles of bf16 (templates/tiles.h), else in float32 */
    bool shared;   /* a group of tiles is worked on by all threads together, else by one */
    int64_t depth; /* channels summed at a time; what they come to is then added up */
    int64_t group; /* as many tiles worked on at a time; the last group may have fewer */
    int64_t groups;
    int64_t v_row;          /* apply: floats that a tile takes in V */
    int64_t v_step, m_step; /* floats from one point's matrix to the next; odd multiples of 16, so
                               that points do not collide in a cache set */
    int64_t u_step; /* likewise; apply: of 32 output channels, weight gradient: of all sums */
    size_t u_floats, shared_floats, private_floats;
} reel_winograd_plan;

/* tiles: for an instruction set that multiplies tiles of bf16. */
reel_winograd_plan reel_winograd_plan_apply(const reel_conv_shape *s, bool input_grad, bool tiles);
reel_winograd_plan reel_winograd_plan_weight_grad(const reel_conv_shape *s, bool tiles);

/* The tile that group g begins with; of g = groups, behind the last. */
static inline int64_t reel_winograd_group_begins(const reel_winograd_plan *p, int64_t g)
{
    return g < p->groups ? g * p->group : p->tiles;
}

/* The tile at a place. Tiles of all images stand in the order [tall only][tall and wide][wide
 * only][neither], so that those which have a point stand together. */
reel_winograd_tile reel_winograd_tile_at(const reel_winograd_plan *p, int64_t place);

/* The places of the tiles that have point (i, j), 0 to 6, of which 6 is infinity. */
reel_winograd_tiles reel_winograd_tiles_of(const reel_winograd_plan *p, int i, int j);

#endif
