/* The best instruction set that all ranks have. */
#include "train/run/rank_isa.h"

#include <stdlib.h>

/* A context reads REEL_ISA, and refuses a name that is unknown or that this CPU lacks. */
static reel_status own_isa(reel_isa *isa, reel_error *err)
{
    reel_ctx *ctx;
    REEL_TRY(reel_ctx_create(&ctx, NULL, err));
    *isa = reel_ctx_isa(ctx);
    reel_ctx_destroy(ctx);
    return REEL_OK;
}

reel_status reel_rank_isa(reel_isa *isa, reel_comm *comm, reel_error *err)
{
    const int ranks = reel_comm_ranks(comm);
    *isa = reel_isa_default();
    if (ranks == 1)
        return REEL_OK;

    reel_isa own, *all = calloc((size_t)ranks, sizeof *all);
    reel_status status = all ? own_isa(&own, err)
                             : reel_fail(err, REEL_ERR_MEMORY, "instruction sets: out of memory");
    status = reel_comm_agree(comm, status, err, "the instruction set");
    if (status == REEL_OK)
        status = reel_comm_gather(comm, &own, sizeof own, all, "the instruction sets", err);
    for (int r = 0; status == REEL_OK && r < ranks; r++)
        *isa = all[r] < *isa ? all[r] : *isa;
    free(all);
    return status;
}
