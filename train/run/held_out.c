/* Reading, applying and writing split.json. */
#include "train/run/held_out.h"

#include "train/run/json_util.h"
#include "train/run/say.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* The list of a split.json as the keys of an object. */
static reel_status names_of(json_t **names, const json_t *list, const char *path, reel_error *err)
{
    json_t *name;
    size_t i;
    *names = json_object();
    json_array_foreach(list, i, name)
    {
        if (!json_is_string(name)) {
            json_decref(*names);
            *names = NULL;
            return reel_fail(err, REEL_ERR_FORMAT, "%s: validation[%zu]: expected an image's name",
                             path, i);
        }
        json_object_set_new(*names, json_string_value(name), json_true());
    }
    return REEL_OK;
}

/* The options that a part was drawn by. */
static const char *draw_text(const reel_held_out_draw *d, char *text, size_t size)
{
    if (d->folds)
        snprintf(text, size, "--k-fold %" PRId64 " --fold %" PRId64, d->folds, d->fold);
    else
        snprintf(text, size, "--val-share %.10g", d->share);
    return text;
}

static reel_status check_same_part(const reel_held_out_draw *was, const reel_held_out_draw *now,
                                   const char *path, reel_error *err)
{
    char held[80], asked[80];
    /* The share may have gone through a text with fewer digits. */
    if (was->folds == now->folds && was->fold == now->fold &&
        (was->folds || fabs(was->share - now->share) < 1e-9))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected %s, by which the run holds out its validation images, got %s: "
                     "images that were trained on would validate",
                     path, draw_text(was, held, sizeof held), draw_text(now, asked, sizeof asked));
}

reel_status reel_held_out_read(json_t **names, const char *path, const reel_held_out_draw *draw,
                               reel_error *err)
{
    json_t *split;
    reel_status status = REEL_OK;
    *names = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return REEL_OK;
    REEL_TRY(reel_json_load(&split, path, err));

    const json_t *list = json_object_get(split, "validation");
    const json_t *seed = json_object_get(split, "seed");
    const json_t *share = json_object_get(split, "share");
    if (!json_is_integer(seed) || !json_is_number(share) || !json_is_array(list)) {
        status = reel_fail(err, REEL_ERR_FORMAT,
                           "%s: expected \"seed\", \"share\" and a list \"validation\", the images "
                           "that the run holds back",
                           path);
        goto done;
    }

    const reel_held_out_draw was = {.share = json_number_value(share),
                                    .folds = json_integer_value(json_object_get(split, "folds")),
                                    .fold = json_integer_value(json_object_get(split, "fold"))};
    if (draw)
        REEL_TRY_GOTO(check_same_part(&was, draw, path, err), done);
    status = names_of(names, list, path, err);
done:
    json_decref(split);
    return status;
}

/* The sample's name as split.json has it. */
static json_t *name_in_split(const reel_dataset *d, int64_t index)
{
    char name[1024];
    reel_dataset_sample_name(d, index, name, sizeof name);
    return reel_json_text(name);
}

reel_status reel_held_out_split(reel_dataset **train, reel_dataset **val, const reel_dataset *whole,
                                const json_t *names, reel_error *err)
{
    const int64_t count = reel_dataset_count(whole);
    int64_t n_train = 0, n_held = 0;
    *train = *val = NULL;

    /* Both lists of indices in one block: each may hold all of them. */
    int64_t *learn = calloc(2 * (size_t)count + 1, sizeof *learn);
    if (!learn)
        return reel_fail(err, REEL_ERR_MEMORY, "split: out of memory");
    int64_t *held = learn + count;
    for (int64_t i = 0; i < count; i++) {
        json_t *text = name_in_split(whole, i);
        if (json_object_get(names, json_string_value(text)))
            held[n_held++] = i;
        else
            learn[n_train++] = i;
        json_decref(text);
    }

    const int64_t gone = (int64_t)json_object_size(names) - n_held;
    if (gone > 0 && n_held > 0)
        reel_say("reel: warning: %" PRId64
                 " of the %zu images that split.json holds back are not there",
                 gone, json_object_size(names));

    reel_status status = REEL_OK;
    if (n_train > 0 && n_held > 0) {
        REEL_TRY_GOTO(reel_dataset_subset(train, whole, learn, n_train, err), done);
        REEL_TRY_GOTO(reel_dataset_subset(val, whole, held, n_held, err), done);
    }
done:
    free(learn);
    return status;
}

int64_t reel_held_out_count(const reel_dataset *whole, const json_t *names)
{
    int64_t there = 0;
    for (int64_t i = 0; i < reel_dataset_count(whole); i++) {
        json_t *text = name_in_split(whole, i);
        there += json_object_get(names, json_string_value(text)) != NULL;
        json_decref(text);
    }
    return there;
}

reel_status reel_held_out_write(const reel_dataset *val, const reel_held_out_draw *draw,
                                const char *path, reel_error *err)
{
    json_t *names = json_array();
    for (int64_t i = 0; i < reel_dataset_count(val); i++)
        json_array_append_new(names, name_in_split(val, i));

    json_t *o = json_pack("{s:I, s:f, s:o}", "seed", (json_int_t)draw->seed, "share", draw->share,
                          "validation", names);
    if (draw->folds) {
        json_object_set_new(o, "folds", json_integer(draw->folds));
        json_object_set_new(o, "fold", json_integer(draw->fold));
    }
    const reel_status status = reel_json_save(o, path, err);
    json_decref(o);
    return status;
}
