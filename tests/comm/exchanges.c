/* The small exchanges on several ranks: each result is what its definition says. */
#include "tests/comm/ranks.h"

#include <stdlib.h>
#include <string.h>

static void try_gather(reel_comm *comm, size_t bytes)
{
    reel_error err;
    const int ranks = reel_comm_ranks(comm), rank = reel_comm_rank(comm);
    unsigned char *mine = malloc(bytes), *all = malloc(bytes * (size_t)ranks);
    for (size_t i = 0; i < bytes; i++)
        mine[i] = (unsigned char)((size_t)rank * 31 + i * 7);
    must(reel_comm_gather(comm, mine, bytes, all, "test bytes", &err), &err);
    for (int r = 0; r < ranks; r++)
        for (size_t i = 0; i < bytes; i++)
            expect(all[(size_t)r * bytes + i] == (unsigned char)((size_t)r * 31 + i * 7),
                   "gather: byte %zu of rank %d", i, r);
    free(mine);
    free(all);
}

static void try_broadcast(reel_comm *comm, size_t bytes, int from)
{
    reel_error err;
    unsigned char *data = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (unsigned char)(reel_comm_rank(comm) == from ? i * 13 + 5 : 0);
    must(reel_comm_broadcast(comm, data, bytes, from, "test bytes", &err), &err);
    for (size_t i = 0; i < bytes; i++)
        expect(data[i] == (unsigned char)(i * 13 + 5), "broadcast from %d: byte %zu", from, i);
    free(data);
}

/* 1, 2^-60, ...: another order of additions gives other bits. */
static double term(int rank, int64_t i)
{
    return (rank % 2 ? 1.0 : 0x1p-54) * (double)(i % 17 + rank + 1) / 3;
}

static void try_add_up(reel_comm *comm, int64_t n)
{
    reel_error err;
    double *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = term(reel_comm_rank(comm), i);
    must(reel_comm_add_up(comm, x, n, "test numbers", &err), &err);
    for (int64_t i = 0; i < n; i++) {
        double sum = term(0, i);
        for (int r = 1; r < reel_comm_ranks(comm); r++)
            sum += term(r, i);
        expect(x[i] == sum, "add_up of %lld: number %lld is %a instead of %a", (long long)n,
               (long long)i, x[i], sum);
    }
    free(x);
}

static void try_agree(reel_comm *comm)
{
    reel_error err;
    const int ranks = reel_comm_ranks(comm), rank = reel_comm_rank(comm), last = ranks - 1;
    must(reel_comm_agree(comm, REEL_OK, &err, "nothing is wrong"), &err);

    reel_status mine = REEL_OK;
    if (rank == last)
        mine = reel_fail(&err, REEL_ERR_FORMAT, "its file is damaged");
    const reel_status status = reel_comm_agree(comm, mine, &err, "a file");
    char text[200];
    snprintf(text, sizeof text, "rank %d (host %s): its file is damaged", last,
             reel_comm_host_name(comm, last));
    expect(status == REEL_ERR_FORMAT, "agree: status %d", (int)status);
    expect(!strcmp(err.message, ranks > 1 ? text : "its file is damaged"), "agree: %s",
           err.message);
    must(reel_comm_agree(comm, REEL_OK, &err, "nothing is wrong again"), &err);
}

void try_exchanges(reel_comm *comm)
{
    const int ranks = reel_comm_ranks(comm);
    const size_t sizes[] = {1, 8, 1000, 300000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        try_gather(comm, sizes[i]);
    for (int from = 0; from < ranks; from++)
        try_broadcast(comm, from % 2 ? 10 : (3 << 20) + 17, from);
    const int64_t counts[] = {1, 5, 1024, 1025, 100003};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        try_add_up(comm, counts[i]);
    try_agree(comm);

    /* Hosts ascend with the ranks, and each has one leader. */
    for (int r = 1; r < ranks; r++) {
        const int step = reel_comm_host_of(comm, r) - reel_comm_host_of(comm, r - 1);
        expect(step == 0 || step == 1, "the host of rank %d", r);
    }
    expect(reel_comm_host_of(comm, ranks - 1) == reel_comm_hosts(comm) - 1, "hosts");
}

/* Rank 0 calls another exchange: every rank fails, and one says which exchanges these are. */
int try_mixed_up(reel_comm *comm)
{
    reel_error err;
    int32_t mine = 1, all[64];
    const reel_status status =
        reel_comm_gather(comm, &mine, sizeof mine, all,
                         reel_comm_rank(comm) == 0 ? "the loss" : "the weights", &err);
    if (status == REEL_OK) /* the one that did not hear from rank 0 */
        return 0;
    printf("rank %d: %s\n", reel_comm_rank(comm), err.message);
    fflush(stdout);
    reel_comm_abort(comm, 5);
    return 1;
}
