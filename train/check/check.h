/* Looking through a dataset: every image of every split is read and decoded once. The findings do
 * not depend on the number of threads. */
#ifndef REEL_TRAIN_CHECK_H
#define REEL_TRAIN_CHECK_H

#include "core/comm/comm.h"
#include "data/dataset.h"
#include "data/inspect.h"

#include <jansson.h>

enum { REEL_CHECK_SPLITS = 3 };

typedef struct reel_check_item {
    reel_image_facts facts; /* sums are moved to the check's, and are 0 here */
    char *reason;           /* why it is corrupt; NULL = it is not */
} reel_check_item;

typedef struct reel_check {
    int n_splits;
    const char *split[REEL_CHECK_SPLITS];
    reel_dataset *set[REEL_CHECK_SPLITS];
    int64_t first[REEL_CHECK_SPLITS + 1]; /* item of each split's first sample; then their number */
    reel_check_item *items;
    uint64_t pixels, sum[3], square[3]; /* of all images that decode; good for 2.8e14 pixels */
    /* Several ranks share the scan: this one looks at the items begin, ..., end - 1, and has the
     * texts of the others' in `texts`. */
    reel_comm *comm; /* borrowed; NULL: this process is alone */
    int64_t begin, end;
    char *texts;
} reel_check;

/* All splits of the request's DATA; its split does not count. comm: the ranks that share the scan,
 * or NULL; opening exchanges nothing. */
reel_status reel_check_open(reel_check *c, const reel_data_request *asked, reel_comm *comm,
                            reel_error *err);
void reel_check_close(reel_check *c);

/* Called in the caller's thread, about 50 times a second; `show` on rank 0 only. */
typedef struct reel_check_watch {
    void (*show)(void *user, int64_t done, int64_t total);
    bool (*stop)(void *user); /* true ends the scan */
    void *user;
} reel_check_watch;

/* With several ranks all call it; each looks at a part, and has all facts afterwards.
 * REEL_ERR_STOPPED: stop said so, on any rank. REEL_ERR_INVALID: a rank has other images than rank
 * 0. */
reel_status reel_check_scan(reel_check *c, const reel_check_watch *watch, int threads,
                            reel_error *err);
int reel_check_split_of(const reel_check *c, int64_t item);

/* The findings: {"images", "corrupt_share", "findings": {KIND: {"count", "examples": [{"set",
 * "file", "what"}]}}, "splits", "mean", "std"}; at most `most` examples of a kind. */
reel_status reel_check_report(json_t **out, const reel_check *c, int64_t most, reel_error *err);

#endif
