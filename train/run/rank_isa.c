/* The best instruction set that all ranks have, and whether all of them multiply bf16. */
#include "train/run/rank_isa.h"

#include <stdlib.h>

/* A context reads REEL_ISA and REEL_BF16, and refuses what is unknown or what this CPU lacks. */
static reel_status own_kernels(reel_rank_kernels *own, reel_precision precision, reel_error *err)
{
    reel_ctx *ctx;
    const reel_ctx_config config = {.threads = 1, .precision = precision};
    REEL_TRY(reel_ctx_create(&ctx, &config, err));
    own->isa = reel_ctx_isa(ctx);
    own->widen_bf16 = !reel_ctx_multiplies_bf16(ctx);
    reel_ctx_destroy(ctx);
    return REEL_OK;
}

reel_status reel_rank_isa(reel_rank_kernels *common, reel_comm *comm, reel_precision precision,
                          reel_error *err)
{
    const int ranks = reel_comm_ranks(comm);
    *common = (reel_rank_kernels){.isa = reel_isa_default()};
    if (ranks == 1)
        return REEL_OK;

    reel_rank_kernels own = {0}, *all = calloc((size_t)ranks, sizeof *all);
    reel_status status = all ? own_kernels(&own, precision, err)
                             : reel_fail(err, REEL_ERR_MEMORY, "instruction sets: out of memory");
    status = reel_comm_agree(comm, status, err, "the instruction set");
    if (status == REEL_OK)
        status = reel_comm_gather(comm, &own, sizeof own, all, "the instruction sets", err);
    for (int r = 0; status == REEL_OK && r < ranks; r++) {
        common->isa = all[r].isa < common->isa ? all[r].isa : common->isa;
        common->widen_bf16 |= all[r].widen_bf16;
    }
    free(all);
    return status;
}
