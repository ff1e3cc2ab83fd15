/* Bytes that should be UTF-8 and may not be: file names, and names out of files. */
#ifndef REEL_CORE_FILES_TEXT_H
#define REEL_CORE_FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the UTF-8 sequence at p, of which `left` bytes may be read (SIZE_MAX: up to a zero
 * byte); 0 if there is none. Overlong forms, surrogates and values above U+10FFFF are none. */
int reel_utf8_sequence(const unsigned char *p, size_t left);
/* Whether all of it is UTF-8 without zero bytes. */
bool reel_utf8_valid(const char *bytes, size_t size);
/* A terminated copy (malloc) in which bytes that are not UTF-8, and zero bytes, are "\xNN"; NULL
 * without memory. */
char *reel_utf8_escape(const char *bytes, size_t size);

#endif
