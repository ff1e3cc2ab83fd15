/* Recognising the messages of Open MPI 4.1. The words are those of its help files (help-*.txt). */
#include "train/launch/banner.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME = 74, SHORTENED = 300 }; /* dashes of a frame; bytes of an unknown message */

static void banner_say(reel_banner *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void banner_say(reel_banner *b, const char *format, ...)
{
    char line[1200];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    size_t end = length < (int)sizeof line - 1 ? (size_t)length : sizeof line - 2;
    line[end++] = '\n';
    b->put(b->user, line, end);
    b->failure = true;
}

/* ---- words of a message ---- */

/* What follows the key up to a blank, comma or period; "?" if there is none. */
static const char *word_after(const char *text, const char *key, char *word, size_t size)
{
    const char *at = strstr(text, key);
    snprintf(word, size, "?");
    if (!at)
        return word;
    at += strlen(key);
    at += strspn(at, " \t");
    size_t length = strcspn(at, " \t\n,");
    if (length > 0 && at[length - 1] == '.')
        length--;
    if (length > 0)
        snprintf(word, size, "%.*s", (int)length, at);
    return word;
}

/* The last component of a process name: [[19866,1],3] is rank 3. */
static int rank_of_process(const char *text)
{
    const char *at = strstr(text, "],");
    return at ? atoi(at + 2) : -1;
}

static bool is_documented(int code)
{
    return (code >= 0 && code <= 5) || code == 129 || code == 130 || code == 143;
}

/* ---- the messages ---- */

static void tell_signal(reel_banner *b)
{
    char rank[40], host[256], number[40];
    const char *name = strstr(b->text, " on signal ");
    name = name ? strchr(name, '(') : NULL;
    const size_t length = name ? strcspn(name, ")\n") : 0;
    banner_say(b, "reel: rank %s on host %s was killed by signal %s%s%.*s%s",
               word_after(b->text, "process rank ", rank, sizeof rank),
               word_after(b->text, " on node ", host, sizeof host),
               word_after(b->text, " on signal ", number, sizeof number), length ? " " : "",
               (int)length, length ? name : "", length ? ")" : "");
}

static void tell_exit(reel_banner *b)
{
    char word[40];
    const int code = atoi(word_after(b->text, "Exit code:", word, sizeof word));
    if (!is_documented(code))
        banner_say(b, "reel: rank %d ended with exit code %d", rank_of_process(b->text), code);
}

static void tell_abort(reel_banner *b)
{
    char rank[40], word[40];
    word_after(b->text, "with errorcode ", word, sizeof word);
    if (!is_documented(atoi(word)))
        banner_say(b, "reel: rank %s ended the run with code %s",
                   word_after(b->text, "on rank ", rank, sizeof rank), word);
}

static void tell_missing_program(reel_banner *b)
{
    char path[600], host[256];
    banner_say(b, "reel: host %s cannot execute %s; Reel must be installed there under this path",
               word_after(b->text, "Node:", host, sizeof host),
               word_after(b->text, "Executable:", path, sizeof path));
}

static void tell_lost_host(reel_banner *b)
{
    const char *remote = strstr(b->text, "Remote daemon:");
    char host[256];
    banner_say(b, "reel: the connection to host %s is lost",
               word_after(remote ? remote : b->text, "on node ", host, sizeof host));
}

/* That a host's name is not known says why it is not reached. */
static void tell_unreached_host(reel_banner *b)
{
    if (b->cannot_resolve)
        return;
    banner_say(b, "reel: a host of --hosts cannot be reached, or mpirun's helper `orted` does not "
                  "start there: try `ssh HOST orted --version` for each host");
}

static void tell_agent(reel_banner *b)
{
    char path[600];
    banner_say(b,
               "reel: the program that reaches the hosts is missing: %s; install an ssh client, "
               "or set REEL_LAUNCH_AGENT",
               word_after(b->text, "plm_rsh_agent:", path, sizeof path));
}

static void tell_slots(reel_banner *b)
{
    char count[40];
    banner_say(b, "reel: the hosts have too few slots for %s ranks",
               word_after(b->text, "to satisfy the ", count, sizeof count));
}

static void tell_folder(reel_banner *b)
{
    char path[600];
    banner_say(b, "reel: a host cannot enter the folder %s; it must exist on every host",
               word_after(b->text, "Working directory:", path, sizeof path));
}

static void tell_unrouted(reel_banner *b)
{
    char host[256];
    if (b->cannot_resolve)
        return;
    banner_say(b,
               "reel: host %s does not answer: mpirun's helper `orted` cannot start there, or "
               "cannot write into its folder for temporary files",
               word_after(b->text, "target node:", host, sizeof host));
}

/* A message follows from one of its sentences. Rows without a function are left out: another
 * message, or the ranks themselves, say more. */
static const struct {
    const char *words;
    void (*tell)(reel_banner *banner);
    bool death;
} known_banners[] = {
    {"mpirun noticed that process rank", tell_signal, true},
    {"processes exited with non-zero status", tell_exit, true},
    {"MPI_ABORT was invoked on rank", tell_abort, true},
    {"Primary job  terminated normally, but", NULL, true},
    {"lost communication with a remote daemon", tell_lost_host, true},
    {"unable to launch the specified application as it could not access", tell_missing_program,
     false},
    {"unable to launch the specified application as it could not find", tell_missing_program,
     false},
    {"was unable to reliably start one or more daemons", tell_unreached_host, false},
    {"\"plm_rsh_agent\" was set to a path", tell_agent, false},
    {"There are not enough slots available", tell_slots, false},
    {"change to the specified working directory", tell_folder, false},
    {"ORTE does not know how to route a message", tell_unrouted, true}, /* mpirun waits for ever */
    {"An internal error has occurred in ORTE", NULL, false},
};

/* The first paragraph as one line. */
static void tell_shortened(reel_banner *b)
{
    char words[SHORTENED + 1];
    size_t used = 0;
    const char *end = strstr(b->text, "\n\n");
    for (const char *p = b->text; *p && p != end && used < SHORTENED; p++) {
        const bool blank = isspace((unsigned char)*p);
        if (!blank)
            words[used++] = *p;
        else if (used > 0 && words[used - 1] != ' ')
            words[used++] = ' ';
    }
    while (used > 0 && words[used - 1] == ' ')
        used--;
    words[used] = '\0';
    if (used > 0)
        banner_say(b, "reel: Open MPI: %s", words);
}

static void tell_banner(reel_banner *b)
{
    b->text[b->text_length] = '\0';
    for (size_t i = 0; i < sizeof known_banners / sizeof *known_banners; i++) {
        if (!strstr(b->text, known_banners[i].words))
            continue;
        b->death = b->death || known_banners[i].death;
        if (known_banners[i].tell)
            known_banners[i].tell(b);
        return;
    }
    tell_shortened(b);
}

/* ---- lines ---- */

static bool is_frame(const char *line, size_t length)
{
    return length == FRAME && strspn(line, "-") == FRAME;
}

/* Lines of Open MPI outside of frames that tell nothing: "[host:123] 1 more process has sent help
 * message ...". */
static bool is_chatter(const char *line)
{
    static const char *const begins[] = {"mpirun: Forwarding signal ", "mpirun: killing job"};
    static const char *const holds[] = {"has sent help message", "have sent help message",
                                        "\"orte_base_help_aggregate\"", "FORCE-TERMINATE AT",
                                        "plm:rsh: Warning: setpgid("};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (!strncmp(line, begins[i], strlen(begins[i])))
            return true;
    for (size_t i = 0; *line == '[' && i < sizeof holds / sizeof *holds; i++)
        if (strstr(line, holds[i]))
            return true;
    return false;
}

/* "ssh: Could not resolve hostname node1: Name or service not known": takes the name. One ssh a
 * host says so, so the names are gathered. */
static bool take_unresolved(reel_banner *b)
{
    const bool rest = b->half_taken && !strcmp(b->line, "\n");
    b->half_taken = false;
    if (rest)
        return true;
    static const char begin[] = "ssh: Could not resolve hostname ";
    if (strncmp(b->line, begin, sizeof begin - 1) != 0)
        return false;
    const char *name = b->line + sizeof begin - 1;
    const int length = (int)strcspn(name, ": \r\n");
    const size_t used = strlen(b->unresolved);
    snprintf(b->unresolved + used, sizeof b->unresolved - used, "%s%.*s", used ? ", " : "", length,
             name);
    b->cannot_resolve = true;
    b->half_taken = strchr(b->line, '\r') != NULL;
    return true;
}

void reel_banner_tell_unresolved(reel_banner *b)
{
    if (b->unresolved[0])
        banner_say(b, "reel: hosts: %s: ssh cannot resolve the name%s", b->unresolved,
                   strchr(b->unresolved, ',') ? "s" : "");
    b->unresolved[0] = '\0';
}

/* The text of an open frame as it came: it was no message of Open MPI, or the message has no end.
 */
static void give_back(reel_banner *b)
{
    b->put(b->user, b->text, b->text_length);
    b->text_length = 0;
    b->framed = false;
}

/* A whole line, with its end. */
static void take_banner_line(reel_banner *b)
{
    const size_t length = b->line_length;
    const size_t bare = length - (length > 0 && strchr("\r\n", b->line[length - 1]) != NULL);
    b->line[length] = '\0';
    b->line_length = 0;

    if (take_unresolved(b))
        return;
    if (is_frame(b->line, bare) && b->line[bare] == '\n') {
        if (b->framed)
            tell_banner(b);
        b->framed = !b->framed;
        b->text_length = 0;
    } else if (b->framed && strncmp(b->line, "reel", 4) != 0) {
        if (b->text_length + length >= sizeof b->text) /* a page: no message is so long */
            give_back(b);
        if (b->framed)
            memcpy(b->text + b->text_length, b->line, length);
        else
            b->put(b->user, b->line, length);
        b->text_length += b->framed ? length : 0;
    } else if (!is_chatter(b->line)) {
        b->put(b->user, b->line, length); /* a rank's line may come in between */
    }
}

void reel_banner_take(reel_banner *b, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        b->line[b->line_length++] = bytes[i];
        if (bytes[i] == '\n' || bytes[i] == '\r' || b->line_length + 1 == sizeof b->line)
            take_banner_line(b);
    }
}

void reel_banner_end(reel_banner *b)
{
    if (b->line_length > 0)
        take_banner_line(b);
    if (b->framed && b->text_length > 0)
        tell_banner(b);
    b->framed = false;
    reel_banner_tell_unresolved(b);
}

bool reel_banner_is_remark(const char *line, size_t length)
{
    static const char end[] = "failed to start", total[] = "total process";
    char text[80];
    if (length == 0 || length >= sizeof text || !isdigit((unsigned char)*line))
        return false;
    snprintf(text, sizeof text, "%.*s", (int)length, line);
    return strstr(text, total) && strstr(text, end);
}
