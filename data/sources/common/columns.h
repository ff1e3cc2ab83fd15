/* Which columns of a list hold the image and its label. */
#ifndef REEL_DATA_SOURCES_COMMON_COLUMNS_H
#define REEL_DATA_SOURCES_COMMON_COLUMNS_H

#include "data/sources/common/csv.h"
#include "data/sources/source.h"

typedef struct reel_columns {
    int64_t count; /* of the first record */
    int64_t image, label;
    bool header; /* does the first record name the columns? */
    bool ragged; /* no header, and lines of several lengths: the label follows the last separator */
} reel_columns;

/* Looks at the first records. The request's image_column and label_column decide, by name or by
 * number from 1; NULL = found by names and contents. REEL_ERR_INVALID says what cannot be told. */
reel_status reel_columns_find(reel_columns *out, const reel_csv *begin,
                              const reel_data_request *request, const char *name, reel_error *err);

#endif
