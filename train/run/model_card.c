/* A card's class names against a dataset's. */
#include "train/run/model_card.h"

#include "train/run/json_util.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

reel_status reel_model_card_set_classes(reel_model_card *card, const reel_dataset *dataset,
                                        reel_error *err)
{
    REEL_TRY(reel_model_card_make_names(card, reel_dataset_classes(dataset), err));
    for (int64_t c = 0; c < card->classes; c++) {
        char text[1100];
        reel_utf8_text(reel_dataset_class_name(dataset, c), text, sizeof text);
        REEL_TRY(reel_model_card_set_name(card, c, text, err));
    }
    return REEL_OK;
}

json_t *reel_model_card_names_json(const reel_model_card *card)
{
    json_t *names = json_array();
    for (int64_t c = 0; c < card->classes; c++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, c);
        json_array_append_new(names, json_string(card->class_names ? card->class_names[c] : text));
    }
    return names;
}

/* Classes of the dataset that are sorted otherwise than the card's are put into its order: by name,
 * or, where the card has no names, by their numbers. */
static reel_status order_as_card(const reel_model_card *card, reel_dataset *dataset,
                                 const char *where, reel_error *err)
{
    json_t *list = reel_model_card_names_json(card);
    const char **names = calloc((size_t)card->classes, sizeof *names);
    bool changed = false;
    reel_status status = REEL_OK;
    if (!list || !names)
        REEL_TRY_GOTO(reel_fail(err, REEL_ERR_MEMORY, "no memory for the names of classes"), done);
    for (int64_t c = 0; c < card->classes; c++)
        names[c] = json_string_value(json_array_get(list, (size_t)c));
    REEL_TRY_GOTO(reel_dataset_order_as(dataset, names, card->classes, &changed, err), done);

    if (changed && card->class_names)
        reel_say("reel: warning: %s: its classes are matched by name: they are sorted otherwise "
                 "than those of the weights",
                 where);
    else if (changed)
        reel_say("reel: warning: %s: the weights do not name their classes: class N is taken for "
                 "output N, not the order 0 1 10 11 2",
                 where);
done:
    json_decref(list);
    free(names);
    return status;
}

reel_status reel_model_card_dataset(const reel_model_card *card, reel_dataset **out,
                                    const reel_data_request *request, char *path, reel_error *err)
{
    reel_data_request r = *request;
    r.classes = card->classes;
    r.class_names = (const char *const *)card->class_names;
    REEL_TRY(reel_dataset_open_as(out, &r, path, REEL_DATA_PATH, err));
    REEL_TRY(reel_dataset_widen(*out, card->classes, err));
    return order_as_card(card, *out, path, err);
}

/* The class names that only one side has, as a list for a message. */
typedef struct {
    char text[400];
    size_t used;
    int64_t n;
} odd_classes;

static void add_odd_class(odd_classes *odd, const char *name, const char *side)
{
    const int64_t most = 8;
    if (++odd->n > most || odd->used >= sizeof odd->text - 1)
        return;
    odd->used += (size_t)snprintf(odd->text + odd->used, sizeof odd->text - odd->used,
                                  "%s'%.40s' only in the %s", odd->n > 1 ? ", " : "", name, side);
}

/* Both lists are in bytewise order: they are walked side by side. */
static void compare_classes(odd_classes *odd, const reel_model_card *card,
                            const reel_dataset *dataset)
{
    const int64_t n = reel_dataset_classes(dataset);
    for (int64_t a = 0, b = 0; a < card->classes || b < n;) {
        char text[1100];
        if (b < n)
            reel_utf8_text(reel_dataset_class_name(dataset, b), text, sizeof text);
        int order = -1;
        if (a == card->classes)
            order = 1;
        else if (b < n)
            order = strcmp(card->class_names[a], text);

        if (order < 0)
            add_odd_class(odd, card->class_names[a], "weights");
        else if (order > 0)
            add_odd_class(odd, text, "folder");
        a += order <= 0;
        b += order >= 0;
    }
}

reel_status reel_model_card_matches(const reel_model_card *card, const reel_dataset *dataset,
                                    const char *where, reel_error *err)
{
    const int64_t n = reel_dataset_classes(dataset);
    if (!card->class_names && n == card->classes)
        return REEL_OK;
    if (!card->class_names)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: holds %" PRId64 " classes, the weights are for %" PRId64, where, n,
                         card->classes);

    odd_classes odd = {0};
    compare_classes(&odd, card, dataset);
    if (odd.n == 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: classes differ from those of the weights: %s%s",
                     where, odd.text, odd.n > 8 ? ", ..." : "");
}
