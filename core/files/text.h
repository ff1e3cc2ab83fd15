/* Bytes that should be UTF-8 and may not be: file names, and names out of files. */
#ifndef REEL_CORE_FILES_TEXT_H
#define REEL_CORE_FILES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the UTF-8 sequence at p, of which `left` bytes may be read (SIZE_MAX: up to a zero
 * byte); 0 if there is none. Overlong forms, surrogates and values above U+10FFFF are none. */
int reel_utf8_sequence(const unsigned char *p, size_t left);
/* The character of a sequence of n bytes. */
uint32_t reel_utf8_character(const unsigned char *p, int n);
/* Would a terminal, a browser or a spreadsheet obey it instead of showing it? C0, DEL, C1, the ends
 * of lines and paragraphs, and what turns the direction of writing around. */
bool reel_is_control(uint32_t character);
/* Copies bytes into text as UTF-8, cut to size at a whole character; returns text. What is not
 * UTF-8 becomes \xNN a byte; so do those characters that `escapes` names. */
enum { REEL_ESCAPE_CONTROLS = 1, REEL_ESCAPE_BACKSLASHES = 2 };
const char *reel_escape_text(const char *bytes, int escapes, char *text, size_t size);
/* The bytes that reel_escape_text wrote as \xNN because they were not UTF-8: 80 and above. */
const char *reel_restore_text(const char *escaped, char *bytes, size_t size);
/* Whether all of it is UTF-8 without zero bytes. */
bool reel_utf8_valid(const char *bytes, size_t size);
/* A terminated copy (malloc) in which bytes that are not UTF-8, and zero bytes, are "\xNN"; NULL
 * without memory. */
char *reel_utf8_escape(const char *bytes, size_t size);

#endif
