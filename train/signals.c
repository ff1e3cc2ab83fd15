/* The handler only notes the signal: what is not async-signal-safe happens where the run looks. */
#include "train/signals.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t pending;

static void note(int number)
{
    if (pending) _exit(128 + number);
    pending = number;
}

void reel_signals_install(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, 0);
    sigaction(SIGTERM, &action, 0);
}

int reel_signals_pending(void)
{
    return pending;
}
