/* The training loop: batch -> tape -> backward -> clip -> step -> reset, epoch by epoch. */
#include "train/run/guard.h"
#include "train/run/probe.h"
#include "train/run/share.h"
#include "train/run/signals.h"
#include "train/run/stall.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Seconds between checkpoints without --checkpoint-every: at least, after an epoch; at most, within
 * one. */
enum { SHORTEST = 60, LONGEST = 900 };

/* A loader knows the unreadable samples that it has met; the run's folder knows those of the
 * loaders before it too. */
static reel_status judge_bad(reel_trainer *t, reel_error *err)
{
    const int64_t bad = t->run.n_bad_train, all = reel_dataset_count(t->train);
    if (!t->met_bad_train)
        return REEL_OK;
    t->met_bad_train = false;
    if (bad <= 1 || (double)bad <= t->settings->max_bad * (double)all)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_BAD_DATA,
                     "%" PRId64 " of %" PRId64
                     " samples are unreadable, more than the %g %% allowed, counted from the run's "
                     "beginning; %s/bad_files.jsonl names them",
                     bad, all, 100 * t->settings->max_bad, t->run.path);
}

/* One batch: gradients are added to the store, scaled by share. */
static reel_status batch_gradient(reel_trainer *t, double share, reel_batch *b, reel_error *err)
{
    REEL_TRY(reel_loader_next(t->loader, b, err));
    REEL_TRY(judge_bad(t, err));
    REEL_ASSERT(b->n > 0);
    const double began = reel_seconds_now();
    reel_tape_set_step(t->tape, t->state.epoch * t->batches_per_epoch + b->index);
    const reel_var logits = reel_net_forward(t->net, t->tape, reel_input(t->tape, &b->images));
    const reel_cross_entropy_attrs attrs = {.label_smoothing = t->settings->label_smoothing};
    const reel_var loss = reel_cross_entropy(logits, b->labels, b->n, &attrs);
    REEL_TRY(reel_tape_status(t->tape, err));
    const reel_tensor value = reel_value(loss), rows = reel_value(logits);
    const double mean = reel_tensor_get(&value, (const int64_t[REEL_MAX_DIMS]){0});
    if (!isfinite(mean))
        return reel_guard_loss(t, b, mean, err);
    int64_t right = 0;
    for (int64_t i = 0; i < b->n; i++)
        right += reel_label_rank((const float *)rows.data + i * rows.shape[1], rows.shape[1],
                                 b->labels[i]) == 0;
    const double forward = reel_seconds_now();
    REEL_TRY(reel_backward_scaled(loss, share, err));
    reel_tape_reset(t->tape);
    t->log.forward += forward - began;
    t->log.backward += reel_seconds_now() - forward;
    t->state.loss_sum += mean * (double)b->n;
    t->state.right += right;
    t->state.seen += b->n;
    t->log.loss += mean * (double)b->n;
    t->log.right += right;
    t->log.seen += b->n;
    t->epoch_seen += b->n;
    return REEL_OK;
}

/* Gradients of a whole step, finite. */
static reel_status step_gradient(reel_trainer *t, int64_t group, reel_error *err)
{
    reel_params *params = reel_net_params(t->net);
    reel_batch batch = {0};
    reel_params_zero_grad(params);
    for (int64_t i = 0; i < group; i++)
        REEL_TRY(batch_gradient(t, 1.0 / (double)group, &batch, err));
    reel_guard_plant(t);
    if (t->settings->clip_grad_norm > 0) {
        const double norm = reel_clip_grad_norm(params, t->ctx, t->settings->clip_grad_norm);
        t->log.grad_norm += norm;
        if (isfinite(norm))
            return REEL_OK;
    }
    const int bad = reel_grad_not_finite(params, t->ctx);
    return bad < 0 ? REEL_OK : reel_guard_gradient(t, &batch, bad, err);
}

static reel_status train_step(reel_trainer *t, reel_error *err)
{
    const double began = reel_seconds_now();
    const int64_t rest = t->batches_per_epoch - t->state.batch,
                  accumulate = t->settings->accumulate;
    const int64_t group = rest < accumulate ? rest : accumulate;
    const reel_run_state before = t->state;
    const reel_log_window window = t->log;
    reel_error why;
    const reel_status status = step_gradient(t, group, &why);
    if (status != REEL_OK) { /* as before the step: what its first batches counted is counted again
                                when it is repeated */
        t->state = before;
        t->log = window;
        if (status == REEL_ERR_NONFINITE)
            return reel_guard_act(t, group, &why, err);
        *err = why;
        return status;
    }
    t->lr = reel_schedule_at(&t->schedule, t->state.step) * t->state.lr_scale;
    const double updating = reel_seconds_now();
    REEL_TRY(reel_optimizer_step(t->opt, t->lr, err));
    t->log.update += reel_seconds_now() - updating;
    t->state.skipped = t->state.restored = 0;
    t->state.step++;
    t->state.batch += group;
    t->log.steps++;
    reel_stall_watch(t,
                     (t->state.loss_sum - before.loss_sum) / (double)(t->state.seen - before.seen));
    const double spent = reel_seconds_now() - began;
    t->state.train_seconds += spent;
    t->step_seconds = t->step_seconds == 0 ? spent : 0.9 * t->step_seconds + 0.1 * spent;
    return REEL_OK;
}

static bool limit_reached(reel_trainer *t)
{
    const reel_settings *s = t->settings;
    if (reel_signals_pending())
        t->end = REEL_RUN_SIGNAL;
    else if (s->max_steps && t->state.step >= s->max_steps)
        t->end = REEL_RUN_MAX_STEPS;
    else if (s->max_time > 0 && reel_seconds_now() - t->began >= s->max_time)
        t->end = REEL_RUN_MAX_TIME;
    return t->end != REEL_RUN_COMPLETE;
}

reel_status reel_trainer_save(reel_trainer *t, reel_error *err)
{
    REEL_TRY(reel_trainer_in_place(t, err));
    reel_checkpoint c = reel_trainer_checkpoint(t);
    const int bad = reel_optimizer_not_finite(t->opt);
    t->last_checkpoint = reel_seconds_now();
    if (bad >= 0) /* the update itself went over the largest number; a checkpoint of it would push
                     out a good one */
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "step %" PRId64
                         ": %s or its momentum is not finite after the update; not saved",
                         t->state.step, reel_params_at(c.params, bad)->name);
    json_t *probe = reel_probe_take(t);
    c.probe = probe;
    const reel_status status = reel_checkpoint_save(&c, &t->run, t->settings->keep, err);
    json_decref(probe);
    return status;
}

/* A checkpoint on the way: a full disk must not end the run. */
static void save_on_the_way(reel_trainer *t)
{
    reel_error err;
    if (reel_trainer_save(t, &err))
        reel_progress_warn(&t->progress,
                           "reel train: warning: no checkpoint at step %" PRId64 ": %s",
                           t->state.step, err.message);
}

reel_status reel_trainer_loader(reel_trainer *t, reel_loader **out, int64_t first, int workers,
                                bool silent, reel_error *err)
{
    const reel_settings *s = t->settings;
    const int64_t images = reel_dataset_count(t->train);
    const bool small = images < s->batch_size;
    const reel_loader_config config = {.batch = small ? images : s->batch_size,
                                       .workers = workers,
                                       .in_turns =
                                           reel_share_in_turns(reel_ctx_threads(t->ctx), workers),
                                       .seed = s->seed,
                                       .shuffle = true,
                                       .class_balanced = s->class_balanced,
                                       .drop_last = !small,
                                       .epoch = t->state.epoch,
                                       .first = first,
                                       .epochs = s->epochs,
                                       .max_bad = silent           ? 1
                                                  : s->max_bad > 0 ? s->max_bad
                                                                   : 1e-300,
                                       .on_bad = silent ? NULL : reel_trainer_on_bad_train,
                                       .on_slow = reel_trainer_on_slow,
                                       .slow_seconds = s->slow_read,
                                       .user = t};
    return reel_loader_create(out, t->train, &s->train, &config, err);
}

static reel_status open_loader(reel_trainer *t, reel_error *err)
{
    return reel_trainer_loader(t, &t->loader, t->state.batch, t->workers, false, err);
}

double reel_trainer_waited(const reel_trainer *t)
{
    return t->waited_before + (t->loader ? reel_loader_wait_seconds(t->loader) : 0);
}

/* Threads and workers by what the first steps cost. Batches are the same for any number of workers,
 * so the loader can be replaced by another one on the way. */
static reel_status settle_threads(reel_trainer *t, double computed, reel_error *err)
{
    enum { STEPS = 3 };
    if (t->measured < 0 || !t->settings->choose_workers)
        return REEL_OK;
    if (t->measured++ > 0)
        t->compute_seconds += computed; /* the first step touches memory for the first time */
    if (t->measured <= STEPS)
        return REEL_OK;
    t->measured = -1;
    const double images = (double)t->settings->accumulate * (double)t->settings->batch_size;
    const reel_share share =
        reel_share_cores(reel_available_cpus(), (int64_t)images, t->compute_seconds / STEPS,
                         reel_loader_sample_seconds(t->loader));
    char text[300];
    reel_progress_note(&t->progress, false, "%s", reel_share_text(&share, text, sizeof text));
    if (share.threads == reel_ctx_threads(t->ctx) && share.workers == t->workers)
        return REEL_OK;
    t->waited_before = reel_trainer_waited(t);
    reel_loader_destroy(t->loader);
    t->loader = NULL;
    t->workers = share.workers;
    reel_ctx_set_threads(t->ctx, share.threads);
    return open_loader(t, err);
}

/* The rest of the current epoch; ends early at a limit. */
static reel_status train_epoch(reel_trainer *t, reel_error *err)
{
    if (t->state.batch == t->batches_per_epoch)
        return REEL_OK; /* interrupted in its evaluation, then resumed */
    if (!t->loader)
        REEL_TRY(open_loader(t, err));
    t->epoch_began = t->log.began = reel_seconds_now();
    t->epoch_waited = t->log.waited = reel_trainer_waited(t);
    t->epoch_seen = 0;
    const int64_t every = t->settings->checkpoint_every;
    while (t->state.batch < t->batches_per_epoch) {
        if (limit_reached(t))
            return REEL_OK;
        const double began = reel_seconds_now(), waited = reel_trainer_waited(t);
        REEL_TRY(train_step(t, err));
        if (t->rolled_back)
            return REEL_OK;
        REEL_TRY(reel_trainer_in_place(t, err));
        const double computed = reel_seconds_now() - began - (reel_trainer_waited(t) - waited);
        const bool last = t->state.batch == t->batches_per_epoch;
        if (t->state.seen > 0)
            reel_trainer_log_step(t, last);
        const bool due = !last && (every ? t->state.step % every == 0
                                         : reel_seconds_now() - t->last_checkpoint >= LONGEST);
        if (reel_signals_take_save() || due)
            save_on_the_way(t);
        if (!last)
            REEL_TRY(settle_threads(t, computed, err));
    }
    return REEL_OK;
}

static reel_status end_epoch(reel_trainer *t, reel_error *err)
{
    const reel_status status = reel_trainer_evaluate(t, true, err);
    if (status == REEL_ERR_STOPPED) {
        t->end = REEL_RUN_SIGNAL; /* the state still says "all batches used": its evaluation is made
                                     up for after a resume */
        return REEL_OK;
    }
    REEL_TRY(status);
    reel_schedule_observe(&t->schedule, t->last.loss);
    reel_run_state *s = &t->state;
    s->epoch++;
    s->batch = s->right = s->seen = 0;
    s->loss_sum = 0;
    const int64_t every = t->settings->checkpoint_every;
    const bool whole = t->settings->nan_action == REEL_ON_NAN_ROLLBACK ||
                       reel_seconds_now() - t->last_checkpoint >= SHORTEST;
    const bool due = every ? s->step % every == 0 : whole;
    if (due && s->epoch < t->settings->epochs)
        save_on_the_way(t);
    return REEL_OK;
}

static bool stops_early(const reel_trainer *t)
{
    const int64_t patience = t->settings->early_stop;
    return patience && t->state.epoch - t->state.best_epoch >= patience;
}

static reel_status run_epochs(reel_trainer *t, reel_error *err)
{
    while (t->state.epoch < t->settings->epochs) {
        if (stops_early(t)) { /* looked at here, since a run may be resumed where it stopped */
            t->end = REEL_RUN_EARLY;
            break;
        }
        REEL_TRY(reel_trainer_tune(t, err)); /* what is frozen depends on the epoch */
        t->rolled_back = false;
        REEL_TRY(train_epoch(t, err));
        if (t->rolled_back)
            continue;
        if (t->end != REEL_RUN_COMPLETE)
            break;
        REEL_TRY(end_epoch(t, err));
        if (t->end != REEL_RUN_COMPLETE)
            break;
        if (t->state.epoch < t->settings->epochs && !stops_early(t) && limit_reached(t))
            break;
    }
    return REEL_OK;
}

reel_status reel_trainer_run(reel_trainer *t, reel_error *err)
{
    /* So that there is a state to go back to: a new run has none, nor has one that is resumed into
     * another folder. */
    if (t->settings->nan_action == REEL_ON_NAN_ROLLBACK &&
        !reel_checkpoint_exists(t->run.path, t->first_step))
        REEL_TRY(reel_trainer_save(t, err));
    const reel_status status = run_epochs(t, err);
    reel_progress_clear(&t->progress);
    if (status == REEL_ERR_NONFINITE)
        return status;
    reel_params_zero_grad(reel_net_params(t->net));
    reel_error unsaved;
    const reel_status saved = t->state.step > 0 ? reel_trainer_save(t, &unsaved) : REEL_OK;
    /* Stopped by a limit in the middle of an epoch: what was reached is of interest. A signal wants
     * out. After the checkpoint: what limits the time may soon end the process. */
    if (status == REEL_OK && (t->end == REEL_RUN_MAX_STEPS || t->end == REEL_RUN_MAX_TIME) &&
        t->state.batch > 0) {
        reel_error why;
        const reel_status evaluated = reel_trainer_evaluate(t, false, &why);
        if (evaluated == REEL_ERR_STOPPED)
            t->end = REEL_RUN_SIGNAL;
        else if (evaluated)
            reel_progress_warn(&t->progress, "reel train: warning: %s", why.message);
        reel_progress_clear(&t->progress);
    }
    if (status != REEL_OK)
        return status;
    if (saved != REEL_OK)
        *err = unsaved;
    return saved;
}
