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

#include "data/loader_internal.h"
#include "data/permutation.h"

enum {
    MAX_TRIES = 200
}; /* with nine samples of ten bad, the chance that none of them is good is 1e-9 */

struct kit { /* a worker's own memory */
    reel_bytes bytes;
    reel_transform_scratch scratch;
    reel_desk *desk;
};

/* Is there a place to fill? Opens the next batch if the ring has room for it. Under the mutex. */
static reel_slot *find_work(reel_loader *l)
{
    reel_slot *s = l->opened >= 0 ? &l->ring[l->opened % l->slots] : NULL;
    if (s && s->number == l->opened && s->assigned < s->n)
        return s;
    const int64_t next = l->opened + 1;
    if (next >= l->end || next >= l->released + l->slots || next > l->wanted)
        return NULL;
    REEL_ASSERT(l->ring);
    s = &l->ring[next % l->slots];
    s->number = next;
    s->epoch = next / l->per_epoch;
    const int64_t first = next % l->per_epoch * l->config.batch, left = l->count - first;
    s->n = left < l->config.batch ? left : l->config.batch;
    s->assigned = s->done = s->n_bad = 0;
    s->fatal.status = REEL_OK;
    if (l->config.shuffle && l->order_epoch != s->epoch) {
        if (l->balance)
            reel_balance_epoch(l->balance, l->order, l->places, l->config.seed, (uint32_t)s->epoch);
        else
            reel_permutation(l->order, l->count, l->config.seed, (uint32_t)s->epoch);
        l->order_epoch = s->epoch;
    }
    for (int64_t i = 0; i < s->n; i++)
        s->indices[i] = l->config.shuffle ? l->order[first + i] : first + i;
    l->opened = next;
    pthread_cond_broadcast(&l->work);
    return s;
}

/* in_epoch: the sample's place. */
static reel_status load(reel_loader *l, struct kit *kit, int64_t epoch, int64_t in_epoch,
                        int64_t index, float *out, reel_error *err)
{
    REEL_TRY(reel_dataset_read(l->dataset, index, &kit->bytes, err));
    const reel_rng rng =
        reel_rng_at(l->config.seed, l->balance ? REEL_STREAM_PLACE : REEL_STREAM_AUGMENT,
                    (uint32_t)epoch, (uint32_t)(l->balance ? in_epoch : index));
    return reel_transform_bytes(&l->transform, kit->bytes.data, kit->bytes.size, rng, &kit->scratch,
                                out, err);
}

static void fail_batch(reel_slot *s, int64_t place, const reel_error *err)
{
    if (s->fatal.status != REEL_OK && s->fatal_place <= place)
        return;
    s->fatal = *err;
    s->fatal_place = place;
}

static void note_bad(reel_loader *l, reel_slot *s, int64_t place, int64_t try, int64_t index,
                     const reel_error *why)
{
    pthread_mutex_lock(&l->mutex);
    if (s->n_bad == s->bad_capacity) {
        const int64_t capacity = s->bad_capacity ? 2 * s->bad_capacity : 16;
        reel_bad *bad = realloc(s->bad, (size_t)capacity * sizeof *bad);
        if (bad) {
            s->bad = bad;
            s->bad_capacity = capacity;
        }
    }
    char *reason = s->n_bad < s->bad_capacity ? strdup(why->message) : NULL;
    if (reason) {
        s->bad[s->n_bad++] = (reel_bad){place, try, index, reason};
    } else {
        reel_error err = {0};
        reel_fail(&err, REEL_ERR_MEMORY, "no memory to note a bad sample");
        fail_batch(s, place, &err);
    }
    pthread_mutex_unlock(&l->mutex);
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

/* Fills one place. Not under the mutex: the place belongs to this worker. */
static void fill(reel_loader *l, struct kit *kit, reel_slot *s, int64_t place)
{
    const int64_t asked = s->indices[place],
                  in_epoch = s->number % l->per_epoch * l->config.batch + place;
    float *out = s->images + place * l->pixels;
    reel_rng rng =
        reel_rng_at(l->config.seed, l->balance ? REEL_STREAM_REPLACE_PLACE : REEL_STREAM_REPLACE,
                    (uint32_t)s->epoch, (uint32_t)(l->balance ? in_epoch : asked));
    reel_error err = {0};
    int64_t index = asked;
    for (int64_t try = 0; try < MAX_TRIES && !atomic_load_explicit(&l->stop, memory_order_relaxed);
         try++) {
        const reel_status status = load(l, kit, s->epoch, in_epoch, index, out, &err);
        if (status == REEL_OK) {
            s->indices[place] = index;
            s->labels[place] = reel_dataset_label(l->dataset, index);
            return;
        }
        if (status != REEL_ERR_IO &&
            status != REEL_ERR_FORMAT) { /* not the sample's fault: no memory, a wrong transform */
            pthread_mutex_lock(&l->mutex);
            fail_batch(s, place, &err);
            pthread_mutex_unlock(&l->mutex);
            return;
        }
        note_bad(l, s, place, try, index, &err);
        index = substitute(l, asked, try, &rng);
        pthread_mutex_lock(&l->mutex);
        *kit->desk = (reel_desk){index, reel_loader_clock(), false};
        pthread_mutex_unlock(&l->mutex);
    }
    char name[200];
    reel_dataset_sample_name(l->dataset, asked, name, sizeof name);
    reel_error none = {0};
    reel_fail(&none, REEL_ERR_BAD_DATA,
              "no readable sample in %d tries to replace %s; the last reason: %.600s", MAX_TRIES,
              name, err.message);
    pthread_mutex_lock(&l->mutex);
    fail_batch(s, place, &none);
    pthread_mutex_unlock(&l->mutex);
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void *reel_loader_work(void *loader)
{
    reel_loader *l = loader;
    struct kit kit = {0};
    pthread_mutex_lock(&l->mutex);
    kit.desk = &l->desks[l->seated++];
    while (!atomic_load(&l->stop)) {
        reel_slot *s = find_work(l);
        if (!s) {
            pthread_cond_wait(&l->work, &l->mutex);
            continue;
        }
        const int64_t place = s->assigned++;
        *kit.desk = (reel_desk){s->indices[place], reel_loader_clock(), false};
        pthread_mutex_unlock(&l->mutex);
        const double begin = cpu_seconds();
        fill(l, &kit, s, place);
        const double spent = cpu_seconds() - begin;
        pthread_mutex_lock(&l->mutex);
        kit.desk->index = -1;
        l->busy += spent;
        l->filled++;
        if (++s->done == s->n)
            pthread_cond_signal(&l->ready);
    }
    pthread_mutex_unlock(&l->mutex);
    reel_bytes_free(&kit.bytes);
    reel_transform_scratch_free(&kit.scratch);
    return NULL;
}
