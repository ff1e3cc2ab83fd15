/* How long idle compute threads spin before they sleep. */
#ifndef REEL_TRAIN_WAIT_POLICY_H
#define REEL_TRAIN_WAIT_POLICY_H

/* To be called at the start of main. Reel respects the user's setting: GOMP_SPINCOUNT,
 * OMP_WAIT_POLICY, KMP_BLOCKTIME, or a binding of threads by OMP_PROC_BIND, OMP_PLACES or
 * GOMP_CPU_AFFINITY. Without one, the program may execute itself once more, as the same process
 * with the same arguments and GOMP_SPINCOUNT in its environment. */
void reel_wait_policy_choose(char **argv);

#endif
