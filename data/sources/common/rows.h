/* The lines of a list before their labels are classes: a path and a label each. */
#ifndef REEL_DATA_SOURCES_COMMON_ROWS_H
#define REEL_DATA_SOURCES_COMMON_ROWS_H

#include "data/bytes.h"
#include "data/sources/common/names.h"
#include "data/sources/common/titles.h"
#include "data/sources/source.h"

typedef struct reel_row {
    size_t path, label; /* offsets into text */
    int64_t line;       /* of the file, from 1 */
    int part;           /* reel_part (common/part_words.h) */
    bool picture;       /* does the path, as it was given, end like an image's name? */
} reel_row;

/* Zero-initialise; free with reel_rows_free. */
typedef struct reel_rows {
    reel_pool text;
    reel_list rows; /* reel_row */
    reel_list bad;  /* reel_bad_line */
    reel_title title;
    bool has_parts, part_is_mute; /* a column says which part a row is of, or is only called so */
    char part_column[80];
    int64_t columns;                         /* 0 = its lines have none */
    char image_column[80], label_column[80]; /* as the header has them; "" = there is none */
    bool label_is_usual;                     /* the header calls it so, or the user named it */
} reel_rows;

typedef struct reel_bad_line {
    int64_t line;
    const char *why;
} reel_bad_line;

/* All lines of a list of that name. A .txt or .lst has lines "path label"; whatever has commas,
 * semicolons or a header is read as RFC 4180 says. Lines that cannot be read go to `bad`. */
reel_status reel_rows_read(reel_rows *rows, const reel_bytes *text, const char *name,
                           const reel_data_request *request, reel_error *err);
void reel_rows_free(reel_rows *rows);

static inline int64_t reel_rows_count(const reel_rows *rows)
{
    return (int64_t)rows->rows.n;
}

static inline const reel_row *reel_rows_at(const reel_rows *rows, int64_t i)
{
    return (const reel_row *)rows->rows.items + i;
}

static inline const char *reel_row_text(const reel_rows *rows, size_t at)
{
    return rows->text.text + at;
}

reel_status reel_rows_note_bad(reel_rows *rows, int64_t line, const char *why, reel_error *err);
/* Rows whose place in drop is true go; the others keep their order. */
void reel_rows_drop(reel_rows *rows, const bool *drop);

/* Drops all but one of the rows with the same path: "./a.jpg" and "a.jpg" are the same, too. *same:
 * with the same label as the row that stays; *other: with another one, which becomes a bad line. */
reel_status reel_rows_unique(reel_rows *rows, int64_t *same, int64_t *other, reel_error *err);

#endif
