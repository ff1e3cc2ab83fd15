/* The best instruction set that all ranks have. */
#include "train/run/rank_isa.h"

#include <stdlib.h>

reel_status reel_rank_isa(reel_isa *isa, reel_comm *comm, reel_error *err)
{
    const int ranks = reel_comm_ranks(comm);
    const reel_isa own = reel_isa_default();
    *isa = own;
    if (ranks == 1)
        return REEL_OK;

    reel_isa *all = calloc((size_t)ranks, sizeof *all);
    const reel_status lacks =
        all ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "instruction sets: out of memory");
    reel_status status = reel_comm_agree(comm, lacks, err, "memory for the instruction sets");
    if (status == REEL_OK)
        status = reel_comm_gather(comm, &own, sizeof own, all, "the instruction sets", err);
    for (int r = 0; status == REEL_OK && r < ranks; r++)
        *isa = all[r] < *isa ? all[r] : *isa;
    free(all);
    return status;
}
