/* What check.c and check_share.c share: a scan that goes on, and what ranks exchange. Private to
 * them. */
#ifndef REEL_TRAIN_CHECK_INTERNAL_H
#define REEL_TRAIN_CHECK_INTERNAL_H

#include "train/check/check.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct reel_check_scan_state {
    reel_check *check;
    _Atomic int64_t next, done; /* the next item; items that this process has looked at */
    atomic_bool stop;
    bool interrupted;      /* by the watch, of any rank */
    pthread_mutex_t mutex; /* of the check's sums, and of what ended the scan */
    reel_error fatal;
} reel_check_scan_state;

/* REEL_ERR_INVALID: the ranks see different images. */
reel_status reel_check_same_images(reel_check *c, reel_error *err);
/* Watches this rank's threads, in step with the other ranks: until all parts are done, one rank is
 * interrupted, or one has failed. */
reel_status reel_check_watch_shared(reel_check_scan_state *s, const reel_check_watch *watch,
                                    reel_error *err);
/* Every rank gets the facts of all items, and the sums. */
reel_status reel_check_exchange(reel_check *c, reel_error *err);

#endif
