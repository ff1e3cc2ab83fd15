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
#include "data/sources/common/opened.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/text.h"
#include "data/synth/synth.h"

static const char prefix[] = "synth:";
enum { MOST_WORKS = 64, PREFIX_LENGTH = sizeof prefix - 1 };

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

static int64_t synth_size(const void *self)
{
    const struct drawn *d = self;
    return d->each * d->classes;
}

static int64_t synth_label(const void *self, int64_t index)
{
    return index / ((const struct drawn *)self)->each;
}

static void synth_sample_name(const void *self, int64_t index, char *text, size_t size)
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
    const reel_synth_picture picture = {.seed = d->seed,
                                        .kind = (reel_synth_kind)(index / d->each),
                                        .image = (uint32_t)(d->first + index % d->each),
                                        .size = d->size};
    REEL_TRY(reel_synth_draw(&w->work, &w->image, &picture, err));
    return reel_pnm_write(bytes, &w->image, err);
}

static reel_status synth_sample(const void *self, int64_t index, reel_bytes *bytes, reel_error *err)
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

static reel_sniff synth_sniff(const char *data, const char *split, char *path)
{
    if (strncmp(data, prefix, PREFIX_LENGTH) != 0)
        return REEL_SNIFF_OTHER;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    const bool known = !split || strcmp(split, "train") == 0 || reel_is_val(split);
    return known ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}

/* ---- what DATA asks for ---- */

enum { TRAIN, VAL, CLASSES, SIZE, SEED, SETTINGS };

static const struct {
    const char *name;
    uint64_t least, most, usual;
} settings[SETTINGS] = {
    [TRAIN] = {"train", 1, 1000000, 200},
    [VAL] = {"val", 1, 1000000, 50},
    [CLASSES] = {"classes", 2, REEL_SYNTH_CLASSES, REEL_SYNTH_CLASSES},
    [SIZE] = {"size", REEL_SYNTH_MIN_SIZE, REEL_SYNTH_MAX_SIZE, 256},
    [SEED] = {"seed", 0, INT64_MAX, 0},
};

/* "NAME=NUMBER" of `length` letters. */
static bool parse_setting(const char *text, size_t length, uint64_t *value)
{
    const char *equals = memchr(text, '=', length);
    const size_t name_length = equals ? (size_t)(equals - text) : 0;
    for (int i = 0; equals && i < SETTINGS; i++)
        if (strlen(settings[i].name) == name_length &&
            memcmp(settings[i].name, text, name_length) == 0)
            return reel_parse_number(equals + 1, length - name_length - 1, settings[i].most,
                                     &value[i]) &&
                   value[i] >= settings[i].least;
    return false;
}

static reel_status parse_settings(const char *data, uint64_t value[SETTINGS], reel_error *err)
{
    for (int i = 0; i < SETTINGS; i++)
        value[i] = settings[i].usual;
    for (const char *at = data + PREFIX_LENGTH; *at;) {
        const size_t length = strcspn(at, ",");
        if (!parse_setting(at, length, value))
            return reel_fail(err, REEL_ERR_INVALID,
                             "%s: '%.*s': expected train=N, val=N, classes=2..10, size=32..4096 or "
                             "seed=N, between commas",
                             data, (int)(length < 100 ? length : 100), at);
        at += length + (at[length] == ',');
    }
    return REEL_OK;
}

static reel_status synth_open(reel_opened *out, const char *data, const char *split,
                              const char *path, reel_error *err)
{
    (void)path;
    uint64_t value[SETTINGS];
    REEL_TRY(parse_settings(data, value, err));
    struct drawn *d = calloc(1, sizeof *d);
    if (!d)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset");

    /* Validation images have numbers of their own: none is in both sets. */
    const bool val = reel_is_val(split);
    d->each = (int64_t)value[val ? VAL : TRAIN];
    d->first = val ? REEL_SYNTH_VALIDATION : 0;
    d->classes = (int64_t)value[CLASSES];
    d->size = (int64_t)value[SIZE];
    d->seed = value[SEED];
    pthread_mutex_init(&d->mutex, NULL);
    out->self = d;

    for (int64_t c = 0; c < d->classes; c++)
        REEL_TRY(
            reel_names_add(&out->classes, reel_synth_names[c], strlen(reel_synth_names[c]), err));
    return REEL_OK;
}

const reel_source reel_source_synth =
    REEL_SOURCE(synth, .name = "drawn images", .rank = REEL_RANK_PREFIX, REEL_SAMPLES_OF(synth),
                .destroy = synth_destroy);
