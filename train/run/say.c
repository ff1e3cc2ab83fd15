/* Lines on stderr. */
#include "train/run/say.h"

#include "core/files/text.h"

#include <stdarg.h>
#include <stdio.h>

void reel_say(const char *format, ...)
{
    char line[6000], shown[8000]; /* a path and a message */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* File names reach messages as they are. */
    fprintf(stderr, "%s\n", reel_escape_text(line, REEL_ESCAPE_CONTROLS, shown, sizeof shown));
}

void reel_log_to_stderr(void *user, reel_log_level level, const char *line)
{
    (void)user;
    reel_say("%s%s", level == REEL_LOG_WARN ? "reel: warning: " : "", line);
}

void reel_log_warnings(void *user, reel_log_level level, const char *line)
{
    if (level == REEL_LOG_WARN)
        reel_log_to_stderr(user, level, line);
}
