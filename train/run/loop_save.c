/* What the loop writes: checkpoints, and what a folder needs that had to be made anew. */
#include "train/run/checkpoint_folder.h"
#include "train/run/held_out.h"
#include "train/run/loop_internal.h"
#include "train/run/probe.h"

#include <inttypes.h>

reel_checkpoint reel_loop_checkpoint(reel_loop *loop)
{
    const reel_settings *s = loop->settings;
    const int64_t every =
        s->checkpoint_every ? s->checkpoint_every : loop->session.schedule.steps_per_epoch;
    reel_checkpoint c = reel_session_checkpoint(&loop->session);
    c.config = loop->journal.config;
    c.rollback_every = s->nan_action == REEL_ON_NAN_ROLLBACK ? every : 0;
    return c;
}

/* Rank 0's part of saving. */
static reel_status write_checkpoint(reel_loop *loop, reel_error *err)
{
    reel_checkpoint c = reel_loop_checkpoint(loop);
    json_t *probe = reel_probe_take(&loop->session, &loop->feed);
    c.probe = probe;
    const reel_run_dir *dir = &loop->journal.dir;
    const reel_status status =
        reel_checkpoint_save(&c, dir, loop->settings->keep, &loop->unsaved, err);
    json_decref(probe);
    return status;
}

/* How rank 0's files fared, told to all. */
typedef struct save_outcome {
    reel_status status;
    reel_unsaved unsaved;
} save_outcome;

static reel_status tell_outcome(reel_loop *loop, reel_status status, reel_error *err)
{
    save_outcome outcome = {status, loop->unsaved};
    reel_error why;
    if (!loop->ranks)
        return status;
    const reel_status told = reel_ranks_tell(loop->ranks, &outcome, sizeof outcome,
                                             "whether a checkpoint was saved", &why);
    if (told) {
        *err = why;
        return told;
    }
    loop->unsaved = outcome.unsaved;
    if (outcome.status && !reel_ranks_leads(loop->ranks))
        reel_fail(err, outcome.status, "rank 0 could not save");
    return outcome.status;
}

reel_status reel_loop_save(reel_loop *loop, reel_error *err)
{
    REEL_TRY(reel_loop_in_place(loop, err));
    const reel_params *params = reel_net_params(loop->session.net);
    int bad;
    REEL_TRY(reel_ranks_settle(loop->ranks, err));
    const reel_status looked = reel_optimizer_not_finite_shared(loop->session.opt, &bad, err);
    if (looked != REEL_OK)
        return reel_ranks_fail(loop->ranks, looked, err);
    loop->last_checkpoint = reel_seconds_now();

    /* The update itself went over the largest number. A checkpoint of it would push out a good
     * one. */
    if (bad >= 0)
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "step %" PRId64
                         ": %s or its momentum is not finite after the update; not saved",
                         loop->session.state.step, reel_params_at(params, bad)->name);

    REEL_TRY(reel_ranks_complete(loop->ranks, err));
    const reel_status status =
        reel_ranks_leads(loop->ranks) ? write_checkpoint(loop, err) : REEL_OK;
    return tell_outcome(loop, status, err);
}

static bool is_of_step(const reel_run_dir *dir, const char *name, int64_t step)
{
    char path[REEL_PATH_MAX];
    return reel_model_file_number(reel_run_dir_file(dir, name, path, sizeof path), "step") == step;
}

/* Of a run that ends where it was resumed: the checkpoint is there, and so may the others be. */
static void pass_over_what_is_there(reel_loop *loop)
{
    const reel_run_dir *dir = &loop->journal.dir;
    const int64_t step = loop->session.state.step;
    if (step != loop->first_step || !reel_checkpoint_exists(dir->path, step))
        return;
    loop->unsaved.checkpoint = false;
    loop->unsaved.model = !is_of_step(dir, "model.safetensors", step);
    loop->unsaved.average = loop->session.ema && !is_of_step(dir, "ema.safetensors", step);
}

reel_status reel_loop_save_last(reel_loop *loop, reel_error *err)
{
    loop->unsaved =
        (reel_unsaved){.checkpoint = true, .model = true, .average = loop->session.ema != NULL};
    const reel_status status = reel_loop_save(loop, err);
    if (status != REEL_OK && status != REEL_ERR_IO) {
        loop->unsaved =
            (reel_unsaved){0}; /* not meant to be saved: not finite, or another's folder */
        return status;
    }
    if (status != REEL_OK) {
        if (reel_ranks_leads(loop->ranks))
            pass_over_what_is_there(loop);
        (void)tell_outcome(loop, status, err); /* a lost rank: the next exchange says so */
    }
    return reel_loop_is_unsaved(loop) ? status : REEL_OK;
}

bool reel_loop_is_unsaved(const reel_loop *loop)
{
    const reel_unsaved *u = &loop->unsaved;
    return u->checkpoint || u->model || u->average || loop->best_unsaved || loop->best_ema_unsaved;
}

reel_status reel_loop_record_split(const reel_loop *loop, reel_error *err)
{
    char path[REEL_PATH_MAX];
    if (!loop->feed.whole)
        return REEL_OK;
    const reel_held_out_draw draw = {.seed = (uint64_t)loop->settings->seed,
                                     .share = loop->settings->val_share,
                                     .folds = loop->settings->k_fold,
                                     .fold = loop->settings->fold};
    reel_run_dir_file(&loop->journal.dir, "split.json", path, sizeof path);
    return reel_held_out_write(loop->feed.val, &draw, path, err);
}

/* Rank 0 looks after the folder, and tells the others how it is. */
typedef struct folder_state {
    reel_status status;
    bool anew;
} folder_state;

reel_status reel_loop_in_place(reel_loop *loop, reel_error *err)
{
    folder_state f = {0};
    reel_error why;
    if (reel_ranks_leads(loop->ranks))
        f.status = reel_journal_in_place(&loop->journal, loop->session.state.step, &f.anew, &why);
    REEL_TRY(reel_ranks_tell(loop->ranks, &f, sizeof f, "whether the run's folder is there", err));
    if (f.status) {
        if (reel_ranks_leads(loop->ranks))
            *err = why;
        return reel_ranks_agree(loop->ranks, reel_ranks_leads(loop->ranks) ? f.status : REEL_OK,
                                err, "the run's folder");
    }
    if (!f.anew)
        return REEL_OK;
    loop->best_there = 0;
    loop->session.state.best_ema = (reel_best){0};
    if (reel_ranks_leads(loop->ranks) && reel_loop_record_split(loop, &why))
        reel_journal_warn(&loop->journal, "%s", why.message);
    return REEL_OK;
}

bool reel_loop_is_better(double top1, double loss, reel_best than)
{
    return than.epoch == 0 || top1 > than.top1 || (top1 == than.top1 && loss < than.loss);
}

reel_best reel_loop_best(const reel_run_state *state)
{
    return (reel_best){state->best_epoch, state->best_top1, state->best_loss};
}

bool reel_loop_best_is_lost(const reel_loop *loop)
{
    return loop->best_there < loop->session.state.best_epoch;
}
