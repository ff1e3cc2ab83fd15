/* How the cores are shared between computing and loading. */
#ifndef REEL_TRAIN_SHARE_H
#define REEL_TRAIN_SHARE_H

#include "core/base.h"

typedef struct reel_share {
    int cores, threads, workers;
    bool in_turns;       /* workers load while the compute threads rest; each has all cores */
    double step, sample; /* the measured times: seconds a step takes all cores, seconds an image
                            takes one core */
    double rate;         /* images a second to expect */
    int other_workers;   /* of the way that was not chosen: workers, and its rate; 0 = there is none
                          */
    double other_rate;
} reel_share;

/* What the first steps of a run take, by which the cores are shared. */
typedef struct reel_share_trial {
    int64_t steps;
    double compute_seconds; /* of the steps but the first, without waiting for data */
    bool settled;
} reel_share_trial;

/* Threads and workers take turns if they outnumber the cores. */
bool reel_share_in_turns(int threads, int workers);
/* The faster of two ways for steps of `batch` images. In turns on all cores: step + ceil(batch /
 * cores) sample. Or w workers beside the other cores' threads: the longer of step cores / (cores -
 * w) and batch sample / w. */
reel_share reel_share_cores(int cores, int64_t batch, double step, double sample);
/* One line: the rate to expect and the times that it follows from. Returns text. */
const char *reel_share_text(const reel_share *share, char *text, size_t size);

#endif
