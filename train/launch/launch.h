/* `reel train --ranks N`, `--hosts FILE`: this process starts mpirun with its own command line, so
 * that all ranks train one run, and waits for it. */
#ifndef REEL_TRAIN_LAUNCH_H
#define REEL_TRAIN_LAUNCH_H

#include "train/launch/hosts_file.h"

typedef struct reel_launch_request {
    const char *command; /* "train": the words of the command, for messages and for the ranks */
    int64_t ranks;       /* --ranks; 0 = not given */
    const char *hosts;   /* --hosts; NULL = this host */
    int argc;            /* what the user typed after the command */
    char **argv;
} reel_launch_request;

/* Whether ranks are to be started. False in a process that a launcher started, and where one rank
 * on this host is wanted. REEL_ERR_INVALID: --ranks differs from the number that the launcher
 * started. */
reel_status reel_launch_wanted(const reel_launch_request *request, bool *wanted, reel_error *err);

/* Starts the ranks, shows what they say, and waits until no process and no temporary file is left.
 * *code: the exit code (keeper.h). Prints what went wrong once the ranks were started.
 * REEL_ERR_INVALID, REEL_ERR_IO: nothing was started: the list of hosts, mpirun, the module. */
reel_status reel_launch(const reel_launch_request *request, int *code, reel_error *err);

#endif
