/* The micro-kernel of product.h that also copies: while it multiplies, it moves a part of the next block of a long matrix to
 * where it will be multiplied, two vectors every two steps of the sum. Multiplications need two thirds of the machine's loads
 * at most and no stores, so the copy is free, and memory delivers while arithmetic goes on. For template use: `real`, VL, MR.
 */

enum { CARRY_UNIT = 2 * VL };

/* Runs of `run` units: after each unit the target moves by hop, after each run both sides jump. */
typedef struct product_carry {
    const real *from;
    real *to;
    int64_t units, left; /* to be copied; of the run that is under way */
    int64_t run, hop, from_jump, to_jump;
    int64_t ahead; /* what is asked for lies so far behind what is copied */
} product_carry;

static inline __attribute__((always_inline)) void carry_unit(product_carry *carry)
{
    store(carry->to, load(carry->from));
    store(carry->to + VL, load(carry->from + VL));
    __builtin_prefetch(carry->from + carry->ahead, 0, 3);
    if (VL * sizeof(real) >= 64) __builtin_prefetch(carry->from + carry->ahead + VL, 0, 3);
    carry->from += CARRY_UNIT;
    carry->to += carry->hop;
    if (--carry->left == 0) {
        carry->left = carry->run;
        carry->from += carry->from_jump;
        carry->to += carry->to_jump;
    }
}

/* What the multiplications were too few for. True if there was anything to copy at all. */
static bool carry_finish(product_carry *carry)
{
    while (carry->units > 0) {
        carry_unit(carry);
        carry->units--;
    }
    return carry->run > 0;
}

/* How results leave: STREAM goes past the caches, for aligned matrices that are larger than those. */
typedef enum { PRODUCT_ASSIGN, PRODUCT_ADD, PRODUCT_STREAM } product_end;

/* Rows are reached from every fourth one, which spares address registers. */
#define CARRY_STEP(ROWS, COLS)                                                                                                 \
    do {                                                                                                                       \
        vec bv[COLS];                                                                                                          \
        _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) bv[j] = load(b + j * VL);                                       \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++)                                                                \
        {                                                                                                                      \
            const real av = row[i / 4][i % 4 * a_row];                                                                         \
            _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++) s[i][j] = muladd(broadcast(av), bv[j], s[i][j]);                                      \
        }                                                                                                                      \
        _Pragma("GCC unroll 4") for (int i = 0; i < (ROWS + 3) / 4; i++) row[i] += a_step;                                     \
        b += ldb;                                                                                                              \
    } while (0)

#define CARRY_KERNEL(name, ROWS, COLS)                                                                                         \
    static void name(int64_t k, const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t ldb, real *c,             \
                     int64_t ldc, product_end end, product_carry *carry)                                                       \
    {                                                                                                                          \
        vec s[ROWS][COLS];                                                                                                     \
        const real *row[(ROWS + 3) / 4];                                                                                       \
        _Pragma("GCC unroll 4") for (int i = 0; i < (ROWS + 3) / 4; i++) row[i] = a + 4 * i * a_row;                           \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++)         \
            s[i][j] = (vec){0};                                                                                                \
        int64_t p = 0;                                                                                                         \
        if (carry->units > 0) {                                                                                                \
            product_carry now = *carry;                                                                                        \
            const int64_t units = least(now.units, k / 2);                                                                     \
            for (; p < 2 * units; p += 2) {                                                                                    \
                carry_unit(&now);                                                                                              \
                CARRY_STEP(ROWS, COLS);                                                                                        \
                CARRY_STEP(ROWS, COLS);                                                                                        \
            }                                                                                                                  \
            now.units -= units;                                                                                                \
            *carry = now;                                                                                                      \
        }                                                                                                                      \
        for (; p < k; p++) CARRY_STEP(ROWS, COLS);                                                                             \
        _Pragma("GCC unroll 16") for (int i = 0; i < ROWS; i++) _Pragma("GCC unroll 2") for (int j = 0; j < COLS; j++)         \
        {                                                                                                                      \
            real *to = c + i * ldc + j * VL;                                                                                   \
            if (end == PRODUCT_STREAM)                                                                                         \
                stream(to, s[i][j]);                                                                                           \
            else                                                                                                               \
                store(to, end == PRODUCT_ADD ? load(to) + s[i][j] : s[i][j]);                                                  \
        }                                                                                                                      \
    }

#define CARRY_KERNELS(ROWS) CARRY_KERNEL(carry_##ROWS##x1, ROWS, 1) CARRY_KERNEL(carry_##ROWS##x2, ROWS, 2)
CARRY_KERNELS(1)
CARRY_KERNELS(2)
CARRY_KERNELS(3)
CARRY_KERNELS(4)
CARRY_KERNELS(5)
CARRY_KERNELS(6)
#if MR > 6
CARRY_KERNELS(7)
CARRY_KERNELS(8)
CARRY_KERNELS(9)
CARRY_KERNELS(10)
CARRY_KERNELS(11)
CARRY_KERNELS(12)
CARRY_KERNELS(13)
CARRY_KERNELS(14)
#endif

typedef void carry_kernel(int64_t k, const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t ldb, real *c,
                          int64_t ldc, product_end end, product_carry *carry);

#define CARRY_ROW(ROWS) [ROWS] = {carry_##ROWS##x1, carry_##ROWS##x2}
static carry_kernel *const carry_kernels[MR + 1][2] = {
    CARRY_ROW(1), CARRY_ROW(2), CARRY_ROW(3), CARRY_ROW(4),  CARRY_ROW(5),  CARRY_ROW(6),
#if MR > 6
    CARRY_ROW(7), CARRY_ROW(8), CARRY_ROW(9), CARRY_ROW(10), CARRY_ROW(11), CARRY_ROW(12), CARRY_ROW(13), CARRY_ROW(14),
#endif
};

/* One panel (width VL or 2 VL) for all rows, which are dealt out evenly: 96 rows are 7 blocks of 13 or 14, never six of 14 and
 * a sliver. */
static void carry_panel(int64_t rows, int64_t width, int64_t k, const real *a, int64_t a_row, int64_t a_step, const real *b,
                        int64_t ldb, real *c, int64_t ldc, product_end end, product_carry *carry)
{
    const int64_t blocks = (rows + MR - 1) / MR;
    for (int64_t i = 0, row = 0; i < blocks; i++) {
        const int64_t take = (rows - row + blocks - i - 1) / (blocks - i);
        carry_kernels[take][width > VL](k, a + row * a_row, a_row, a_step, b, ldb, c + row * ldc, ldc, end, carry);
        row += take;
    }
}
