/* The one-dimensional transforms of the 7-point tile, on vectors of VL channels. For template use: the including file defines
 * `vec`. With points p_j = 0, 1, -1, 1/2, -1/2, -2 and infinity, N_j = prod_{l != j} (p_j - p_l):
 *   B^T  rows are the coefficients of prod_{l != j} (x - p_l), the last of the product over all finite points
 *   G    row j is (1, p_j, p_j^2, ...) / N_j, the last (0, ..., 0, 1)
 *   A^T  column j is (1, p_j, p_j^2, ...), the last (0, ..., 0, 1)
 * so that A^T [(G g) * (B^T d)] is the correlation of d (7) with g (r), m = 8 - r outputs. The entries of B^T and A^T are exact
 * in binary; those of G are rounded once. */

#define WINOGRAD_INLINE static inline __attribute__((always_inline))

/* o = B^T d; strides in vectors. */
WINOGRAD_INLINE void transform_input(vec *o, int64_t os, const vec *d, int64_t ds)
{
    const vec d0 = d[0], d1 = d[ds], d2 = d[2 * ds], d3 = d[3 * ds], d4 = d[4 * ds], d5 = d[5 * ds], d6 = d[6 * ds];
    o[0] = d5 + 2.0f * d4 - 1.25f * d3 - 2.5f * d2 + 0.25f * d1 + 0.5f * d0;
    o[os] = d5 + 3.0f * d4 + 1.75f * d3 - 0.75f * d2 - 0.5f * d1;
    o[2 * os] = d5 + d4 - 2.25f * d3 - 0.25f * d2 + 0.5f * d1;
    o[3 * os] = (d5 - d1) + 2.5f * (d4 - d2);
    o[4 * os] = (d5 + d1) - 2.0f * d3 + 1.5f * (d4 - d2);
    o[5 * os] = d5 - 1.25f * d3 + 0.25f * d1;
    o[6 * os] = d6 + 2.0f * d5 - 1.25f * d4 - 2.5f * d3 + 0.25f * d2 + 0.5f * d1;
}

/* o = G g for r taps (3 or 5). */
WINOGRAD_INLINE void transform_kernel(int r, vec *o, int64_t os, const vec *g, int64_t gs)
{
    const vec g0 = g[0], g1 = g[gs], g2 = g[2 * gs];
    vec e1 = g0 + g2, o1 = g1, eh = g0 + 0.25f * g2, oh = 0.5f * g1, e2 = g0 + 4.0f * g2, o2 = 2.0f * g1, last = g2;
    if (r == 5) {
        const vec g3 = g[3 * gs], g4 = g[4 * gs];
        e1 += g4;
        o1 += g3;
        eh += 0.0625f * g4;
        oh += 0.125f * g3;
        e2 += 16.0f * g4;
        o2 += 8.0f * g3;
        last = g4;
    }
    o[0] = 2.0f * g0;
    o[os] = (e1 + o1) * (2.0f / 9);
    o[2 * os] = (e1 - o1) * (2.0f / 3);
    o[3 * os] = (eh + oh) * (-16.0f / 15);
    o[4 * os] = (eh - oh) * (-16.0f / 9);
    o[5 * os] = (e2 - o2) * (-2.0f / 45);
    o[6 * os] = last;
}

/* o = A^T q for m outputs (3 or 5). */
WINOGRAD_INLINE void transform_output(int m, vec *o, int64_t os, const vec *q, int64_t qs)
{
    const vec q0 = q[0], q5 = q[5 * qs], q6 = q[6 * qs];
    const vec s1 = q[qs] + q[2 * qs], d1 = q[qs] - q[2 * qs], s2 = q[3 * qs] + q[4 * qs], d2 = q[3 * qs] - q[4 * qs];
    o[0] = q0 + s1 + s2 + q5;
    o[os] = d1 + 0.5f * d2 - 2.0f * q5;
    o[2 * os] = s1 + 0.25f * s2 + 4.0f * q5;
    if (m == 3) {
        o[2 * os] += q6;
        return;
    }
    o[3 * os] = d1 + 0.125f * d2 - 8.0f * q5;
    o[4 * os] = s1 + 0.0625f * s2 + 16.0f * q5 + q6;
}
