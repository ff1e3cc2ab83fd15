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
    char names[400] = "", text[1100];
    size_t used = 0;
    int64_t a = 0, b = 0, different = 0;
    while (a < card->classes || b < n) { /* both are in bytewise order */
        if (b < n)
            reel_utf8_text(reel_dataset_class_name(dataset, b), text, sizeof text);
        const int order = a == card->classes ? 1 : b == n ? -1 : strcmp(card->class_names[a], text);
        const char *odd = order < 0 ? card->class_names[a] : text;
        if (order != 0 && ++different <= 8 && used < sizeof names - 1)
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s'%.40s' only in the %s",
                                 different > 1 ? ", " : "", odd, order < 0 ? "weights" : "folder");
        a += order <= 0;
        b += order >= 0;
    }
    if (!different)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: classes differ from those of the weights: %s%s",
                     where, names, different > 8 ? ", ..." : "");
}
