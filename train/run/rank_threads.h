/* How many threads each of several ranks on one machine may use. */
#ifndef REEL_TRAIN_RANK_THREADS_H
#define REEL_TRAIN_RANK_THREADS_H

#include "core/comm/comm.h"

/* given, where it is not 0. Else the CPUs that this process may use (reel_available_cpus), shared
 * with the ranks that may use them as well: 8 CPUs that 4 ranks see give 2 threads each; where the
 * launcher has bound each rank to 2 CPUs of its own, that is 2 each, too. At least 1. An exchange:
 * all ranks call it with the same `given`. comm may be NULL. */
reel_status reel_rank_threads(int *threads, reel_comm *comm, int given, reel_error *err);

#endif
