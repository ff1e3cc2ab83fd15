/* Learning-rate schedules: the rate of a training step, as a function of the step's number.
 *
 *     reel_schedule schedule = reel_schedule_default(reel_schedule_find("cosine"));
 *     schedule.lr = 0.01;
 *     schedule.epochs = 30;
 *     schedule.steps_per_epoch = 100;
 *     REEL_TRY(reel_schedule_set(&schedule, "lr-min", "1e-5", err));
 *     REEL_TRY(reel_schedule_check(&schedule, err));
 *     ...
 *     REEL_TRY(reel_optimizer_step(opt, reel_schedule_at(&schedule, step), err));
 *     reel_schedule_observe(&schedule, validation_loss);   once an epoch
 *
 * Most schedules have no state: a resumed run asks for the rate of its step. What a schedule
 * remembers (plateau does) stands in reel_schedule.state and belongs in checkpoints. */
#ifndef REEL_OPTIM_SCHEDULE_H
#define REEL_OPTIM_SCHEDULE_H

#include "core/base.h"
#include "optim/options.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- 1. Using a schedule ---- */

typedef struct reel_schedule_kind reel_schedule_kind;

/* The schedules of the library, in alphabetical order; NULL where no schedule has this name. */
REEL_API int reel_schedule_kind_count(void);
REEL_API const reel_schedule_kind *reel_schedule_kind_at(int index);
REEL_API const reel_schedule_kind *reel_schedule_find(const char *name);

enum { REEL_SCHEDULE_STATES = 4 }; /* most numbers that a schedule remembers */

typedef enum reel_warmup {
    REEL_WARMUP_LINEAR,  /* rises from lr warmup_start to lr, step by step */
    REEL_WARMUP_CONSTANT /* stays at lr warmup_start */
} reel_warmup;

/* A plain struct: copied by assignment, owns nothing. */
typedef struct reel_schedule {
    const reel_schedule_kind *kind;
    reel_optim_values values; /* of the kind's options */
    double lr;                /* the rate after the warm-up, from which the schedule goes down */
    int64_t epochs, steps_per_epoch; /* of the whole run, warm-up included */
    /* The first warmup_epochs stand in front of any schedule. The schedule's own epochs are counted
     * from where the warm-up ends, as in torchvision's recipes. */
    reel_warmup warmup;
    double warmup_epochs, warmup_start;
    double state[REEL_SCHEDULE_STATES]; /* all 0 at the beginning */
} reel_schedule;

/* The kind's defaults, lr 0.01, one epoch of one step, no warm-up, warmup_start 0.01. kind may be
 * NULL, as reel_schedule_find returns it: reel_schedule_check then fails. */
REEL_API reel_schedule reel_schedule_default(const reel_schedule_kind *kind);
/* Sets an option of the kind by name. REEL_ERR_INVALID: there is no such option, or the text is not
 * of its type. */
REEL_API reel_status reel_schedule_set(reel_schedule *s, const char *name, const char *text,
                                       reel_error *err);
/* Looks at the kind's options alone. REEL_ERR_INVALID, with a message that begins with the option's
 * name. */
REEL_API reel_status reel_schedule_check_options(const reel_schedule *s, reel_error *err);
/* Looks at everything. REEL_ERR_INVALID, with a message that begins with "schedule: ". */
REEL_API reel_status reel_schedule_check(const reel_schedule *s, reel_error *err);

/* The rate of a step; steps count from 0 over the whole run. The schedule must have passed
 * reel_schedule_check. */
REEL_API double reel_schedule_at(const reel_schedule *s, int64_t step);
/* Tells the schedule an epoch's validation loss. Only kinds with a state look at it. */
REEL_API void reel_schedule_observe(reel_schedule *s, double validation_loss);

/* What a checkpoint holds of a schedule: the numbers of s->state that have a name; NULL behind the
 * last. A count is a whole number from 0. */
REEL_API const char *reel_schedule_state_name(const reel_schedule *s, int state);
REEL_API bool reel_schedule_state_is_count(const reel_schedule *s, int state);

/* ---- 2. Adding a schedule: one file optim/schedules/NAME.c, or a table of your own ---- */

/* Where a step stands, counted from the end of the warm-up. */
typedef struct reel_schedule_time {
    int64_t step, epoch; /* from 0 */
    double progress;     /* from 0 to 1 at the end of the run, and 1 behind it */
} reel_schedule_time;

struct reel_schedule_kind {
    const char *name;  /* of --lr-scheduler: letters, digits, underscores */
    const char *torch; /* PyTorch's name, which --lr-scheduler takes too, in any case; or NULL */
    const char *about; /* one line for help texts */
    const reel_optim_option *options;
    int n_options;
    /* What the schedule remembers; the list ends at the first without a name. */
    struct {
        const char *name; /* in checkpoints */
        bool count;       /* a whole number from 0 */
    } states[REEL_SCHEDULE_STATES];
    /* Options that do not go together: REEL_ERR_INVALID, with a message that begins with the
     * option's name. Ranges are checked before. NULL: ranges are enough. */
    reel_status (*check)(const reel_schedule *s, reel_error *err);
    double (*rate)(const reel_schedule *s, const reel_schedule_time *time);
    void (*observe)(reel_schedule *s, double validation_loss); /* NULL: nothing to remember */
};

#ifdef __cplusplus
}
#endif
#endif
