/* Growing buffers, and names made printable. */
#include "core/files/text.h"
#include "data/bytes_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void reel_bytes_free(reel_bytes *bytes)
{
    if (!bytes)
        return;
    free(bytes->data);
    *bytes = (reel_bytes){0};
}

reel_status reel_bytes_reserve(reel_bytes *bytes, size_t capacity, reel_error *err)
{
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

/* n: length of the UTF-8 sequence at s, 0 for none. U+0080 to U+009F are control characters, too.
 */
static bool is_printable(const unsigned char *s, int n)
{
    if (n > 1)
        return !(s[0] == 0xc2 && s[1] < 0xa0);
    return n == 1 && s[0] >= 0x20 && s[0] != 0x7f && s[0] != '\\';
}

void reel_escape(char *text, size_t size, const char *raw)
{
    size_t used = 0;
    if (size == 0)
        return;
    for (const unsigned char *s = (const unsigned char *)raw; *s;) {
        const int n = reel_utf8_sequence(s, SIZE_MAX);
        const bool plain = is_printable(s, n);
        char piece[5] = {0};
        if (plain)
            memcpy(piece, s, (size_t)n);
        else
            snprintf(piece, sizeof piece, "\\x%02x", s[0]);

        /* A character is written whole or not at all. */
        const size_t length = strlen(piece);
        if (used + length >= size)
            break;
        memcpy(text + used, piece, length);
        used += length;
        s += plain ? n : 1;
    }
    text[used] = 0;
}
