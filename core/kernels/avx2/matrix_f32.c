/* The blocked matrix product for avx2 in float: vectors of 8, blocks of 6 rows by 16 columns. */
typedef float real;
#define VL 8
#define MR 6
#define MATRIX_NAME reel_matrix_f32__avx2
#include "core/kernels/matrix_impl.h"
