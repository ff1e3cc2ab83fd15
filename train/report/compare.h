/* One page about several runs: their curves over one another, and what differs between them. It
 * holds all it shows and loads nothing. */
#ifndef REEL_TRAIN_REPORT_COMPARE_H
#define REEL_TRAIN_REPORT_COMPARE_H

#include "train/report/state.h"

enum { REEL_COMPARE_MOST = 20 };

/* What is shown of one run. */
typedef struct reel_compared {
    char *folder;       /* owned */
    const char *name;   /* the folder's last part, or all of it where two runs share that */
    reel_record record; /* owned */
    reel_record_state state;
    double top1, loss;  /* of its best weights so far; NaN = none */
    double ece;         /* their expected calibration error; NaN = none */
    int64_t parameters; /* of its network; 0 = not known: no weights yet */
} reel_compared;

typedef struct reel_comparison {
    reel_compared run[REEL_COMPARE_MOST];
    int n;
    json_t *missing; /* names of folds that a cross-validation lacks: "fold-2" */
    json_t *differs; /* names of the options that are not the same in all runs, in order */
} reel_comparison;

/* Is this the folder of a cross-validation: one of fold-1, fold-2, ... in it, and no run of its
 * own? */
bool reel_compare_has_folds(const char *folder);
/* Reads the runs, in this order; a folder of folds stands for these; folds that
 * are not there are named in `missing` and warned of. REEL_ERR_INVALID: fewer than one run or more
 * than REEL_COMPARE_MOST; otherwise as reel_record_read. */
reel_status reel_comparison_read(reel_comparison *c, const char *const *folders, int n,
                                 reel_error *err);
void reel_comparison_free(reel_comparison *c);

/* Writes the page, whole or not at all. */
reel_status reel_comparison_write(const reel_comparison *c, const char *path, reel_error *err);
/* The same data: train/report/README.md tells the keys. NULL = no memory. */
json_t *reel_comparison_json(const reel_comparison *c);

#endif
