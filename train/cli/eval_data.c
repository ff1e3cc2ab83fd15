/* Finding the images to evaluate on: a split of DATA, all of DATA, or what a run held out of it. */
#include "train/cli/eval_data.h"

#include "train/run/held_out.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* split.json in the folder of the weights. */
static reel_status held_out_beside(json_t **names, const char *weights, char path[REEL_DATA_PATH],
                                   reel_error *err)
{
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

/* The images that the run held out, or those it learned from. */
static reel_status take_side(reel_eval_data *d, const reel_data_request *request,
                             const json_t *names, const char *list, bool quiet, reel_error *err)
{
    reel_dataset *learned, *held;
    REEL_TRY(reel_held_out_split(&learned, &held, d->whole, names, err));
    if (!held)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected some of the %zu images that %s holds out, and others, found "
                         "%" PRId64 " images; --split all evaluates every image",
                         request->data, json_object_size(names), list,
                         reel_dataset_count(d->whole));

    const bool validation = !strcmp(request->split, "val");
    if (!quiet)
        reel_say("%s: %" PRId64 " of %" PRId64 " images, %s; --split all takes every image",
                 request->data, reel_dataset_count(validation ? held : learned),
                 reel_dataset_count(d->whole),
                 validation ? "held out by this run" : "those that this run learned from");
    d->images = validation ? held : learned;
    reel_dataset_destroy(validation ? learned : held);
    return REEL_OK;
}

/* DATA has no such split. Where it is a plain folder, everything in it can be asked for. */
static reel_status say_all(const reel_model_card *card, const reel_data_request *request,
                           reel_error *err)
{
    reel_error ignored;
    reel_dataset *whole;
    char folder[REEL_DATA_PATH];
    if (open_whole(&whole, card, request, folder, &ignored))
        return REEL_ERR_IO;

    reel_dataset_destroy(whole);
    return reel_fail(err, REEL_ERR_IO,
                     "%s: no split '%s' in it, and no split.json beside the weights; --split all "
                     "evaluates every image",
                     request->data, request->split);
}

reel_status reel_eval_data_open(reel_eval_data *d, const reel_model_card *card,
                                const reel_data_request *request, const char *weights, bool quiet,
                                reel_error *err)
{
    const char *data = request->data, *split = request->split;
    *d = (reel_eval_data){0};
    if (!strcmp(split, "all") && !reel_dataset_has(data, split) && !reel_dataset_has(data, "val"))
        return open_whole(&d->images, card, request, d->folder, err);

    /* A run that found no validation images drew its own: they are the only ones in DATA that the
     * weights have not learned. */
    const bool drawn = !strcmp(split, "val") || !strcmp(split, "train");
    if (drawn && !reel_dataset_has(data, "val")) {
        json_t *names;
        char list[REEL_DATA_PATH];
        REEL_TRY(held_out_beside(&names, weights, list, err));
        if (names) {
            reel_status status = open_whole(&d->whole, card, request, d->folder, err);
            if (!status)
                status = take_side(d, request, names, list, quiet, err);
            json_decref(names);
            return status;
        }
    }

    const reel_status status = reel_model_card_dataset(card, &d->images, request, d->folder, err);
    if (status == REEL_ERR_IO && drawn)
        return say_all(card, request, err);
    return status;
}

void reel_eval_data_close(reel_eval_data *d)
{
    reel_dataset_destroy(d->images);
    reel_dataset_destroy(d->whole);
    *d = (reel_eval_data){0};
}
