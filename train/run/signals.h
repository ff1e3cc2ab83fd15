/* SIGINT, SIGTERM and SIGHUP (the terminal is gone; under nohup nothing) ask a run to finish its
 * step, save and leave; a second one leaves at once, unless it comes so soon (50 ms) that it
 * belongs to the first. SIGUSR1 asks it to save and go on. */
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
int reel_signals_pending(void); /* 0, SIGINT, SIGTERM or SIGHUP */
/* Another rank of the run has this one: from here on it is pending here as well; 0: nothing. */
void reel_signals_adopt(int number);
bool reel_signals_take_save(void); /* whether SIGUSR1 has come since it was last asked */

#endif
