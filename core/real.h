/* The scheme that writes mathematics once and compiles it twice, for operators, losses and
 * optimizers.
 *
 * CMake compiles core/ops/op_NAME.c and every NAME_real.c with REEL_REAL_BITS=32 and again with 64.
 * `reel_real` is float or double; REEL_FN(f) is f_f32 or f_f64. What exists once stands under
 * `#ifdef REEL_ONCE`, which only the 32-bit pass defines, and names both by REEL_BOTH(f), an
 * initialiser indexed by reel_dtype. */
#ifndef REEL_CORE_REAL_H
#define REEL_CORE_REAL_H

#include "core/elementary.h"
#include "core/tensor.h"

#include <math.h>
#include <string.h>

#ifndef REEL_REAL_BITS
#error "compile this file with -DREEL_REAL_BITS=32 and 64"
#endif

#if REEL_REAL_BITS == 32
#define REEL_ONCE 1
typedef float reel_real;
#define REEL_FN(name) name##_f32
#define REEL_DTYPE REEL_F32
#define REEL_MATH(function) reel_math_##function##f /* REEL_MATH(exp)(x): reel_math_expf(x) */
#define REEL_POWER_OF_POSITIVE(x, y) reel_math_powf_of_positive(x, y)
#else
typedef double reel_real;
#define REEL_FN(name) name##_f64
#define REEL_DTYPE REEL_F64
#define REEL_MATH(function) reel_math_##function
#define REEL_POWER_OF_POSITIVE(x, y) reel_math_pow(x, y)
#endif

#define REEL_BOTH(name) {name##_f32, name##_f64}

#endif
