/* JSON as text, with numbers as short as they can be. */
#ifndef REEL_CORE_FILES_JSON_TEXT_H
#define REEL_CORE_FILES_JSON_TEXT_H

#include <jansson.h>
#include <stdio.h>

/* json_dumps, but each real number has the fewest digits that give the same double when they are
 * read: 0.485, where 17 digits are 0.48499999999999999. `flags` are jansson's, without a precision.
 * To be freed; NULL: out of memory. */
char *reel_json_dumps(const json_t *value, size_t flags);
/* The same into a file; 0, or -1 where it cannot be written: errno says why. */
int reel_json_dumpf(const json_t *value, FILE *file, size_t flags);

#endif
