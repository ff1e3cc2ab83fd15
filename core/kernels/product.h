/* The register-blocked matrix product under everything here, for template use: the including file defines `real`, VL (reals a
 * vector), MR (rows a block), and includes core/kernels/vector.h.
 *
 *   C (rows x cols) = A B, or added to C.  A(i, p) = a[i a_row + p a_step];  B in panels of 2 VL columns: b[p ldb + j]
 *
 * Every loop over the accumulators carries the unroll pragma: they then live in registers, MR x 2 of them. */

/* Memory that is wanted soon: every term of the sum asks for the line at `from` and moves on. The operands of a next product
 * come in stretches too short for a hardware prefetcher to find its pace. */
typedef struct ahead {
    const real *from;
    int64_t step;
} ahead;

#define PRODUCT_KERNEL(name, ROWS, COLS)                                                                                       \
    static void name(int64_t k, const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t ldb, real *c,             \
                     int64_t ldc, bool add, ahead n1, ahead n2)                                                                \
    {                                                                                                                          \
        vec s[ROWS][COLS];                                                                                                     \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++)         \
            s[i][j] = (vec){0};                                                                                                \
        for (int64_t p = 0; p < k; p++) {                                                                                      \
            vec bv[COLS];                                                                                                      \
            _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) bv[j] = load(b + j * VL);                                   \
            _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                            \
            {                                                                                                                  \
                const real av = a[i * a_row];                                                                                  \
                _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) s[i][j] = muladd(broadcast(av), bv[j], s[i][j]);                                  \
            }                                                                                                                  \
            a += a_step;                                                                                                       \
            __builtin_prefetch(n1.from, 0, 2);                                                                                 \
            __builtin_prefetch(n2.from, 0, 2);                                                                                 \
            n1.from += n1.step;                                                                                                \
            n2.from += n2.step;                                                                                                \
            b += ldb;                                                                                                          \
        }                                                                                                                      \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++)         \
        {                                                                                                                      \
            real *to = c + i * ldc + j * VL;                                                                                   \
            store(to, add ? load(to) + s[i][j] : s[i][j]);                                                                     \
        }                                                                                                                      \
    }

#define PRODUCT_KERNELS(ROWS) PRODUCT_KERNEL(product_##ROWS##x1, ROWS, 1) PRODUCT_KERNEL(product_##ROWS##x2, ROWS, 2)
PRODUCT_KERNELS(1)
PRODUCT_KERNELS(2)
PRODUCT_KERNELS(3)
PRODUCT_KERNELS(4)
PRODUCT_KERNELS(5)
PRODUCT_KERNELS(6)
#if MR > 6
PRODUCT_KERNELS(7)
PRODUCT_KERNELS(8)
PRODUCT_KERNELS(9)
PRODUCT_KERNELS(10)
PRODUCT_KERNELS(11)
PRODUCT_KERNELS(12)
PRODUCT_KERNELS(13)
PRODUCT_KERNELS(14)
#endif

typedef void product_kernel(int64_t k, const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t ldb, real *c,
                            int64_t ldc, bool add, ahead n1, ahead n2);

#define PRODUCT_ROW(ROWS) [ROWS] = {product_##ROWS##x1, product_##ROWS##x2}
static product_kernel *const product_kernels[MR + 1][2] = {
    PRODUCT_ROW(1),  PRODUCT_ROW(2),  PRODUCT_ROW(3), PRODUCT_ROW(4),  PRODUCT_ROW(5),  PRODUCT_ROW(6),
#if MR > 6
    PRODUCT_ROW(7),  PRODUCT_ROW(8),  PRODUCT_ROW(9), PRODUCT_ROW(10), PRODUCT_ROW(11), PRODUCT_ROW(12),
    PRODUCT_ROW(13), PRODUCT_ROW(14),
#endif
};

/* Reals that the next product will want. */
typedef struct wanted {
    const real *from;
    int64_t reals;
} wanted;

/* Block i of `blocks` asks for its share of w with k requests; where there is nothing to ask for, for a line that is near. */
static inline ahead share_of(const wanted *w, int64_t i, int64_t blocks, int64_t k, const real *near)
{
    const int64_t step = blocks > 0 ? (w->reals + blocks * k - 1) / (blocks * k) : 0;
    return w->reals > 0 ? (ahead){w->from + step * k * i, step} : (ahead){near, 0};
}

/* One panel of columns (width VL or 2 VL) for all rows. Rows are dealt out evenly: 96 rows are 7 blocks of 13 or 14, never six
 * of 14 and a sliver. Meanwhile next[0] is brought nearer by the first third of the blocks, next[1] by the others, next[2] by
 * all. */
static inline void product_panel_ahead(int64_t rows, int64_t width, int64_t k, const real *a, int64_t a_row, int64_t a_step,
                                       const real *b, real *c, int64_t ldc, bool add, const wanted next[3])
{
    const int64_t blocks = (rows + MR - 1) / MR, third = (blocks + 2) / 3;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        const ahead n1 = i < third ? share_of(&next[0], i, third, k, b) : share_of(&next[1], i - third, blocks - third, k, b);
        product_kernels[take][width > VL](k, a + row * a_row, a_row, a_step, b, width > VL ? 2 * VL : VL, c + row * ldc, ldc,
                                          add, n1, share_of(&next[2], i, blocks, k, b));
        row += take;
    }
}

static inline void product_panel(int64_t rows, int64_t width, int64_t k, const real *a, int64_t a_row, int64_t a_step,
                                 const real *b, real *c, int64_t ldc, bool add)
{
    static const wanted nothing[3];
    product_panel_ahead(rows, width, k, a, a_row, a_step, b, c, ldc, add, nothing);
}
