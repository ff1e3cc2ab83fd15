/* The blocked matrix product for avx2 in double: vectors of 4, blocks of 6 rows by 8 columns. */
typedef double real;
#define VL 4
#define MR 6
#define MATRIX_NAME reel_matrix_f64__avx2
#include "core/kernels/matrix_impl.h"
