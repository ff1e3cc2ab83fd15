/* Many of Philox's words at once, for masks: one call draws what reel_philox would in 256, laid out
 * for vectors.
 *
 *   words[256 j + b] = word j of reel_philox(seed, stream, epoch, sample, b),  j < 4, b < 256
 *
 * The words are the same for every instruction set. */
#ifndef REEL_CORE_KERNELS_PHILOX_H
#define REEL_CORE_KERNELS_PHILOX_H

#include "core/ctx.h"

enum { REEL_PHILOX_DRAW = 1024 };

void reel_philox_draw(reel_isa isa, uint32_t words[REEL_PHILOX_DRAW], uint64_t seed,
                      uint32_t stream, uint32_t epoch, uint32_t sample);

#endif
