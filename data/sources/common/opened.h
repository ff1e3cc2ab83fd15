/* An opened source, and the search for the source that knows DATA. */
#ifndef REEL_DATA_SOURCES_COMMON_OPENED_H
#define REEL_DATA_SOURCES_COMMON_OPENED_H

#include "data/left_out.h"
#include "data/sources/common/names.h"
#include "data/sources/source.h"

struct reel_opened {
    const reel_source *source;        /* preset */
    const reel_data_request *request; /* preset; never NULL while open runs */
    void *self;                       /* goes to the source's functions, at last to destroy */
    reel_names classes;               /* the name of class i is item i */
    reel_names notes;                 /* what the user should hear of DATA, a line each */
    reel_left_out left_out;           /* but for hidden files */
    const char *root;                 /* of an image folder while it is listed */
    bool indices;                     /* classes are what a list's numbers say */
};

/* What the source's sniff or sniff_as says of the request. */
reel_sniff reel_source_sniff(const reel_source *source, const reel_data_request *request,
                             char *path);
/* The source that knows the request's DATA and has the split; NULL = none. path (REEL_DATA_PATH
 * bytes): where. *without: the first that knows DATA but has no such split. */
const reel_source *reel_source_find(const reel_data_request *request, char *path,
                                    const reel_source **without);
/* Opens what find found. After a failure there is nothing to free. */
reel_status reel_opened_make(reel_opened *out, const reel_source *source,
                             const reel_data_request *request, const char *path, reel_error *err);
void reel_opened_free(reel_opened *opened);

/* Adds a line to the notes. */
reel_status reel_opened_note(reel_opened *opened, reel_error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What to say where no source was found. */
reel_status reel_source_refuse(const reel_data_request *request, const reel_source *without,
                               reel_error *err);

#endif
