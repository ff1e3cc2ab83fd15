/* A card's class names against a dataset's. */
#include "train/run/model_card.h"

#include "train/run/json_util.h"

#include <inttypes.h>
#include <stdio.h>
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
