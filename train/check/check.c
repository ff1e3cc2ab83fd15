/* The pass over a dataset's images.
 *
 * Threads take the next sample from a counter and write to that sample's item, and to sums that are
 * integers: the result does not depend on the order or the number of threads. */
#include "train/check/check_internal.h"

#include "data/pack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { PLACE = 4200 };

/* like: the training data, whose labels those of other splits follow; NULL = there is none. */
static reel_status open_split(reel_dataset **out, const reel_data_request *asked, const char *split,
                              const reel_dataset *like, char path[PLACE], reel_error *err)
{
    struct stat info;
    reel_data_request request = *asked;
    request.split = split;
    if (like)
        reel_data_request_follow(&request, like);
    const reel_status status = reel_dataset_open_as(out, &request, path, PLACE, err);
    if (status != REEL_ERR_INVALID || stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return status;

    reel_error ignored; /* the first refusal says what people should hear */
    return reel_dataset_folder_as_is(out, path, &ignored) == REEL_OK ? REEL_OK : status;
}

static bool has_split(const reel_data_request *asked, const char *split)
{
    reel_data_request request = *asked;
    request.split = split;
    return reel_dataset_has_as(&request);
}

reel_status reel_check_open(reel_check *c, const reel_data_request *asked, reel_comm *comm,
                            reel_error *err)
{
    static const char *const names[REEL_CHECK_SPLITS] = {"train", "val", "test"};
    const bool split =
        has_split(asked, "train") && (has_split(asked, "val") || has_split(asked, "test"));
    char path[REEL_CHECK_SPLITS][PLACE];
    *c = (reel_check){.comm = comm};

    for (int i = 0; i < REEL_CHECK_SPLITS; i++) {
        if (split ? !has_split(asked, names[i]) : i > 0)
            continue;
        const int n = c->n_splits;
        REEL_TRY(open_split(&c->set[n], asked, split ? names[i] : NULL, n ? c->set[0] : NULL,
                            path[n], err));

        if (i == 2 && !strcmp(path[n], path[n - 1]) &&
            reel_pack_fingerprint(c->set[n]) == reel_pack_fingerprint(c->set[n - 1])) {
            reel_dataset_destroy(
                c->set[n]); /* CIFAR's and MNIST's test images are both: once is enough */
            c->set[n] = NULL;
            continue;
        }

        c->split[c->n_splits] = split ? names[i] : "all";
        c->first[c->n_splits + 1] = c->first[c->n_splits] + reel_dataset_count(c->set[c->n_splits]);
        c->n_splits++;
    }

    const int64_t n = c->first[c->n_splits], rank = reel_comm_rank(comm);
    const int64_t ranks = reel_comm_ranks(comm);
    c->begin = n * rank / ranks;
    c->end = n * (rank + 1) / ranks;
    c->items = calloc((size_t)n + 1, sizeof *c->items);
    return c->items ? REEL_OK
                    : reel_fail(err, REEL_ERR_MEMORY, "no memory for the facts of the images");
}

void reel_check_close(reel_check *c)
{
    for (int64_t i = c->begin; c->items && i < c->end; i++)
        free(c->items[i].reason); /* those of other ranks lie in c->texts */
    free(c->items);
    free(c->texts);
    for (int i = 0; i < c->n_splits; i++)
        reel_dataset_destroy(c->set[i]);
}

int reel_check_split_of(const reel_check *c, int64_t item)
{
    int s = 0;
    while (item >= c->first[s + 1])
        s++;
    return s;
}

static void add_channel_sums(reel_check_scan_state *s, reel_image_facts *f)
{
    pthread_mutex_lock(&s->mutex);
    s->check->pixels += (uint64_t)(f->width * f->height);
    for (int k = 0; k < 3; k++) {
        s->check->sum[k] += f->sum[k];
        s->check->square[k] += f->square[k];
    }
    pthread_mutex_unlock(&s->mutex);
}

/* No finding, but the end of the scan: memory or descriptors ran out. */
static void end_scan(reel_check_scan_state *s, const char *message)
{
    pthread_mutex_lock(&s->mutex);
    if (s->fatal.status == REEL_OK)
        reel_fail(&s->fatal, REEL_ERR_MEMORY, "%s", message);
    pthread_mutex_unlock(&s->mutex);
    atomic_store(&s->stop, true);
}

static void *scan_images(void *arg)
{
    reel_check_scan_state *s = arg;
    reel_check *c = s->check;
    reel_bytes bytes = {0};
    reel_image image = {0};
    char name[4200];

    for (int64_t i; !atomic_load(&s->stop) && (i = atomic_fetch_add(&s->next, 1)) < c->end;
         atomic_fetch_add(&s->done, 1)) {
        const int k = reel_check_split_of(c, i);
        reel_check_item *item = &c->items[i];

        reel_error err;
        reel_status status = reel_dataset_read(c->set[k], i - c->first[k], &bytes, &err);
        if (status == REEL_OK) {
            reel_dataset_sample_name(c->set[k], i - c->first[k], name, sizeof name);
            status = reel_image_inspect(&item->facts, &image, name, bytes.data, bytes.size, &err);
        }
        if (status == REEL_OK)
            add_channel_sums(s, &item->facts);

        /* A corrupt image is a finding; only a resource that ran out ends the scan. */
        if (status == REEL_ERR_MEMORY)
            end_scan(s, err.message);
        else if (status != REEL_OK && !(item->reason = strdup(err.message)))
            end_scan(s, "no memory to note what is wrong with an image");
    }

    reel_bytes_free(&bytes);
    reel_image_free(&image);
    return NULL;
}

/* Until all images are done, or it shall stop. */
static void watch_alone(reel_check_scan_state *s, const reel_check_watch *watch)
{
    const int64_t total = s->check->end;
    while (atomic_load(&s->done) < total && !atomic_load(&s->stop)) {
        if (watch->stop(watch->user))
            atomic_store(&s->stop, true);
        watch->show(watch->user, atomic_load(&s->done), total);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    s->interrupted = watch->stop(watch->user);
}

/* This rank's part, by its threads. Fails where an exchange between ranks does, or a rank has. */
static reel_status scan_part(reel_check_scan_state *s, const reel_check_watch *watch, int threads,
                             reel_error *err)
{
    const bool shared = reel_comm_ranks(s->check->comm) > 1;
    pthread_t *ids = calloc((size_t)threads, sizeof *ids);
    int started = 0;
    if (!ids)
        end_scan(s, "no memory for the threads");
    while (ids && started < threads && pthread_create(&ids[started], NULL, scan_images, s) == 0)
        started++;
    /* Without a single new thread the caller does the work. */
    if (started == 0)
        scan_images(s);

    reel_status status = REEL_OK;
    if (shared)
        status = reel_check_watch_shared(s, watch, err);
    else
        watch_alone(s, watch);
    atomic_store(&s->stop, true); /* also where the ranks have lost each other */
    for (int i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    free(ids);
    return status;
}

reel_status reel_check_scan(reel_check *c, const reel_check_watch *watch, int threads,
                            reel_error *err)
{
    reel_check_scan_state s = {.check = c, .next = c->begin, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const bool shared = reel_comm_ranks(c->comm) > 1;
    if (shared)
        REEL_TRY(reel_check_same_images(c, err));
    REEL_TRY(scan_part(&s, watch, threads, err));

    reel_status status = s.fatal.status;
    if (status != REEL_OK)
        reel_fail(err, status, "%s", s.fatal.message);
    if (shared)
        status = reel_comm_agree(c->comm, status, err, "the end of a check");
    if (status != REEL_OK)
        return status;
    if (s.interrupted)
        return reel_fail(err, REEL_ERR_STOPPED, "interrupted");
    return shared ? reel_check_exchange(c, err) : REEL_OK;
}
