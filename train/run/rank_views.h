/* Whether all ranks see the same: the same weights file, the same dataset. */
#ifndef REEL_TRAIN_RANK_VIEWS_H
#define REEL_TRAIN_RANK_VIEWS_H

#include "core/comm/comm.h"
#include "data/dataset.h"

typedef char reel_rank_view[320]; /* what a rank sees, as people read it; cut to this size */

/* REEL_ERR_INVALID on all ranks if a rank's view is another than that of rank 0. The message begins
 * with `what`, and names both ranks, their hosts and their views. One rank: REEL_OK. */
reel_status reel_rank_views_compare(reel_comm *comm, const char *what, const char *mine,
                                    reel_error *err);
/* "48 images in 4 classes, fingerprint 0123456789abcdef". Returns text. */
const char *reel_rank_view_of(const reel_dataset *d, char *text, size_t size);

#endif
