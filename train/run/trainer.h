/* The trainer wires loader, net, optimizer and schedule into a run. No mathematics lives here.
 *
 * Between two steps everything that a run is stands in (parameters, momentum, reel_run_state,
 * schedule): saving these and going on later gives the same bits as going on at once. */
#ifndef REEL_TRAIN_TRAINER_H
#define REEL_TRAIN_TRAINER_H

#include "data/loader.h"
#include "train/run/events.h"
#include "train/run/checkpoint.h"
#include "train/run/evaluate.h"
#include "train/run/progress.h"
#include "train/run/settings.h"

typedef enum {
    REEL_RUN_COMPLETE,
    REEL_RUN_MAX_STEPS,
    REEL_RUN_MAX_TIME,
    REEL_RUN_SIGNAL,
    REEL_RUN_EARLY
} reel_run_end;

/* Sums over the steps since the last line of the log. */
typedef struct reel_log_window {
    double loss, began, waited, grad_norm;
    double forward, backward, update; /* seconds */
    int64_t right, seen, steps;
} reel_log_window;

typedef struct reel_trainer {
    const reel_settings *settings;
    json_t *config; /* owned */
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_optimizer *opt;
    reel_dataset *train, *val;
    reel_dataset *whole; /* train and val are views of it; NULL where DATA has both */
    reel_loader *loader; /* of the training images; made when the first epoch starts */
    reel_schedule schedule;
    reel_model_card card;
    reel_run_dir run;
    reel_run_state state;
    reel_evaluation last; /* the newest evaluation; images 0 = none */
    reel_progress progress;
    reel_events *events; /* NULL = they could not be made */
    /* of this process */
    int64_t batches_per_epoch, steps_per_epoch, first_step, bad_files;
    bool met_bad_train; /* the loader has replaced a sample since that was last looked at */
    double began, last_checkpoint, eval_seconds, step_seconds, epoch_began, epoch_waited;
    int64_t epoch_seen;
    double lr, epoch_rate,
        epoch_wait; /* as last shown: learning rate, images a second, share of time spent waiting */
    reel_log_window log;
    int workers;          /* of the training loader */
    double waited_before; /* for data, on loaders that are gone */
    int64_t
        measured; /* steps since the loader was opened, until threads are settled; -1 = they are */
    double compute_seconds; /* of those steps but the first, without waiting */
    int64_t planted;        /* see reel_guard_plant */
    int64_t best_there;     /* the epoch of best.safetensors; 0 = there is none */
    bool rolled_back;       /* just now: the epoch has to be begun where the state says */
    reel_run_end end;
} reel_trainer;

/* Opens data and builds everything for a new run, or for the one in `checkpoint` (borrowed; NULL =
 * new). Writes nothing. The settings must live as long as the trainer. config is taken over, also
 * on failure. */
reel_status reel_trainer_open(reel_trainer *t, const char *data, const reel_settings *settings,
                              json_t *config, const reel_weights *checkpoint,
                              const char *checkpoint_path, reel_error *err);
/* Creates the run's folder, or goes on in it; fits the weights of a new run. */
reel_status reel_trainer_begin(reel_trainer *t, reel_error *err);
int64_t reel_trainer_fit_images(const reel_trainer *t); /* that the initial weights are fitted to */
void reel_trainer_close(reel_trainer *t);

/* Trains until the end, a limit or a signal: t->end tells. What was done is saved, unless the loss
 * or a gradient is not finite: REEL_ERR_NONFINITE, and nothing is written. */
reel_status reel_trainer_run(reel_trainer *t, reel_error *err);

/* Shared by the files of the trainer. */
/* A loader of training batches that begins at batch `first` of the current epoch; told of
 * unreadable samples or silent. */
reel_status reel_trainer_loader(reel_trainer *t, reel_loader **out, int64_t first, int workers,
                                bool silent, reel_error *err);
/* Before anything is written: reel_run_dir_in_place, told to the user. */
reel_status reel_trainer_in_place(reel_trainer *t, reel_error *err);
reel_status
reel_trainer_save(reel_trainer *t,
                  reel_error *err); /* a checkpoint; REEL_ERR_NONFINITE keeps the ones there are */
double
reel_trainer_waited(const reel_trainer *t); /* seconds this process has waited for training data */
reel_checkpoint reel_trainer_checkpoint(reel_trainer *t);
void reel_trainer_on_bad_train(void *trainer, int64_t index, const char *name, const char *reason);
void reel_trainer_on_slow(void *trainer, int64_t index, const char *name, double seconds);
reel_status
reel_trainer_tune(reel_trainer *t,
                  reel_error *err); /* groups of a fine-tuning run, as the epoch has them */
/* The validation images; at the end of an epoch keeps the best weights. Within one it changes
 * nothing that a run is: a run that was cut there must go on as if it had not been. */
reel_status reel_trainer_evaluate(reel_trainer *t, bool end_of_epoch, reel_error *err);
/* Is that better than the best so far? Ties by loss. */
bool reel_is_better(double top1, double loss, const reel_run_state *than);
bool reel_trainer_best_is_lost(
    const reel_trainer *t); /* the weights of state.best_epoch are not in the folder */
void reel_trainer_metric(reel_trainer *t, json_t *line); /* appends it to metrics.jsonl; frees it */
/* The first line of a process: what runs where. Opens the event file. */
void reel_trainer_log_start(reel_trainer *t);
void reel_trainer_log_step(reel_trainer *t, bool last_of_epoch);

#endif
