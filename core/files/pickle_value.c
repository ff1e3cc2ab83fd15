/* Values of a pickle that has been read: their containers, texts and dictionaries. */
#include <stdlib.h>
#include <string.h>

#include "core/files/pickle.h"

void reel_pickle_free(reel_pickle *pickle)
{
    free(pickle->values);
    free(pickle->cells);
    *pickle = (reel_pickle){0};
}

const reel_pickle_value *reel_pickle_item(const reel_pickle *pickle, const reel_pickle_value *of,
                                          uint32_t k)
{
    const bool holds = (of->kind >= REEL_PICKLE_TUPLE && of->kind <= REEL_PICKLE_SET) ||
                       of->kind == REEL_PICKLE_STORAGE || of->kind == REEL_PICKLE_TENSOR;
    if (!holds || k >= of->count)
        return NULL;
    uint32_t cell = of->first;
    while (k-- > 0)
        cell = pickle->cells[cell].next;
    return &pickle->values[pickle->cells[cell].value];
}

bool reel_pickle_text_is(const reel_pickle_value *value, const char *text)
{
    return value && value->kind == REEL_PICKLE_TEXT && value->count == strlen(text) &&
           memcmp(value->text, text, value->count) == 0;
}

const reel_pickle_value *reel_pickle_get(const reel_pickle *pickle, const reel_pickle_value *dict,
                                         const char *key)
{
    const reel_pickle_value *found = NULL;
    for (uint32_t cell = dict->count ? dict->first : 0; cell;) {
        const reel_pickle_cell k = pickle->cells[cell], v = pickle->cells[k.next];
        if (reel_pickle_text_is(&pickle->values[k.value], key))
            found = &pickle->values[v.value];
        cell = v.next;
    }
    return found;
}
