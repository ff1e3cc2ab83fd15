/* SIGINT, SIGTERM and SIGHUP (the terminal is gone; under nohup nothing) ask a run to finish its
 * step, save and leave; a second one leaves at once, unless it comes so soon (50 ms) that it
 * belongs to the first. SIGUSR1 asks it to save and go on.
 *
 * In a rank, a process that a launcher started, two more are handled:
 *
 * - SIGUSR2: finish the step, save and leave, as after SIGTERM, with exit code 143. It may come
 *   again and again. mpirun forwards it without ending anybody, while SIGTERM to mpirun leaves the
 *   ranks a second. `reel train --ranks` sends it for whatever signal the user sent, and turns 143
 *   into that signal's code.
 * - SIGCONT from mpirun, the parent process: it is about to end this rank. It sends SIGTERM a
 *   second later, and SIGKILL after another one. The rank leaves as soon as it can, saves if
 *   there is time, and prints nothing. The SIGTERM that follows is part of it.
 *
 * Handlers are best installed before the ranks connect, which takes a while: until then SIGUSR2
 * ends the process. */
#ifndef REEL_TRAIN_SIGNALS_H
#define REEL_TRAIN_SIGNALS_H

#include <stdbool.h>

void reel_signals_install(void);
bool reel_signals_installed(void);
void reel_signals_remove(void);      /* what was there before is in force again */
void reel_signals_quiet(bool quiet); /* whether answers stay unprinted */
/* What the first signal prints at once, a line without its end: what the run still does before it
 * leaves. With `leave` the process ends right there. Before the first answer nothing is printed. */
void reel_signals_answer(bool leave, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Another rank of the run has this one: from here on it is pending here as well; 0: nothing. */
void reel_signals_adopt(int number);
int reel_signals_pending(void);    /* 0, SIGINT, SIGTERM or SIGHUP; SIGTERM for a rank's two */
bool reel_signals_take_save(void); /* whether SIGUSR1 has come since it was last asked */

#endif
