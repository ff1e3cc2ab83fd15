/* Acting on the guard's verdict on a run that diverged: ending it, leaving the step out, or
 * returning to an earlier checkpoint. */
#include "train/run/checkpoint_folder.h"
#include "train/run/loop_internal.h"
#include "train/run/trace.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* The rest of the epoch from where the state says. */
static reel_status reopen_feed(reel_loop *loop, reel_error *err)
{
    const reel_session *s = &loop->session;
    reel_feed_stop(&loop->feed);
    if (s->state.batch == s->batches_per_epoch)
        return REEL_OK;
    const reel_status status = reel_feed_start(&loop->feed, s->state.epoch, s->state.batch, err);
    return reel_ranks_agree(loop->ranks, status, err, "loading training images");
}

static reel_status skip_step(reel_loop *loop, const char *reason, reel_error *err)
{
    reel_run_state *state = &loop->session.state;
    reel_journal_warn(&loop->journal, "%s; the step is left out", reason);
    state->skipped++;
    state->step++;
    state->batch++;
    reel_journal_line(&loop->journal,
                      json_pack("{s:s, s:I}", "event", "skip", "step", (json_int_t)state->step));
    return reopen_feed(loop, err);
}

/* The checkpoint to return to; path receives its name. NULL with an error: there is none. */
static reel_weights *find_earlier(reel_loop *loop, const reel_checkpoint *c,
                                  char path[REEL_PATH_MAX], reel_error *err)
{
    /* Never forward, to what resuming an earlier checkpoint left behind. And where no step could be
     * made from a restored state, it was lost already when it was saved. */
    const int64_t failed = loop->session.state.step;
    reel_checkpoint_query query = {.folder = loop->journal.dir.path,
                                   .below = loop->session.state.restored ? failed : failed + 1,
                                   .every = c->rollback_every,
                                   .run_id = reel_config_run_id(c->config)};

    reel_weights *weights;
    reel_error ignored;
    reel_status status = reel_checkpoint_find(&weights, &query, path, REEL_PATH_MAX, &ignored);
    if (!weights) {
        /* The run was resumed in another folder or with another --checkpoint-every: any one. */
        query.every = 1;
        status = reel_checkpoint_find(&weights, &query, path, REEL_PATH_MAX, err);
    }
    if (status == REEL_OK && !weights)
        reel_fail(err, REEL_ERR_NONFINITE, "no checkpoint to go back to");
    return status ? NULL : weights;
}

/* Restored; path receives its name. */
static reel_status restore_earlier(reel_loop *loop, char path[REEL_PATH_MAX], reel_error *err)
{
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    reel_ranks *r = loop->ranks;
    const char *what = "the checkpoint to go back to";
    reel_weights *weights = NULL;
    reel_error why;
    if (reel_ranks_leads(r))
        weights = find_earlier(loop, &c, path, &why);
    reel_status status = weights || !reel_ranks_leads(r) ? REEL_OK : why.status;
    if (status)
        *err = why;
    REEL_TRY_GOTO(reel_ranks_agree(r, status, err, what), done);

    /* The others get its bytes. */
    char copy[REEL_PATH_MAX];
    int handle = -1;
    snprintf(copy, sizeof copy, "%s", path);
    status = reel_ranks_tell_file(r, copy, sizeof copy, &handle, what, err);
    if (status == REEL_OK && !weights)
        status = reel_checkpoint_open(&weights, copy, err);
    if (status == REEL_OK)
        status = reel_checkpoint_restore(&c, weights, path, err);
    reel_ranks_drop_file(handle);
    status = reel_ranks_agree(r, status, err, what);
    if (status == REEL_OK && loop->session.parallel)
        status = reel_parallel_publish(loop->session.parallel, err);
    if (status == REEL_OK)
        status = reel_ranks_settle(r, err);
done:
    reel_weights_destroy(weights);
    return status;
}

static reel_status roll_back(reel_loop *loop, const char *reason, reel_error *err)
{
    reel_run_state *state = &loop->session.state;
    const reel_run_state before = *state;
    const int64_t failed = before.step, times = before.rollbacks + 1;
    char path[REEL_PATH_MAX] = "";
    reel_error why;
    if (restore_earlier(loop, path, &why))
        return reel_fail(err, REEL_ERR_NONFINITE, "%s; no rollback: %s", reason, why.message);

    /* Or the next rollback, or --resume auto, would take the later checkpoints. */
    if (reel_ranks_leads(loop->ranks))
        reel_checkpoint_set_aside(loop->journal.dir.path, path,
                                  reel_config_run_id(loop->journal.config));

    /* best.safetensors and best_ema.safetensors hold the best of before, and nothing worse may
     * replace them. */
    if (before.best_epoch &&
        reel_loop_is_better(before.best_top1, before.best_loss, reel_loop_best(state))) {
        state->best_epoch = before.best_epoch;
        state->best_top1 = before.best_top1;
        state->best_loss = before.best_loss;
    }
    const reel_best ema = before.best_ema;
    if (ema.epoch && reel_loop_is_better(ema.top1, ema.loss, state->best_ema))
        state->best_ema = ema;
    state->restored = 1;
    state->rollbacks = times;
    state->lr_scale = before.lr_scale * REEL_ROLLBACK_FACTOR;
    loop->meter.window = (reel_window){0};

    reel_journal_warn(&loop->journal,
                      "%s; back to step %" PRId64 ", learning rate x %g from there (%" PRId64
                      " of at most %d times)",
                      reason, state->step, state->lr_scale, times, REEL_MOST_ROLLBACKS);
    reel_journal_rewind(&loop->journal, state->step,
                        state->batch == loop->session.batches_per_epoch);
    reel_journal_line(&loop->journal,
                      json_pack("{s:s, s:I, s:I, s:f}", "event", "rollback", "step",
                                (json_int_t)state->step, "from", (json_int_t)failed + 1, "lr_scale",
                                state->lr_scale));
    return reopen_feed(loop, err);
}

/* Every number is finite: no layer is to blame, but the steps that led here. */
static void explain_diverged_loss(reel_incident *incident, reel_session *s)
{
    reel_tape_reset(s->tape);
    if (s->state.step == 0)
        snprintf(incident->origin, sizeof incident->origin,
                 "above %g is divergence, before any step: the initial weights do not suit the "
                 "images",
                 REEL_DIVERGED_LOSS);
    else
        snprintf(incident->origin, sizeof incident->origin,
                 "above %g is divergence: the learning rate, %g, is probably too high",
                 REEL_DIVERGED_LOSS, reel_session_lr(s));
}

reel_status reel_loop_nonfinite(reel_loop *loop, reel_incident *incident, reel_action *done,
                                reel_error *err)
{
    reel_session *s = &loop->session;
    REEL_TRY(reel_ranks_settle(loop->ranks, err));
    if (isfinite(incident->value)) {
        explain_diverged_loss(incident, s);
    } else {
        bool found;
        REEL_TRY(reel_trace_origin(incident, s, &loop->feed, &loop->planted, &found, err));
        REEL_TRY(reel_ranks_incident(loop->ranks, incident, found, err));
    }
    const reel_guard_past past = {.skipped = s->state.skipped,
                                  .rollbacks = s->state.rollbacks,
                                  .lr_scale = s->state.lr_scale};
    const reel_verdict verdict = reel_guard_judge(loop->settings->nan_action, incident, &past);

    *done = verdict.action;
    if (verdict.action == REEL_SKIP)
        return skip_step(loop, verdict.reason, err);
    if (verdict.action == REEL_ROLL_BACK)
        return roll_back(loop, verdict.reason, err);
    return reel_fail(err, REEL_ERR_NONFINITE, "%s", verdict.reason);
}
