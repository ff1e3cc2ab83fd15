/* Signals in a rank: what SIGUSR2 and SIGCONT ask for. Each test is a process of its own. */
#include "train/run/signals.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void be_a_rank(void)
{
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    setenv("OMPI_COMM_WORLD_RANK", "1", 1);
}

static void pass_time(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 80 * 1000 * 1000},
              NULL); /* beyond one request's 50 ms */
}

Test(signals, a_rank_stops_for_sigusr2_however_often_it_comes)
{
    be_a_rank();
    reel_signals_install();
    cr_expect_eq(reel_signals_pending(), 0);
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR2);
        cr_expect_eq(reel_signals_pending(), SIGTERM, "exit code 143");
        pass_time();
    }
    struct sigaction action;
    reel_signals_remove();
    sigaction(SIGUSR2, NULL, &action);
    cr_expect_eq(action.sa_handler, SIG_DFL);
}

Test(signals, a_rank_saves_for_sigusr1, .init = be_a_rank)
{
    reel_signals_install();
    raise(SIGUSR1);
    cr_expect(reel_signals_take_save());
    cr_expect_not(reel_signals_take_save());
    cr_expect_eq(reel_signals_pending(), 0);
}

Test(signals, alone_sigusr2_and_sigcont_are_left_as_they_were)
{
    unsetenv("OMPI_COMM_WORLD_SIZE");
    reel_signals_install();
    struct sigaction action;
    sigaction(SIGUSR2, NULL, &action);
    cr_expect_eq(action.sa_handler, SIG_DFL);
    sigaction(SIGCONT, NULL, &action);
    cr_expect_eq(action.sa_handler, SIG_DFL);
}

Test(signals, sigcont_by_hand_is_no_warning, .init = be_a_rank)
{
    reel_signals_install();
    kill(getpid(), SIGCONT);
    cr_expect_eq(reel_signals_pending(), 0);
}

Test(signals, srun_continues_a_suspended_job_with_sigcont)
{
    setenv("SLURM_STEP_NUM_TASKS", "2", 1);
    setenv("SLURM_PROCID", "1", 1);
    reel_signals_install();
    struct sigaction action;
    sigaction(SIGCONT, NULL, &action);
    cr_expect_eq(action.sa_handler, SIG_DFL);
    sigaction(SIGUSR2, NULL, &action);
    cr_expect_neq(action.sa_handler, SIG_DFL);
}

/* Waits until a signal has come, and then for what follows it. The exit code tells how it ended. */
static void live_as_rank(int ready)
{
    reel_signals_install();
    reel_signals_answer(true, "a rank that has nothing to save");
    const char byte = 1;
    if (write(ready, &byte, 1) != 1)
        _exit(1);
    for (int i = 0; i < 100 && !reel_signals_pending(); i++)
        pass_time();
    for (int i = 0; i < 4; i++)
        pass_time();
    _exit(reel_signals_pending() == SIGTERM ? 42 : 2);
}

Test(signals, a_launcher_that_warns_with_sigcont_gets_no_second_signal_exit, .init = be_a_rank)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    const pid_t rank = fork();
    if (rank == 0)
        live_as_rank(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    kill(rank, SIGCONT);
    pass_time();
    pass_time();
    kill(rank, SIGTERM);

    int status;
    cr_assert_eq(waitpid(rank, &status, 0), rank);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 42, "status %x", (unsigned)status);
}
