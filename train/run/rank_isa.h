/* What several ranks compute with: the instruction set, and how bf16 is multiplied. */
#ifndef REEL_TRAIN_RANK_ISA_H
#define REEL_TRAIN_RANK_ISA_H

#include "core/comm/comm.h"
#include "core/ctx.h"

typedef struct reel_rank_kernels {
    reel_isa isa;
    bool widen_bf16; /* not all of their CPUs gain by multiplying bf16 */
} reel_rank_kernels;

/* The best that all ranks have, so that all compute the same bits; this machine's where comm is
 * NULL. REEL_ERR_INVALID on all: one rank's REEL_ISA or REEL_BF16 is unknown, or its CPU lacks what
 * the precision needs of it. An exchange: all ranks call it. */
reel_status reel_rank_isa(reel_rank_kernels *common, reel_comm *comm, reel_precision precision,
                          reel_error *err);

#endif
