/* Recomputes the CRC-32s that our own files carry in their metadata. A flipped bit in a weight
 * makes a run go wrong in ways that nobody traces to a disk; a CRC names the tensor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/files/crc32.h"
#include "core/files/weights_internal.h"
#include "core/files/weights_load.h"

static bool crc_is(const char *text, uint32_t crc)
{
    char want[16];
    snprintf(want, sizeof want, "%08x", crc);
    return strcmp(text, want) == 0;
}

/* The field is found by its text: inside a JSON string its quotes would be escaped, so it stands
 * there at most once. */
static reel_status compare_header_crc(const reel_weights *w, const char *text, reel_error *err)
{
    static const char key[] = "\"crc32.header\":\"", blank[] = "        ";
    const char *at = memmem(w->header, w->header_size, key, sizeof key - 1);
    if (!at || strlen(text) != 8 || (size_t)(w->header + w->header_size - at) < sizeof key + 8)
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: header: its CRC-32 is not in the form it was written in: the header has been "
            "rewritten",
            w->path);

    at += sizeof key - 1;
    uint32_t crc = reel_crc32(0, w->header, (size_t)(at - w->header));
    crc = reel_crc32(crc, blank, 8);
    crc = reel_crc32(crc, at + 8, (size_t)(w->header + w->header_size - at) - 8);
    if (crc_is(text, crc))
        return REEL_OK;
    reel_printable room;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: header: expected CRC-32 %s, got %08x: the file is damaged", w->path,
                     reel_printable_name(&room, text), crc);
}

reel_status reel_weights_carried_crc(const reel_weights *w, const reel_weight *t, const char **text,
                                     reel_error *err)
{
    const size_t room = strlen(t->name) + 8;
    *text = NULL;
    char *key = malloc(room);
    if (!key)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    snprintf(key, room, "crc32.%s", t->name);
    *text = reel_weights_metadata(w, key);
    free(key);
    return REEL_OK;
}

reel_status reel_weights_compare_crc(const reel_weights *w, const reel_weight *t, const char *text,
                                     uint32_t crc, reel_error *err)
{
    reel_printable a, b;
    if (!text || crc_is(text, crc))
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: tensor %s: expected CRC-32 %s, got %08x: the file is damaged", w->path,
                     reel_printable_name(&a, t->name), reel_printable_name(&b, text), crc);
}

reel_status reel_weights_verify_header(const reel_weights *w, bool *carried, reel_error *err)
{
    REEL_NEED(w, err);
    json_t *metadata = json_object_get(w->root, "__metadata__"), *value;
    const char *key;
    bool any = false;
    json_object_foreach(metadata, key, value)
    {
        any |= strncmp(key, "crc32.", 6) == 0;
    }

    /* A flipped bit in the key of the header's CRC must not switch the check off. */
    const char *text = json_string_value(json_object_get(metadata, "crc32.header"));
    if (any && !text)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: header: expected its CRC-32 beside those of tensors, got none",
                         w->path);
    if (carried)
        *carried = any;
    return text ? compare_header_crc(w, text, err) : REEL_OK;
}

reel_status reel_weights_verify(const reel_weights *w, reel_error *err)
{
    REEL_NEED(w, err);
    bool carried;
    const char *text = NULL;
    REEL_TRY(reel_weights_verify_header(w, &carried, err));
    for (int i = 0; i < w->count && carried; i++) {
        const reel_weight *t = &w->list[i];
        REEL_TRY(reel_weights_carried_crc(w, t, &text, err));
        REEL_TRY(reel_weights_compare_crc(w, t, text, reel_crc32(0, t->data, t->bytes), err));
    }
    return REEL_OK;
}
