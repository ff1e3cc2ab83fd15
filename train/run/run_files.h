/* The files that a run writes into its folder. */
#ifndef REEL_TRAIN_RUN_FILES_H
#define REEL_TRAIN_RUN_FILES_H

#include <stdbool.h>

typedef struct reel_run_file {
    const char *name; /* one that ends in '-' or '.' is the beginning of several names */
    bool marks;       /* a folder with this file holds a run */
    bool early;       /* may be there before the first step, and a new run would add to it */
} reel_run_file;

/* The i-th row; NULL ends. */
const reel_run_file *reel_run_file_at(int i);
/* The row of a file; NULL = a run writes no such file. */
const reel_run_file *reel_run_file_of(const char *name);

#endif
