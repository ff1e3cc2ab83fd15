/* Formats whose library a build may lack. */
#ifndef REEL_DATA_CODECS_COMMON_LIBRARY_H
#define REEL_DATA_CODECS_COMMON_LIBRARY_H

#include "core/base.h"

/* For a codec that was built without its library: "WebP picture: this build has no libwebp", and
 * how to get it. package: Debian's name of it. */
reel_status reel_codec_missing(const char *format, const char *library, const char *package,
                               reel_error *err);

/* The functions NAME_size and NAME_decode of such a codec. */
#define REEL_CODEC_WITHOUT_LIBRARY(name, format, library, package)                                 \
    static reel_status name##_size(reel_decoding *d, reel_error *err)                              \
    {                                                                                              \
        (void)d;                                                                                   \
        return reel_codec_missing(format, library, package, err);                                  \
    }                                                                                              \
    static reel_status name##_decode(reel_decoding *d, reel_error *err)                            \
    {                                                                                              \
        return name##_size(d, err);                                                                \
    }

#endif
