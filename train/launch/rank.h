/* What a process does first that a launcher has started. */
#ifndef REEL_TRAIN_RANK_H
#define REEL_TRAIN_RANK_H

/* To be called at the start of main. Without a launcher nothing happens. Under one, SIGUSR1 (save
 * and continue) is ignored until the run has its handlers, instead of ending the process. And where
 * this host lacks the folder that the launcher has made on its own host for messages between ranks,
 * Open MPI chooses another. */
void reel_rank_prepare(void);

#endif
