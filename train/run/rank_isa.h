/* What instruction set several ranks compute with. */
#ifndef REEL_TRAIN_RANK_ISA_H
#define REEL_TRAIN_RANK_ISA_H

#include "core/comm/comm.h"
#include "core/ctx.h"

/* The best instruction set that all ranks have, so that all compute the same bits; this machine's
 * where comm is NULL. REEL_ERR_INVALID on all: one rank's REEL_ISA is unknown, or its CPU lacks it.
 * An exchange: all ranks call it. */
reel_status reel_rank_isa(reel_isa *isa, reel_comm *comm, reel_error *err);

#endif
