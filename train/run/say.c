/* Lines on stderr. */
#include "train/run/say.h"

#include <stdarg.h>
#include <stdio.h>

void reel_say(const char *format, ...)
{
    char line[6000]; /* a path and a message */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    /* File names reach messages as they are: what a terminal would obey is replaced. */
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            *p = '?';
    fprintf(stderr, "%s\n", line);
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
