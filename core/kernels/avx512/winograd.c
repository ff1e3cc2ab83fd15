/* The Winograd passes for avx512: vectors of 16 floats, blocks of 14 rows by 32 columns. */
#define VL 16
#define MR 14
#define WINOGRAD_NAME(pass) reel_winograd_##pass##__avx512
#include "core/kernels/winograd_impl.h"
