/* How long idle compute threads spin before they sleep. */
#ifndef REEL_TRAIN_WAIT_POLICY_H
#define REEL_TRAIN_WAIT_POLICY_H

/* At the start of main. Does nothing where the user has chosen (GOMP_SPINCOUNT, OMP_WAIT_POLICY,
 * KMP_BLOCKTIME, or a binding of threads: OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY). Otherwise
 * the program may start over, once, as the same process with the same arguments and the choice in
 * its environment. */
void reel_wait_policy_choose(char **argv);

#endif
