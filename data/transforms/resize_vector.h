/* Both passes of the resize in GCC's vectors, compiled once per instruction set: define ISA (its
 * name), TARGET and ROWS (2 or 4), and include.
 *
 * Across: ROWS rows of the source at once, since they share their weights. 16 bytes of each are
 * loaded, 5 pixels; a tap is the three bytes of one pixel spread over four 32-bit lanes, the fourth
 * of which is nobody's. So is the fourth byte that is written: the next pixel overwrites it. Down:
 * 16 x ROWS bytes are one vector. The sums are those of resize.c, in another grouping, and integers
 * do not mind. Where weights are not negative, they add up to 2^22 but for rounding, so nothing has
 * to be clipped while there are at most MOST taps. */
#include <string.h>

#include "data/transforms/resize_internal.h"

enum { PRECISION = 32 - 8 - 2, PIXELS = 5, MOST = 4096 };

typedef uint8_t v_load __attribute__((vector_size(16)));
typedef uint8_t v_bytes __attribute__((vector_size(16 * ROWS)));
typedef int32_t v_ints __attribute__((vector_size(16 * ROWS)));
typedef uint32_t v_words __attribute__((vector_size(16 * ROWS)));

#define INLINE TARGET static inline __attribute__((always_inline))
#define LANE(at, k)                                                                                \
    (at) + 3 * (k), -1, -1, -1, (at) + 3 * (k) + 1, -1, -1, -1, (at) + 3 * (k) + 2, -1, -1, -1,    \
        (at) + 3 * (k) + 2, -1, -1, -1
/* The lowest bytes of a row's four lanes, in its first lane. */
#define LOW(at) (at), (at) + 4, (at) + 8, (at) + 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1
#if ROWS == 4
#define SPREAD(v, k)                                                                               \
    __builtin_shufflevector(v, v, LANE(0, k), LANE(16, k), LANE(32, k), LANE(48, k))
#define PACK(v) __builtin_shufflevector(v, v, LOW(0), LOW(16), LOW(32), LOW(48))
#else
#define PACK(v) __builtin_shufflevector(v, v, LOW(0), LOW(16))
#define SPREAD(v, k) __builtin_shufflevector(v, v, LANE(0, k), LANE(16, k))
#endif

INLINE v_ints broadcast_int(int32_t x)
{
    return (v_ints){0} + x;
}

INLINE v_words broadcast_word(uint32_t x)
{
    return (v_words){0} + x;
}

INLINE v_load load16(const uint8_t *p)
{
    v_load v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE v_bytes load_rows(const uint8_t *p, int64_t stride)
{
    const v_load a = load16(p), b = load16(p + stride);
    typedef uint8_t v_two __attribute__((vector_size(32)));
    const v_two ab =
        __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                                18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
#if ROWS == 4
    const v_load c = load16(p + 2 * stride), d = load16(p + 3 * stride);
    const v_two cd =
        __builtin_shufflevector(c, d, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                                18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    return __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
                                   17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
                                   33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48,
                                   49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63);
#else
    return ab;
#endif
}

INLINE v_ints add_taps(v_ints sum, v_bytes v, const int32_t *w, int64_t taps)
{
    sum += ((v_ints)SPREAD(v, 0) & 255) * w[0];
    if (taps > 1)
        sum += ((v_ints)SPREAD(v, 1) & 255) * w[1];
    if (taps > 2)
        sum += ((v_ints)SPREAD(v, 2) & 255) * w[2];
    if (taps > 3)
        sum += ((v_ints)SPREAD(v, 3) & 255) * w[3];
    if (taps > 4)
        sum += ((v_ints)SPREAD(v, 4) & 255) * w[4];
    return sum;
}

/* Each number made 0 to 255. */
INLINE v_ints to_byte(v_ints v)
{
    v &= ~(v >> 31);
    const v_ints over = (255 - v) >> 31;
    return (v & ~over) | (over & 255);
}

/* Outputs 0 .. n - 1 of ROWS rows. */
INLINE void row_group(uint8_t *dst, int64_t dst_stride, const reel_view *src, const reel_axis *h,
                      int64_t n, int64_t taps, bool clip)
{
    const int64_t stride = src->stride;
    const int32_t *begin = h->begin, *w = h->weight;
    const int64_t step = h->taps;
    for (int64_t x = 0; x < n; x++, w += step) {
        const uint8_t *p = src->rgb + 3 * (int64_t)begin[x];
        v_ints sum = broadcast_int(1 << (PRECISION - 1));
        for (int64_t k = 0; k < taps; k += PIXELS)
            sum = add_taps(sum, load_rows(p + 3 * k, stride), w + k, taps - k);
        sum >>= PRECISION;
        const v_ints bytes = (v_ints)PACK((v_bytes)(clip ? to_byte(sum) : sum));
        for (int r = 0; r < ROWS; r++) {
            const int32_t pixel = bytes[4 * r];
            memcpy(dst + r * dst_stride + 3 * x, &pixel, 4);
        }
    }
}

TARGET static void group_of_taps(uint8_t *dst, int64_t dst_stride, const reel_view *src,
                                 const reel_axis *h, int64_t n)
{
    if (h->clip) {
        row_group(dst, dst_stride, src, h, n, h->most, true);
        return;
    }

    /* The loop over taps vanishes where their number is known. */
    switch (h->most) {
    case 1:
    case 2:
        row_group(dst, dst_stride, src, h, n, 2, false);
        break;
    case 3:
        row_group(dst, dst_stride, src, h, n, 3, false);
        break;
    case 4:
        row_group(dst, dst_stride, src, h, n, 4, false);
        break;
    case 5:
        row_group(dst, dst_stride, src, h, n, 5, false);
        break;
    default:
        row_group(dst, dst_stride, src, h, n, h->most, false);
    }
}

static void one_pixel(uint8_t *dst, const uint8_t *src, const reel_axis *h, int64_t x)
{
    const uint8_t *p = src + 3 * (int64_t)h->begin[x];
    for (int c = 0; c < 3; c++) {
        int32_t sum = 1 << (PRECISION - 1);
        for (int64_t k = 0; k < h->count[x]; k++)
            sum += p[3 * k + c] * h->weight[x * h->taps + k];
        sum >>= PRECISION;
        if (sum < 0)
            sum = 0;
        dst[3 * x + c] = (uint8_t)(sum > 255 ? 255 : sum);
    }
}

static bool across(uint8_t *dst, int64_t dst_stride, const reel_view *src, int64_t rows,
                   const reel_axis *h)
{
    const int64_t groups = (h->most + PIXELS - 1) / PIXELS,
                  reach = 3 * PIXELS * (groups - 1) + 16; /* bytes from begin on */
    if (rows < ROWS || h->most > MOST || h->taps < 2 || 3 * src->width < reach + 3)
        return false;
    int64_t y = 0;
    for (; y + ROWS < rows; y += ROWS) {
        const reel_view from = {src->rgb + y * src->stride, src->width, ROWS, src->stride};
        group_of_taps(dst + y * dst_stride, dst_stride, &from, h, h->n);
    }

    /* The last rows, some of them again; behind their end there may be nothing to read. */
    y = rows - ROWS;
    int64_t n = h->n;
    while (n > 0 && 3 * (int64_t)h->begin[n - 1] + reach > 3 * src->width)
        n--;
    const reel_view last = {src->rgb + y * src->stride, src->width, ROWS, src->stride};
    group_of_taps(dst + y * dst_stride, dst_stride, &last, h, n);
    for (; y < rows; y++)
        for (int64_t x = n; x < h->n; x++)
            one_pixel(dst + y * dst_stride, src->rgb + y * src->stride, h, x);
    return true;
}

enum { WIDTH = 16 * ROWS };

INLINE v_words shift_to_byte(v_words sum, bool clip)
{
    return clip ? (v_words)to_byte((v_ints)sum >> PRECISION) : sum >> PRECISION;
}

/* Every fourth byte goes to the same sum: as 32-bit words they need no shuffle, only shifts. */
INLINE void sum_of_rows(uint8_t *dst, const reel_column_sum *c, bool clip)
{
    const uint8_t *src = c->src;
    const int32_t *weight = c->weight;
    const int64_t stride = c->stride, n = c->n, count = c->count;
    for (int64_t at = 0; at < n; at += WIDTH) {
        /* The last stretch overlaps the one before. */
        const int64_t x = at + WIDTH <= n ? at : n - WIDTH;
        v_words s0 = broadcast_word(1u << (PRECISION - 1)), s1 = s0, s2 = s0, s3 = s0;
        for (int64_t k = 0; k < count; k++) {
            v_words v;
            memcpy(&v, src + k * stride + x, sizeof v);
            const v_words w = broadcast_word((uint32_t)weight[k]);
            s0 += (v & 255) * w;
            s1 += (v >> 8 & 255) * w;
            s2 += (v >> 16 & 255) * w;
            s3 += (v >> 24) * w;
        }

        const v_words bytes = shift_to_byte(s0, clip) | shift_to_byte(s1, clip) << 8 |
                              shift_to_byte(s2, clip) << 16 | shift_to_byte(s3, clip) << 24;
        memcpy(dst + x, &bytes, sizeof bytes);
    }
}

TARGET static bool down(uint8_t *dst, const reel_column_sum *sum)
{
    if (sum->n < WIDTH || sum->count > MOST)
        return false;
    if (sum->clip)
        sum_of_rows(dst, sum, true);
    else
        sum_of_rows(dst, sum, false);
    return true;
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
const reel_resize_kernels JOIN(reel_resize_kernels_, ISA) = {TEXT(ISA), across, down};
