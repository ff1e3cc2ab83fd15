/* Living with a host program's threads: its OpenMP may bind them, let them spin while they are
 * idle, and fork while they live. */
#ifndef REEL_CORE_CPUS_H
#define REEL_CORE_CPUS_H

#include "core/base.h"

/* Lets the calling thread run on all CPUs of OpenMP's places, which are those of the process. Where
 * OpenMP binds its threads (OMP_PROC_BIND), a thread that a bound one starts is bound to the same
 * single CPU. Without binding nothing changes. */
void reel_unbind_thread(void);

/* Ends the idle OpenMP threads of the calling thread, which may be spinning; its next parallel
 * region starts others. Nothing happens within a parallel region, or where they do not spin for
 * long: OMP_WAIT_POLICY=passive, or GOMP_SPINCOUNT is set. */
void reel_release_idle_threads(void);

/* CPUs for one of the processes that share a host: mask = CPUs that it may run on, all = CPUs of
 * the host, quota = its control group's in CPUs, 0 = none. bound: its launcher gave it CPUs of its
 * own; otherwise all processes have the same mask. At least 1. */
int reel_share_of_cpus(int mask, int all, int quota, int processes, bool bound);

#endif
