/* The blocked matrix product for avx512 in double: vectors of 8, blocks of 14 rows by 16 columns. */
typedef double real;
#define VL 8
#define MR 14
#define MATRIX_NAME reel_matrix_f64__avx512
#include "core/kernels/matrix_impl.h"
