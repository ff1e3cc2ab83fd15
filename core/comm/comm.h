/* The ranks of a run: processes that a launcher (mpirun, srun) started together, on one host or on
 * several, and that now train one network. `parallel.h` keeps the network's gradients and weights
 * together; here is what a program needs besides: who am I, and small exchanges.
 *
 *     reel_comm *comm = NULL;
 *     REEL_TRY(reel_comm_open(&comm, NULL, err));       // alone without a launcher
 *     if (reel_comm_rank(comm) == 0)
 *         printf("%d ranks on %d hosts\n", reel_comm_ranks(comm), reel_comm_hosts(comm));
 *
 * Without a launcher there is one rank, and no message-passing library is loaded. Under a launcher
 * the module reel_mpi.so is loaded, which uses MPI.
 *
 * - Ranks are numbered so that those of a host are consecutive: 0 to 3 on the first host, 4 to 7 on
 *   the second. The launcher's numbers may differ.
 * - An exchange is called by all ranks, in the same order, with the same `what`: a few words that
 *   stand in messages, such as "the sum of the losses". It returns on a rank when that rank has its
 *   result.
 * - Once an exchange has failed, all later ones fail at once with the same message. The program
 *   then ends all ranks with reel_comm_abort. Until it does, the other ranks learn of the failure,
 *   one after another, each within 0.05 s of the one before: their waits fail, too.
 * - A comm is used by one thread at a time; the functions that return a number or a name may be
 *   called from any. One thread of its own watches the other ranks (below).
 *
 * Lost ranks. Each process sends a sign of life every second from a thread of its own. So a rank
 * that computes for minutes is alive, and a process that is stopped, or that no message reaches, is
 * not. After `timeout` seconds without a sign, every wait of the rank that notices fails with one
 * line that names the rank, its host and what was waited for. Where no wait comes for another
 * `timeout`, because the program computes or waits for a disk, `on_lost` is called. */
#ifndef REEL_COMM_COMM_H
#define REEL_COMM_COMM_H

#include "core/base.h"
#include "core/pieces.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_comm reel_comm;

typedef struct reel_comm_config {
    /* Seconds without a sign of life until a rank is lost; 0 = 60. Between hosts at least 8,
     * because mpirun must notice first that a link is down. */
    double timeout;
    /* Called once, by a thread that watches the ranks, when a rank is lost and no exchange has
     * noticed, or when reel_comm_open has waited for the other ranks for `timeout` seconds (at
     * least 8). It may print, and ends the process: by reel_comm_abort, or by _exit where
     * reel_comm_open has not returned yet. NULL: nothing is called. */
    void (*on_lost)(void *user, const char *message);
    void *user; /* for on_lost */
} reel_comm_config;

/* Whether a launcher started this process as one of several. Reads the environment only. */
REEL_API bool reel_comm_is_launched(void);
/* Whether the module can be loaded; then `text` holds the name and version of its library, "Open
 * MPI 4.1.4", otherwise one line that says why not. Loads the module, but starts nothing. */
REEL_API bool reel_comm_module_version(char *text, size_t size);

/* Connects with the other ranks; all of them call it. config may be NULL for the defaults.
 * REEL_ERR_INVALID: the timeout is not a number above 0; ranks run different versions of Reel; the
 * module cannot connect what this launcher starts, such as srun without PMIx. All ranks get it.
 * REEL_ERR_IO: a launcher started this process, but the module is missing or cannot start, or the
 * ranks do not find each other. The message says what to install or to change. */
REEL_API reel_status reel_comm_open(reel_comm **out, const reel_comm_config *config,
                                    reel_error *err);
/* All ranks call it, after everything that was made with the comm is destroyed. It waits for the
 * other ranks, at most until one is lost. NULL is fine. */
REEL_API void reel_comm_close(reel_comm *comm);
/* Ends the processes of all ranks with this exit code, at any time and from any thread. Does not
 * return; nothing is written or flushed. A NULL comm does nothing. */
REEL_API void reel_comm_abort(reel_comm *comm, int code);

/* This process: 0 <= rank < ranks. NULL: 0. */
REEL_API int reel_comm_rank(const reel_comm *comm);
/* Processes in all. NULL: 1. */
REEL_API int reel_comm_ranks(const reel_comm *comm);
/* Groups of ranks that share memory: usually the machines. NULL: 1. */
REEL_API int reel_comm_hosts(const reel_comm *comm);
/* Bytes of all messages that this process has sent so far, signs of life apart. NULL: 0. */
REEL_API uint64_t reel_comm_sent_bytes(const reel_comm *comm);
/* The number of a rank's host, 0 <= host < hosts, ascending with the rank. No such rank: 0. */
REEL_API int reel_comm_host_of(const reel_comm *comm, int rank);
/* The name of a rank's host; owned by the comm. "" where there is no such rank. */
REEL_API const char *reel_comm_host_name(const reel_comm *comm, int rank);
/* Whether this is the lowest rank of its host. */
REEL_API bool reel_comm_leads_host(const reel_comm *comm);
/* What a user should know: one line where ranks of one machine cannot share memory, and why; else
 * "". Owned by the comm. */
REEL_API const char *reel_comm_note(const reel_comm *comm);
/* The pieces of a batch of so many equal pieces that a rank computes: consecutive ones, such that
 * the largest load is the smallest possible, and then the subtrees of core/pieces.h are the fewest.
 * count 0: fewer pieces than ranks, no such rank, or no memory. */
REEL_API reel_pieces reel_comm_pieces(const reel_comm *comm, int64_t pieces, int rank);

/* ---- small exchanges ----
 *
 * REEL_ERR_IO: a rank is lost, or the ranks do not call the same exchange. REEL_ERR_MEMORY. And
 * what another rank has failed with. */

/* all[ranks x bytes] receives the `bytes` bytes of each rank at `mine`, in the order of the ranks.
 * bytes is the same on all ranks. */
REEL_API reel_status reel_comm_gather(reel_comm *comm, const void *mine, size_t bytes, void *all,
                                      const char *what, reel_error *err);
/* The `bytes` bytes at `data` become those of the rank `from`. After a failure other than
 * REEL_ERR_INVALID, messages may still read and write more than 4,096 bytes: `data` then stays
 * until the process ends. */
REEL_API reel_status reel_comm_broadcast(reel_comm *comm, void *data, size_t bytes, int from,
                                         const char *what, reel_error *err);
/* x[i] becomes the sum of x[i] over all ranks, added in the order of the ranks: every rank gets the
 * same bits. n is the same on all ranks. */
REEL_API reel_status reel_comm_add_up(reel_comm *comm, double *x, int64_t n, const char *what,
                                      reel_error *err);
/* Fails on every rank if one rank has failed. `mine` is this rank's status; if it is a failure, err
 * holds its message. Afterwards err holds the message of the lowest rank that failed, preceded by
 * "rank 2 (host b): " where there are several ranks. Returns that rank's status. */
REEL_API reel_status reel_comm_agree(reel_comm *comm, reel_status mine, reel_error *err,
                                     const char *what);
/* Marks the comm as failed with the message of `err`, so that the other ranks learn of it instead
 * of waiting: for a rank that cannot take part in the exchange that comes next. From now on all
 * exchanges of this rank fail with that message, those of the others with "rank 2 (host b): " and
 * the message. An earlier failure of the comm remains. Returns the status of err, and leaves it as
 * it is. comm NULL: nothing else happens. err NULL or without a failure: REEL_ERR_INVALID, and the
 * others learn of a failure without a reason. */
REEL_API reel_status reel_comm_fail(reel_comm *comm, reel_error *err);

/* Measures the way between two ranks, a != b: they send `bytes` bytes, at most 1 GiB, to and fro so
 * many times. *seconds, on all ranks: what a message took on average. */
REEL_API reel_status reel_comm_ping(reel_comm *comm, int a, int b, size_t bytes, int times,
                                    double *seconds, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
