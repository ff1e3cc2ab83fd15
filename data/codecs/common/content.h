/* What bytes are that no codec decodes. */
#ifndef REEL_DATA_CODECS_COMMON_CONTENT_H
#define REEL_DATA_CODECS_COMMON_CONTENT_H

#include "core/base.h"

typedef struct reel_content {
    const char *name;   /* "a HEIC photograph", "text"; NULL = unknown */
    const char *advice; /* of pictures and films: "convert it to JPEG"; NULL = it is none */
} reel_content;

reel_content reel_content_of(const uint8_t *bytes, size_t length);
/* The name without its article: "HEIC photograph". */
const char *reel_content_bare(const char *name);

#endif
