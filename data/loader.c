/* The caller's side of the loader: it owns the ring, takes batches in order, and judges bad samples
 * in the order of the batches, so that what is counted, reported and refused does not depend on
 * which worker met it when. */
#include "data/loader.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/cpus.h"
#include "core/memory.h"
#include "data/bad_verdict.h"
#include "data/loader_internal.h"

double reel_loader_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static size_t image_bytes(const reel_loader *l)
{
    return (size_t)(l->config.batch * l->pixels) * sizeof(float);
}

static void forget_bad(reel_slot *s)
{
    for (int64_t i = 0; i < s->n_bad; i++)
        free(s->bad[i].reason);
    s->n_bad = 0;
}

void reel_loader_destroy(reel_loader *l)
{
    if (!l)
        return;
    /* In a child of the process there are no workers, and the locks may be theirs for ever. */
    const bool own = l->process == getpid();
    if (own) {
        pthread_mutex_lock(&l->mutex);
        atomic_store(&l->stop, true);
        pthread_cond_broadcast(&l->work);
        pthread_mutex_unlock(&l->mutex);
    }
    /* A worker ends after the sample that it is at. */
    for (int i = 0; own && i < l->started; i++)
        pthread_join(l->threads[i], NULL);

    for (int64_t i = 0; l->ring && i < l->slots; i++) {
        reel_slot *s = &l->ring[i];
        if (s->images)
            reel_pages_free(s->images, image_bytes(l));
        free(s->labels);
        free(s->indices);
        forget_bad(s);
        free(s->bad);
    }

    if (own) {
        pthread_cond_destroy(&l->ready);
        pthread_cond_destroy(&l->work);
        pthread_mutex_destroy(&l->mutex);
    }
    free(l->threads);
    free(l->desks);
    free(l->ring);
    free(l->order);
    reel_balance_destroy(l->balance);
    free(l->known_bad);
    free(l);
}

/* The defaults of what is 0. */
static void fill_in(reel_loader_config *c)
{
    const reel_loader_config usual = reel_loader_config_default();
    if (c->batch == 0)
        c->batch = usual.batch;
    if (c->workers == 0)
        c->workers = usual.workers;
    if (c->prefetch == 0)
        c->prefetch = c->workers < INT_MAX - 2 ? c->workers + 2 : INT_MAX; /* is refused */
    if (c->prefetch < 2)
        c->prefetch = 2; /* one in the caller's hands, one in the making */
    if (c->slow_seconds == 0)
        c->slow_seconds = usual.slow_seconds;
    if (c->whole == 0)
        c->whole = c->batch;
    if (c->parts == 0)
        c->parts = 1;
}

static reel_status check_numbers(const reel_loader_config *c, reel_error *err)
{
    if (c->batch < 1 || c->batch > 1 << 20)
        return reel_fail(err, REEL_ERR_INVALID, "loader: batch %" PRId64 ", expected 1 to 1048576",
                         c->batch);
    if (c->whole != c->batch &&
        (c->part < 0 || c->parts < 1 || c->whole > (int64_t)1 << 40 || c->part > c->whole ||
         c->parts > (c->whole - c->part) / c->batch || !c->drop_last))
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: expected parts within a whole batch of %" PRId64
                         ", with drop_last, got %" PRId64 " of %" PRId64 " from %" PRId64 " on",
                         c->whole, c->parts, c->batch, c->part);
    if (c->whole == c->batch && (c->part != 0 || c->parts != 1))
        return reel_fail(err, REEL_ERR_INVALID, "loader: expected one part of a whole batch");
    if (c->workers < 1 || c->workers > 1024)
        return reel_fail(err, REEL_ERR_INVALID, "loader: %d workers, expected 1 to 1024",
                         c->workers);

    /* Random streams are keyed by 32 bits of the epoch; and batches are counted from epoch 0 on,
     * in 64. */
    if (c->epoch < 0 || c->epoch > INT32_MAX || c->first < 0 || c->first > UINT32_MAX ||
        c->epochs < 0 || c->epochs > INT32_MAX)
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: epoch %" PRId64 ", first %" PRId64 ", epochs %" PRId64
                         ", expected 0 to 2147483647, 4294967295 and 2147483647",
                         c->epoch, c->first, c->epochs);
    if (c->batches < 0)
        return reel_fail(err, REEL_ERR_INVALID, "loader: %" PRId64 " batches, expected 0 or more",
                         c->batches);

    if (!(c->max_bad >= 0 && c->max_bad <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "loader: max_bad %g, expected a share from 0 to 1",
                         c->max_bad);
    if (!(c->slow_seconds > 0 && c->slow_seconds <= 1e9))
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: slow_seconds %g, expected more than 0 and at most 1e9",
                         c->slow_seconds);
    return REEL_OK;
}

static reel_status check_samples(const reel_loader_config *c, int64_t count, reel_error *err)
{
    if (count < 1)
        return reel_fail(err, REEL_ERR_INVALID, "loader: the dataset has no samples");
    if (c->class_balanced && !c->shuffle)
        return reel_fail(err, REEL_ERR_INVALID, "loader: class_balanced without shuffle");
    if (c->drop_last && count < c->whole)
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: the dataset has %" PRId64
                         " samples, fewer than a batch of %" PRId64
                         ", and incomplete batches are left out: use a smaller batch",
                         count, c->whole);
    return REEL_OK;
}

reel_loader_config reel_loader_config_default(void)
{
    return (reel_loader_config){.batch = 128, .workers = 2, .max_bad = 0.01, .slow_seconds = 30};
}

static bool allocate_slot(const reel_loader *l, reel_slot *s)
{
    const size_t batch = (size_t)l->config.batch;
    s->number = -1;
    s->labels = malloc(batch * sizeof *s->labels);
    s->indices = malloc(batch * sizeof *s->indices);
    s->images = s->labels && s->indices ? reel_pages_alloc(image_bytes(l), NULL) : NULL;
    return s->images != NULL;
}

static reel_status allocate(reel_loader *l, reel_error *err)
{
    const reel_loader_config *c = &l->config;
    l->slots = c->prefetch;
    l->ring = calloc((size_t)l->slots, sizeof *l->ring);
    l->threads = calloc((size_t)c->workers, sizeof *l->threads);
    l->desks = calloc((size_t)c->workers, sizeof *l->desks);
    l->known_bad = calloc(1, (size_t)l->count / 8 + 1);
    l->order = c->shuffle ? malloc((size_t)l->count * sizeof *l->order) : NULL;
    /* Everything is taken now: between samples nothing is allocated. */
    bool complete = l->ring && l->threads && l->desks && l->known_bad && (l->order || !c->shuffle);

    for (int i = 0; complete && i < c->workers; i++)
        l->desks[i].index = -1;
    for (int64_t i = 0; complete && i < l->slots; i++)
        complete = allocate_slot(l, &l->ring[i]);
    if (complete)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_MEMORY,
                     "loader: no memory for %" PRId64 " batches of %" PRId64
                     " images (%zu bytes each batch)",
                     l->slots, c->batch, image_bytes(l));
}

/* Workers take no signals: those are for the thread that the program's handlers expect. */
static reel_status start(reel_loader *l, reel_error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int reason = 0;
    while (reason == 0 && l->started < l->config.workers) {
        reason = pthread_create(&l->threads[l->started], NULL, reel_loader_work, l);
        if (reason == 0)
            l->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (reason == 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_MEMORY,
                     "loader: cannot start worker %d of %d: %s; use fewer workers, or raise "
                     "ulimit -u (threads) or ulimit -v (memory)",
                     l->started + 1, l->config.workers, strerror(reason));
}

/* Batches are counted through all epochs; the loader begins at number epoch * per_epoch + first. */
static void set_positions(reel_loader *l)
{
    const reel_loader_config *c = &l->config;
    const int64_t whole = c->drop_last ? l->count / c->whole : (l->count + c->whole - 1) / c->whole;
    l->per_epoch = whole * c->parts;
    l->places = c->drop_last ? whole * c->whole : l->count;
    l->current = l->released = c->epoch * l->per_epoch + c->first;
    l->opened = l->current - 1;
    l->end = c->epochs ? c->epochs * l->per_epoch : INT64_MAX;
    if (c->batches && c->batches < l->end - l->current)
        l->end = l->current + c->batches;
    l->order_epoch = -1;
    l->wanted = c->in_turns ? l->current - 1 : INT64_MAX;
}

static void make_locks(reel_loader *l)
{
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->work, NULL);
    pthread_condattr_t
        monotonic; /* the caller waits until a time: the clock must not be set back */
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->ready, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

reel_status reel_loader_create(reel_loader **out, const reel_dataset *dataset,
                               const reel_transform *transform, const reel_loader_config *config,
                               reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!dataset || !transform || !config)
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: expected a dataset, a transform and a configuration");
    reel_loader_config c = *config;
    reel_transform t;
    const int64_t count = reel_dataset_count(dataset);
    fill_in(&c);
    REEL_TRY(check_numbers(&c, err));
    REEL_TRY(check_samples(&c, count, err));
    REEL_TRY(reel_transform_resolve(&t, transform, err));

    reel_loader *l = calloc(1, sizeof *l);
    if (!l)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a loader");
    l->process = getpid(); /* the child of a fork has none of the workers */
    l->dataset = dataset;
    l->transform = t;
    l->config = c;
    l->count = count;
    l->pixels = t.views * t.size * t.size * t.channels;
    set_positions(l);
    make_locks(l);

    reel_status status = REEL_OK;
    REEL_TRY_GOTO(allocate(l, err), failed);
    if (c.class_balanced)
        REEL_TRY_GOTO(reel_balance_create(&l->balance, dataset, err), failed);
    REEL_TRY_GOTO(start(l, err), failed);
    *out = l;
    return REEL_OK;
failed:
    reel_loader_destroy(l);
    return status;
}

static int by_place(const void *a, const void *b)
{
    const reel_bad *x = a, *y = b;
    return x->place != y->place ? (x->place > y->place) - (x->place < y->place)
                                : (x->try > y->try) - (x->try < y->try);
}

/* Counts and reports one bad sample, unless it was met before. */
static reel_status judge_one(reel_loader *l, const reel_bad *b, reel_error *err)
{
    /* A sample counts once, however often it is met. */
    uint8_t *known = &l->known_bad[b->index >> 3];
    const uint8_t bit = (uint8_t)(1u << (b->index & 7));
    if (*known & bit)
        return REEL_OK;
    *known |= bit;
    l->bad_count++;

    char name[600];
    reel_dataset_sample_name(l->dataset, b->index, name, sizeof name);
    if (l->config.on_bad)
        l->config.on_bad(l->config.user, b->index, name, b->reason);
    return reel_bad_verdict(l->bad_count, l->count, l->config.max_bad, name, b->reason, err);
}

/* Judges the bad samples of a finished batch, in the order of its places. */
static reel_status judge(reel_loader *l, reel_slot *s, int64_t *replaced, reel_error *err)
{
    *replaced = 0;
    if (s->n_bad)
        qsort(s->bad, (size_t)s->n_bad, sizeof *s->bad, by_place);
    reel_status status = REEL_OK;
    for (int64_t i = 0; i < s->n_bad && status == REEL_OK; i++) {
        *replaced += s->bad[i].try == 0;
        status = judge_one(l, &s->bad[i], err);
    }
    forget_bad(s);

    if (status == REEL_OK && s->fatal.status != REEL_OK)
        return reel_fail(err, s->fatal.status, "%s", s->fatal.message);
    return status;
}

/* Tells of samples that take too long, each once. Under the mutex, which the caller's function is
 * called without. */
static void tell_slow(reel_loader *l)
{
    for (int i = 0; i < l->seated; i++) {
        reel_desk *d = &l->desks[i];
        const double spent = reel_loader_clock() - d->since;
        if (d->index < 0 || d->told || spent < l->config.slow_seconds)
            continue;
        d->told = true;
        const int64_t index = d->index;
        pthread_mutex_unlock(&l->mutex);
        char name[600];
        reel_dataset_sample_name(l->dataset, index, name, sizeof name);
        l->config.on_slow(l->config.user, index, name, spent);
        pthread_mutex_lock(&l->mutex);
    }
}

static void wait_until(reel_loader *l, double until)
{
    const struct timespec t = {.tv_sec = (time_t)until,
                               .tv_nsec = (long)(1e9 * (until - floor(until)))};
    pthread_cond_timedwait(&l->ready, &l->mutex, &t);
}

/* Until a worker signals, or it is time to look who is slow: four times in slow_seconds, at most 20
 * times a second. */
static void wait_a_while(reel_loader *l)
{
    if (!l->config.on_slow) {
        pthread_cond_wait(&l->ready, &l->mutex);
        return;
    }
    wait_until(l, reel_loader_clock() + fmin(fmax(l->config.slow_seconds / 4, 0.05), 60));
    tell_slow(l); /* also when a later batch is ready: many of them may be */
}

static bool is_filled(const reel_loader *l, const reel_slot *s)
{
    return s->number == l->current && s->done == s->n;
}

/* Until the batch is filled. While the caller waits, the OpenMP threads that it computes with may
 * spin on the CPUs that the workers need: after a moment they are ended. */
static void wait_till_filled(reel_loader *l, const reel_slot *s)
{
    const double a_moment = 0.001, begin = reel_loader_clock();
    while (!is_filled(l, s) && reel_loader_clock() < begin + a_moment)
        wait_until(l, begin + a_moment);
    if (!is_filled(l, s)) {
        pthread_mutex_unlock(&l->mutex);
        reel_release_idle_threads();
        pthread_mutex_lock(&l->mutex);
    }
    while (!is_filled(l, s))
        wait_a_while(l);
    l->waited += reel_loader_clock() - begin;
}

/* The current batch, filled; NULL = all epochs are done. Gives the last one back first. */
static reel_slot *wait_for_batch(reel_loader *l)
{
    reel_slot *s = &l->ring[l->current % l->slots];
    pthread_mutex_lock(&l->mutex);
    /* The batch that the caller has worked with goes back to the workers. */
    if (l->held)
        l->released = l->current;
    if (l->config.in_turns)
        l->wanted = l->current;
    if (l->held || l->config.in_turns)
        pthread_cond_broadcast(&l->work);
    l->held = false;

    if (l->current < l->end && !is_filled(l, s))
        wait_till_filled(l, s);
    pthread_mutex_unlock(&l->mutex);
    return l->current < l->end ? s : NULL;
}

reel_status reel_loader_next(reel_loader *l, reel_batch *batch, reel_error *err)
{
    REEL_NEED(batch, err);

    *batch = (reel_batch){0};
    if (!l)
        return reel_fail(err, REEL_ERR_INVALID, "no loader");
    if (l->process != getpid())
        return reel_fail(err, REEL_ERR_INVALID,
                         "loader: its workers belong to the process that this one was forked "
                         "from; create a loader here");
    if (l->failure.status != REEL_OK)
        return reel_fail(err, l->failure.status, "%s", l->failure.message);
    reel_slot *s = wait_for_batch(l);

    batch->epoch = l->current / l->per_epoch;
    batch->index = l->current % l->per_epoch;
    const int64_t side = l->transform.size, n = s ? s->n : 0;
    const int64_t shape[4] = {n * l->transform.views, l->transform.channels, side, side};
    batch->images = reel_tensor_of(s ? s->images : l->ring[0].images, REEL_F32, 4, shape);
    if (!s)
        return REEL_OK;

    /* A failure is kept: a caller that goes on must not get batches behind it. */
    l->held = true;
    const reel_status status = judge(l, s, &batch->bad, &l->failure);
    if (status != REEL_OK) {
        l->failure.status = status;
        return reel_fail(err, status, "%s", l->failure.message);
    }
    batch->labels = s->labels;
    batch->indices = s->indices;
    batch->n = n;
    l->current++;
    return REEL_OK;
}

int64_t reel_loader_batches_per_epoch(const reel_loader *l)
{
    return l ? l->per_epoch : 0;
}

double reel_loader_wait_seconds(const reel_loader *l)
{
    return l ? l->waited : 0;
}

double reel_loader_sample_seconds(const reel_loader *l)
{
    if (!l)
        return 0;
    pthread_mutex_t *mutex = &((reel_loader *)l)->mutex;
    pthread_mutex_lock(mutex);
    const double mean = l->filled ? l->busy / (double)l->filled : 0;
    pthread_mutex_unlock(mutex);
    return mean;
}

int64_t reel_loader_sideways(const reel_loader *l, int64_t *loaded)
{
    if (loaded)
        *loaded = 0;
    if (!l || !loaded)
        return 0;
    pthread_mutex_t *mutex = &((reel_loader *)l)->mutex;
    pthread_mutex_lock(mutex);
    const int64_t sideways = l->sideways;
    *loaded = l->filled;
    pthread_mutex_unlock(mutex);
    return sideways;
}

int64_t reel_loader_bad_count(const reel_loader *l)
{
    return l ? l->bad_count : 0;
}
