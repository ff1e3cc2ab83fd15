/* Numbers as people write them. */
#ifndef REEL_CORE_NUMBER_H
#define REEL_CORE_NUMBER_H

#include <stdbool.h>

/* Whether a decimal number can begin here: a sign or none, then a digit or a point. strtod and
 * strtoll also take blanks in front, and strtod hexadecimal numbers, "inf" and "nan". */
static inline bool reel_begins_number(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    const bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    return ((*digits >= '0' && *digits <= '9') || *digits == '.') && !hexadecimal;
}

#endif
