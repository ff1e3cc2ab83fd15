/* Portable C: vectors of 16 bytes, which compilers lower to what the CPU has, and blocks of 6 rows
 * in the matrix product. A multiply-add rounds twice, so that a CPU without FMA computes the same
 * bits. */
#ifndef REEL_CORE_KERNELS_PORTABLE_ISA_H
#define REEL_CORE_KERNELS_PORTABLE_ISA_H

#define REEL_BLOCK_ROWS 6

typedef float isa_f32 __attribute__((vector_size(16)));
typedef double isa_f64 __attribute__((vector_size(16)));

/* a b + c: the product is rounded, then the sum. */
static inline isa_f32 isa_muladd_f32(isa_f32 a, isa_f32 b, isa_f32 c)
{
    return a * b + c;
}

static inline isa_f64 isa_muladd_f64(isa_f64 a, isa_f64 b, isa_f64 c)
{
    return a * b + c;
}

static inline float isa_muladd_one_f32(float a, float b, float c)
{
    return a * b + c;
}

static inline double isa_muladd_one_f64(double a, double b, double c)
{
    return a * b + c;
}

/* The numbers of a and b by turns, a[0] b[0] a[1] b[1] ...: the first half, and the second. */
static inline void isa_interleave(isa_f32 a, isa_f32 b, isa_f32 *first, isa_f32 *second)
{
    *first = (isa_f32){a[0], b[0], a[1], b[1]};
    *second = (isa_f32){a[2], b[2], a[3], b[3]};
}

/* There is no store past the caches in plain C: an ordinary one. */
static inline void isa_stream(float *p, isa_f32 v)
{
    *(isa_f32 *)p = v;
}

static inline void isa_stream_end(void)
{
}

#endif
