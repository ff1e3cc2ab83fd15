/* What stands above the columns of a table: a line that names the separator, a title. */
#ifndef REEL_DATA_SOURCES_COMMON_TITLES_H
#define REEL_DATA_SOURCES_COMMON_TITLES_H

#include "data/bytes.h"
#include "data/sources/common/csv.h"

typedef struct reel_title {
    int64_t line;  /* of the header, or of the first record below; 0 = there is no title */
    char text[80]; /* of the first line */
} reel_title;

/* Sets *csv to the text's first record. csv->separator 0: no line has any. table: the file is
 * called .csv or .tsv, and may have a title. */
reel_status reel_csv_begin(reel_csv *csv, const reel_bytes *text, bool table, reel_title *title,
                           reel_error *err);

#endif
