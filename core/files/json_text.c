/* Writing JSON. jansson gives all numbers of a text the same number of digits, and only 17 keep
 * every double; so the numbers are shortened in its text. */
#include "core/files/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The shortest text of the number that `length` characters at `number` are; false: none is shorter,
 * or the locale of the program has another decimal point, which is not for JSON. */
static bool shortest_number(char text[40], const char *number, size_t length)
{
    char *end;
    const double value = strtod(number, &end);
    if (end != number + length)
        return false;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, value);
        if (strtod(text, NULL) != value)
            continue;
        if (!strpbrk(text, ".e")) /* without a point it would be read as an integer */
            snprintf(text, 40, "%.*g.0", digits, value);
        return strlen(text) < length;
    }
    return false;
}

static bool is_real(const char *number, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (number[i] == '.' || number[i] == 'e' || number[i] == 'E')
            return true;
    return false;
}

/* Writes what stands at *from, a number, to `to`; returns how much that is. */
static size_t put_shortest(char *to, const char **from)
{
    const size_t length = strspn(*from, "+-.0123456789eE");
    char shorter[40];
    const char *number = *from;
    *from += length;
    if (is_real(number, length) && shortest_number(shorter, number, length)) {
        const size_t n = strlen(shorter);
        memcpy(to, shorter, n); /* NOLINT(bugprone-not-null-terminated-result): the text goes on */
        return n;
    }
    memmove(to, number, length);
    return length;
}

char *reel_json_dumps(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_REAL_PRECISION(17));
    if (!text)
        return NULL;

    bool quoted = false;
    char *to = text;
    for (const char *from = text; *from;) {
        if (!quoted && (*from == '-' || (*from >= '0' && *from <= '9'))) {
            to += put_shortest(to, &from);
            continue;
        }
        if (*from == '"')
            quoted = !quoted;
        else if (quoted && *from == '\\')
            *to++ = *from++; /* the character behind it is copied as it is */
        *to++ = *from++;
    }
    *to = '\0';
    return text;
}

int reel_json_dumpf(const json_t *value, FILE *file, size_t flags)
{
    char *text = reel_json_dumps(value, flags);
    if (!text) {
        errno = ENOMEM;
        return -1;
    }
    const int written = fputs(text, file);
    free(text);
    return written < 0 ? -1 : 0;
}
