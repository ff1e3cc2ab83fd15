/* How far a run came, how long it took, and whether it goes on: from metrics.jsonl and the lock of
 * its folder. */
#ifndef REEL_TRAIN_REPORT_STATE_H
#define REEL_TRAIN_REPORT_STATE_H

#include "train/report/record.h"

typedef struct reel_record_state {
    /* "running", "interrupted" (by a signal, or without a last line: killed), "complete",
     * "early-stop", "max-steps", "max-time", "error". */
    const char *name;
    const char *message; /* of the error; NULL = none; borrowed from the record */
    int64_t step, epoch; /* the newest in the log; epochs count from 1, 0 = none */
    int64_t epochs;      /* of the whole run; 0 = not known */
    int64_t processes;   /* that the run has had */
    double seconds;      /* of all processes, without the time between them */
    double last_seconds; /* of the newest process */
} reel_record_state;

/* Seconds of a process are those that its last line tells and the terminal shows. A process that
 * was killed, or still runs, has the sum over its steps and evaluations instead. */
reel_record_state reel_record_state_of(const reel_record *r, const char *folder);

/* For people: "Stopped at step 10 by --max-steps." Returns text. */
const char *reel_record_state_text(const reel_record_state *state, char *text, size_t size);

#endif
