/* The keeper: a process between `reel` and mpirun that leaves nothing behind, whoever is killed.
 *
 *     reel          the user's process: passes signals on, waits
 *       keeper      a session of its own: Ctrl-C reaches `reel` alone
 *         mpirun    passes SIGUSR1 and SIGUSR2 on to the ranks
 *           ranks
 *
 * | killed with SIGKILL | what happens |
 * | reel | the keeper sees its pipe close, and ends mpirun, the ranks and itself |
 * | keeper | the kernel sends SIGTERM to mpirun; `reel` waits, and removes the folders |
 * | mpirun | the ranks are the keeper's now: they end by themselves, or it kills them |
 * | a rank | mpirun ends the others within 2 s, 4 s between hosts; else the keeper does in 8 s */
#ifndef REEL_TRAIN_KEEPER_H
#define REEL_TRAIN_KEEPER_H

#include <stdbool.h>

typedef struct reel_keeper_config {
    char **words; /* mpirun's command line */
    int control;  /* a pipe's end to read: one byte for each signal that `reel` got, its number */
} reel_keeper_config;

/* How the ranks ended, and what is known of it. */
typedef struct reel_keeper_result {
    int status;  /* of mpirun, as waitpid gives it; -1 = it could not be started */
    int stop;    /* the first signal that asked the run to end; 0 = none */
    int leave;   /* the signal that made it end at once; 0 = none */
    bool named;  /* a line on stderr has named the failure */
    bool orphan; /* `reel` is gone */
} reel_keeper_result;

/* Starts mpirun, shows what it and the ranks say, passes signals on, and returns when no process is
 * left.
 *
 * - SIGTERM, SIGINT and SIGHUP become SIGUSR2 for the ranks: they finish the step, save and end.
 *   SIGUSR2 is repeated until they have ended, because one that comes before mpirun is ready is
 *   lost. Ranks take the later ones for the first (train/run/signals.h).
 * - A second one more than 50 ms later ends all at once, but a second SIGHUP, as in a run of one
 *   process. So does the end of `reel`, and a death after which mpirun does not end.
 * - SIGUSR1 goes to the ranks: save and continue. */
reel_keeper_result reel_keeper_run(const reel_keeper_config *config);

/* The exit code of `reel`. Codes of the ranks that Reel documents stay: 0 to 5, 129, 130, 143. With
 * a checkpoint saved after a signal it is that signal's. Any other end is a failure: 1. *early: the
 * signal came before the ranks were ready for it. */
int reel_keeper_code(const reel_keeper_result *result, bool *early);

#endif
