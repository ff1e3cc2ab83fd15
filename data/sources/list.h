/* List files, for fuzzers. */
#ifndef REEL_DATA_SOURCES_LIST_H
#define REEL_DATA_SOURCES_LIST_H

#include "data/sources/common/files.h"

/* Adds the samples of a list of that name. *numbers: labels are class indices, and classes stays
 * empty. */
reel_status reel_list_parse(reel_files *f, reel_names *classes, bool *numbers,
                            const reel_bytes *text, const char *name, reel_error *err);

#endif
