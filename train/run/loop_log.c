/* What the loop reports: lines of metrics.jsonl, the bar, a line an epoch on stderr. */
#include "train/run/filters.h"
#include "train/run/json_util.h"
#include "train/run/loop_internal.h"

#include <inttypes.h>

static double seconds_left(const reel_loop *loop)
{
    const reel_settings *s = loop->settings;
    const reel_run_state *state = &loop->session.state;
    const int64_t whole = s->epochs * loop->session.schedule.steps_per_epoch;
    const bool cut = s->max_steps && s->max_steps < whole;
    const int64_t last = cut ? s->max_steps : whole;
    const int64_t evaluations = cut ? 1 : s->epochs - state->epoch;
    double left = (double)(last - state->step) * loop->meter.step_seconds +
                  (double)evaluations * loop->meter.eval_seconds;
    const double allowed = s->max_time - (reel_seconds_now() - loop->began);
    if (s->max_time > 0 && allowed < left)
        left = allowed;
    return left;
}

/* ---- training steps ---- */

static void show_step(reel_loop *loop)
{
    const reel_run_state *s = &loop->session.state;
    char label[64];
    snprintf(label, sizeof label, "epoch %" PRId64 "/%" PRId64, s->epoch + 1,
             loop->settings->epochs);
    const reel_progress_line line = {.label = label,
                                     .done = s->batch,
                                     .total = loop->session.batches_per_epoch,
                                     .loss = s->loss_sum / (double)s->seen,
                                     .top1 = (double)s->right / (double)s->seen,
                                     .lr = loop->meter.lr,
                                     .images_per_second = loop->meter.rate,
                                     .wait = loop->meter.wait,
                                     .seconds_left = seconds_left(loop)};
    reel_progress_show(&loop->journal.progress, &line);
}

void reel_loop_log_step(reel_loop *loop, bool last_of_epoch)
{
    const reel_run_state *s = &loop->session.state;
    const double now = reel_seconds_now(), waited = reel_feed_waited(&loop->feed);
    reel_meter_update(&loop->meter, now, waited);
    show_step(loop);
    if (s->step % loop->settings->log_every != 0 && !last_of_epoch)
        return;

    const reel_window *w = &loop->meter.window;
    const double seconds = now - w->began;
    const int64_t seen = w->seen > 0 ? w->seen : 1; /* 0 where all steps were left out */
    const int64_t steps = w->steps > 0 ? w->steps : 1;
    json_t *line = json_pack(
        "{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "event", "train", "step",
        (json_int_t)s->step, "epoch", (json_int_t)(s->epoch + 1), "loss", w->loss / (double)seen,
        "top1", (double)w->right / (double)seen, "lr", loop->meter.lr, "images_per_second",
        (double)w->seen / seconds, "data_wait", (waited - w->waited) / seconds, "data_seconds",
        waited - w->waited, "forward_seconds", w->forward, "backward_seconds", w->backward,
        "update_seconds", w->update);
    if (loop->settings->clip_grad_norm > 0)
        json_object_set_new(line, "grad_norm", reel_json_number(w->grad_norm / (double)steps));
    reel_journal_line(&loop->journal, line);
    reel_meter_begin_window(&loop->meter, now, waited);
}

/* ---- the end ---- */

void reel_loop_log_end(reel_loop *loop, const reel_error *failed)
{
    /* Where it stands: in the epoch that comes next, unless none does. */
    const reel_run_state *s = &loop->session.state;
    const bool over = s->epoch >= loop->settings->epochs || loop->end == REEL_RUN_EARLY;
    json_t *line =
        json_pack("{s:s, s:I, s:I, s:s, s:f}", "event", "end", "step", (json_int_t)s->step, "epoch",
                  (json_int_t)(s->epoch + !over), "end",
                  failed ? "error" : reel_run_end_name(loop->end), "seconds", loop->seconds);
    if (failed)
        json_object_set_new(line, "message", reel_json_text(failed->message));
    reel_journal_line(&loop->journal, line);
}

/* ---- evaluations ---- */

/* Also where a process before this one made it. */
static double lr_of_last_step(const reel_loop *loop)
{
    const reel_session *s = &loop->session;
    if (loop->meter.epoch_seen > 0)
        return loop->meter.lr;
    return reel_schedule_at(&s->schedule, s->state.step - 1) * s->state.lr_scale;
}

/* The evaluation beside the training figures of its epoch. */
static json_t *evaluation_line(const reel_loop *loop, bool best)
{
    const reel_run_state *s = &loop->session.state;
    const reel_evaluation *e = &loop->last;
    json_t *line =
        json_pack("{s:s, s:I, s:I, s:o, s:f, s:f, s:I, s:b, s:f}", "event", "eval", "step",
                  (json_int_t)s->step, "epoch", (json_int_t)(s->epoch + 1), "loss",
                  reel_json_number(e->loss), "top1", e->top1, "top5", e->top5, "images",
                  (json_int_t)e->images, "best", best, "seconds", loop->meter.eval_seconds);

    /* Without --model-ema, and within an epoch, there is none. */
    if (loop->last_ema.images > 0) {
        json_object_set_new(line, "ema_loss", reel_json_number(loop->last_ema.loss));
        json_object_set_new(line, "ema_top1", json_real(loop->last_ema.top1));
        json_object_set_new(line, "ema_top5", json_real(loop->last_ema.top5));
    }
    if (s->seen > 0) {
        json_object_set_new(line, "train_loss", reel_json_number(s->loss_sum / (double)s->seen));
        json_object_set_new(line, "train_top1", json_real((double)s->right / (double)s->seen));
        json_object_set_new(line, "lr", json_real(lr_of_last_step(loop)));
    }
    if (loop->meter.epoch_seen > 0) {
        json_object_set_new(line, "images_per_second", reel_json_number(loop->meter.rate));
        json_object_set_new(line, "data_wait", reel_json_number(loop->meter.wait));
    }
    return line;
}

/* The line of an epoch, in at most 80 columns: figures that do not fit are in metrics.jsonl. */
static void say_epoch(reel_loop *loop, bool best)
{
    const reel_run_state *s = &loop->session.state;
    const int64_t epochs = loop->settings->epochs;
    const double loss = s->loss_sum / (double)(s->seen > 0 ? s->seen : 1);
    char text[32];
    reel_line line = {.columns = 80};

    /* What matters most comes first: the end is left out where it does not fit. */
    reel_line_add(&line, "epoch %" PRId64 "/%" PRId64, s->epoch + 1, epochs);
    if (loop->settings->eval_every && s->batch < loop->session.batches_per_epoch)
        reel_line_add(&line, "step %" PRId64, s->step);
    if (s->seen > 0)
        reel_line_add(&line, loss < REEL_LARGE_LOSS ? "loss %.3f" : "loss %.3g", loss);
    if (s->seen > 0)
        reel_line_add(&line, "train %.1f %%", 100 * (double)s->right / (double)s->seen);
    reel_line_add(&line, "validation %.1f %%%s", 100 * loop->last.top1, best ? " best" : "");
    if (loop->last_ema.images > 0)
        reel_line_add(&line, "ema %.1f %%", 100 * loop->last_ema.top1);
    if (s->epoch + 1 < epochs)
        reel_line_add(&line, "%s left", reel_duration_text(seconds_left(loop), text, sizeof text));
    if (loop->meter.rate > 0)
        reel_line_add(&line, "%.0f images/s", loop->meter.rate);
    reel_progress_note(&loop->journal.progress, best, "%s", line.text);
}

void reel_loop_tell_sideways(reel_loop *loop, bool last_of_epoch)
{
    enum { ENOUGH = 64, ONE_OF = 20 }; /* fewer than one of 20 are no habit of the camera */
    int64_t loaded;
    if (loop->told_sideways || !loop->settings->tell_sideways || loop->first_step > 0)
        return;
    const int64_t sideways = reel_loader_sideways(loop->feed.loader, &loaded);
    if (loaded < ENOUGH && !last_of_epoch)
        return;
    loop->told_sideways = true;
    if (sideways > 0 && sideways * ONE_OF >= loaded)
        reel_journal_warn(&loop->journal,
                          "%" PRId64 " of the first %" PRId64
                          " images are photographs that are stored sideways: --exif apply turns "
                          "them upright",
                          sideways, loaded);
}

void reel_loop_log_evaluation(reel_loop *loop, bool best)
{
    reel_journal_line(&loop->journal, evaluation_line(loop, best));

    reel_error err;
    reel_image image = {0};
    if (loop->journal.events && reel_filters_image(&image, loop->session.net, &err) == REEL_OK)
        reel_journal_image(&loop->journal, loop->session.state.step, "first layer", &image);
    reel_image_free(&image);
    say_epoch(loop, best);
}
