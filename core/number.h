/* Numbers as people write them. */
#ifndef REEL_CORE_NUMBER_H
#define REEL_CORE_NUMBER_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Whether a decimal number can begin here: a sign or none, then a digit or a point. strtod and
 * strtoll also take blanks in front, and strtod hexadecimal numbers, "inf" and "nan". */
static inline bool reel_begins_number(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    return ((*digits >= '0' && *digits <= '9') || *digits == '.') && !hexadecimal;
}

/* "1 image", "12 images", "3 classes": `noun` is the singular. */
typedef struct reel_counted {
    char text[64];
} reel_counted;

static inline reel_counted reel_count_of(int64_t n, const char *noun)
{
    reel_counted counted;
    const char *ending = n == 1 ? "" : noun[strlen(noun) - 1] == 's' ? "es" : "s";
    snprintf(counted.text, sizeof counted.text, "%" PRId64 " %.30s%s", n, noun, ending);
    return counted;
}

#endif
