/* UTF-8: lengths of sequences, and an escape for what is none. */
#include "core/files/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length that the first byte of a UTF-8 sequence announces; 0 = it begins none. */
static int announced_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if ((first & 0xf0) == 0xe0)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

int reel_utf8_sequence(const unsigned char *p, size_t left)
{
    const int n = left ? announced_length(*p) : 0;
    if ((size_t)n > left)
        return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && n && p[1] < 0xa0) || (*p == 0xed && n && p[1] > 0x9f))
        return 0;
    if ((*p == 0xf0 && n && p[1] < 0x90) || (*p == 0xf4 && n && p[1] > 0x8f))
        return 0;
    return n;
}

bool reel_utf8_valid(const char *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    for (size_t i = 0; i < size;) {
        const int n = p[i] ? reel_utf8_sequence(p + i, size - i) : 0;
        if (n == 0)
            return false;
        i += (size_t)n;
    }
    return true;
}

char *reel_utf8_escape(const char *bytes, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    char *text = malloc(4 * size + 1);
    size_t used = 0;
    for (size_t i = 0; text && i < size;) {
        const int n = p[i] ? reel_utf8_sequence(p + i, size - i) : 0;
        if (n) {
            memcpy(text + used, p + i, (size_t)n);
            used += (size_t)n;
            i += (size_t)n;
        } else {
            used += (size_t)snprintf(text + used, 5, "\\x%02x", p[i++]);
        }
    }
    if (text)
        text[used] = '\0';
    return text;
}
