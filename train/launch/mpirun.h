/* The command that starts the ranks: which mpirun, its arguments, its environment. */
#ifndef REEL_TRAIN_MPIRUN_H
#define REEL_TRAIN_MPIRUN_H

#include "core/base.h"
#include "train/launch/hosts_file.h"

#include <limits.h>

typedef struct reel_mpirun_config {
    int64_t ranks;
    const reel_hosts_file *hosts; /* with the ranks of each; NULL = this host alone */
    const char *program;          /* what each rank executes: an absolute path */
    const char *command;          /* its first word */
    char **arguments;             /* and the further ones */
    int count;                    /* of arguments */
    const char *folder;           /* private to the run: for temporary files */
    const char *shared;           /* private to the run: for messages between ranks; NULL = none */
} reel_mpirun_config;

/* REEL_ERR_IO: there is no mpirun in PATH, or it is not Open MPI's. The message says what to
 * install. */
reel_status reel_mpirun_check(reel_error *err);

/* The whole command line, NULL at its end; with hosts it also writes FOLDER/hosts for mpirun. Each
 * word and the array are to be freed (reel_mpirun_free_words). */
reel_status reel_mpirun_words(char ***words, const reel_mpirun_config *config, reel_error *err);
void reel_mpirun_free_words(char **words);

/* Sets the variables of this process's environment that mpirun and the ranks read. Open MPI's
 * settings that the user has made stay. */
void reel_mpirun_set_environment(const reel_mpirun_config *config);

#endif
