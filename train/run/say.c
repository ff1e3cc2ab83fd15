/* Lines on stderr. */
#include "train/run/say.h"

#include "core/files/text.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static atomic_bool silence;

void reel_say_silence(bool silent)
{
    silence = silent;
}

bool reel_say_is_silent(void)
{
    return silence;
}

int reel_terminal_columns(void)
{
    struct winsize size;
    if (!isatty(STDERR_FILENO))
        return 0;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

/* Bytes of the text that fit into so many columns, up to a blank if any; all of it if it fits. A
 * `command` stays on one row, so that it can be copied, unless it is wider than a row. command:
 * does the text begin within one? */
static size_t first_row(const char *text, int columns, bool command)
{
    size_t blank = 0, blank_in_command = 0, n = 0;
    int used = 0;
    for (; text[n] && used <= columns; n++) {
        if (text[n] == ' ' && n > 0 && text[n - 1] != ' ')
            *(command ? &blank_in_command : &blank) = n;
        command ^= text[n] == '`';
        used += ((unsigned char)text[n] & 0xc0) != 0x80; /* a character may have several bytes */
    }

    if (!text[n] && used <= columns)
        return n;
    if (blank)
        return blank;
    return blank_in_command ? blank_in_command : strlen(text); /* a wide word stays whole */
}

/* Is a `command` open behind the first n bytes, which begin within one or not? */
static bool ends_in_command(const char *text, size_t n, bool command)
{
    for (size_t i = 0; i < n; i++)
        command ^= text[i] == '`';
    return command;
}

void reel_put_wrapped(const char *line, const char *end)
{
    const int columns = reel_terminal_columns(), narrowest = 40;
    const char *indent = "";
    bool command = false;
    if (silence)
        return;
    while (columns >= narrowest) {
        const size_t n = first_row(line, columns - (int)strlen(indent), command);
        if (!line[n])
            break;
        command = ends_in_command(line, n, command);
        fprintf(stderr, "%s%.*s\n", indent, (int)n, line);
        line += n + strspn(line + n, " ");
        indent = "    ";
    }
    fprintf(stderr, "%s%s%s\n", columns >= narrowest ? indent : "", line, end);
}

static char last_line[6000]; /* that was not printed */

const char *reel_say_last(void)
{
    return last_line;
}

void reel_say(const char *format, ...)
{
    char line[6000], shown[8000]; /* a path and a message */
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (silence) {
        memcpy(last_line, line, sizeof last_line);
        return;
    }
    /* File names reach messages as they are. */
    reel_put_wrapped(reel_escape_text(line, REEL_ESCAPE_CONTROLS, shown, sizeof shown), "");
}

static const char plain_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                    "_./:=,@%+-";

/* Bytes that a message would show as \xNN, which a shell reads in $'...' alone. */
static bool has_odd_bytes(const char *path)
{
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127)
            return true;
    return !reel_utf8_valid(path, strlen(path));
}

const char *reel_shell_word(const char *path, char *text, size_t size)
{
    const char *dash = *path == '-' ? "./" : ""; /* no option */
    if (*path && path[strspn(path, plain_letters)] == '\0') {
        snprintf(text, size, "%s%s", dash, path);
        return text;
    }

    const bool odd = has_odd_bytes(path);
    size_t used = (size_t)snprintf(text, size, "%s'%s", odd ? "$" : "", dash);
    for (const char *p = path; *p && used + 8 < size; p++) {
        const unsigned char c = (unsigned char)*p;
        char *to = text + used;
        const size_t room = size - used;
        if (odd && (c < 32 || c >= 127))
            used += (size_t)snprintf(to, room, "\\x%02x", c);
        else if (odd && (c == '\'' || c == '\\'))
            used += (size_t)snprintf(to, room, "\\%c", c);
        else if (c == '\'')
            used += (size_t)snprintf(to, room, "'\\''");
        else
            used += (size_t)snprintf(to, room, "%c", c);
    }
    snprintf(text + used, size - used, "'");
    return text;
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
