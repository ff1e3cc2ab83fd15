/* Lines on stderr: results go to stdout, talk goes here. */
#ifndef REEL_TRAIN_SAY_H
#define REEL_TRAIN_SAY_H

#include "core/ctx.h"

#include <stddef.h>

/* Whether nothing of all this is printed: by processes that share a command with another one, which
 * speaks for them. At first everything is. reel_progress follows it, too. */
void reel_say_silence(bool silent);
bool reel_say_is_silent(void);

/* One line on stderr; characters in it that a terminal would obey, which file names bring along,
 * become \xNN. */
void reel_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *reel_say_last(void); /* the last line that was not printed; "" = none */

/* Columns of the terminal that stderr is; 0 = it is none. */
int reel_terminal_columns(void);
/* A line to stderr as it is, broken at blanks where it is wider than the terminal. `end` comes
 * before the last newline. */
void reel_put_wrapped(const char *line, const char *end);

/* A path as a word of a shell's command line, for commands that are shown: 'My Pics/run 2'. Returns
 * text. */
const char *reel_shell_word(const char *path, char *text, size_t size);

/* Where a context's log goes in every command: stderr. */
void reel_log_to_stderr(void *user, reel_log_level level, const char *line);
/* The same for a command with --quiet: warnings only. */
void reel_log_warnings(void *user, reel_log_level level, const char *line);

#endif
