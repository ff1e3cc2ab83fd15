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

reel_status reel_loop_save(reel_loop *loop, reel_error *err)
{
    REEL_TRY(reel_loop_in_place(loop, err));
    reel_checkpoint c = reel_loop_checkpoint(loop);
    const int bad = reel_optimizer_not_finite(loop->session.opt);
    loop->last_checkpoint = reel_seconds_now();

    /* The update itself went over the largest number. A checkpoint of it would push out a good
     * one. */
    if (bad >= 0)
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "step %" PRId64
                         ": %s or its momentum is not finite after the update; not saved",
                         loop->session.state.step, reel_params_at(c.params, bad)->name);

    json_t *probe = reel_probe_take(&loop->session, &loop->feed);
    c.probe = probe;
    const reel_run_dir *dir = &loop->journal.dir;
    const reel_status status =
        reel_checkpoint_save(&c, dir, loop->settings->keep, &loop->unsaved, err);
    json_decref(probe);
    return status;
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
    if (status != REEL_OK)
        pass_over_what_is_there(loop);
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

reel_status reel_loop_in_place(reel_loop *loop, reel_error *err)
{
    bool anew;
    reel_error why;
    REEL_TRY(reel_journal_in_place(&loop->journal, loop->session.state.step, &anew, err));
    if (!anew)
        return REEL_OK;
    loop->best_there = 0;
    loop->session.state.best_ema = (reel_best){0};
    if (reel_loop_record_split(loop, &why))
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
