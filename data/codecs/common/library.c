/* The message of a build that lacks the library of a format. */
#include "data/codecs/common/library.h"

reel_status reel_codec_missing(const char *format, const char *library, const char *package,
                               reel_error *err)
{
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s picture: this build has no %s; install it (Debian: %s), remove the build "
                     "folder and build again",
                     format, library, package);
}
