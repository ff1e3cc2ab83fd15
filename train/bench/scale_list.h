/* The lists that `reel bench scale` takes: counts of nodes, batch sizes, links. */
#ifndef REEL_TRAIN_BENCH_SCALE_LIST_H
#define REEL_TRAIN_BENCH_SCALE_LIST_H

#include "core/base.h"

enum { REEL_SCALE_MOST = 32 }; /* entries of a list */

/* Rising whole numbers from 1 to `most`: "1,2,4,8", or "1,2,4,...,1024", which goes on with the
 * factor of the last two. REEL_ERR_INVALID: the message begins with the option's name. */
reel_status reel_scale_counts(const char *option, const char *text, int most,
                              int counts[REEL_SCALE_MOST], int *n, reel_error *err);

typedef struct reel_scale_link {
    char name[32]; /* as it was typed */
    double bytes_per_second;
} reel_scale_link;

/* "10Gbit,25Gbit,400Mbit". REEL_ERR_INVALID as above. */
reel_status reel_scale_links(const char *text, reel_scale_link links[REEL_SCALE_MOST], int *n,
                             reel_error *err);

#endif
