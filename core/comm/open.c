/* Opening and closing a comm, and what it says of its ranks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/comm/division.h"
#include "core/comm/internal.h"
#include "core/comm/load.h"

static const double usual_timeout = 60; /* seconds */

/* Room for so many ranks; until the hosts are known, a rank's number is its address. */
static reel_status make_peers(reel_comm *comm, int rank, int ranks, reel_error *err)
{
    comm->rank = comm->address = rank;
    comm->ranks = ranks;
    comm->hosts = 1;
    comm->peers = calloc((size_t)ranks, sizeof *comm->peers);
    comm->first = calloc((size_t)ranks + 1, sizeof *comm->first);
    if (!comm->peers || !comm->first)
        return reel_fail(err, REEL_ERR_MEMORY, "ranks: out of memory");
    comm->first[1] = ranks;
    for (int i = 0; i < ranks; i++) {
        comm->peers[i] = (reel_peer){.address = i, .process = (int)getpid()};
        snprintf(comm->peers[i].host_name, REEL_HOST_NAME, "not known yet");
    }
    char *own = comm->peers[rank].host_name;
    if (gethostname(own, REEL_HOST_NAME) == 0)
        own[REEL_HOST_NAME - 1] = '\0';
    return REEL_OK;
}

static reel_status connect_ranks(reel_comm *comm, reel_error *err)
{
    const int64_t launched = reel_launched_count();
    char message[400] = "no reason is given";
    int address = 0, count = 1;
    const reel_link *link;
    REEL_TRY(reel_link_load(&link, err));
    reel_connect_watch watch;
    reel_connect_watch_start(&watch, &comm->config);
    const int failed = link->open(&address, &count, message, sizeof message);
    reel_connect_watch_stop(&watch);
    if (failed)
        return reel_fail(err, REEL_ERR_IO, "cannot connect the ranks: %.400s", message);
    if (count == 1 && launched > 1) {
        link->close();
        link->name(message, sizeof message);
        return reel_fail(
            err, REEL_ERR_INVALID,
            "the launcher started %d processes, but %.60s connects none of them; start "
            "them with its own mpirun, or with srun --mpi=pmix",
            (int)launched, message);
    }

    REEL_TRY(make_peers(comm, address, count, err));
    comm->link = link;
    if (count == 1)
        return REEL_OK;
    REEL_TRY(reel_beat_start(comm, err));
    return reel_comm_find_hosts(comm, err);
}

reel_status reel_comm_open(reel_comm **out, const reel_comm_config *config, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    if (config && !(config->timeout >= 0 && isfinite(config->timeout)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "timeout of ranks: expected seconds, or 0 for the default, got %g",
                         config->timeout);
    reel_comm *comm = calloc(1, sizeof *comm);
    if (!comm)
        return reel_fail(err, REEL_ERR_MEMORY, "ranks: out of memory");
    pthread_mutex_init(&comm->failing, NULL);
    if (config)
        comm->config = *config;
    if (comm->config.timeout == 0)
        comm->config.timeout = usual_timeout;
    comm->timeout = comm->config.timeout;

    reel_error why;
    reel_status status;
    if (reel_comm_is_launched())
        status = connect_ranks(comm, &why);
    else
        status = make_peers(comm, 0, 1, &why);
    if (status != REEL_OK) {
        status = reel_comm_break(comm, &why, err);
        reel_comm_close(comm); /* of a broken one: it waits for nobody */
        return status;
    }
    *out = comm;
    return REEL_OK;
}

void reel_comm_close(reel_comm *comm)
{
    if (!comm)
        return;
    /* Whoever finalises MPI while another rank still sends would keep both waiting. */
    bool whole = !reel_comm_is_broken(comm);
    if (comm->link && whole)
        whole = reel_comm_agree(comm, REEL_OK, NULL, "the end of the run") == REEL_OK;
    if (comm->link && whole) {
        reel_beat_stop(comm);
        comm->link->close();
    }
    /* After a failure messages may still arrive: their memory stays until the process ends. */
    if (comm->link && !whole)
        return;
    pthread_mutex_destroy(&comm->failing);
    free(comm->scratch);
    free(comm->first);
    free(comm->peers);
    free(comm);
}

/* Ends a process whose end hangs: where a link is down, ending the others may. */
static void *exit_late(void *code)
{
    unsigned left = 10; /* seconds */
    while (left > 0)
        left = sleep(left);
    _exit((int)(intptr_t)code);
}

void reel_comm_abort(reel_comm *comm, int code)
{
    if (!comm)
        return;
    if (comm->link && comm->ranks > 1) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, exit_late, (void *)(intptr_t)code) == 0)
            pthread_detach(thread);
        comm->link->end_all(code);
    }
    _exit(code);
}

int reel_comm_rank(const reel_comm *comm)
{
    return comm ? comm->rank : 0;
}

int reel_comm_ranks(const reel_comm *comm)
{
    return comm ? comm->ranks : 1;
}

uint64_t reel_comm_sent_bytes(const reel_comm *comm)
{
    return comm ? comm->sent : 0;
}

int reel_comm_hosts(const reel_comm *comm)
{
    return comm ? comm->hosts : 1;
}

static const reel_peer *peer_at(const reel_comm *comm, int rank)
{
    return comm && rank >= 0 && rank < comm->ranks ? &comm->peers[rank] : NULL;
}

int reel_comm_host_of(const reel_comm *comm, int rank)
{
    const reel_peer *peer = peer_at(comm, rank);
    return peer ? peer->host : 0;
}

const char *reel_comm_host_name(const reel_comm *comm, int rank)
{
    const reel_peer *peer = peer_at(comm, rank);
    return peer ? peer->host_name : "";
}

bool reel_comm_leads_host(const reel_comm *comm)
{
    return !comm || comm->first[comm->peers[comm->rank].host] == comm->rank;
}

const char *reel_comm_note(const reel_comm *comm)
{
    return comm ? comm->note : "";
}

reel_pieces reel_comm_pieces(const reel_comm *comm, int64_t pieces, int rank)
{
    const int ranks = reel_comm_ranks(comm);
    reel_pieces found = {0, 0};
    int64_t *first = malloc(((size_t)ranks + 1) * sizeof *first);
    if (first && rank >= 0 && rank < ranks &&
        reel_divide_pieces(first, pieces, ranks, NULL) == REEL_OK)
        found = (reel_pieces){first[rank], first[rank + 1] - first[rank]};
    free(first);
    return found;
}
