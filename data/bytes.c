/* Growing buffers, and names made printable. */
#include "core/files/text.h"
#include "data/bytes_internal.h"

#include <stdlib.h>

void reel_bytes_free(reel_bytes *bytes)
{
    if (!bytes)
        return;
    free(bytes->data);
    *bytes = (reel_bytes){0};
}

reel_status reel_bytes_reserve(reel_bytes *bytes, size_t capacity, reel_error *err)
{
    REEL_NEED(bytes, err);

    if (capacity <= bytes->capacity)
        return REEL_OK;
    size_t grown = bytes->capacity + bytes->capacity / 2;
    if (grown < capacity)
        grown = capacity;
    uint8_t *data = realloc(bytes->data, grown);
    if (!data)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for %zu bytes of an encoded sample",
                         grown);
    bytes->data = data;
    bytes->capacity = grown;
    return REEL_OK;
}

reel_status reel_buffer_reserve(reel_buffer *buffer, size_t capacity, reel_error *err)
{
    if (capacity <= buffer->capacity)
        return REEL_OK;
    free(buffer->data);
    const size_t grown = capacity + capacity / 4;
    buffer->capacity = 0;
    buffer->data = malloc(grown);
    if (!buffer->data)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for %zu bytes of scratch", grown);
    buffer->capacity = grown;
    return REEL_OK;
}

void reel_escape(char *text, size_t size, const char *raw)
{
    reel_escape_text(raw, REEL_ESCAPE_CONTROLS | REEL_ESCAPE_BACKSLASHES, text, size);
}
