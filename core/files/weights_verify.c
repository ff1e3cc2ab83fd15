/* Recomputes the CRC-32s that our own files carry in their metadata. A flipped bit in a weight
 * makes a run go wrong in ways that nobody traces to a disk; a CRC names the tensor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/files/weights_internal.h"

static bool crc_is(const char *text, uLong crc)
{
    char want[16];
    snprintf(want, sizeof want, "%08lx", crc);
    return strcmp(text, want) == 0;
}

/* The field is found by its text: inside a JSON string its quotes would be escaped, so it stands
 * there at most once. */
static reel_status verify_header(const reel_weights *w, const char *text, reel_error *err)
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
    uLong crc = crc32_z(0, (const Bytef *)w->header, (size_t)(at - w->header));
    crc = crc32_z(crc, (const Bytef *)blank, 8);
    crc = crc32_z(crc, (const Bytef *)at + 8, (size_t)(w->header + w->header_size - at) - 8);
    if (crc_is(text, crc))
        return REEL_OK;
    reel_printable room;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: header: expected CRC-32 %s, got %08lx: the file is damaged", w->path,
                     reel_printable_name(&room, text), crc);
}

/* The CRC-32 that the file carries for a tensor, or NULL. */
static reel_status carried_crc(const reel_weights *w, const reel_weight *t, const char **text,
                               reel_error *err)
{
    const size_t room = strlen(t->name) + 8;
    char *key = malloc(room);
    if (!key)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", w->path);
    snprintf(key, room, "crc32.%s", t->name);
    *text = reel_weights_metadata(w, key);
    free(key);
    return REEL_OK;
}

reel_status reel_weights_verify(const reel_weights *w, reel_error *err)
{
    REEL_NEED(w, err);

    json_t *metadata = json_object_get(w->root, "__metadata__"), *value;
    const char *key;
    int carried = 0;
    json_object_foreach(metadata, key, value)
    {
        carried += strncmp(key, "crc32.", 6) == 0;
    }

    /* A flipped bit in the key of the header's CRC must not switch the check off. */
    const char *text = json_string_value(json_object_get(metadata, "crc32.header"));
    if (carried > 0 && !text)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: header: expected its CRC-32 beside those of tensors, got none",
                         w->path);
    if (text)
        REEL_TRY(verify_header(w, text, err));

    for (int i = 0; i < w->count && carried > 0; i++) {
        const reel_weight *t = &w->list[i];
        REEL_TRY(carried_crc(w, t, &text, err));
        const uLong crc = crc32_z(0, t->data, t->bytes);
        if (!text || crc_is(text, crc))
            continue;
        reel_printable a, b;
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: tensor %s: expected CRC-32 %s, got %08lx: the file is damaged",
                         w->path, reel_printable_name(&a, t->name), reel_printable_name(&b, text),
                         crc);
    }
    return REEL_OK;
}
