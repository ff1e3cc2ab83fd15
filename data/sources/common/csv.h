/* Records of comma-separated values (RFC 4180), also with tabs or semicolons between them. */
#ifndef REEL_DATA_SOURCES_COMMON_CSV_H
#define REEL_DATA_SOURCES_COMMON_CSV_H

#include "data/sources/common/names.h"

typedef struct reel_csv_field {
    const char *text; /* without quotes; not ended by a zero byte */
    size_t length;
} reel_csv_field;

/* Set at, end and separator; free with reel_csv_free. */
typedef struct reel_csv {
    const char *at, *end;
    char separator;
    int64_t line;      /* where the record begins that was returned last, from 1 */
    bool good;         /* was it well formed? What follows a damaged line is read all the same. */
    const char *raw;   /* the record as it stands in the file, without its line break */
    size_t raw_length; /* up to the end of its first line where it is damaged */
    reel_list fields;  /* reel_csv_field: valid until the next record */
    int64_t lines;     /* passed so far */
    char *unquoted;    /* texts of quoted fields */
    size_t room;
} reel_csv;

/* The next record that is not blank; *more false = the end. A quoted field may hold separators,
 * quotes (doubled) and line breaks. Spaces around a field do not belong to it. */
reel_status reel_csv_next(reel_csv *csv, bool *more, reel_error *err);
void reel_csv_free(reel_csv *csv);

static inline int64_t reel_csv_count(const reel_csv *csv)
{
    return (int64_t)csv->fields.n;
}

static inline reel_csv_field reel_csv_at(const reel_csv *csv, int64_t i)
{
    return ((const reel_csv_field *)csv->fields.items)[i];
}

/* What stands between the fields of the text's first line: a tab, or else the more frequent of
 * comma and semicolon; 0 = none of these. */
char reel_csv_separator(const char *text, size_t size);

#endif
