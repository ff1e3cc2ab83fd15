/* What a run tells: lines of metrics.jsonl, the bar, bad files; and its evaluations. */
#include "train/run/trainer.h"

#include "train/report/insight.h"
#include "train/run/finetune.h"
#include "train/run/json_util.h"
#include "train/run/judge.h"
#include "train/run/share.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum { BAD_FILES_SAID = 5 };

void reel_trainer_metric(reel_trainer *t, json_t *line)
{
    reel_error err;
    if (t->events && reel_events_line(t->events, line, &err)) {
        reel_progress_warn(&t->progress, "reel train: warning: no further events: %s", err.message);
        reel_events_close(t->events);
        t->events = NULL;
    }
    if (reel_run_dir_metric(&t->run, line, &err))
        reel_progress_warn(&t->progress, "reel train: warning: %s", err.message);
}

static void open_events(reel_trainer *t)
{
    reel_error err;
    if (reel_events_open(&t->events, t->run.path, t->state.step, &err))
        reel_progress_warn(&t->progress, "reel train: warning: no events: %s", err.message);
}

reel_status reel_trainer_in_place(reel_trainer *t, reel_error *err)
{
    reel_run_dir_found found;
    REEL_TRY(reel_run_dir_in_place(&t->run, &found, err));
    if (found == REEL_RUN_DIR_MOVED)
        reel_progress_warn(
            &t->progress,
            "reel train: warning: the run's folder was moved, to %s: it goes on there",
            t->run.path);
    if (found != REEL_RUN_DIR_MADE_ANEW)
        return REEL_OK;
    reel_progress_warn(&t->progress,
                       "reel train: warning: %s was removed: it is made anew, and the run goes on",
                       t->run.path);
    t->best_there = 0;
    reel_events_close(t->events);
    open_events(t);
    reel_error why;
    if (reel_run_dir_describe(&t->run, &why) || (t->whole && reel_finetune_record(t, &why)))
        reel_progress_warn(&t->progress, "reel train: warning: %s", why.message);
    return REEL_OK;
}

static void note_bad(reel_trainer *t, const char *split, const char *name, const char *reason)
{
    bool is_new = false;
    reel_error err;
    if (reel_run_dir_bad(&t->run, split, name, reason, &is_new, &err))
        reel_progress_warn(&t->progress, "reel train: warning: %s", err.message);
    if (!is_new)
        return;
    t->bad_files++;
    if (t->bad_files <= BAD_FILES_SAID)
        reel_progress_warn(&t->progress, "reel train: skipped %s/%s: %s", split, name, reason);
    if (t->bad_files == BAD_FILES_SAID)
        reel_progress_warn(
            &t->progress, "reel train: further unreadable files are named in bad_files.jsonl only");
}

void reel_trainer_on_bad_train(void *trainer, int64_t index, const char *name, const char *reason)
{
    (void)index;
    note_bad(trainer, "train", name, reason);
    ((reel_trainer *)trainer)->met_bad_train = true;
}

void reel_trainer_on_slow(void *trainer, int64_t index, const char *name, double seconds)
{
    (void)index;
    reel_trainer *t = trainer;
    reel_progress_warn(&t->progress,
                       "reel train: warning: %s has not been read after %.3g s: the run waits for "
                       "its disk or server",
                       name, seconds);
}

static void on_bad_val(void *trainer, int64_t index, const char *name, const char *reason)
{
    (void)index;
    note_bad(trainer, "val", name, reason);
}

static double seconds_left(const reel_trainer *t)
{
    const reel_settings *s = t->settings;
    const int64_t whole = s->epochs * t->steps_per_epoch;
    const bool cut = s->max_steps && s->max_steps < whole;
    const int64_t last = cut ? s->max_steps : whole;
    const int64_t evaluations = s->epochs - t->state.epoch;
    double left = (double)(last - t->state.step) * t->step_seconds +
                  (cut ? 1 : (double)evaluations) * t->eval_seconds;
    const double allowed = s->max_time - (reel_seconds_now() - t->began);
    if (s->max_time > 0 && allowed < left)
        left = allowed;
    return left;
}

void reel_trainer_log_step(reel_trainer *t, bool last_of_epoch)
{
    const reel_run_state *s = &t->state;
    const double now = reel_seconds_now(), spent = now - t->epoch_began;
    const double waited = reel_trainer_waited(t);
    t->epoch_rate = (double)t->epoch_seen / spent;
    t->epoch_wait = (waited - t->epoch_waited) / spent;
    char label[64];
    snprintf(label, sizeof label, "epoch %" PRId64 "/%" PRId64, s->epoch + 1, t->settings->epochs);
    reel_progress_show(&t->progress,
                       &(reel_progress_line){.label = label,
                                             .done = s->batch,
                                             .total = t->batches_per_epoch,
                                             .loss = s->loss_sum / (double)s->seen,
                                             .top1 = (double)s->right / (double)s->seen,
                                             .lr = t->lr,
                                             .images_per_second = t->epoch_rate,
                                             .wait = t->epoch_wait,
                                             .seconds_left = seconds_left(t)});
    reel_log_window *w = &t->log;
    if (s->step % t->settings->log_every != 0 && !last_of_epoch)
        return;
    const double seconds = now - w->began;
    const int64_t seen = w->seen > 0 ? w->seen : 1; /* 0 where all steps were left out */
    json_t *line = json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}",
                             "event", "train", "step", (json_int_t)s->step, "epoch",
                             (json_int_t)(s->epoch + 1), "loss", w->loss / (double)seen, "top1",
                             (double)w->right / (double)seen, "lr", t->lr, "images_per_second",
                             (double)w->seen / seconds, "data_wait", (waited - w->waited) / seconds,
                             "data_seconds", waited - w->waited, "forward_seconds", w->forward,
                             "backward_seconds", w->backward, "update_seconds", w->update);
    if (t->settings->clip_grad_norm > 0)
        json_object_set_new(line, "grad_norm",
                            reel_json_number(w->grad_norm / (double)(w->steps > 0 ? w->steps : 1)));
    reel_trainer_metric(t, line);
    *w = (reel_log_window){.began = now, .waited = waited};
}

static bool interrupted(void *trainer)
{
    (void)trainer;
    return reel_signals_pending() != 0;
}

static void show_evaluation(void *trainer, int64_t done, int64_t total)
{
    reel_trainer *t = trainer;
    reel_progress_show(&t->progress, &(reel_progress_line){.label = "evaluation",
                                                           .done = done,
                                                           .total = total,
                                                           .top1 = -1,
                                                           .wait = -1,
                                                           .seconds_left = -1});
}

static void tell_epoch(reel_trainer *t, bool best)
{
    const reel_run_state *s = &t->state;
    char train[200] = "", left[48] = "", text[32];
    if (s->seen > 0)
        snprintf(train, sizeof train, "  loss %.4f  top-1 %.1f %%", s->loss_sum / (double)s->seen,
                 100 * (double)s->right / (double)s->seen);
    if (s->epoch + 1 < t->settings->epochs)
        snprintf(left, sizeof left, "  %s left",
                 reel_duration_text(seconds_left(t), text, sizeof text));
    reel_progress_note(&t->progress, best,
                       "epoch %" PRId64 "/%" PRId64
                       "%s  | validation loss %.4f  top-1 %.1f %%  top-5 %.1f %%%s  | lr %.3g  "
                       "%.0f images/s  data wait %.0f %%%s",
                       s->epoch + 1, t->settings->epochs, train, t->last.loss, 100 * t->last.top1,
                       100 * t->last.top5, best ? " (best)" : "", t->lr, t->epoch_rate,
                       100 * t->epoch_wait, left);
}

/* The line of an evaluation, with what the training steps of its epoch gave, and what follows from
 * the lines so far. */
static void log_evaluation(reel_trainer *t, bool best)
{
    const reel_run_state *s = &t->state;
    const reel_evaluation *e = &t->last;
    json_t *line =
        json_pack("{s:s, s:I, s:I, s:o, s:f, s:f, s:I, s:b, s:f}", "event", "eval", "step",
                  (json_int_t)s->step, "epoch", (json_int_t)(s->epoch + 1), "loss",
                  reel_json_number(e->loss), "top1", e->top1, "top5", e->top5, "images",
                  (json_int_t)e->images, "best", best, "seconds", t->eval_seconds);
    if (s->seen > 0) {
        json_object_set_new(line, "train_loss", reel_json_number(s->loss_sum / (double)s->seen));
        json_object_set_new(line, "train_top1", json_real((double)s->right / (double)s->seen));
    }
    if (t->epoch_seen > 0) {
        json_object_set_new(line, "lr", json_real(t->lr));
        json_object_set_new(line, "images_per_second", reel_json_number(t->epoch_rate));
        json_object_set_new(line, "data_wait", reel_json_number(t->epoch_wait));
    }
    reel_trainer_metric(t, line);
    reel_error err;
    reel_image image = {0};
    if (t->events && reel_filters_image(&image, t->net, &err) == REEL_OK &&
        reel_events_image(t->events, s->step, "first layer", &image, &err))
        reel_progress_warn(&t->progress, "reel train: warning: %s", err.message);
    reel_image_free(&image);
}

/* evaluation.json: what `reel eval --json` would say of best.safetensors. */
static void record_best(reel_trainer *t)
{
    char file[REEL_PATH_MAX];
    reel_error err;
    json_t *judged = reel_judge_json(&t->last, &t->card, t->val);
    if (reel_json_save(judged, reel_run_dir_file(&t->run, "evaluation.json", file, sizeof file),
                       &err))
        reel_progress_warn(&t->progress, "reel train: warning: %s", err.message);
    json_decref(judged);
}

/* The processor's name as the system has it. */
static void cpu_name(char *text, size_t size)
{
    char line[300];
    snprintf(text, size, "unknown");
    FILE *in = fopen("/proc/cpuinfo", "re");
    while (in && fgets(line, sizeof line, in)) {
        const char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0)
            continue;
        snprintf(text, size, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
        break;
    }
    if (in)
        fclose(in);
}

void reel_trainer_log_start(reel_trainer *t)
{
    char cpu[200], when[40];
    const time_t now = time(NULL);
    struct tm utc;
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    cpu_name(cpu, sizeof cpu);
    open_events(t);
    reel_trainer_metric(t, json_pack("{s:s, s:I, s:s, s:s, s:o, s:s, s:i, s:i, s:s}", "event",
                                     "start", "step", (json_int_t)t->state.step, "time", when,
                                     "version", reel_version(), "processor", reel_json_text(cpu),
                                     "isa", reel_isa_name(reel_ctx_isa(t->ctx)), "threads",
                                     reel_ctx_threads(t->ctx), "workers", t->workers, "compiler",
                                     __VERSION__));
}

bool reel_is_better(double top1, double loss, const reel_run_state *than)
{
    return than->best_epoch == 0 || top1 > than->best_top1 ||
           (top1 == than->best_top1 && loss < than->best_loss);
}

/* A later epoch's are no loss: a killed run has written them since, and they come again. */
bool reel_trainer_best_is_lost(const reel_trainer *t)
{
    return t->best_there < t->state.best_epoch;
}

reel_status reel_trainer_evaluate(reel_trainer *t, bool end_of_epoch, reel_error *err)
{
    const reel_settings *s = t->settings;
    const reel_evaluate_config config = {
        .batch = s->batch_size,
        .workers = t->workers,
        .in_turns = reel_share_in_turns(reel_ctx_threads(t->ctx), t->workers),
        .max_bad = s->max_bad,
        .on_bad = on_bad_val,
        .on_slow = reel_trainer_on_slow,
        .slow_seconds = s->slow_read,
        .stop = interrupted,
        .progress = show_evaluation,
        .user = t};
    const double began = reel_seconds_now();
    reel_evaluation e;
    REEL_TRY(reel_evaluate(&e, t->net, t->tape, t->val, &s->val, &config, err));
    const reel_status in_place = reel_trainer_in_place(t, err);
    if (in_place != REEL_OK) {
        reel_evaluation_free(&e);
        return in_place;
    }
    t->eval_seconds = reel_seconds_now() - began;
    reel_evaluation_free(&t->last);
    t->last = e;
    reel_run_state *state = &t->state;
    reel_error why;
    /* A run that was ended within an epoch and stands there still was evaluated there before. */
    if (!end_of_epoch && state->step == t->first_step &&
        reel_run_dir_rewind(&t->run, state->step, true, &why))
        reel_progress_warn(&t->progress, "reel train: warning: %s", why.message);
    const bool best = end_of_epoch && isfinite(e.loss) &&
                      (reel_trainer_best_is_lost(t) || reel_is_better(e.top1, e.loss, state));
    log_evaluation(t, best);
    tell_epoch(t, best);
    if (!best)
        return REEL_OK;
    const reel_run_state before = *state;
    state->best_epoch = state->epoch + 1;
    state->best_top1 = e.top1;
    state->best_loss = e.loss;
    const reel_checkpoint c = reel_trainer_checkpoint(t);
    /* The next step would overwrite these weights: one more try, and if that fails, too, the state
     * does not claim that they lie there. */
    if (reel_checkpoint_save_model(&c, &t->run, "best.safetensors", state->best_epoch, &why) &&
        reel_checkpoint_save_model(&c, &t->run, "best.safetensors", state->best_epoch, &why)) {
        reel_progress_warn(&t->progress, "reel train: warning: %s", why.message);
        *state = before;
        return REEL_OK;
    }
    t->best_there = state->best_epoch;
    record_best(t);
    return REEL_OK;
}
