/* Text files out of strangers' hands: lines, numbers, names of classes. */
#ifndef REEL_DATA_SOURCES_COMMON_TEXT_H
#define REEL_DATA_SOURCES_COMMON_TEXT_H

#include "data/bytes.h"
#include "data/sources/common/names.h"

/* Line ends of old Macs: CR becomes LF where no LF is. */
void reel_mend_line_ends(reel_bytes *text);
/* The lines of text that ends at `end`. Set at and end. */
typedef struct reel_lines {
    const char *at, *end;
    int64_t number; /* of the line that was returned last, from 1 */
    bool begun;
} reel_lines;
/* The next line, without its line break, CR and trailing spaces; false = there is none. A byte
 * order mark before the first is passed over. */
bool reel_lines_next(reel_lines *lines, const char **line, size_t *length);

/* A decimal number without sign of at most `most`; it must be the whole text. */
bool reel_parse_number(const char *text, size_t length, uint64_t most, uint64_t *number);

/* Adds the lines of a text file of at most `most_bytes` as names, up to most_names; blank lines are
 * left out. */
reel_status reel_names_from_file(reel_names *names, const char *path, size_t most_bytes,
                                 int64_t most_names, reel_error *err);

/* A file of names that has too few lines. */
typedef struct reel_short_names {
    const char *file; /* NULL = there is none */
    int64_t names;
} reel_short_names;

/* Class names for labels 0 to n - 1, or more: from classes.txt, class_names.txt, labels.txt or
 * synsets.txt in folder (one a line; as many as n or more). folder may be NULL. *found: there is
 * such a file. *few (may be NULL): a classes.txt or class_names.txt with fewer lines. */
reel_status reel_class_names(reel_names *names, const char *folder, int64_t n, bool *found,
                             reel_short_names *few, reel_error *err);
/* The same; where there is no such file, the numbers themselves. */
reel_status reel_number_names(reel_names *names, const char *folder, int64_t n, reel_error *err);

#endif
