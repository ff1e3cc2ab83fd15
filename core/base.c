/* Error reporting. The only place in the library that ends the process is a failed assertion. */
#include "core/base.h"

#include "core/shortage.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local long shortages;

long reel_memory_shortages(void)
{
    return shortages;
}

reel_status(reel_fail)(reel_error *err, reel_status status, const char *format, ...)
{
    shortages += status == REEL_ERR_MEMORY;
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->message, sizeof err->message, format, args);
        va_end(args);
        err->status = status;
    }
    return status;
}

const char *reel_version(void)
{
    return REEL_VERSION_STRING;
}

void reel_assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "reel: broken invariant: %s (%s:%d)\n", condition, file, line);
    abort();
}
