/* Which pieces a batch may have. */
#ifndef REEL_TRAIN_DIVIDE_H
#define REEL_TRAIN_DIVIDE_H

#include "core/base.h"

#include <stdint.h>

/* REEL_ERR_INVALID: the pieces do not divide the batch, or there are fewer than ranks; the message
 * proposes a number that does. */
reel_status reel_check_pieces(int64_t batch, int64_t pieces, int64_t ranks, reel_error *err);

#endif
