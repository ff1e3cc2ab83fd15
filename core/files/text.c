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

uint32_t reel_utf8_character(const unsigned char *p, int n)
{
    static const unsigned char of_first[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = p[0] & of_first[n];
    for (int i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

bool reel_is_control(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
                                         {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
                                         {0xfeff, 0xfeff}, {0xfff9, 0xfffb}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

const char *reel_escape_text(const char *bytes, int escapes, char *text, size_t size)
{
    const unsigned char *p = (const unsigned char *)bytes;
    size_t used = 0;
    while (*p && size > 0) {
        const int n = reel_utf8_sequence(p, SIZE_MAX);
        const bool plain =
            n && !(*p == '\\' && escapes & REEL_ESCAPE_BACKSLASHES) &&
            !(escapes & REEL_ESCAPE_CONTROLS && reel_is_control(reel_utf8_character(p, n)));

        /* A character is written whole or not at all. */
        const size_t length = plain ? (size_t)n : 4;
        if (used + length >= size)
            break;
        if (plain)
            memcpy(text + used, p, length);
        else
            snprintf(text + used, length + 1, "\\x%02x", *p);
        used += length;
        p += plain ? n : 1;
    }
    if (size > 0)
        text[used] = '\0';
    return text;
}

/* The value of a hexadecimal digit as reel_escape_text writes it; -1 = it is none. */
static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *reel_restore_text(const char *escaped, char *bytes, size_t size)
{
    size_t used = 0;
    for (const char *p = escaped; *p && used + 1 < size; used++) {
        const bool written =
            p[0] == '\\' && p[1] == 'x' && digit_value(p[2]) >= 8 && digit_value(p[3]) >= 0;
        bytes[used] = written ? (char)(digit_value(p[2]) * 16 + digit_value(p[3])) : *p;
        p += written ? 4 : 1;
    }
    if (size > 0)
        bytes[used] = '\0';
    return bytes;
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
