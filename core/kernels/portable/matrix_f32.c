/* The blocked matrix product for portable in float: vectors of 4, blocks of 6 rows by 8 columns. */
typedef float real;
#define VL 4
#define MR 6
#define MATRIX_NAME reel_matrix_f32__portable
#include "core/kernels/matrix_impl.h"
