/* The order of things: epochs, steps, evaluations, checkpoints, limits. */
#include "train/run/checkpoint_folder.h"
#include "train/run/loop_internal.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <stdlib.h>

/* Seconds between checkpoints without --checkpoint-every: at least, after an epoch; at most, within
 * one. */
enum { SHORTEST_SECONDS = 60, LONGEST_SECONDS = 900 };

const char *reel_run_end_name(reel_run_end end)
{
    static const char *const names[] = {[REEL_RUN_COMPLETE] = "complete",
                                        [REEL_RUN_MAX_STEPS] = "max-steps",
                                        [REEL_RUN_MAX_TIME] = "max-time",
                                        [REEL_RUN_SIGNAL] = "signal",
                                        [REEL_RUN_EARLY] = "early-stop"};
    return names[end];
}

/* What ends the run, or asks for a checkpoint, before the next step; the same on all ranks. */
typedef struct loop_decision {
    int32_t signal;
    bool save; /* SIGUSR1, or a checkpoint is due */
    bool limit;
    int32_t end; /* a reel_run_end, where limit is set */
} loop_decision;

static loop_decision decide_alone(const reel_loop *loop, bool save)
{
    const reel_settings *s = loop->settings;
    loop_decision d = {.signal = reel_signals_pending(), .save = save};
    if (d.signal)
        d.end = REEL_RUN_SIGNAL;
    else if (s->max_steps && loop->session.state.step >= s->max_steps)
        d.end = REEL_RUN_MAX_STEPS;
    else if (s->max_time > 0 && reel_seconds_now() - loop->began >= s->max_time)
        d.end = REEL_RUN_MAX_TIME;
    d.limit = d.end != REEL_RUN_COMPLETE;
    return d;
}

/* A signal to any rank counts; time is rank 0's. */
static reel_status decide_together(reel_loop *loop, loop_decision *d, reel_error *err)
{
    const int ranks = reel_ranks_count(loop->ranks);
    loop_decision *all = calloc((size_t)ranks, sizeof *all);
    const char *what = "whether the run goes on";
    if (!all)
        return reel_ranks_lack(loop->ranks, what, err);
    const reel_status status = reel_comm_gather(loop->ranks->comm, d, sizeof *d, all, what, err);
    *d = all[0];
    for (int i = 1; status == REEL_OK && i < ranks; i++) {
        d->save |= all[i].save;
        if (!d->signal && all[i].signal) {
            d->signal = all[i].signal;
            d->end = REEL_RUN_SIGNAL;
            d->limit = true;
        }
    }
    free(all);
    if (status == REEL_OK)
        reel_signals_adopt(d->signal);
    return status;
}

/* Looks for a reason to end: loop->end. *save: whether to save on the way; in: whether that is due;
 * NULL: not asked. */
static reel_status look_for_end(reel_loop *loop, bool *save, reel_error *err)
{
    loop_decision d = decide_alone(loop, save && (reel_signals_take_save() || *save));
    if (loop->ranks)
        REEL_TRY(decide_together(loop, &d, err));
    if (save)
        *save = d.save;
    loop->end = (reel_run_end)d.end;
    return REEL_OK;
}

/* What somebody is told who ends the run by a signal within this step. */
static void answer_in_step(const reel_loop *loop)
{
    reel_signals_answer(false,
                        "finishing step %" PRId64
                        ", then saving; press Ctrl-C again to leave without saving",
                        loop->session.state.step + 1);
}

/* The first thing that was not saved, as a warning names it. */
static const char *unsaved_name(const reel_loop *loop)
{
    if (loop->unsaved.checkpoint)
        return "checkpoint";
    return loop->unsaved.model ? "model.safetensors" : "ema.safetensors";
}

/* A checkpoint within the run: a full disk must not end it. */
static void save_on_the_way(reel_loop *loop)
{
    reel_error err;
    if (reel_loop_save(loop, &err))
        reel_journal_warn(&loop->journal, "no %s at step %" PRId64 ": %s", unsaved_name(loop),
                          loop->session.state.step, err.message);
}

static bool checkpoint_due_in_epoch(const reel_loop *loop)
{
    const int64_t every = loop->settings->checkpoint_every;
    if (every)
        return loop->session.state.step % every == 0;
    return reel_seconds_now() - loop->last_checkpoint >= LONGEST_SECONDS;
}

/* A rollback returns to the ends of epochs, so it needs all of them. */
static bool checkpoint_due_after_epoch(const reel_loop *loop)
{
    const int64_t every = loop->settings->checkpoint_every;
    if (every)
        return loop->session.state.step % every == 0;
    return loop->settings->nan_action == REEL_ON_NAN_ROLLBACK ||
           reel_seconds_now() - loop->last_checkpoint >= SHORTEST_SECONDS;
}

static void answer_in_evaluation(void)
{
    reel_signals_answer(false, "stopping the evaluation, then saving; press Ctrl-C again to "
                               "leave without saving");
}

/* --eval-every. Such an evaluation informs, and changes nothing of the run: where it was cut short,
 * it comes again on a resume. *evaluated: the step of the newest one. */
static reel_status evaluate_within_epoch(reel_loop *loop, int64_t *evaluated, reel_error *err)
{
    const int64_t every = loop->settings->eval_every;
    const reel_run_state *state = &loop->session.state;
    const bool due = every && state->batch > 0 && state->step % every == 0;
    if (!due || state->step == *evaluated)
        return REEL_OK;

    const double began = reel_seconds_now(), waited = reel_feed_waited(&loop->feed);
    answer_in_evaluation();
    const reel_status status = reel_loop_evaluate(loop, false, err);
    if (status == REEL_ERR_STOPPED) {
        loop->end = REEL_RUN_SIGNAL;
        return REEL_OK;
    }
    REEL_TRY(status);
    *evaluated = state->step;
    /* Rates and waiting times of training leave it out. */
    reel_meter_pass(&loop->meter, reel_seconds_now() - began,
                    reel_feed_waited(&loop->feed) - waited);
    return REEL_OK;
}

/* The rest of the current epoch, until its end, a limit or a rollback: *done tells of the last. */
static reel_status train_epoch(reel_loop *loop, reel_action *done, reel_error *err)
{
    reel_session *s = &loop->session;
    *done = REEL_GO_ON;
    if (s->state.batch == s->batches_per_epoch)
        return REEL_OK; /* interrupted in its evaluation, then resumed */
    reel_status status = REEL_OK;
    if (!loop->feed.loader)
        status = reel_feed_start(&loop->feed, s->state.epoch, s->state.batch, err);
    REEL_TRY(reel_ranks_agree(loop->ranks, status, err, "loading training images"));
    reel_meter_begin_epoch(&loop->meter, reel_seconds_now(), reel_feed_waited(&loop->feed));

    int64_t evaluated = 0;
    REEL_TRY(look_for_end(loop, NULL, err));
    while (s->state.batch < s->batches_per_epoch && loop->end == REEL_RUN_COMPLETE) {
        REEL_TRY(evaluate_within_epoch(loop, &evaluated, err));
        if (loop->end != REEL_RUN_COMPLETE)
            return REEL_OK;
        const double began = reel_seconds_now(), waited = reel_feed_waited(&loop->feed);
        answer_in_step(loop);
        REEL_TRY(reel_loop_step(loop, done, err));
        if (*done == REEL_ROLL_BACK)
            return REEL_OK;
        REEL_TRY(reel_loop_in_place(loop, err));

        const double computed =
            reel_seconds_now() - began - (reel_feed_waited(&loop->feed) - waited);
        const bool last = s->state.batch == s->batches_per_epoch;
        if (s->state.seen > 0)
            reel_loop_log_step(loop, last);
        bool save = !last && checkpoint_due_in_epoch(loop);
        REEL_TRY(look_for_end(loop, &save, err));
        if (last)
            loop->end = REEL_RUN_COMPLETE; /* the evaluation of the epoch comes first */
        if (save)
            save_on_the_way(loop);
        if (!last)
            REEL_TRY(reel_loop_settle_threads(loop, computed, err));
    }
    return REEL_OK;
}

static reel_status end_epoch(reel_loop *loop, reel_error *err)
{
    answer_in_evaluation();
    const reel_status status = reel_loop_evaluate(loop, true, err);
    if (status == REEL_ERR_STOPPED) {
        /* The state still says "all batches used": a resumed run begins with this evaluation. */
        loop->end = REEL_RUN_SIGNAL;
        return REEL_OK;
    }
    REEL_TRY(status);
    reel_schedule_observe(&loop->session.schedule, loop->last.loss);

    /* The weights of a last epoch that no disk had room for are saved when the run is resumed: it
     * begins with this evaluation. */
    reel_run_state *state = &loop->session.state;
    const bool unsaved = loop->best_unsaved || loop->best_ema_unsaved;
    if (unsaved && state->epoch + 1 == loop->settings->epochs)
        return REEL_OK;
    state->epoch++;
    state->batch = state->right = state->seen = 0;
    state->loss_sum = 0;
    bool due = state->epoch < loop->settings->epochs && checkpoint_due_after_epoch(loop);
    REEL_TRY(reel_ranks_tell(loop->ranks, &due, sizeof due, "whether to save", err));
    if (due)
        save_on_the_way(loop);
    return REEL_OK;
}

static bool stops_early(const reel_loop *loop)
{
    const int64_t patience = loop->settings->early_stop;
    const reel_run_state *state = &loop->session.state;
    return patience && state->epoch - state->best_epoch >= patience;
}

static reel_status run_epochs(reel_loop *loop, reel_error *err)
{
    const int64_t epochs = loop->settings->epochs;
    const reel_run_state *state = &loop->session.state;
    while (state->epoch < epochs) {
        if (stops_early(loop)) { /* asked here, since a run may be resumed where it stopped */
            loop->end = REEL_RUN_EARLY;
            break;
        }

        reel_action done;
        REEL_TRY(reel_loop_tune(loop, err));
        REEL_TRY(train_epoch(loop, &done, err));
        if (done == REEL_ROLL_BACK)
            continue;
        if (loop->end != REEL_RUN_COMPLETE)
            break;

        REEL_TRY(end_epoch(loop, err));
        if (loop->end != REEL_RUN_COMPLETE || state->batch == loop->session.batches_per_epoch)
            break;
        if (state->epoch < epochs && !stops_early(loop)) {
            REEL_TRY(look_for_end(loop, NULL, err));
            if (loop->end != REEL_RUN_COMPLETE)
                break;
        }
    }
    return REEL_OK;
}

/* A run that a limit ended within an epoch is evaluated where it stands. A signal wants out. The
 * run is saved already. */
static void evaluate_at_limit(reel_loop *loop)
{
    const bool limit = loop->end == REEL_RUN_MAX_STEPS || loop->end == REEL_RUN_MAX_TIME;
    if (!limit || loop->session.state.batch == 0)
        return;
    reel_signals_answer(false, "stopping the evaluation; the run is saved");
    reel_error why;
    const reel_status status = reel_loop_evaluate(loop, false, &why);
    if (status == REEL_ERR_STOPPED)
        loop->end = REEL_RUN_SIGNAL;
    else if (status)
        reel_journal_warn(&loop->journal, "%s", why.message);
    reel_progress_clear(&loop->journal.progress);
}

/* Trains to the end, saves, and evaluates where a limit cut an epoch. */
static reel_status run_and_save(reel_loop *loop, reel_error *err)
{
    /* A rollback needs a state to return to: a new run has none yet, nor has one that is resumed
     * into another folder. */
    bool lacks = loop->settings->nan_action == REEL_ON_NAN_ROLLBACK &&
                 !reel_checkpoint_exists(loop->journal.dir.path, loop->first_step);
    REEL_TRY(reel_ranks_tell(loop->ranks, &lacks, sizeof lacks, "whether to save", err));
    if (lacks)
        REEL_TRY(reel_loop_save(loop, err));

    const reel_status status = run_epochs(loop, err);
    reel_progress_clear(&loop->journal.progress);
    if (status == REEL_ERR_NONFINITE)
        return status;
    if (loop->ranks && !loop->ranks->agreed)
        reel_ranks_fail(loop->ranks, status, err);

    /* The checkpoint comes before the evaluation: what limits the time may soon kill the process.
     */
    reel_error unsaved = {0};
    reel_params_zero_grad(reel_net_params(loop->session.net));
    const reel_status saved =
        loop->session.state.step > 0 ? reel_loop_save_last(loop, &unsaved) : REEL_OK;
    if (status == REEL_OK) {
        evaluate_at_limit(loop);
        if (saved != REEL_ERR_NONFINITE)
            reel_loop_keep_provisional(loop);
    }

    if (status != REEL_OK) {
        if (saved != REEL_OK)
            reel_journal_warn(&loop->journal, "not saved: %s", unsaved.message);
        loop->unsaved = (reel_unsaved){0};
        loop->best_unsaved = loop->best_ema_unsaved = false;
        return status;
    }
    if (saved == REEL_OK && (loop->best_unsaved || loop->best_ema_unsaved))
        return reel_fail(err, REEL_ERR_IO, "the best %s not saved",
                         loop->best_unsaved ? "weights are" : "average is");
    if (saved != REEL_OK)
        *err = unsaved;
    return saved;
}

reel_status reel_loop_run(reel_loop *loop, reel_error *err)
{
    const reel_status status = run_and_save(loop, err);
    loop->seconds = reel_seconds_now() - loop->began;

    /* The folder may be another run's by now: then this one leaves no line in it. */
    reel_error ignored;
    if (status == REEL_OK)
        reel_loop_log_end(loop, NULL);
    else if (reel_loop_in_place(loop, &ignored) == REEL_OK)
        reel_loop_log_end(loop, err);
    return status;
}
