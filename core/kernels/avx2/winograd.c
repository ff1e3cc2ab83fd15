/* The Winograd passes for avx2: vectors of 8 floats, blocks of 6 rows by 16 columns. */
#define VL 8
#define MR 6
#define WINOGRAD_NAME(pass) reel_winograd_##pass##__avx2
#include "core/kernels/winograd_impl.h"
