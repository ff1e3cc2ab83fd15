/* List files, for fuzzers. */
#ifndef REEL_DATA_SOURCES_LIST_H
#define REEL_DATA_SOURCES_LIST_H

#include "data/bytes.h"
#include "data/sources/common/opened.h"

typedef struct reel_list_text {
    const reel_bytes *text;
    const char *name;   /* of the file: how it ends says what it may be */
    const char *folder; /* where classes.txt may lie; NULL = nowhere */
} reel_list_text;

/* Adds the samples and classes of a list to *out, whose self is a reel_files. */
reel_status reel_list_parse(reel_opened *out, const reel_list_text *list, reel_error *err);

#endif
