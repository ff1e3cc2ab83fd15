/* Which of several processes speaks. A command that ranks share prints once: its result and its
 * talk come from rank 0. The others are silent (reel_say_silence), also about what they meet alike:
 * a wrong command line, a missing file. What only one of them meets travels to rank 0, or, where
 * that cannot be, is printed by the rank itself.
 *
 *     reel_rank_talk_begin();                                  // main.c, for commands with .ranks
 *     reel_comm *comm;
 *     if (reel_rank_talk_connect(&comm, "eval", 0, &err))
 *         return reel_complain("eval", &err);
 *     status = reel_rank_agree(comm, open_files(&err), &err, "opening files");
 *     ...
 *     code = status ? reel_complain_once(comm, "eval", &err) : report(...);
 *     reel_rank_talk_close(comm);
 */
#ifndef REEL_TRAIN_RANK_TALK_H
#define REEL_TRAIN_RANK_TALK_H

#include "core/comm/comm.h"

/* Before the ranks are connected: silences a process that its launcher numbered above 0. */
void reel_rank_talk_begin(void);
/* Called before a complaint. A process that is silent, and not connected, waits here for some
 * seconds: if process 0 has the same complaint, it prints it, and the launcher ends the others with
 * SIGTERM. Then it returns and stays silent. Otherwise this process speaks for itself. */
void reel_rank_talk_turn(void);
/* Connects the ranks; without a launcher there is one. From here on only rank 0 speaks. A rank that
 * is lost while the others compute ends all. timeout: as reel_comm_config's. */
reel_status reel_rank_talk_connect(reel_comm **comm, const char *command, double timeout,
                                   reel_error *err);
/* reel_comm_close, for the end of a command: nothing is left to stop. The launcher may signal the
 * ranks that end last, if an earlier one ends with a code above 0; they do not answer. */
void reel_rank_talk_close(reel_comm *comm);
/* Whether the ranks are still together; all of them ask. */
bool reel_rank_talk_holds(reel_comm *comm);
/* A signal that is pending on one rank is pending on all of them afterwards. */
void reel_rank_talk_share_signal(reel_comm *comm);

#endif
