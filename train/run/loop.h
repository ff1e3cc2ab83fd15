/* A training run: feed -> step -> guard -> update -> journal -> checkpoint, epoch by epoch.
 *
 * The loop knows every other part of the run; none of them knows the loop. */
#ifndef REEL_TRAIN_LOOP_H
#define REEL_TRAIN_LOOP_H

#include "train/run/checkpoint_folder.h"
#include "train/run/evaluation.h"
#include "train/run/feed.h"
#include "train/run/journal.h"
#include "train/run/memory_plan.h"
#include "train/run/meter.h"
#include "train/run/rank_isa.h"
#include "train/run/ranks.h"
#include "train/run/session_gradient.h"
#include "train/run/settings.h"
#include "train/run/share.h"
#include "train/run/stall.h"

typedef enum {
    REEL_RUN_COMPLETE,
    REEL_RUN_MAX_STEPS,
    REEL_RUN_MAX_TIME,
    REEL_RUN_SIGNAL,
    REEL_RUN_EARLY
} reel_run_end;

/* As JSON and metrics.jsonl name it: "complete", "max-steps", "max-time", "signal", "early-stop".
 */
const char *reel_run_end_name(reel_run_end end);

typedef struct reel_loop {
    const reel_settings *settings; /* borrowed */
    reel_session session;          /* what a checkpoint stores */
    reel_feed feed;
    reel_journal journal;
    /* Of this process. */
    reel_meter meter;
    reel_evaluation last;     /* the newest evaluation; images 0 = none yet */
    int64_t last_step;        /* where that was made */
    reel_evaluation last_ema; /* that of the average of weights; images 0 = none */
    reel_guess guess;         /* the loss of a guess, for the stall watch */
    reel_share_trial trial;
    reel_memory_plan memory; /* with --memory: the largest of the run; limit 0 = without */
    bool fitted_frozen;      /* the net's choice is that of the epochs before --unfreeze-after */
    int64_t first_step;
    int64_t best_there;         /* the epoch of best.safetensors; 0 = there is none */
    int64_t planted;            /* see plant.h */
    reel_ranks *ranks;          /* NULL = this process is alone; borrowed */
    reel_rank_kernels kernels;  /* with ranks: the best that all of them have */
    json_t *new_bad;            /* unreadable images that this rank has met since the last step */
    reel_piece_result *results; /* of the newest step, one for each piece; owned */
    int bad_rank;               /* of several: which has met the newest unreadable training image */
    bool met_bad_train; /* the loader has replaced a training image since that was last looked at */
    double began, last_checkpoint; /* on the clock of reel_seconds_now */
    double seconds;                /* that this process took, once reel_loop_run has returned */
    reel_run_end end;
    reel_unsaved unsaved; /* at the end of the run */
    /* The weights, or the average, of the newest evaluation are the best, and not written. */
    bool best_unsaved, best_ema_unsaved;
} reel_loop;

/* What a run begins with. */
typedef struct reel_loop_start {
    const char *data;               /* DATA as the user typed it */
    json_t *config;                 /* for config.json; taken over, also on failure */
    const reel_weights *checkpoint; /* to resume; NULL = a new run; borrowed */
    const char *checkpoint_path;
    reel_ranks *ranks; /* with a comm that is open; NULL = alone; borrowed */
} reel_loop_start;

/* Opens data and builds everything. Writes nothing, so that a mistake on the command line leaves no
 * trace. The settings must live as long as the loop. */
reel_status reel_loop_open(reel_loop *loop, const reel_settings *settings,
                           const reel_loop_start *start, reel_error *err);
/* What reel_loop_begin does of it, without a folder: fits the initial weights of a new run, if they
 * are to be, and makes the session ready for its first step. */
reel_status reel_loop_make_ready(reel_loop *loop, reel_error *err);
/* Plans the memory of a run with settings->batch_size as it is now, for the epoch in which most
 * parameters learn; with --memory, brings it within the limit. REEL_ERR_MEMORY: it does not fit. */
reel_status reel_loop_check_memory(reel_loop *loop, bool resumed, reel_error *err);
/* Before the steps of an epoch: the groups of parameters as they are in it, and with --memory what
 * its steps compute again. */
reel_status reel_loop_tune(reel_loop *loop, reel_error *err);
/* Creates the run's folder, or continues in it; fits the initial weights of a new run. */
reel_status reel_loop_begin(reel_loop *loop, reel_error *err);
void reel_loop_close(reel_loop *loop);

/* Bytes that the run's folder takes: one checkpoint, with the optimizer's state; that and the last
 * and best weights; all that --keep keeps, while one more of each is written. */
typedef struct reel_disk_need {
    size_t checkpoint, least, most;
} reel_disk_need;
reel_disk_need reel_loop_disk_need(reel_loop *loop);

/* Trains until the end, a limit or a signal: loop->end tells. What was done is saved, unless the
 * loss or a gradient is not finite: then REEL_ERR_NONFINITE, and nothing is written. Where the run
 * came to its end and could not be saved whole, reel_loop_is_unsaved. */
reel_status reel_loop_run(reel_loop *loop, reel_error *err);
bool reel_loop_is_unsaved(const reel_loop *loop);

/* The weights of state.best_epoch are not in the folder. Those of a later epoch are no loss: a
 * killed run has written them, and they come again. */
bool reel_loop_best_is_lost(const reel_loop *loop);

#endif
