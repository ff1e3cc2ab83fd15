/* NEON of aarch64: vectors of 16 bytes, blocks of 14 x 2 or 6 x 4 accumulators in the
 * matrix product, which with what feeds them fill the 32 registers. A multiply-add rounds once. */
#ifndef REEL_CORE_KERNELS_NEON_ISA_H
#define REEL_CORE_KERNELS_NEON_ISA_H

#include <arm_neon.h>

#define REEL_BLOCK_ROWS 14

typedef float32x4_t isa_f32;
typedef float64x2_t isa_f64;

/* a b + c, rounded once. */
static inline isa_f32 isa_muladd_f32(isa_f32 a, isa_f32 b, isa_f32 c)
{
    return vfmaq_f32(c, a, b);
}

static inline isa_f64 isa_muladd_f64(isa_f64 a, isa_f64 b, isa_f64 c)
{
    return vfmaq_f64(c, a, b);
}

static inline float isa_muladd_one_f32(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

static inline double isa_muladd_one_f64(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}

/* The numbers of a and b by turns, a[0] b[0] a[1] b[1]: the first half, and the second. */
static inline void isa_interleave(isa_f32 a, isa_f32 b, isa_f32 *first, isa_f32 *second)
{
    *first = vzip1q_f32(a, b);
    *second = vzip2q_f32(a, b);
}

/* As many bytes as a vector has floats, each in a lane of its own. */
static inline int32x4_t isa_widen_bytes(const void *p)
{
    uint32_t four;
    __builtin_memcpy(&four, p, sizeof four);
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}

/* There is no single store past the caches: an ordinary one. */
static inline void isa_stream(float *p, isa_f32 v)
{
    vst1q_f32(p, v);
}

static inline void isa_stream_end(void)
{
}

#endif
