/* Checks that run on every rank; a breach prints one line and ends all ranks with exit code 3. */
#ifndef REEL_TESTS_COMM_RANKS_H
#define REEL_TESTS_COMM_RANKS_H

#include <stdio.h>

#include "core/install/reel.h"

#define expect(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf(__VA_ARGS__);                                                                   \
            end_badly();                                                                           \
        }                                                                                          \
    } while (0)

void end_badly(void);
void must(reel_status status, const reel_error *err);

void try_exchanges(reel_comm *comm);
/* Steps of data parallelism against the same computed alone, for several numbers of pieces. */
void try_parallel(reel_comm *comm, bool overlap);
/* Gradients that are made of factors, in each dtype, with overlap and without. */
void try_factors(reel_comm *comm);
/* Stores, pieces and steps that do not fit together are refused on every rank. */
void try_refusals(reel_comm *comm);
/* The last rank has no memory for the windows: every rank fails and names it. */
void try_no_memory(reel_comm *comm);
int try_mixed_up(reel_comm *comm);
/* The last rank fails by itself, in one of the ways of ranks.c: every rank learns of it. */
int try_failure(reel_comm *comm, const char *way);
/* Two hosts: messages that arrive after a failure harm nothing. */
int try_late_messages(reel_comm *comm);
/* The same for one of the small exchanges: "sum", "broadcast", "ping" or "gather". */
int try_late_exchange(reel_comm *comm, const char *name);
/* Prints "ready RANK PROCESS JOB" and waits for exchanges until one fails. */
int try_loss(reel_comm *comm);
/* The same, but computes: on_lost ends it. */
int try_busy(reel_comm *comm);

#endif
