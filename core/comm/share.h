/* Ranges of the flat arrays: which elements a rank owns, which of them have gradients, and the
 * messages in which they travel. All ranks compute the same ranges from the same store. */
#ifndef REEL_COMM_SHARE_H
#define REEL_COMM_SHARE_H

#include "core/comm/internal.h"
#include "core/params.h"

/* Part k of n equal parts of a range, cut at multiples of 16 elements from its begin. */
reel_range reel_range_part(reel_range range, int k, int n);

/* Ascending, disjoint ranges of a store. */
typedef struct reel_range_list {
    reel_range *list; /* room for reel_params_count */
    int n;
} reel_range_list;

/* Whether a parameter's elements belong to the list. */
typedef bool reel_param_test(const reel_param *p);
bool reel_param_is_shared(const reel_param *p);  /* no buffer: its values are one memory a host */
bool reel_param_is_trained(const reel_param *p); /* neither a buffer nor frozen */
bool reel_param_is_summed(const reel_param *p);  /* has a gradient */

/* The ranges of the parameters that pass the test, padding included, neighbours joined. */
void reel_ranges_of(reel_range_list *out, const reel_params *params, reel_param_test *test);
/* The same of the parameters i with in[i]. */
void reel_ranges_in(reel_range_list *out, const reel_params *params, const bool *in);
/* The common elements of two ranges; begin >= end: none. */
reel_range reel_range_common(reel_range a, reel_range b);

/* Messages under way, begun one after another and awaited together. */
typedef struct reel_bulk {
    reel_pending *list;
    int64_t n, capacity;
} reel_bulk;

/* Elements of a flat array that go to a rank or come from it: those of `range` that are also in
 * `within`, in messages of about 1 MB. Both sides name the same ranges in the same order. */
typedef struct reel_range_transfer {
    void *array;
    size_t element; /* bytes */
    reel_range range;
    const reel_range_list *within;
    int peer, tag;
    bool receives;
} reel_range_transfer;

reel_status reel_bulk_begin(reel_comm *comm, reel_bulk *bulk, const reel_range_transfer *transfer,
                            reel_error *err);
/* Begins nothing, waits for nothing: whether all are done, as far as one look tells. *next: the
 * first that is not, 0 at first. */
reel_status reel_bulk_look(reel_comm *comm, reel_bulk *bulk, int64_t *next, bool *done,
                           reel_error *err);
/* Waits for all of them and empties the list. */
reel_status reel_bulk_finish(reel_comm *comm, reel_bulk *bulk, const char *what, reel_error *err);

#endif
