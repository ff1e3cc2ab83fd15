/* The one-dimensional transforms of the 7-point tile, on vectors of VL channels. With points p_j =
 * a, -a, b, -b, c, -c and infinity, N_j = prod_{l != j} (p_j - p_l): B^T  rows are the coefficients
 * of prod_{l != j} (x - p_l), the last of the product over all finite points G    row j is (1, p_j,
 * p_j^2, ...) / N_j, the last (0, ..., 0, 1) A^T  column j is (1, p_j, p_j^2, ...), the last (0,
 * ..., 0, 1) so that A^T [(G g) * (B^T d)] is the correlation of d (7) with g (r), m = 8 - r
 * outputs. Points come in pairs, so each pair shares an even and an odd part. The entries of B^T
 * and A^T are exact in binary; those of G are rounded once. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TRANSFORM_H
#define REEL_CORE_KERNELS_TEMPLATES_WINOGRAD_TRANSFORM_H

#include "core/kernels/templates/vector.h"

/* The points: of 40 triples of short binary fractions the one with the least error. Zero, one, a
 * half and two, which make shorter transforms, have 1.7 times as much. */
#define WINOGRAD_A 0.25
#define WINOGRAD_B 0.875
#define WINOGRAD_C 1.75

/* p, p^2, ... and N of the pair p, whose other points are q and s. */
#define WINOGRAD_SQUARE(p) ((p) * (p))
#define WINOGRAD_NORM(p, q, s)                                                                     \
    (2 * (p) * (WINOGRAD_SQUARE(p) - WINOGRAD_SQUARE(q)) *                                         \
     (WINOGRAD_SQUARE(p) - WINOGRAD_SQUARE(s)))

/* The pair p and -p, whose other points are +-q and +-s. */
typedef struct point_pair {
    double p, q, s;
} point_pair;

static const point_pair pair_a = {WINOGRAD_A, WINOGRAD_B, WINOGRAD_C},
                        pair_b = {WINOGRAD_B, WINOGRAD_A, WINOGRAD_C},
                        pair_c = {WINOGRAD_C, WINOGRAD_A, WINOGRAD_B};

/* factor v + addend, rounded as muladd does. */
KERNEL_INLINE vec scaled_add(float factor, vec v, vec addend)
{
    return muladd(broadcast(factor), v, addend);
}

/* o = rows p and -p of B^T d. */
KERNEL_INLINE void input_pair(point_pair at, vec *o, int64_t os, const vec *d, int64_t ds)
{
    const double p = at.p, q = at.q, s = at.s;
    const float sum = (float)(WINOGRAD_SQUARE(q) + WINOGRAD_SQUARE(s)),
                product = (float)WINOGRAD_SQUARE(q * s), point = (float)p;
    const vec even = scaled_add(product, d[0], scaled_add(-sum, d[2 * ds], d[4 * ds]));
    const vec odd = scaled_add(product, d[ds], scaled_add(-sum, d[3 * ds], d[5 * ds]));
    o[0] = scaled_add(point, even, odd);
    o[os] = scaled_add(-point, even, odd);
}

/* The last row of B^T d, that of infinity. */
KERNEL_INLINE vec input_last(const vec *d, int64_t ds)
{
    const double a = WINOGRAD_SQUARE(WINOGRAD_A), b = WINOGRAD_SQUARE(WINOGRAD_B),
                 c = WINOGRAD_SQUARE(WINOGRAD_C);
    const float e1 = (float)(a + b + c), e2 = (float)(a * b + a * c + b * c),
                e3 = (float)(a * b * c);
    return scaled_add(-e3, d[0], scaled_add(e2, d[2 * ds], scaled_add(-e1, d[4 * ds], d[6 * ds])));
}

/* o = B^T d; strides in vectors. */
KERNEL_INLINE void transform_input(vec *o, int64_t os, const vec *d, int64_t ds)
{
    const vec last = input_last(d, ds);
    input_pair(pair_a, o, os, d, ds);
    input_pair(pair_b, o + 2 * os, os, d, ds);
    input_pair(pair_c, o + 4 * os, os, d, ds);
    o[6 * os] = last;
}

/* o = rows p and -p of G g. */
KERNEL_INLINE void kernel_pair(int r, point_pair at, vec *o, int64_t os, const vec *g, int64_t gs)
{
    const double p = at.p, q = at.q, s = at.s;
    const double p2 = WINOGRAD_SQUARE(p), n = WINOGRAD_NORM(p, q, s);
    vec even = r > 2 ? scaled_add((float)(1 / n), g[0], (float)(p2 / n) * g[2 * gs])
                     : (float)(1 / n) * g[0];
    vec odd = (float)(p / n) * g[gs];
    if (r > 4)
        even = scaled_add((float)(p2 * p2 / n), g[4 * gs], even);
    if (r > 3)
        odd = scaled_add((float)(p2 * p / n), g[3 * gs], odd);
    if (r > 5)
        odd = scaled_add((float)(p2 * p2 * p / n), g[5 * gs], odd);
    o[0] = odd + even;
    o[os] = odd - even;
}

/* o = G g for r taps (2 to 6). */
KERNEL_INLINE void transform_kernel(int r, vec *o, int64_t os, const vec *g, int64_t gs)
{
    kernel_pair(r, pair_a, o, os, g, gs);
    kernel_pair(r, pair_b, o + 2 * os, os, g, gs);
    kernel_pair(r, pair_c, o + 4 * os, os, g, gs);
    o[6 * os] = g[(r - 1) * gs];
}

/* Row i of A^T q for one parity, without infinity: a^i, b^i and c^i times what the pairs share. */
KERNEL_INLINE vec weighted(double a, double b, double c, const vec v[3])
{
    return scaled_add((float)c, v[2], scaled_add((float)b, v[1], (float)a * v[0]));
}

/* o = A^T q for m outputs (2 to 6). */
KERNEL_INLINE void transform_output(int m, vec *o, int64_t os, const vec *q, int64_t qs)
{
    const double a = WINOGRAD_A, b = WINOGRAD_B, c = WINOGRAD_C;
    const vec even[3] = {q[0] + q[qs], q[2 * qs] + q[3 * qs], q[4 * qs] + q[5 * qs]};
    const vec odd[3] = {q[0] - q[qs], q[2 * qs] - q[3 * qs], q[4 * qs] - q[5 * qs]},
              last = q[6 * qs];
    o[0] = even[0] + even[1] + even[2];
    o[os] = weighted(a, b, c, odd);
    if (m > 2)
        o[2 * os] = weighted(a * a, b * b, c * c, even);
    if (m > 3)
        o[3 * os] = weighted(a * a * a, b * b * b, c * c * c, odd);
    if (m > 4)
        o[4 * os] = weighted(a * a * a * a, b * b * b * b, c * c * c * c, even);
    if (m > 5)
        o[5 * os] = weighted(a * a * a * a * a, b * b * b * b * b, c * c * c * c * c, odd);
    o[(m - 1) * os] += last;
}

#endif
