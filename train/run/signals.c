/* The handlers only note the signal: what is not async-signal-safe happens where the run looks.
 *
 * One request to end often comes as several signals: timeout(1) signals its child and then the
 * group that both are in, a batch system every process of a job. What follows the first within a
 * twentieth of a second is part of it. */
#include "train/run/signals.h"

#include "core/base.h"
#include "core/comm/comm.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t pending, save, silent, warned;
static atomic_llong first_at; /* nanoseconds */

/* The answer to the first signal. It is written into the line that the handler does not read. */
static struct answer {
    char line[400];
    bool leave;
} answers[2];
static _Atomic(const struct answer *) answer;

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void write_line(const char *text)
{
    const ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* the terminal may be gone */
}

/* SIGINT, SIGTERM, SIGHUP. */
static void note_end(int number)
{
    const int reason = errno;
    const struct answer *a = answer;
    if (warned && number == SIGTERM)
        return; /* SIGCONT has announced it: the run is leaving as fast as it can */
    if (pending) {
        /* A closed terminal sends two: one of its own, and one when its shell ends. */
        if (number == SIGHUP || now() - first_at < 50000000)
            return;
        write_line("\nreel: second signal: left at once\n");
        _exit(128 + number);
    }
    first_at = now();
    pending = number;
    if (a && !silent)
        write_line(a->line);
    if (a && a->leave)
        _exit(128 + number);
    errno = reason;
}

void reel_signals_quiet(bool quiet)
{
    silent = quiet;
}

void reel_signals_answer(bool leave, const char *format, ...)
{
    struct answer *next = answer == &answers[0] ? &answers[1] : &answers[0];
    const size_t room = sizeof next->line - 1;
    va_list args;
    va_start(args, format);
    next->line[0] = '\n'; /* a bar may stand on the terminal's line */
    const int length = vsnprintf(next->line + 1, room - 1, format, args);
    va_end(args);
    const size_t end = 1 + ((size_t)length < room - 1 ? (size_t)length : room - 2);
    next->line[end] = '\n';
    next->line[end + 1] = '\0';
    next->leave = leave;
    answer = next;
}

static void note_save(int number)
{
    (void)number;
    save = 1;
}

/* SIGUSR2 under a launcher. It is repeated, so a second one is no second request. */
static void note_stop(int number)
{
    (void)number;
    if (!pending)
        note_end(SIGTERM);
}

/* SIGCONT under mpirun. Whoever continues a stopped process by hand is not its parent. */
static void note_warning(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (info->si_code != SI_USER || info->si_pid != getppid())
        return;
    warned = 1;
    if (!pending)
        pending = SIGTERM;
}

/* The signals that are handled, and what was done about them before. */
static struct {
    int number;
    bool launched; /* only under a launcher */
    void (*note)(int number);
    struct sigaction before;
} handled[] = {
    {.number = SIGINT, .note = note_end},
    {.number = SIGTERM, .note = note_end},
    {.number = SIGHUP, .note = note_end},
    {.number = SIGUSR1, .note = note_save},
    {.number = SIGUSR2, .note = note_stop, .launched = true},
    {.number = SIGCONT}, /* only under mpirun: note_warning, which wants to know the sender */
};
static bool installed;

static bool is_handled(int index)
{
    /* srun sends it, too: when a job that `scontrol suspend` stopped may continue. */
    if (handled[index].number == SIGCONT)
        return getenv("OMPI_COMM_WORLD_RANK") && reel_comm_is_launched();
    return !handled[index].launched || reel_comm_is_launched();
}

void reel_signals_install(void)
{
    const bool again = installed;
    for (int i = 0; i < REEL_COUNT(handled); i++) {
        struct sigaction action = {.sa_handler = handled[i].note, .sa_flags = SA_RESTART}, before;
        sigemptyset(&action.sa_mask);
        if (!is_handled(i))
            continue;
        if (!handled[i].note) {
            action.sa_sigaction = note_warning;
            action.sa_flags |= SA_SIGINFO;
        }
        sigaction(handled[i].number, NULL, &before);
        if (!again)
            handled[i].before = before;
        /* Under nohup a closed terminal ends nothing. */
        if (handled[i].number != SIGHUP || before.sa_handler != SIG_IGN)
            sigaction(handled[i].number, &action, NULL);
    }
    installed = true;
}

bool reel_signals_installed(void)
{
    return installed;
}

void reel_signals_remove(void)
{
    for (int i = 0; installed && i < REEL_COUNT(handled); i++)
        if (is_handled(i))
            sigaction(handled[i].number, &handled[i].before, NULL);
    installed = false;
}

void reel_signals_adopt(int number)
{
    if (number && !pending)
        pending = number;
}

int reel_signals_pending(void)
{
    return pending;
}

bool reel_signals_take_save(void)
{
    if (!save)
        return false; /* in this order: one that comes in between is for the next look */
    save = 0;
    return true;
}
