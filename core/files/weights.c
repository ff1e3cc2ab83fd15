/* A weights file in memory: what it holds, whatever kind of file it came from. Reading:
 * weights_read.c. */
#include "core/files/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/weights_internal.h"
#include "core/memory.h"

/* ---- stored dtypes and names ---- */
static const struct {
    const char *name;
    size_t size;
} stored_dtypes[] = {
    [REEL_STORED_F32] = {"F32", 4},
    [REEL_STORED_F64] = {"F64", 8},
    [REEL_STORED_F16] = {"F16", 2},
    [REEL_STORED_BF16] = {"BF16", 2},
    [REEL_STORED_I64] = {"I64", 8},
    /* not weights: their sizes are needed, their values are not */
    {"BOOL", 1},
    {"U8", 1},
    {"I8", 1},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
    {"F8_E8M0", 1},
    {"I16", 2},
    {"U16", 2},
    {"I32", 4},
    {"U32", 4},
    {"U64", 8},
    {"C64", 8},
};

bool reel_stored_is_read(reel_stored_dtype dtype)
{
    return dtype <= REEL_STORED_I64;
}

size_t reel_stored_size(reel_stored_dtype dtype)
{
    return stored_dtypes[dtype].size;
}

const char *reel_stored_name(reel_stored_dtype dtype)
{
    return stored_dtypes[dtype].name;
}

bool reel_stored_find(const char *name, reel_stored_dtype *dtype)
{
    for (int i = 0; i < REEL_COUNT(stored_dtypes); i++) {
        if (strcmp(stored_dtypes[i].name, name) != 0)
            continue;
        *dtype = (reel_stored_dtype)i;
        return true;
    }
    return false;
}

const char *reel_printable_name(reel_printable *room, const char *name)
{
    size_t used = 0;
    const size_t limit = sizeof room->text - 4;
    for (; *name && used < limit; name++) {
        const unsigned char c = (unsigned char)*name;
        room->text[used++] = c < 32 || c == 127 ? '?' : (char)c;
    }
    snprintf(room->text + used, sizeof room->text - used, "%s", *name ? "..." : "");
    return room->text;
}

void reel_word_list_add(reel_word_list *list, const char *word, size_t length)
{
    list->count++;
    if (list->count > list->listed + 1 || list->used + 70 > sizeof list->text - 24)
        return;
    const size_t most = 60;
    const bool cut = length > most;
    list->used += (size_t)snprintf(list->text + list->used, sizeof list->text - list->used,
                                   "%s%.*s%s", list->listed ? ", " : "", (int)(cut ? most : length),
                                   word, cut ? "..." : "");
    list->listed++;
}

const char *reel_word_list_text(reel_word_list *list)
{
    if (list->count > list->listed)
        snprintf(list->text + list->used, sizeof list->text - list->used, ", and %d more",
                 list->count - list->listed);
    return list->text;
}

/* ---- the file ---- */
void reel_weights_destroy(reel_weights *w)
{
    if (!w)
        return;
    if (w->data)
        reel_pages_free(w->data, w->data_size + 1);
    for (int i = 0; i < w->n_notes; i++)
        free(w->notes[i]);
    json_decref(w->root);
    if (w->places)
        reel_byte_source_close(&w->source);
    free(w->places);
    free(w->list);
    free(w->names);
    free(w->header);
    free(w->path);
    free(w);
}

int reel_weights_count(const reel_weights *weights)
{
    return weights ? weights->count : 0;
}

const char *reel_weights_format(const reel_weights *weights)
{
    return weights ? weights->format : NULL;
}

reel_status reel_weights_add_note(reel_weights *w, const char *text, reel_error *err)
{
    if (w->n_notes == REEL_COUNT(w->notes))
        return REEL_OK;
    char *copy = strdup(text);
    if (!copy)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            *c = '?';
    w->notes[w->n_notes++] = copy;
    return REEL_OK;
}

const char *reel_weights_note(const reel_weights *weights, int index)
{
    return weights && index >= 0 && index < weights->n_notes ? weights->notes[index] : NULL;
}

const reel_weight *reel_weights_at(const reel_weights *weights, int index)
{
    return weights && index >= 0 && index < weights->count ? &weights->list[index] : NULL;
}

const reel_weight *reel_weights_find(const reel_weights *weights, const char *name)
{
    for (int i = 0; weights && name && i < weights->count; i++)
        if (strcmp(weights->list[i].name, name) == 0)
            return &weights->list[i];
    return NULL;
}

const char *reel_weights_metadata(const reel_weights *weights, const char *key)
{
    if (!weights)
        return NULL;
    return json_string_value(json_object_get(json_object_get(weights->root, "__metadata__"), key));
}

const char *reel_weights_metadata_key(const reel_weights *weights, int index)
{
    if (!weights || index < 0)
        return NULL;
    json_t *metadata = json_object_get(weights->root, "__metadata__");
    void *at = json_object_iter(metadata);
    while (at && index-- > 0)
        at = json_object_iter_next(metadata, at);
    return at ? json_object_iter_key(at) : NULL;
}
