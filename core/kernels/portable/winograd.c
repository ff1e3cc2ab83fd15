/* The Winograd passes for portable: vectors of 4 floats, blocks of 6 rows by 8 columns. */
#define VL 4
#define MR 6
#define WINOGRAD_NAME(pass) reel_winograd_##pass##__portable
#include "core/kernels/winograd_impl.h"
