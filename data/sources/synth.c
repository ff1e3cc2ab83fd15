/* "synth:": the images that `reel synth` draws, drawn when they are read, with nothing on the disk.
 * Pixels go into the transform as they are: no JPEG in between, so they differ from those of the
 * files as JPEG does.
 *
 * DATA is "synth:" and options between commas: train=N and val=N images of each class, classes=N,
 * size=PX, seed=N. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/codecs/pnm.h"
#include "data/sources/sources.h"
#include "data/synth/synth.h"

enum { MOST_WORKS = 64 };

struct work { /* of one reading thread at a time */
    reel_synth_work work;
    reel_image image;
};

struct drawn {
    int64_t each, classes, size, first; /* images a class; number of the first */
    uint64_t seed;
    pthread_mutex_t mutex;
    struct work idle[MOST_WORKS]; /* buffers that nobody uses at the moment */
    int n_idle;
};

static int64_t synth_count(const void *self)
{
    const struct drawn *d = self;
    return d->each * d->classes;
}

static int64_t synth_label(const void *self, int64_t index)
{
    return index / ((const struct drawn *)self)->each;
}

static void synth_name(const void *self, int64_t index, char *text, size_t size)
{
    const struct drawn *d = self;
    snprintf(text, size, "%s-%05" PRId64, reel_synth_names[index / d->each], index % d->each);
}

static void synth_destroy(void *self)
{
    struct drawn *d = self;
    for (int i = 0; i < d->n_idle; i++) {
        reel_synth_work_free(&d->idle[i].work);
        reel_image_free(&d->idle[i].image);
    }
    pthread_mutex_destroy(&d->mutex);
    free(d);
}

static reel_status draw(const struct drawn *d, struct work *w, int64_t index, reel_bytes *bytes,
                        reel_error *err)
{
    REEL_TRY(reel_synth_draw(&w->work, &w->image, d->seed, (reel_synth_kind)(index / d->each),
                             (uint32_t)(d->first + index % d->each), d->size, err));
    return reel_pnm_write(bytes, &w->image, err);
}

static reel_status synth_read(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
{
    struct drawn *d = (struct drawn *)self; /* its buffers are no part of what it is */
    struct work w = {0};
    pthread_mutex_lock(&d->mutex);
    if (d->n_idle)
        w = d->idle[--d->n_idle];
    pthread_mutex_unlock(&d->mutex);
    const reel_status status = draw(d, &w, index, bytes, err);
    pthread_mutex_lock(&d->mutex);
    const bool kept = d->n_idle < MOST_WORKS;
    if (kept)
        d->idle[d->n_idle++] = w;
    pthread_mutex_unlock(&d->mutex);
    if (!kept) {
        reel_synth_work_free(&w.work);
        reel_image_free(&w.image);
    }
    return status;
}

static const reel_source source = {.kind = "synth",
                                   .count = synth_count,
                                   .label = synth_label,
                                   .read = synth_read,
                                   .name = synth_name,
                                   .destroy = synth_destroy};

static reel_look look(const char *data, const char *split, char *path)
{
    if (strncmp(data, "synth:", 6) != 0)
        return REEL_LOOK_OTHER;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return !split || !strcmp(split, "train") || reel_is_val(split) ? REEL_LOOK_FOUND
                                                                   : REEL_LOOK_NO_SPLIT;
}

static reel_status open_synth(reel_dataset **out, const char *data, const char *split,
                              const char *path, reel_error *err)
{
    (void)path;
    static const struct {
        const char *name;
        uint64_t least, most;
    } known[5] = {{"train", 1, 1000000},
                  {"val", 1, 1000000},
                  {"classes", 2, REEL_SYNTH_CLASSES},
                  {"size", REEL_SYNTH_MIN_SIZE, REEL_SYNTH_MAX_SIZE},
                  {"seed", 0, INT64_MAX}};
    uint64_t value[5] = {200, 50, REEL_SYNTH_CLASSES, 256, 0};
    for (const char *at = data + 6; *at;) {
        const size_t length = strcspn(at, ",");
        const char *equals = memchr(at, '=', length);
        bool good = false;
        for (int i = 0; equals && i < 5; i++)
            if (strlen(known[i].name) == (size_t)(equals - at) &&
                memcmp(known[i].name, at, (size_t)(equals - at)) == 0)
                good = reel_parse_number(equals + 1, (size_t)(at + length - equals - 1),
                                         known[i].most, &value[i]) &&
                       value[i] >= known[i].least;
        if (!good)
            return reel_fail(err, REEL_ERR_INVALID,
                             "%s: '%.*s': expected train=N, val=N, classes=2..10, size=32..4096 or "
                             "seed=N, between commas",
                             data, (int)(length < 100 ? length : 100), at);
        at += length + (at[length] == ',');
    }
    struct drawn *d = calloc(1, sizeof *d);
    if (!d)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");
    const bool val = reel_is_val(split);
    d->each = (int64_t)value[val ? 1 : 0];
    d->first = val ? REEL_SYNTH_VALIDATION : 0;
    d->classes = (int64_t)value[2];
    d->size = (int64_t)value[3];
    d->seed = value[4];
    pthread_mutex_init(&d->mutex, NULL);
    return reel_dataset_create(out, &source, d, reel_synth_names, d->classes, err);
}

const reel_kind reel_kind_synth = {.name = "drawn images", .look = look, .open = open_synth};
