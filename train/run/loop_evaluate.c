/* An evaluation of the run, and the best weights. */
#include "train/run/checkpoint_folder.h"
#include "train/run/json_util.h"
#include "train/run/judge.h"
#include "train/run/loop_internal.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <math.h>
#include <unistd.h>

static void on_bad_val(void *user, int64_t index, const char *name, const char *reason)
{
    reel_loop *loop = user;
    (void)index;
    reel_journal_bad(&loop->journal, "val", name, reason);
}

static bool is_interrupted(void *user)
{
    (void)user;
    return reel_signals_pending() != 0;
}

static void show_evaluation(void *user, int64_t done, int64_t total)
{
    reel_loop *loop = user;
    reel_progress_count(&loop->journal.progress, "evaluation", done, total);
}

/* evaluation.json: what `reel eval --json` would print for best.safetensors. */
static void record_best(reel_loop *loop)
{
    char path[REEL_PATH_MAX];
    reel_error err;
    json_t *judged = reel_judge_json(&loop->last, &loop->session.card, loop->feed.val);
    reel_run_dir_file(&loop->journal.dir, "evaluation.json", path, sizeof path);
    if (reel_json_save(judged, path, &err))
        reel_journal_warn(&loop->journal, "%s", err.message);
    json_decref(judged);
}

static void keep_best(reel_loop *loop)
{
    reel_run_state *state = &loop->session.state;
    const reel_run_state before = *state;
    state->best_epoch = state->epoch + 1;
    state->best_top1 = loop->last.top1;
    state->best_loss = loop->last.loss;

    /* The next step would overwrite these weights: there is one more try. If that fails, too, the
     * state does not claim that they were saved. */
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    const reel_run_dir *dir = &loop->journal.dir;
    const int64_t epoch = state->best_epoch, keep = loop->settings->keep;
    reel_error why;
    if (reel_checkpoint_save_model(&c, dir, keep, "best.safetensors", epoch, &why) &&
        reel_checkpoint_save_model(&c, dir, keep, "best.safetensors", epoch, &why)) {
        reel_journal_warn(&loop->journal,
                          "the best weights, of epoch %" PRId64 ", are not saved: %s", epoch,
                          why.message);
        loop->best_unsaved = true;
        *state = before;
        return;
    }
    loop->best_there = state->best_epoch;
    record_best(loop);
}

/* The first whole epoch was no best: a run that was not interrupted has no best weights now. */
static void drop_provisional(const reel_loop *loop)
{
    static const char *const files[] = {"best.safetensors", "evaluation.json"};
    char path[REEL_PATH_MAX];
    for (int i = 0; i < REEL_COUNT(files); i++)
        unlink(reel_run_dir_file(&loop->journal.dir, files[i], path, sizeof path));
}

void reel_loop_keep_provisional(reel_loop *loop)
{
    const reel_run_state *state = &loop->session.state;
    const reel_run_dir *dir = &loop->journal.dir;
    const bool evaluated = loop->last.images > 0;
    char path[REEL_PATH_MAX];
    if (state->best_epoch || state->epoch || state->step == 0 || loop->best_there > 0)
        return;
    /* One that was evaluated says more than these weights, which were not. */
    if (!evaluated &&
        access(reel_run_dir_file(dir, "best.safetensors", path, sizeof path), F_OK) == 0)
        return;

    const reel_checkpoint c = reel_loop_checkpoint(loop);
    reel_error why;
    if (reel_loop_in_place(loop, &why) ||
        reel_checkpoint_save_model(&c, dir, loop->settings->keep, "best.safetensors", 0, &why))
        reel_journal_warn(&loop->journal, "%s", why.message);
    else if (evaluated)
        record_best(loop);
}

reel_status reel_loop_evaluate(reel_loop *loop, bool end_of_epoch, reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_session *session = &loop->session;
    const reel_evaluate_config config = {.transform = &s->val,
                                         .batch = s->batch_size,
                                         .workers = loop->feed.config.workers,
                                         .in_turns = reel_feed_in_turns(&loop->feed),
                                         .max_bad = s->max_bad,
                                         .on_bad = on_bad_val,
                                         .on_slow = loop->feed.config.on_slow,
                                         .slow_seconds = s->slow_read,
                                         .stop = is_interrupted,
                                         .progress = show_evaluation,
                                         .user = loop};
    const double began = reel_seconds_now();
    reel_evaluation e;
    REEL_TRY(reel_evaluate(&e, session->net, session->tape, loop->feed.val, &config, err));
    const reel_status in_place = reel_loop_in_place(loop, err);
    if (in_place != REEL_OK) {
        reel_evaluation_free(&e);
        return in_place;
    }
    loop->meter.eval_seconds = reel_seconds_now() - began;
    reel_evaluation_free(&loop->last);
    loop->last = e;

    /* A run that ended within an epoch, and is still there, was evaluated there before. */
    const reel_run_state *state = &session->state;
    if (!end_of_epoch && state->step == loop->first_step)
        reel_journal_rewind(&loop->journal, state->step, true);

    const bool best = end_of_epoch && isfinite(e.loss) &&
                      (reel_loop_best_is_lost(loop) || reel_loop_is_better(e.top1, e.loss, state));
    reel_loop_log_evaluation(loop, best);
    loop->best_unsaved &= !end_of_epoch;
    if (best)
        keep_best(loop);
    else if (end_of_epoch && state->epoch == 0 && loop->best_there == 0)
        drop_provisional(loop);
    return REEL_OK;
}
