/* One blocked matrix product for everything that is not Winograd: C (m x n) = A (m x k) B (k x n),
 * where A and B say how to read themselves. A plain matrix, its transpose, the patches of an image
 * (im2col without the im2col) and the weights of an input gradient are four kinds of operand;
 * linear layers and all passes of a convolution are pairs of them. Private to core/kernels.
 *
 * Work is split over outputs: over rows where there are more of them than columns, else over panels
 * of columns. Sums over k run in blocks whose size depends on the shape only. So the bits do not
 * depend on the number of threads. */
#ifndef REEL_CORE_KERNELS_MATRIX_H
#define REEL_CORE_KERNELS_MATRIX_H

#include "core/kernels/kernels.h"
#include "core/kernels/widest.h"

typedef enum {
    REEL_OPERAND_ROWS,    /* element (i, p) = data[i ld + p] */
    REEL_OPERAND_COLUMNS, /* element (i, p) = data[p ld + i] */
    REEL_OPERAND_PATCHES, /* (i, p): patch i, p = (ky kw + kx) c + channel */
    REEL_OPERAND_TAPS /* (i, p): input channel i, p = (ky taps_x + kx) oc + channel: w[channel, tap,
                         i] */
} reel_operand_kind;

/* Patches of an image map: a grid of them over each image, each kh x kw pixels of c channels.
 * Pixels outside the map read zero. The forward pass reads x in steps of the stride, its taps the
 * dilation apart; the input gradient reads dy, its taps running backwards. */
typedef struct reel_patches {
    int64_t h, w, pixel;    /* the map: rows, columns, reals from pixel to pixel */
    int64_t c;              /* channels of a group */
    int64_t grid_h, grid_w; /* patches an image */
    int64_t y, x, step_y,
        step_x; /* where the first tap of patch (0, 0) lies; pixels from patch to patch */
    int64_t kh, kw, tap_y, tap_x; /* taps; pixels from tap to tap, negative for backwards */
} reel_patches;

/* The taps of w (oc, kh, kw, c) that a phase of the input gradient uses: y + step_y i for i <
 * taps_y, likewise x. */
typedef struct reel_taps {
    int64_t oc, c, kh, kw;
    int64_t y, x, step_y, step_x, taps_x;
} reel_taps;

/* For B, i counts columns. Convolution kinds read one group: channels of it lie at data. */
typedef struct reel_operand {
    reel_operand_kind kind;
    const void *data;
    int64_t ld;
    const reel_patches *patches;
    const reel_taps *taps;
} reel_operand;

/* Rows of C that are a grid of pixels of a larger map: row (image, gy, gx) is pixel (y + step_y gy,
 * x + step_x gx) of it. */
typedef struct reel_grid {
    int64_t h, w, grid_h, grid_w, y, x, step_y, step_x;
} reel_grid;

typedef struct reel_matrix_job {
    int threads;
    int64_t m, n, k;
    reel_operand a, b;
    const void *bias; /* n values, one a column, or NULL; with bias_by_row m values, one a row; not
                         with a grid */
    bool bias_by_row, accumulate;
    bool blocked; /* sums in blocks, however few rows there are: they are a part of many */
    void *c;
    int64_t c_row, c_col;  /* element (i, j) at c[i c_row + j c_col]; one of them is 1 */
    const reel_grid *grid; /* or NULL; with it, c_row is the distance of pixels, c_col is 1 and rows
                              are shared out */
    void *scratch;         /* reel_matrix_scratch bytes */
    /* More than 1: the sum over k is one of so many equal pieces, each a product of its own, added
     * up along the tree of core/pieces.h. Only for two operands k-major, k within a block, at
     * least REEL_MATRIX_MOST_ROWS rows and 4 panels, without bias, grid and `accumulate`. */
    int64_t pieces;
} reel_matrix_job;

/* Bytes for any of the implementations; grid: whether the job has one. */
size_t reel_matrix_scratch(int threads, int64_t m, int64_t n, int64_t k, bool grid, size_t element);

/* ---- blocking, the same for every implementation ---- */
enum {
    REEL_MATRIX_KC =
        512, /* depth of a block: a panel of B stays in the first-level cache's reach */
    REEL_MATRIX_MC = 112, /* rows of A packed at a time: with KC, a quarter megabyte */
    REEL_MATRIX_WIDE =
        128, /* the same where A lies k-major: whole panels, so that they can be copied in runs */
    REEL_MATRIX_MOST_ROWS = REEL_WIDEST_BLOCK,
    REEL_MATRIX_PANEL = REEL_WIDEST_PANEL, /* columns */
    REEL_MATRIX_GROUP = 4, /* panels of B packed in one go where columns are shared out */
    REEL_MATRIX_PAD = 16,  /* between packed rows, so that they do not collide in a cache set */
    REEL_MATRIX_A =
        (REEL_MATRIX_WIDE + REEL_MATRIX_PAD) * REEL_MATRIX_KC, /* reals of a packed block of A */
    REEL_MATRIX_OUTER =
        (1 << 16) + REEL_MATRIX_A, /* reals a thread packs for a sum within one block */
    REEL_MATRIX_SMALL = 8          /* most rows of a short side that is not packed at all */
};

/* ---- blocking of products by tiles (templates/tiles_matrix.c), in float32 ---- */
enum {
    REEL_TILES_GROUP = 16,  /* rows or columns of a tile */
    REEL_TILES_STEP = 32,   /* terms of a tile */
    REEL_TILES_SET = 3072,  /* bytes of 16 x 32 numbers in three limbs */
    REEL_TILES_CHAIN = 32,  /* steps of the sum that are one chain */
    REEL_TILES_OWN = 128,   /* sets that a thread splits at a time, at most */
    REEL_TILES_PANELS = 128 /* blocks of 32 x 32 sums that it keeps; more where a row has more */
};

static inline bool reel_matrix_by_rows(int64_t m, int64_t n)
{
    return m >= n;
}

/* Whether so few rows of a plain A times a B in columns are one running sum: another order than
 * that of blocks. */
static inline bool reel_matrix_is_running(int64_t m, int64_t k)
{
    return m <= REEL_MATRIX_SMALL && k > m;
}

/* How much of the sum is packed of B at a time when rows are shared out: whole blocks within about
 * 8 MB, a part of the last level of cache. */
static inline int64_t reel_matrix_stretch(int64_t n, int64_t k)
{
    const int64_t blocks = ((int64_t)2 << 20) / (n * REEL_MATRIX_KC);
    const int64_t stretch = (blocks > 1 ? blocks : 1) * REEL_MATRIX_KC;
    return stretch < k ? stretch : k;
}

/* True where a chunk of rows can keep its sums in a thread's own scratch until they are complete.
 */
static inline bool reel_matrix_is_local(int64_t n, int64_t k)
{
    return n <= 512 && reel_matrix_stretch(n, k) == k;
}

/* Parts that rows are dealt into: as even as can be, at most `limit` rows each, and where they are
 * few, as many for every thread as long as a part fills a block of registers. Results do not depend
 * on it: rows are independent. */
static inline int64_t reel_matrix_chunks(int threads, int64_t m, int64_t limit,
                                         int64_t register_rows)
{
    const int64_t least = (m + limit - 1) / limit, most = (m + register_rows - 1) / register_rows;
    const int64_t even = (least + threads - 1) / threads * threads;
    if (least >= 8 * threads)
        return least;
    if (even < most)
        return even;
    return most > least ? most : least;
}

#endif
