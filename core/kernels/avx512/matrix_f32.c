/* The blocked matrix product for avx512 in float: vectors of 16, blocks of 14 rows by 32 columns. */
typedef float real;
#define VL 16
#define MR 14
#define MATRIX_NAME reel_matrix_f32__avx512
#include "core/kernels/matrix_impl.h"
