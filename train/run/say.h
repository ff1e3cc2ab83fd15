/* Lines on stderr: results go to stdout, talk goes here. */
#ifndef REEL_TRAIN_SAY_H
#define REEL_TRAIN_SAY_H

#include "core/ctx.h"

/* One line on stderr; characters in it that a terminal would obey, which file names bring along,
 * become \xNN. */
void reel_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where a context's log goes in every command: stderr. */
void reel_log_to_stderr(void *user, reel_log_level level, const char *line);
/* The same for a command with --quiet: warnings only. */
void reel_log_warnings(void *user, reel_log_level level, const char *line);

#endif
