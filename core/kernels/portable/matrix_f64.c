/* The blocked matrix product for portable in double: vectors of 2, blocks of 6 rows by 4 columns. */
typedef double real;
#define VL 2
#define MR 6
#define MATRIX_NAME reel_matrix_f64__portable
#include "core/kernels/matrix_impl.h"
