/* Each rank sends a short text, and all look at all of them. */
#include "train/run/rank_views.h"

#include "core/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

reel_status reel_rank_views_compare(reel_comm *comm, const char *what, const char *mine,
                                    reel_error *err)
{
    const int ranks = reel_comm_ranks(comm);
    if (ranks == 1)
        return REEL_OK;

    reel_rank_view own = "", *all = calloc((size_t)ranks, sizeof *all);
    snprintf(own, sizeof own, "%s", mine);
    reel_status status =
        all ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "%.300s: out of memory", what);
    REEL_TRY_GOTO(reel_comm_agree(comm, status, err, "memory for comparing the ranks"), done);
    REEL_TRY_GOTO(reel_comm_gather(comm, own, sizeof own, all, "what the ranks see", err), done);

    int other = 1;
    while (other < ranks && strcmp(all[other], all[0]) == 0)
        other++;
    if (other < ranks)
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%.200s is not the same for all ranks: rank 0 (host %.60s) has %.280s; "
                           "rank %d (host %.60s) has %.280s",
                           what, reel_comm_host_name(comm, 0), all[0], other,
                           reel_comm_host_name(comm, other), all[other]);
done:
    free(all);
    return status;
}

const char *reel_rank_view_of(const reel_dataset *d, char *text, size_t size)
{
    snprintf(text, size, "%s in %s, fingerprint %016" PRIx64,
             reel_count_of(reel_dataset_count(d), "image").text,
             reel_count_of(reel_dataset_classes(d), "class").text, reel_dataset_fingerprint(d));
    return text;
}
