/* The vectors that all kernels are written with: `vec` is VL reals of the instruction set that the
 * file is compiled for, `real` is float or double. One text serves every instruction set.
 *
 * The build says -DREEL_ISA=avx2 -DREEL_ISA_HEADER="core/kernels/avx2/isa.h" and, for the files
 * that are compiled for both dtypes, -DREEL_REAL_BITS=64. A file that is read by itself (by an
 * editor or a lint tool) is the portable one in float. */
#ifndef REEL_CORE_KERNELS_TEMPLATES_VECTOR_H
#define REEL_CORE_KERNELS_TEMPLATES_VECTOR_H

#ifndef REEL_ISA
#define REEL_ISA portable
#define REEL_ISA_HEADER "core/kernels/portable/isa.h"
#endif
#ifndef REEL_REAL_BITS
#define REEL_REAL_BITS 32
#endif

#include REEL_ISA_HEADER

#include "core/kernels/widest.h"

#include <stdint.h>

/* Names of what is compiled once for each instruction set: f__avx2, and f_f32__avx2. */
#define REEL_JOIN_(a, b, c) a##b##c
#define REEL_JOIN(a, b, c) REEL_JOIN_(a, b, c)
#define REEL_ISA_FN(f) REEL_JOIN(f, __, REEL_ISA)
#if REEL_REAL_BITS == 64
typedef double real;
typedef isa_f64 isa_real;
#define REEL_KERNEL_FN(f) REEL_ISA_FN(f##_f64)
#define ISA_MULADD isa_muladd_f64
#define ISA_MULADD_ONE isa_muladd_one_f64
#else
typedef float real;
typedef isa_f32 isa_real;
#define REEL_KERNEL_FN(f) REEL_ISA_FN(f##_f32)
#define ISA_MULADD isa_muladd_f32
#define ISA_MULADD_ONE isa_muladd_one_f32
#endif

enum {
    VL = sizeof(isa_real) / sizeof(real),   /* reals in a vector */
    MR = REEL_BLOCK_ROWS,                   /* rows of a block in registers */
    NR = 2 * VL,                            /* columns of a block: a panel */
    WIDE_ROWS = REEL_BLOCK_ROWS > 6 ? 6 : 0 /* rows of a block two panels wide; 0: none */
};

/* What plans and kernels take for granted of an instruction set: 4, 8 or 16 floats a vector, as
 * many bytes of doubles, and no more than the widest. */
_Static_assert(sizeof(isa_f32) == 16 || sizeof(isa_f32) == 32 || sizeof(isa_f32) == 64, "VL");
_Static_assert(sizeof(isa_f64) == sizeof(isa_f32), "VL of both dtypes");
_Static_assert(sizeof(isa_f32) <= REEL_WIDEST_VECTOR * sizeof(float), "REEL_WIDEST_VECTOR");
_Static_assert(2 * sizeof(isa_f32) <= REEL_WIDEST_PANEL * sizeof(float), "REEL_WIDEST_PANEL");
_Static_assert(REEL_BLOCK_ROWS == 6 || REEL_BLOCK_ROWS == 14, "MR");
_Static_assert(REEL_BLOCK_ROWS <= REEL_WIDEST_BLOCK, "REEL_WIDEST_BLOCK");

typedef real vec __attribute__((vector_size(sizeof(isa_real))));
typedef real vec_unaligned
    __attribute__((vector_size(sizeof(isa_real)), aligned(sizeof(real)), may_alias));

#define KERNEL_INLINE static inline __attribute__((always_inline, unused))

/* for (int i = 0; i < n; i++), written out turn by turn, so that arrays of vectors that i indexes
 * live in registers. n is a constant of at most 16 where the function is inlined. */
#if defined(__clang__)
#define UNROLLED_FOR(i, n) _Pragma("clang loop unroll(full)") for (int i = 0; i < (n); i++)
#else
#define UNROLLED_FOR(i, n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#endif

KERNEL_INLINE vec load(const real *p)
{
    return *(const vec_unaligned *)p;
}

KERNEL_INLINE void store(real *p, vec v)
{
    *(vec_unaligned *)p = v;
}

/* All lanes x. The subtraction is exact for every x, -0 included; compilers leave it out. */
KERNEL_INLINE vec broadcast(real x)
{
    return x - (vec){0};
}

/* a b + c, lane by lane, rounded as the instruction set's isa.h says. Nothing else here is ever
 * contracted (-ffp-contract=off): rounding is written, not left to the compiler. */
KERNEL_INLINE vec muladd(vec a, vec b, vec c)
{
    return (vec)ISA_MULADD((isa_real)a, (isa_real)b, (isa_real)c);
}

/* The same for single numbers, with the same rounding. */
KERNEL_INLINE real muladd_one(real a, real b, real c)
{
    return ISA_MULADD_ONE(a, b, c);
}

/* v lives up to here. Where a factor's last use is a multiply-add, GCC 12 may make its register the
 * sum's, and then runs out of registers in the longest kernels. */
KERNEL_INLINE void keep_alive(vec v)
{
#ifdef __AVX512F__
    __asm("" : : "v"(v));
#else
    (void)v;
#endif
}

/* max(v, 0); NaN stays NaN. */
KERNEL_INLINE vec rectified(vec v)
{
    typedef __typeof__(v < v) mask;
    return (vec)((mask)v & ~(v < (vec){0}));
}

/* A store that goes past the caches where the instruction set has one; p is aligned to the vector.
 * stream_end comes after the last one, before others read. */
KERNEL_INLINE void stream(real *p, vec v)
{
    isa_stream((float *)p, (isa_f32)v);
}

KERNEL_INLINE void stream_end(void)
{
    isa_stream_end();
}

KERNEL_INLINE int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

KERNEL_INLINE int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
