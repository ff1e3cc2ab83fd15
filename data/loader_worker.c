/* What a worker does: take the next place of the batch that is being filled, read and transform its
 * sample, and if that cannot be done, another one. Places are handed out one by one, so that all
 * workers fill the batch that the caller waits for.
 *
 * Determinism: a sample's pixels depend on (seed, epoch, index) alone, its replacement on (seed,
 * epoch, index) and the files. With balanced classes a sample may come several times in an epoch:
 * then its place in the epoch stands for the index. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/cpus.h"
#include "data/loader_internal.h"
#include "data/permutation.h"

/* With nine samples of ten bad, the chance that none of so many is good is 1e-9. */
enum { MAX_TRIES = 200 };

struct kit { /* a worker's own memory */
    reel_bytes bytes;
    reel_transform_scratch scratch;
    reel_desk *desk;
    bool sideways; /* the image that it has just loaded is stored turned */
};

/* The order of the slot's epoch into l->order. Under the mutex. */
static void order_epoch(reel_loader *l, int64_t epoch)
{
    if (!l->config.shuffle || l->order_epoch == epoch)
        return;
    if (l->balance)
        reel_balance_epoch(l->balance, l->order, l->places, l->config.seed, (uint32_t)epoch);
    else
        reel_permutation(l->order, l->count, l->config.seed, (uint32_t)epoch);
    l->order_epoch = epoch;
}

/* The first place of a batch in its epoch. */
static int64_t first_place(const reel_loader *l, int64_t number)
{
    const reel_loader_config *c = &l->config;
    const int64_t index = number % l->per_epoch;
    return index / c->parts * c->whole + c->part + index % c->parts * c->batch;
}

/* Is there a place to fill? Opens the next batch if the ring has room for it. Under the mutex. */
static reel_slot *find_work(reel_loader *l)
{
    reel_slot *s = l->opened >= 0 ? &l->ring[l->opened % l->slots] : NULL;
    if (s && s->number == l->opened && s->assigned < s->n)
        return s;
    const int64_t next = l->opened + 1;
    if (next >= l->end || next >= l->released + l->slots || next > l->wanted)
        return NULL;

    /* The slot is free: the batch that was in it is below l->released. */
    REEL_ASSERT(l->ring);
    s = &l->ring[next % l->slots];
    s->number = next;
    s->epoch = next / l->per_epoch;
    const int64_t first = first_place(l, next), left = l->count - first;
    s->n = left < l->config.batch ? left : l->config.batch;
    s->assigned = s->done = s->n_bad = 0;
    s->fatal.status = REEL_OK;

    order_epoch(l, s->epoch);
    for (int64_t i = 0; i < s->n; i++)
        s->indices[i] = l->config.shuffle ? l->order[first + i] : first + i;
    l->opened = next;
    pthread_cond_broadcast(&l->work);
    return s;
}

/* A place that a worker fills. It is the worker's own: no mutex is needed. */
struct place {
    reel_slot *slot;
    int64_t at;       /* in the slot */
    int64_t asked;    /* the sample that belongs there */
    int64_t in_epoch; /* the place's number in its epoch */
};

/* The generator of a place. Balanced, a sample may come several times in an epoch: then the place's
 * number stands for the sample's index, in a stream of its own. */
static reel_rng place_rng(const reel_loader *l, const struct place *p, uint32_t plain,
                          uint32_t balanced, int64_t index)
{
    const uint32_t stream = l->balance ? balanced : plain;
    const int64_t key = l->balance ? p->in_epoch : index;
    return reel_rng_at(l->config.seed, stream, (uint32_t)p->slot->epoch, (uint32_t)key);
}

static reel_status load(reel_loader *l, struct kit *kit, const struct place *p, int64_t index,
                        reel_error *err)
{
    if (reel_dataset_label(l->dataset, index) < 0)
        return reel_fail(err, REEL_ERR_INVALID, "its label is none of the dataset's classes");
    REEL_TRY(reel_dataset_read(l->dataset, index, &kit->bytes, err));
    const reel_rng rng = place_rng(l, p, REEL_STREAM_AUGMENT, REEL_STREAM_PLACE, index);
    float *out = p->slot->images + p->at * l->pixels;
    REEL_TRY(reel_transform_bytes(&l->transform, kit->bytes.data, kit->bytes.size, rng,
                                  &kit->scratch, out, err));
    kit->sideways = l->transform.exif != REEL_EXIF_APPLY &&
                    reel_exif_orientation(kit->bytes.data, kit->bytes.size) > 1;
    return REEL_OK;
}

/* What makes the whole batch fail; of several places the first counts. */
static void fail_batch(reel_loader *l, reel_slot *s, int64_t place, const reel_error *err)
{
    pthread_mutex_lock(&l->mutex);
    if (s->fatal.status == REEL_OK || s->fatal_place > place) {
        s->fatal = *err;
        s->fatal_place = place;
    }
    pthread_mutex_unlock(&l->mutex);
}

/* Room for one more note; false = no memory. Under the mutex. */
static bool reserve_note(reel_slot *s)
{
    if (s->n_bad < s->bad_capacity)
        return true;
    const int64_t capacity = s->bad_capacity ? 2 * s->bad_capacity : 16;
    reel_bad *bad = realloc(s->bad, (size_t)capacity * sizeof *bad);
    if (!bad)
        return false;
    s->bad = bad;
    s->bad_capacity = capacity;
    return true;
}

static void note_bad_sample(reel_loader *l, const struct place *p, int64_t try, int64_t index,
                            const reel_error *why)
{
    reel_slot *s = p->slot;
    pthread_mutex_lock(&l->mutex);
    char *reason = reserve_note(s) ? strdup(why->message) : NULL;
    if (reason)
        s->bad[s->n_bad++] = (reel_bad){p->at, try, index, reason};
    pthread_mutex_unlock(&l->mutex);
    if (reason)
        return;

    reel_error err = {0};
    reel_fail(&err, REEL_ERR_MEMORY, "no memory to note a bad sample");
    fail_batch(l, s, p->at, &err);
}

/* Another sample for one that is bad: of its class while there may be a good one in it, where
 * classes are balanced; else any.
 */
static int64_t substitute(const reel_loader *l, int64_t asked, int64_t try, reel_rng *rng)
{
    const int64_t label = l->balance ? reel_dataset_label(l->dataset, asked) : 0;
    const int64_t n = l->balance ? reel_balance_class_count(l->balance, label) : 0;
    if (n > 1 && try < MAX_TRIES / 2 && try < 4 * n)
        return reel_balance_substitute(l->balance, label, rng);
    return (int64_t)reel_rng_below(rng, (uint64_t)l->count);
}

/* What a worker is at, for the caller that looks who is slow. */
static void sit_down(reel_loader *l, struct kit *kit, int64_t index)
{
    pthread_mutex_lock(&l->mutex);
    *kit->desk = (reel_desk){.index = index, .since = reel_loader_clock()};
    pthread_mutex_unlock(&l->mutex);
}

static void fail_at_sample(reel_loader *l, const struct place *p, int64_t index,
                           const reel_error *why)
{
    char name[200];
    reel_dataset_sample_name(l->dataset, index, name, sizeof name);
    reel_error err = {0};
    reel_fail(&err, why->status, "%s: %.700s", name, why->message);
    fail_batch(l, p->slot, p->at, &err);
}

static void give_up(reel_loader *l, const struct place *p, const reel_error *last)
{
    char name[200];
    reel_dataset_sample_name(l->dataset, p->asked, name, sizeof name);
    reel_error err = {0};
    reel_fail(&err, REEL_ERR_BAD_DATA,
              "no readable sample in %d tries to replace %s; the last reason: %.600s", MAX_TRIES,
              name, last->message);
    fail_batch(l, p->slot, p->at, &err);
}

/* Fills one place: with the sample that belongs there, or while that is bad with others. */
static void fill(reel_loader *l, struct kit *kit, const struct place *p)
{
    reel_rng rng = place_rng(l, p, REEL_STREAM_REPLACE, REEL_STREAM_REPLACE_PLACE, p->asked);
    reel_error err = {0};
    int64_t index = p->asked;
    for (int64_t try = 0; try < MAX_TRIES && !atomic_load_explicit(&l->stop, memory_order_relaxed);
         try++) {
        const reel_status status = load(l, kit, p, index, &err);
        if (status == REEL_OK) {
            p->slot->indices[p->at] = index;
            p->slot->labels[p->at] = reel_dataset_label(l->dataset, index);
            return;
        }

        /* Anything else is not the sample's fault: no memory, no descriptors, a wrong transform. */
        if (status != REEL_ERR_IO && status != REEL_ERR_FORMAT) {
            fail_at_sample(l, p, index, &err);
            return;
        }
        note_bad_sample(l, p, try, index, &err);
        index = substitute(l, p->asked, try, &rng);
        sit_down(l, kit, index);
    }
    give_up(l, p, &err);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The next place of the slot, taken. Under the mutex. */
static struct place take_place(reel_loader *l, reel_slot *s)
{
    const int64_t at = s->assigned++;
    return (struct place){
        .slot = s, .at = at, .asked = s->indices[at], .in_epoch = first_place(l, s->number) + at};
}

void *reel_loader_work(void *loader)
{
    reel_loader *l = loader;
    struct kit kit = {0};
    reel_unbind_thread();
    pthread_mutex_lock(&l->mutex);
    kit.desk = &l->desks[l->seated++];
    while (!atomic_load(&l->stop)) {
        reel_slot *s = find_work(l);
        if (!s) {
            pthread_cond_wait(&l->work, &l->mutex);
            continue;
        }
        const struct place place = take_place(l, s);
        *kit.desk = (reel_desk){.index = place.asked, .since = reel_loader_clock()};
        pthread_mutex_unlock(&l->mutex);

        /* Without the mutex: this is where the time goes. */
        const double begin = cpu_seconds();
        kit.sideways = false;
        fill(l, &kit, &place);
        const double spent = cpu_seconds() - begin;

        pthread_mutex_lock(&l->mutex);
        kit.desk->index = -1;
        l->busy += spent;
        l->filled++;
        l->sideways += kit.sideways;
        if (++s->done == s->n)
            pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->mutex);

    reel_bytes_free(&kit.bytes);
    reel_transform_scratch_free(&kit.scratch);
    return NULL;
}
