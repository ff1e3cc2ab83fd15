/* What a watcher asks the loop to do. Watchers (guard.h, stall.h) see numbers only; the loop acts.
 */
#ifndef REEL_TRAIN_VERDICT_H
#define REEL_TRAIN_VERDICT_H

typedef enum {
    REEL_GO_ON,
    REEL_SKIP,      /* leave this training step out */
    REEL_ROLL_BACK, /* return to an earlier checkpoint with a lower learning rate */
    REEL_STOP       /* end the run */
} reel_action;

typedef struct reel_verdict {
    reel_action action;
    char reason[1000]; /* one line for people; "" = nothing to say */
} reel_verdict;

#endif
