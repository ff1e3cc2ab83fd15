/* Multiply, round, add, round: the portable kernels use no fused multiply-add, so that every CPU
 * computes the same bits. For template use (core/kernels/vector.h). */
static inline __attribute__((unused)) vec muladd(vec a, vec b, vec c)
{
    return a * b + c;
}

static inline __attribute__((unused)) real muladd_one(real a, real b, real c)
{
    return a * b + c;
}
