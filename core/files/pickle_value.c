/* Values of a pickle that has been read: their containers, texts and dictionaries. */
#include <stdio.h>
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

const char *reel_pickle_name(const reel_pickle *pickle, const reel_pickle_value *value, char *text,
                             size_t size)
{
    /* What an opaque value made is opaque again; values refer to earlier ones only. */
    while (value->kind == REEL_PICKLE_OPAQUE)
        value = &pickle->values[value->first];
    if (value->kind != REEL_PICKLE_GLOBAL || value->global != REEL_GLOBAL_OTHER) {
        snprintf(text, size, "%s", reel_pickle_kind_name(value));
        return text;
    }
    const reel_pickle_value *module = &pickle->values[value->first],
                            *name = &pickle->values[value->last];
    snprintf(text, size, "%.*s.%.*s", module->count < 60 ? (int)module->count : 60, module->text,
             name->count < 60 ? (int)name->count : 60, name->text);
    return text;
}
