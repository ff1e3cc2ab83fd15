/* mpirun 4.1, as measured: SIGTERM makes it send SIGCONT to the ranks at once, SIGTERM after 1 s
 * and SIGKILL after 2 s; then it removes its folders and exits with 1. */
#include "train/launch/keeper.h"

#include "train/launch/banner.h"
#include "train/launch/children.h"
#include "train/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK = 50 };                        /* ms between two looks at the processes */
static const double one_request = 0.05;    /* s in which signals belong together */
static const double repeat_stop = 0.5;     /* s between two of SIGUSR2 */
static const double death_patience = 5;    /* s for mpirun to end the ranks after a death */
static const double mpirun_patience = 3;   /* s between SIGTERM and SIGKILL for mpirun */
static const double resolve_patience = 3;  /* s for the other hosts' ssh to say the same */
static const double orphans_patience = 2;  /* s for ranks whose mpirun is gone */
static const double leftover_patience = 1; /* s for ranks whose mpirun has been killed */

typedef struct keeper {
    const reel_keeper_config *config;
    reel_keeper_result result;
    pid_t mpirun;
    int output, errors; /* mpirun's, -1 = closed */
    reel_banner banner;
    bool running, killed; /* mpirun: it has not been reaped; it got SIGKILL */
    double stop_at, stop_sent, death_at, end_at, unresolved_at; /* times; 0 = not yet */
    char line[256]; /* of stdout, as long as it may be a remark of mpirun's */
    size_t line_length;
    bool in_line; /* the beginning of this line has been shown */
} keeper;

static double keeper_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- what mpirun and the ranks say ---- */

static void write_all(int file, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t n = write(file, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads it: the run goes on, as with one process */
        bytes += n;
        count -= (size_t)n;
    }
}

static void put_on_stderr(void *user, const char *bytes, size_t count)
{
    (void)user;
    write_all(STDERR_FILENO, bytes, count);
}

/* stdout passes unchanged, but for lines that may be mpirun's remark: short, and beginning with a
 * digit. */
static void pass_output(keeper *k, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        const char *end = memchr(bytes + i, '\n', count - i);
        const size_t length = end ? (size_t)(end - bytes) + 1 - i : count - i;
        const char first = k->line_length ? k->line[0] : bytes[i];
        const bool held =
            !k->in_line && first >= '0' && first <= '9' && k->line_length + length < sizeof k->line;
        if (held) {
            memcpy(k->line + k->line_length, bytes + i, length);
            k->line_length += length;
        }
        if (held && end && !reel_banner_is_remark(k->line, k->line_length - 1))
            write_all(STDOUT_FILENO, k->line, k->line_length);
        if (!held) {
            write_all(STDOUT_FILENO, k->line, k->line_length);
            write_all(STDOUT_FILENO, bytes + i, length);
        }
        if (end || !held)
            k->line_length = 0;
        k->in_line = !end && !held;
        i += length;
    }
}

/* Reads what is there. *file becomes -1 at the end. */
static void take_from(keeper *k, int *file)
{
    char bytes[16384];
    const ssize_t n = read(*file, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        close(*file);
        *file = -1;
    } else if (file == &k->output) {
        pass_output(k, bytes, (size_t)n);
    } else {
        reel_banner_take(&k->banner, bytes, (size_t)n);
    }
}

static void finish_output(keeper *k)
{
    write_all(STDOUT_FILENO, k->line, k->line_length);
    reel_banner_end(&k->banner);
    k->result.named = k->banner.failure;
}

/* ---- signals ---- */

static void signal_mpirun(keeper *k, int number)
{
    if (k->running)
        kill(k->mpirun, number);
}

static void end_at_once(keeper *k, double now)
{
    if (k->end_at != 0)
        return;
    k->end_at = now;
    signal_mpirun(k, SIGCONT); /* one that is stopped must see the next */
    signal_mpirun(k, SIGTERM);
}

static void take_signal(keeper *k, int number, double now)
{
    if (number == SIGUSR1) {
        signal_mpirun(k, SIGUSR1);
    } else if (k->result.stop == 0) {
        k->result.stop = number;
        k->stop_at = now;
    } else if (number != SIGHUP && now - k->stop_at > one_request && k->end_at == 0) {
        reel_say("reel: second signal: left at once");
        k->result.leave = number;
        end_at_once(k, now);
    }
}

static void take_control(keeper *k, double now)
{
    unsigned char numbers[16];
    const ssize_t n = read(k->config->control, numbers, sizeof numbers);
    for (ssize_t i = 0; i < n; i++)
        take_signal(k, numbers[i], now);
    if (n == 0) {
        k->result.orphan = true;
        end_at_once(k, now);
    }
}

/* What is due by the clock. */
static void act_in_time(keeper *k, double now)
{
    if (k->result.stop && k->end_at == 0 && now - k->stop_sent >= repeat_stop) {
        signal_mpirun(k, SIGUSR2);
        k->stop_sent = now;
    }
    if (k->banner.unresolved[0] && k->unresolved_at == 0)
        k->unresolved_at = now;
    if (k->unresolved_at != 0 && now - k->unresolved_at > resolve_patience)
        reel_banner_tell_unresolved(&k->banner);
    if (k->banner.death && k->death_at == 0)
        k->death_at = now;
    if (k->death_at != 0 && now - k->death_at > death_patience)
        end_at_once(k, now);
    if (k->end_at != 0 && now - k->end_at > mpirun_patience && !k->killed) {
        signal_mpirun(k, SIGKILL);
        k->killed = true;
    }
}

/* ---- processes ---- */

/* In the new process: becomes mpirun. */
static void become_mpirun(const keeper *k, pid_t parent, const int pipes[4])
{
    static const int defaults[] = {SIGPIPE, SIGXFSZ, SIGTERM, SIGINT, SIGHUP, SIGTSTP};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        signal(defaults[i], SIG_DFL);
    /* Until mpirun has its handlers, these two would end it. */
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    const int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(pipes[1], STDOUT_FILENO) < 0 ||
        dup2(pipes[3], STDERR_FILENO) < 0 || getppid() != parent)
        _exit(127);
    execvp(k->config->words[0], k->config->words);
    _exit(127);
}

static bool start_mpirun(keeper *k)
{
    int pipes[4] = {-1, -1, -1, -1};
    const pid_t own = getpid();
    const bool piped = pipe2(pipes, O_CLOEXEC) == 0 && pipe2(pipes + 2, O_CLOEXEC) == 0;
    k->mpirun = piped ? fork() : -1;
    if (k->mpirun == 0)
        become_mpirun(k, own, pipes);
    if (k->mpirun < 0)
        reel_say("reel: mpirun cannot be started: %s", strerror(errno));

    k->running = k->mpirun > 0;
    k->output = pipes[0];
    k->errors = pipes[2];
    if (pipes[1] >= 0)
        close(pipes[1]);
    if (pipes[3] >= 0)
        close(pipes[3]);
    return k->running;
}

/* mpirun, and processes that it left behind. */
static void reap_children(keeper *k)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        if (ended != k->mpirun)
            continue;
        k->running = false;
        k->result.status = status;
    }
}

/* Waits for words, signals or the next tick. */
static void wait_and_take(keeper *k, int patience)
{
    struct pollfd files[] = {
        {.fd = k->result.orphan ? -1 : k->config->control, .events = POLLIN},
        {.fd = k->output, .events = POLLIN},
        {.fd = k->errors, .events = POLLIN},
    };
    if (poll(files, 3, patience) <= 0)
        return;
    if (files[0].revents)
        take_control(k, keeper_clock());
    if (files[1].revents)
        take_from(k, &k->output);
    if (files[2].revents)
        take_from(k, &k->errors);
}

reel_keeper_result reel_keeper_run(const reel_keeper_config *config)
{
    keeper k = {.config = config, .result = {.status = -1}, .output = -1, .errors = -1};
    k.banner.put = put_on_stderr;
    reel_children_adopt();
    if (!start_mpirun(&k)) {
        k.result.named = true;
        return k.result;
    }

    while (k.running) {
        wait_and_take(&k, TICK);
        reap_children(&k);
        act_in_time(&k, keeper_clock());
    }

    /* Ranks may live on where mpirun was killed. They notice it, and end within a second; remote
     * daemons need the connection a moment longer to be told. */
    const bool regular = WIFEXITED(k.result.status);
    reel_children_end(regular || k.killed ? leftover_patience : orphans_patience);
    fcntl(k.output, F_SETFL, O_NONBLOCK); /* whoever left the session may hold the other end */
    fcntl(k.errors, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 1000 && (k.output >= 0 || k.errors >= 0); i++)
        wait_and_take(&k, 1);
    finish_output(&k);
    return k.result;
}

int reel_keeper_code(const reel_keeper_result *result, bool *early)
{
    const int failed = 1;
    *early = false;
    if (result->leave)
        return 128 + result->leave;
    if (result->status == -1 || !WIFEXITED(result->status))
        return failed;

    const int code = WEXITSTATUS(result->status);
    *early = result->stop && code == 128 + SIGUSR2; /* a rank had no handler yet */
    if (result->stop && (code == 128 + SIGTERM || *early))
        return 128 + result->stop;
    const bool documented = (code >= 0 && code <= 5) || code == 129 || code == 130 || code == 143;
    return documented ? code : failed;
}
