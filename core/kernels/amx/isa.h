/* AMX (tiles, bf16) beside AVX-512: everything that avx512/isa.h has, and a unit that multiplies
 * tiles of 16 x 32 by 32 x 16 numbers in bf16 (Intel, "Intrinsics for AMX"). templates/tiles.h
 * makes products of float32 numbers of them. */
#ifndef REEL_CORE_KERNELS_AMX_ISA_H
#define REEL_CORE_KERNELS_AMX_ISA_H

#include "core/kernels/avx512/isa.h"

#define REEL_TILES 1

#endif
