/* Lists with a column that says which part of the data each image belongs to. */
#ifndef REEL_DATA_SOURCES_COMMON_PARTS_H
#define REEL_DATA_SOURCES_COMMON_PARTS_H

#include "data/sources/common/opened.h"
#include "data/sources/common/rows.h"

/* Keeps the rows of the part that out->request->split asks for, and says so in a note. Where no row
 * is of validation data, those for tests validate. Rows of no such part at all: all stay. */
reel_status reel_rows_take_part(reel_rows *rows, reel_opened *out, const char *list,
                                reel_error *err);
/* Does the table at path have such a column, other than those that the request names? FOUND: with
 * rows of the request's split. */
reel_sniff reel_sniff_parts(const char *path, const reel_data_request *request);

#endif
