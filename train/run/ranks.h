/* The ranks of a training run (core/comm): what they agree on, and what one of them has and the
 * others need.
 *
 * Every rank runs the same loop over its pieces of each batch, and all of them hold the same
 * reel_run_state at every moment. Rank 0 owns the run's folder: it alone reads checkpoints, writes
 * and speaks. What it decides by the clock or by its disk goes to the others, and a failure of one
 * rank becomes a failure of all at the next exchange, with that rank's name before it.
 *
 * A reel_ranks of NULL is a run of one process: every function works, and exchanges nothing. */
#ifndef REEL_TRAIN_RANKS_H
#define REEL_TRAIN_RANKS_H

#include "core/comm/parallel.h"
#include "optim/share.h"
#include "train/run/guard.h"
#include "train/run/session_gradient.h"

typedef struct reel_ranks {
    reel_comm *comm;         /* borrowed */
    reel_parallel *parallel; /* NULL until reel_ranks_join */
    reel_optim_share share;  /* of this rank */
    int64_t *first;          /* [ranks + 1] the pieces of each rank; NULL until reel_ranks_join */
    int64_t most;            /* pieces of a rank */
    double link;             /* bytes a second that a rank receives, measured by reel_ranks_join */
    void *average;           /* of the moving average; NULL = none */
    void *states[REEL_OPTIMIZER_STATES];
    int n_states;
    bool agreed; /* the newest failure of this step is one of all ranks */
} reel_ranks;

/* Whether this rank writes and speaks. */
bool reel_ranks_leads(const reel_ranks *r);
int reel_ranks_count(const reel_ranks *r);

/* reel_comm_agree, but a failure of rank 0 keeps its words, without "rank 0 (host a): ". */
reel_status reel_rank_agree(reel_comm *comm, reel_status mine, reel_error *err, const char *what);
/* The same for a run: a failure of one is a failure of all, which r->agreed says. */
reel_status reel_ranks_agree(reel_ranks *r, reel_status mine, reel_error *err, const char *what);
/* For a failure of this rank that the others do not know of: no exchange follows here, and the
 * others learn of it when this rank ends all. err then names this rank, or is the first failure of
 * an exchange. Returns status. */
reel_status reel_ranks_fail(const reel_ranks *r, reel_status status, reel_error *err);
/* The same where memory is missing before an exchange that the others begin: "`what`: out of
 * memory". */
reel_status reel_ranks_lack(const reel_ranks *r, const char *what, reel_error *err);
/* The `bytes` bytes at `data` become those of rank 0. */
reel_status reel_ranks_tell(reel_ranks *r, void *data, size_t bytes, const char *what,
                            reel_error *err);
/* *text becomes that of rank `from`: NULL or a string, to be freed. */
reel_status reel_ranks_tell_text(reel_ranks *r, char **text, int from, const char *what,
                                 reel_error *err);
/* A file that rank 0 can read, for all: path, of `size` bytes, becomes one that holds the same
 * bytes on this rank. Such a file has no name and goes with reel_ranks_drop_file. *handle: -1 where
 * nothing was made. */
reel_status reel_ranks_tell_file(reel_ranks *r, char *path, size_t size, int *handle,
                                 const char *what, reel_error *err);
void reel_ranks_drop_file(int handle);

/* Refuses ranks that were told different things: an object of JSON with the options, and numbers
 * under names. The message names the first that differs, with both values. */
reel_status reel_ranks_compare(reel_ranks *r, const json_t *told, const char *what,
                               reel_error *err);

/* Moves the session's weights, optimizer and average into memory that all ranks of a host share,
 * and gives each rank its share of them. Weights become rank 0's. */
reel_status reel_ranks_join(reel_ranks *r, reel_session *s, reel_error *err);
/* Back, in the reverse order; before the session closes. */
void reel_ranks_leave(reel_ranks *r, reel_session *s);

/* ---- a step ---- */

/* What a rank says of its part of a step. */
typedef struct reel_part_report {
    reel_status status; /* of reel_session_gradient; its message is in err */
    int64_t bad;        /* unreadable images that it has met; afterwards those of all ranks */
} reel_part_report;
/* After the gradients: results of all pieces, in their order, and the rows of s->statistics.
 * Returns the status of all: REEL_OK, REEL_ERR_NONFINITE where the loss of a piece diverged, or the
 * first failure. Without REEL_OK the gradients are dropped: no sum follows. */
reel_status reel_ranks_results(reel_ranks *r, reel_session *s, reel_piece_result *results,
                               reel_part_report *report, reel_error *err);
/* The first rank that has found where NaN began tells the others. */
reel_status reel_ranks_incident(reel_ranks *r, reel_incident *incident, bool found,
                                reel_error *err);

/* ---- weights and states that several hosts hold in parts ---- */

/* Waits until this process has the newest weights: before all that reads or changes them outside
 * of a training step, where forward waits for each parameter by itself. No exchange: one rank may
 * call it alone. */
reel_status reel_ranks_settle(reel_ranks *r, reel_error *err);

/* The newest weights, and all of the optimizer's state and of the average, on this host: for a
 * checkpoint. */
reel_status reel_ranks_complete(reel_ranks *r, reel_error *err);
/* Exchanges the weights and the average of all ranks, buffers included. buffers: where those of
 * this rank are kept meanwhile; *buffers NULL: the way there, else the way back, which frees it. */
reel_status reel_ranks_swap_average(reel_ranks *r, reel_session *s, void **buffers,
                                    reel_error *err);

#endif
