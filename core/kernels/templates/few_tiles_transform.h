/* The one-dimensional transforms of F(4, 3), on vectors of VL numbers. Over the points 0, a, -a, b,
 * -b and infinity, as in winograd_transform.h:
 *   B^T  row p: coefficients of the product of (x - l) over all other finite points l
 *   G    row p: (1, p, p^2) / N_p, N_p the product of (p - l) over them; infinity: (0, 0, 1)
 *   A^T  column p: (1, p, p^2, p^3); infinity: (0, 0, 0, 1)
 * Strides are in vectors. The entries of B^T and A^T are exact in binary. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_FEW_TILES_TRANSFORM_H
#define REEL_CORE_KERNELS_TEMPLATES_FEW_TILES_TRANSFORM_H

#include "core/kernels/templates/winograd_transform.h"

#define FEW_A 0.75
#define FEW_B 1.5
#define FEW_A2 (FEW_A * FEW_A)
#define FEW_B2 (FEW_B * FEW_B)

/* o = B^T d, six of six. */
KERNEL_INLINE void few_input(vec *o, int64_t os, const vec *d, int64_t ds)
{
    const float a = (float)FEW_A, b = (float)FEW_B, a2 = (float)FEW_A2, b2 = (float)FEW_B2,
                sum = (float)(FEW_A2 + FEW_B2), product = (float)(FEW_A2 * FEW_B2);
    const vec even_a = scaled_add(-b2, d[2 * ds], d[4 * ds]),
              odd_a = scaled_add(-b2, d[ds], d[3 * ds]),
              even_b = scaled_add(-a2, d[2 * ds], d[4 * ds]),
              odd_b = scaled_add(-a2, d[ds], d[3 * ds]);
    o[0] = scaled_add(product, d[0], scaled_add(-sum, d[2 * ds], d[4 * ds]));
    o[os] = scaled_add(a, odd_a, even_a);
    o[2 * os] = scaled_add(-a, odd_a, even_a);
    o[3 * os] = scaled_add(b, odd_b, even_b);
    o[4 * os] = scaled_add(-b, odd_b, even_b);
    o[5 * os] = scaled_add(product, d[ds], scaled_add(-sum, d[3 * ds], d[5 * ds]));
}

/* o = rows p and -p of G g; q: the other pair's point. */
KERNEL_INLINE void few_kernel_pair(double p, double q, vec *o, int64_t os, const vec *g, int64_t gs)
{
    const double n = 2 * p * p * (p * p - q * q);
    const vec even = scaled_add((float)(1 / n), g[0], (float)(p * p / n) * g[2 * gs]),
              odd = (float)(p / n) * g[gs];
    o[0] = even + odd;
    o[os] = even - odd;
}

/* o = G g, six of three. */
KERNEL_INLINE void few_kernel(vec *o, int64_t os, const vec *g, int64_t gs)
{
    o[0] = (float)(1 / (FEW_A2 * FEW_B2)) * g[0];
    few_kernel_pair(FEW_A, FEW_B, o + os, os, g, gs);
    few_kernel_pair(FEW_B, FEW_A, o + 3 * os, os, g, gs);
    o[5 * os] = g[2 * gs];
}

/* o = A^T q, four of six. */
KERNEL_INLINE void few_output(vec *o, int64_t os, const vec *q, int64_t qs)
{
    const vec sum_a = q[qs] + q[2 * qs], sum_b = q[3 * qs] + q[4 * qs], odd_a = q[qs] - q[2 * qs],
              odd_b = q[3 * qs] - q[4 * qs];
    o[0] = q[0] + sum_a + sum_b;
    o[os] = scaled_add((float)FEW_B, odd_b, (float)FEW_A * odd_a);
    o[2 * os] = scaled_add((float)FEW_B2, sum_b, (float)FEW_A2 * sum_a);
    o[3 * os] = scaled_add((float)(FEW_B * FEW_B2), odd_b,
                           scaled_add((float)(FEW_A * FEW_A2), odd_a, q[5 * qs]));
}

#endif
