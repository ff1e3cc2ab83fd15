/* The user's process: it prepares the folders, starts the keeper (keeper.h), passes signals on to
 * it through a pipe, and cleans up if the keeper is killed.
 *
 * Ctrl-Z stops this process alone. The ranks go on: stopped one after the other, they would take
 * each other for lost. */
#include "train/launch/launch.h"

#include "core/comm/comm.h"
#include "core/comm/load.h"
#include "core/system_error.h"
#include "train/launch/children.h"
#include "train/launch/keeper.h"
#include "train/launch/mpirun.h"
#include "train/run/say.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct launch_state {
    char program[PATH_MAX], folder[PATH_MAX], shared[64];
    char **words; /* mpirun's command line */
    reel_hosts_file hosts;
    reel_mpirun_config config;
} launch_state;

reel_status reel_launch_wanted(const reel_launch_request *request, bool *wanted, reel_error *err)
{
    const long long ranks = request->ranks;
    *wanted = false;
    if (!reel_comm_is_launched()) {
        *wanted = ranks > 1 || request->hosts;
        return REEL_OK;
    }
    const long long launched = reel_launched_count();
    if (ranks > 0 && launched > 0 && ranks != launched)
        return reel_fail(err, REEL_ERR_INVALID,
                         "--ranks %lld: a launcher has started %lld processes of this run; leave "
                         "--ranks out, or give the same number",
                         ranks, launched);
    return REEL_OK;
}

/* ---- before anything is started ---- */

/* A folder that nobody else has, in the folder `place`. */
static reel_status make_private(char *path, size_t size, const char *place, reel_error *err)
{
    const int length = snprintf(path, size, "%s/reel-ranks-XXXXXX", place);
    errno = ENAMETOOLONG;
    if (length < (int)size && mkdtemp(path))
        return REEL_OK;
    const int reason = errno;
    path[0] = '\0';
    return reel_fail_system(
        err, reason, "%s: cannot make a folder for temporary files (TMPDIR names it)", place);
}

static reel_status make_folders(launch_state *l, reel_error *err)
{
    reel_error ignored;
    const char *place = getenv("TMPDIR");
    if (!place || !*place)
        place = "/tmp";
    REEL_TRY(make_private(l->folder, sizeof l->folder, place, err));
    /* Ranks of one host exchange messages through files here: in memory, and gone with the folder.
     * Where it cannot be made, Open MPI chooses a place. */
    make_private(l->shared, sizeof l->shared, "/dev/shm", &ignored);
    return REEL_OK;
}

static reel_status find_program(launch_state *l, reel_error *err)
{
    const ssize_t length = readlink("/proc/self/exe", l->program, sizeof l->program - 1);
    l->program[length > 0 ? length : 0] = '\0';
    if (length > 0 && access(l->program, X_OK) == 0)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_IO,
                     "the file of this program is gone (%s): ranks cannot be started from it",
                     l->program);
}

/* Refuses what cannot be started, then makes the folders and mpirun's command line. */
static reel_status prepare_launch(launch_state *l, const reel_launch_request *request,
                                  reel_error *err)
{
    char module[400];
    int64_t ranks = request->ranks;
    if (request->hosts) {
        REEL_TRY(reel_hosts_file_read(&l->hosts, request->hosts, err));
        REEL_TRY(reel_hosts_file_share(&l->hosts, request->hosts, ranks, &ranks, err));
    }
    if (!reel_comm_module_version(module, sizeof module))
        return reel_fail(err, REEL_ERR_IO, "%s: %s", request->hosts ? "--hosts" : "--ranks",
                         module);
    REEL_TRY(reel_mpirun_check(err));
    REEL_TRY(find_program(l, err));

    REEL_TRY(make_folders(l, err));
    l->config = (reel_mpirun_config){.ranks = ranks,
                                     .hosts = request->hosts ? &l->hosts : NULL,
                                     .program = l->program,
                                     .command = request->command,
                                     .arguments = request->argv,
                                     .count = request->argc,
                                     .folder = l->folder,
                                     .shared = *l->shared ? l->shared : NULL};
    return reel_mpirun_words(&l->words, &l->config, err);
}

static void clear_launch(launch_state *l)
{
    reel_remove_folder(l->shared);
    reel_remove_folder(l->folder);
    reel_mpirun_free_words(l->words);
    reel_hosts_file_free(&l->hosts);
}

/* ---- signals of the user's process ---- */

static const int passed_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
static int launch_control = -1; /* the keeper's pipe */

static void pass_signal(int number)
{
    const int reason = errno;
    const unsigned char byte = (unsigned char)number;
    const ssize_t written = write(launch_control, &byte, 1);
    (void)written; /* the keeper has ended: so does this process */
    errno = reason;
}

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    for (int i = 0; i < REEL_COUNT(passed_signals); i++)
        sigaddset(set, passed_signals[i]);
}

/* From here on each signal is a byte for the keeper; under nohup SIGHUP stays ignored. */
static void pass_signals_on(int control, const sigset_t *unblocked)
{
    launch_control = control;
    for (int i = 0; i < REEL_COUNT(passed_signals); i++) {
        struct sigaction action = {.sa_handler = pass_signal, .sa_flags = SA_RESTART}, before;
        sigaction(passed_signals[i], NULL, &before);
        if (passed_signals[i] != SIGHUP || before.sa_handler != SIG_IGN)
            sigaction(passed_signals[i], &action, NULL);
    }
    sigprocmask(SIG_SETMASK, unblocked, NULL);
}

/* ---- the keeper's process ---- */

/* An exit code of mpirun without a message. Now and then Open MPI 4.1 has none for a rank that is
 * killed while the ranks connect. */
static void say_code(int code)
{
    enum { SIGNALS = 128 };
    if (code > SIGNALS && code <= SIGNALS + SIGRTMAX)
        reel_say("reel: a rank was killed by signal %d; mpirun does not say which rank",
                 code - SIGNALS);
    else
        reel_say("reel: mpirun ended with exit code %d", code);
}

static void say_end(const char *command, const reel_keeper_result *result, bool early)
{
    const int status = result->status;
    if (result->leave || result->orphan)
        return;
    if (early)
        reel_say("reel %s: interrupted before the first step: there is nothing to save", command);
    else if (status != -1 && WIFSIGNALED(status))
        reel_say("reel: mpirun was killed by signal %d; all ranks are ended", WTERMSIG(status));
    else if (status != -1 && !result->named && reel_keeper_code(result, &early) == 1 &&
             WEXITSTATUS(status) != 1)
        say_code(WEXITSTATUS(status));
}

/* Does not return. */
static void run_as_keeper(launch_state *l, int control, const sigset_t *unblocked)
{
    /* A session of its own: what the terminal sends, Ctrl-C and Ctrl-Z, reaches `reel` alone. */
    setsid();
    for (int i = 0; i < REEL_COUNT(passed_signals); i++)
        signal(passed_signals[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, unblocked, NULL);
    reel_mpirun_set_environment(&l->config);

    bool early;
    const reel_keeper_config config = {.words = l->words, .control = control};
    const reel_keeper_result result = reel_keeper_run(&config);
    const int code = reel_keeper_code(&result, &early);
    say_end(l->config.command, &result, early);
    reel_remove_folder(l->shared);
    reel_remove_folder(l->folder);
    _exit(code);
}

static int wait_for_keeper(pid_t keeper)
{
    const double patience = 3; /* s: the kernel has told mpirun to end, which takes 2 s */
    int status = 0;
    while (waitpid(keeper, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    reel_say("reel: the process that watches the ranks was killed by signal %d; the ranks are "
             "being ended",
             WTERMSIG(status));
    reel_children_end(patience);
    return 1;
}

static reel_status start_keeper(launch_state *l, int *code, reel_error *err)
{
    int pipe_ends[2];
    sigset_t blocked, before;
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return reel_fail_system(err, errno, "ranks: pipe");
    fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
    reel_children_adopt(); /* should the keeper be killed, mpirun is this process's */

    /* A signal that comes meanwhile waits until it can be passed on. */
    signal_set(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    fflush(NULL);
    const pid_t keeper = fork();
    if (keeper == 0) {
        close(pipe_ends[1]);
        run_as_keeper(l, pipe_ends[0], &before);
    }
    const int reason = errno;
    close(pipe_ends[0]);
    if (keeper < 0) {
        close(pipe_ends[1]);
        sigprocmask(SIG_SETMASK, &before, NULL);
        return reel_fail_system(err, reason, "ranks: a process cannot be started");
    }

    pass_signals_on(pipe_ends[1], &before);
    *code = wait_for_keeper(keeper);
    return REEL_OK;
}

reel_status reel_launch(const reel_launch_request *request, int *code, reel_error *err)
{
    launch_state *l = calloc(1, sizeof *l);
    if (!l)
        return reel_fail(err, REEL_ERR_MEMORY, "ranks: out of memory");
    reel_status status = prepare_launch(l, request, err);
    if (status == REEL_OK)
        status = start_keeper(l, code, err);
    clear_launch(l);
    free(l);
    return status;
}
