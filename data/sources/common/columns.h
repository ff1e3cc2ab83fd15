/* Which columns of a list hold the image and its label. */
#ifndef REEL_DATA_SOURCES_COMMON_COLUMNS_H
#define REEL_DATA_SOURCES_COMMON_COLUMNS_H

#include "data/sources/common/csv.h"
#include "data/sources/source.h"

typedef struct reel_columns {
    int64_t count; /* of the first record */
    int64_t image, label;
    int64_t part; /* says which part of the data a row is of: "train", "val"; -1 = none */
    char part_name[80];
    int64_t mute_part; /* a column "split" that names no parts; -1 = none, or part is one */
    bool header;       /* does the first record name the columns? */
    char image_name[80], label_name[80]; /* as the header has them; "" = there is none */
    bool label_is_usual;                 /* it is called so, or the user named it */
    bool ragged; /* no header, and lines of several lengths: the label follows the last separator */
} reel_columns;

/* Looks at the first records. The request's image_column and label_column decide, by name or by
 * number from 1; NULL = found by names and contents. REEL_ERR_INVALID says what cannot be told. */
reel_status reel_columns_find(reel_columns *out, const reel_csv *begin,
                              const reel_data_request *request, const char *name, reel_error *err);
/* Does the record name a column of images and one of labels, in words that people use? */
bool reel_columns_are_named(const reel_csv *csv);
/* Does the cell end like an image's name? */
bool reel_cell_is_picture(reel_csv_field cell);

#endif
