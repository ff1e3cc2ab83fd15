/* The matrix product of one Winograd point, for template use: the including file defines VL (floats a vector), MR (rows a block),
 * `vec`, `load`, `store`.
 *
 *   C (rows x cols) = A B, or added to C.  A(i, p) = a[i a_row + p a_step];  B in panels of 2 VL columns: b[p ldb + j]
 *
 * Every loop over the accumulators carries the unroll pragma: they then live in registers, MR x 2 of them. */

#define WINOGRAD_KERNEL(name, ROWS, COLS)                                                                                      \
    static void name(int64_t k, const float *a, int64_t a_row, int64_t a_step, const float *b, int64_t ldb, float *c,         \
                     int64_t ldc, bool add)                                                                                   \
    {                                                                                                                          \
        vec s[ROWS][COLS];                                                                                                     \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                                \
            _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) s[i][j] = (vec){0};                                         \
        for (int64_t p = 0; p < k; p++) {                                                                                      \
            vec bv[COLS];                                                                                                      \
            _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) bv[j] = load(b + j * VL);                                   \
            _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                            \
            {                                                                                                                  \
                const float av = a[i * a_row];                                                                                 \
                _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) s[i][j] += av * bv[j];                                  \
            }                                                                                                                  \
            a += a_step;                                                                                                       \
            b += ldb;                                                                                                          \
        }                                                                                                                      \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                                \
            _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++)                                                             \
        {                                                                                                                      \
            float *to = c + i * ldc + j * VL;                                                                                  \
            store(to, add ? load(to) + s[i][j] : s[i][j]);                                                                     \
        }                                                                                                                      \
    }

#define WINOGRAD_KERNELS(ROWS) WINOGRAD_KERNEL(product_##ROWS##x1, ROWS, 1) WINOGRAD_KERNEL(product_##ROWS##x2, ROWS, 2)
WINOGRAD_KERNELS(1)
WINOGRAD_KERNELS(2)
WINOGRAD_KERNELS(3)
WINOGRAD_KERNELS(4)
WINOGRAD_KERNELS(5)
WINOGRAD_KERNELS(6)
#if MR > 6
WINOGRAD_KERNELS(7)
WINOGRAD_KERNELS(8)
WINOGRAD_KERNELS(9)
WINOGRAD_KERNELS(10)
WINOGRAD_KERNELS(11)
WINOGRAD_KERNELS(12)
WINOGRAD_KERNELS(13)
WINOGRAD_KERNELS(14)
#endif

typedef void product_kernel(int64_t k, const float *a, int64_t a_row, int64_t a_step, const float *b, int64_t ldb, float *c,
                            int64_t ldc, bool add);

#define WINOGRAD_ROW(ROWS) [ROWS] = {product_##ROWS##x1, product_##ROWS##x2}
static product_kernel *const product_kernels[MR + 1][2] = {
    WINOGRAD_ROW(1), WINOGRAD_ROW(2),  WINOGRAD_ROW(3),  WINOGRAD_ROW(4),  WINOGRAD_ROW(5),  WINOGRAD_ROW(6),
#if MR > 6
    WINOGRAD_ROW(7), WINOGRAD_ROW(8),  WINOGRAD_ROW(9),  WINOGRAD_ROW(10), WINOGRAD_ROW(11), WINOGRAD_ROW(12),
    WINOGRAD_ROW(13), WINOGRAD_ROW(14),
#endif
};

/* One panel of columns (width VL or 2 VL) for all rows. Rows are dealt out evenly: 96 rows are 7 blocks of 13 or 14, never six of
 * 14 and a sliver. */
static void product_panel(int64_t rows, int64_t width, int64_t k, const float *a, int64_t a_row, int64_t a_step, const float *b,
                          float *c, int64_t ldc, bool add)
{
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        product_kernels[take][width > VL](k, a + row * a_row, a_row, a_step, b, width > VL ? 2 * VL : VL, c + row * ldc, ldc, add);
        row += take;
    }
}
