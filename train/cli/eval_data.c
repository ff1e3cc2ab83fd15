/* Finding the images to evaluate on: a split of DATA, all of DATA, or what a run held out of it. */
#include "train/cli/eval_data.h"

#include "train/run/held_out.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* split.json in the folder of the weights; *names NULL: there is none. */
static reel_status held_out_beside(json_t **names, const char *weights, reel_error *err)
{
    char path[REEL_DATA_PATH];
    const char *slash = strrchr(weights, '/');
    const int folder = slash ? (int)(slash - weights) + 1 : 0;
    *names = NULL;
    if (snprintf(path, REEL_DATA_PATH, "%.*ssplit.json", folder, weights) >= REEL_DATA_PATH)
        return REEL_OK;
    return reel_held_out_read(names, path, NULL, err);
}

static reel_status open_whole(reel_dataset **out, const reel_model_card *card,
                              const reel_data_request *request, char *folder, reel_error *err)
{
    reel_data_request all = *request;
    all.split = NULL;
    return reel_model_card_dataset(card, out, &all, folder, err);
}

/* The images that the run held out, or those it learned from. d->images stays NULL where DATA has
 * none of the run's images, or no others. */
static reel_status take_side(reel_eval_data *d, const reel_data_request *request,
                             const json_t *names, bool quiet, reel_error *err)
{
    reel_dataset *learned, *held;
    REEL_TRY(reel_held_out_split(&learned, &held, d->whole, names, err));
    if (!held)
        return REEL_OK;

    const bool train = request->split && !strcmp(request->split, "train");
    d->images = train ? learned : held;
    reel_dataset_destroy(train ? held : learned);
    if (!quiet)
        reel_say("%s: %" PRId64 " of %" PRId64 " images, %s; --split all takes every image",
                 request->data, reel_dataset_count(d->images), reel_dataset_count(d->whole),
                 train ? "those that this run learned from" : "held out by this run");
    return REEL_OK;
}

/* A run that found no validation images drew its own, `names`: they are the only ones in DATA that
 * the weights have not learned. */
static reel_status open_drawn(reel_eval_data *d, const reel_model_card *card,
                              const reel_data_request *request, const json_t *names, bool quiet,
                              reel_error *err)
{
    reel_status status = open_whole(&d->whole, card, request, d->folder, err);
    if (!status)
        status = take_side(d, request, names, quiet, err);
    if (status || d->images)
        return status;
    reel_dataset_destroy(d->whole);
    d->whole = NULL;
    return REEL_OK;
}

/* Nobody asked for a split, and DATA has none: every image is what there is. */
static reel_status open_all(reel_eval_data *d, const reel_model_card *card,
                            const reel_data_request *request, bool listed, bool quiet,
                            reel_error *err)
{
    REEL_TRY(open_whole(&d->images, card, request, d->folder, err));
    const int64_t images = reel_dataset_count(d->images);
    if (!quiet && listed)
        reel_say("%s: another data set than the run's: all %" PRId64 " images", request->data,
                 images);
    else if (!quiet)
        reel_say("%s: all %" PRId64 " images; there is no split.json beside the weights that tells "
                 "which of them they learned from",
                 request->data, images);
    return REEL_OK;
}

reel_status reel_eval_data_open(reel_eval_data *d, const reel_model_card *card,
                                const reel_data_request *request, const char *weights, bool quiet,
                                reel_error *err)
{
    const char *split = request->split;
    reel_data_request asked = *request;
    *d = (reel_eval_data){0};
    asked.split = "val";
    const bool has_val = reel_dataset_has_as(&asked);
    if (split && !strcmp(split, "all") && !has_val && !reel_dataset_has_as(request))
        return open_whole(&d->images, card, request, d->folder, err);

    bool listed = false;
    if (!has_val && (!split || !strcmp(split, "val") || !strcmp(split, "train"))) {
        json_t *names;
        REEL_TRY(held_out_beside(&names, weights, err));
        listed = names != NULL;
        const reel_status status =
            listed ? open_drawn(d, card, request, names, quiet, err) : REEL_OK;
        json_decref(names);
        if (status || d->images)
            return status;
        if (!split)
            return open_all(d, card, request, listed, quiet, err);
    }

    if (split)
        asked.split = split;
    reel_error why;
    const reel_status status = reel_model_card_dataset(card, &d->images, &asked, d->folder, &why);
    if (status == REEL_OK)
        return REEL_OK;
    const bool hint = status == REEL_ERR_IO && !has_val;
    return reel_fail(err, status, "%s%s", why.message,
                     hint ? "; --split all evaluates every image" : "");
}

void reel_eval_data_close(reel_eval_data *d)
{
    reel_dataset_destroy(d->images);
    reel_dataset_destroy(d->whole);
    *d = (reel_eval_data){0};
}
