/* SIGINT and SIGTERM ask a run to finish its step, save and leave; a second one leaves at once. */
#ifndef REEL_TRAIN_SIGNALS_H
#define REEL_TRAIN_SIGNALS_H

void reel_signals_install(void);
int reel_signals_pending(void); /* 0, SIGINT or SIGTERM */

#endif
