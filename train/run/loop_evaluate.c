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

typedef reel_status save_weights(const reel_checkpoint *c, const reel_run_dir *run, int64_t keep,
                                 const char *name, int64_t epoch, reel_error *err);

/* Writes the best weights, or the best average, of the epoch that ends. The next step would
 * overwrite them: there is one more try. */
static bool save_best(reel_loop *loop, save_weights *save, const char *name, const char *what)
{
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    const reel_run_dir *dir = &loop->journal.dir;
    const int64_t epoch = loop->session.state.epoch + 1, keep = loop->settings->keep;
    reel_error why;
    if (save(&c, dir, keep, name, epoch, NULL) == REEL_OK)
        return true;
    reel_journal_follow(&loop->journal);
    if (save(&c, dir, keep, name, epoch, &why) == REEL_OK)
        return true;
    reel_journal_warn(&loop->journal, "the best %s, of epoch %" PRId64 ", are not saved: %s", what,
                      epoch, why.message);
    return false;
}

/* The state says what best.safetensors holds, and claims nothing that was not saved. */
static void keep_best(reel_loop *loop)
{
    reel_run_state *state = &loop->session.state;
    loop->best_unsaved =
        !save_best(loop, reel_checkpoint_save_model, "best.safetensors", "weights");
    if (loop->best_unsaved)
        return;
    loop->best_there = state->best_epoch = state->epoch + 1;
    state->best_top1 = loop->last.top1;
    state->best_loss = loop->last.loss;
    record_best(loop);
}

/* The average of weights has a best epoch of its own. */
static bool is_best_average(const reel_loop *loop)
{
    const reel_evaluation *e = &loop->last_ema;
    return e->images > 0 && isfinite(e->loss) &&
           reel_loop_is_better(e->top1, e->loss, loop->session.state.best_ema);
}

static void keep_best_average(reel_loop *loop)
{
    reel_run_state *state = &loop->session.state;
    loop->best_ema_unsaved =
        !save_best(loop, reel_checkpoint_save_average, "best_ema.safetensors", "averaged weights");
    if (!loop->best_ema_unsaved)
        state->best_ema = (reel_best){state->epoch + 1, loop->last_ema.top1, loop->last_ema.loss};
}

/* The first whole epoch was no best: a run that was not interrupted has no best weights now. */
static void drop_provisional(const reel_loop *loop)
{
    static const char *const files[] = {"best.safetensors", "evaluation.json"};
    char path[REEL_PATH_MAX];
    for (int i = 0; i < REEL_COUNT(files); i++)
        unlink(reel_run_dir_file(&loop->journal.dir, files[i], path, sizeof path));
}

/* Rank 0's part of it. */
static void write_provisional(reel_loop *loop, bool evaluated)
{
    const reel_run_dir *dir = &loop->journal.dir;
    char path[REEL_PATH_MAX];
    /* One that was evaluated says more than these weights, which were not. */
    if (!evaluated &&
        access(reel_run_dir_file(dir, "best.safetensors", path, sizeof path), F_OK) == 0)
        return;

    const reel_checkpoint c = reel_loop_checkpoint(loop);
    reel_error why;
    if (reel_checkpoint_save_model(&c, dir, loop->settings->keep, "best.safetensors", 0, &why))
        reel_journal_warn(&loop->journal, "%s", why.message);
    else if (evaluated)
        record_best(loop);
}

void reel_loop_keep_provisional(reel_loop *loop)
{
    const reel_run_state *state = &loop->session.state;
    const bool evaluated = loop->last.images > 0 && loop->last_step == state->step;
    if (state->best_epoch || state->epoch || state->step == 0 || loop->best_there > 0)
        return;
    reel_error why;
    if (reel_loop_in_place(loop, &why) || reel_ranks_settle(loop->ranks, &why))
        reel_journal_warn(&loop->journal, "%s", why.message);
    else if (reel_ranks_leads(loop->ranks))
        write_provisional(loop, evaluated);
}

static reel_status evaluate_weights(reel_evaluation *e, reel_loop *loop, reel_error *err)
{
    const reel_settings *s = loop->settings;
    const reel_evaluate_config config = {.transform = &s->val,
                                         .batch = s->batch_size / s->batch_pieces,
                                         .workers = loop->feed.config.workers,
                                         .prefetch = loop->feed.config.prefetch,
                                         .in_turns = reel_feed_in_turns(&loop->feed),
                                         .max_bad = s->max_bad,
                                         .on_bad = on_bad_val,
                                         .on_slow = loop->feed.config.on_slow,
                                         .slow_seconds = s->slow_read,
                                         .stop = is_interrupted,
                                         .progress = show_evaluation,
                                         .user = loop,
                                         .comm = loop->ranks ? loop->ranks->comm : NULL};
    REEL_TRY(reel_ranks_settle(loop->ranks, err));
    reel_net_forget_gradients(loop->session.net); /* the step that follows begins without them */
    const reel_status status =
        reel_evaluate(e, loop->session.net, loop->session.tape, loop->feed.val, &config, err);
    if (loop->ranks)
        loop->ranks->agreed = status != REEL_OK;
    return status;
}

static reel_status evaluate_average(reel_evaluation *e, reel_loop *loop, reel_error *err)
{
    *e = (reel_evaluation){0};
    if (!loop->session.ema)
        return REEL_OK;
    void *buffers = NULL;
    REEL_TRY(reel_ranks_swap_average(loop->ranks, &loop->session, &buffers, err));
    reel_error why;
    const reel_status status = evaluate_weights(e, loop, &why);
    REEL_TRY(reel_ranks_swap_average(loop->ranks, &loop->session, &buffers, err));
    if (status)
        *err = why;
    return status;
}

/* The weights, and at the end of an epoch their average; the newest evaluations are replaced when
 * all of that is done. */
static reel_status evaluate_with_average(reel_loop *loop, bool end_of_epoch, reel_error *err)
{
    const double began = reel_seconds_now();
    reel_evaluation e, average = {0};
    reel_status status;
    REEL_TRY(evaluate_weights(&e, loop, err));
    /* Within an epoch the weights alone: the average is a matter of whole epochs. */
    if (end_of_epoch)
        REEL_TRY_GOTO(evaluate_average(&average, loop, err), failed);
    REEL_TRY_GOTO(reel_loop_in_place(loop, err), failed);

    loop->meter.eval_seconds = reel_seconds_now() - began;
    reel_evaluation_free(&loop->last);
    reel_evaluation_free(&loop->last_ema);
    loop->last = e;
    loop->last_step = loop->session.state.step;
    loop->last_ema = average;
    return REEL_OK;
failed:
    reel_evaluation_free(&e);
    reel_evaluation_free(&average);
    return status;
}

reel_status reel_loop_evaluate(reel_loop *loop, bool end_of_epoch, reel_error *err)
{
    REEL_TRY(evaluate_with_average(loop, end_of_epoch, err));

    /* A run that ended within an epoch, and is still there, was evaluated there before. */
    const reel_run_state *state = &loop->session.state;
    const reel_evaluation *e = &loop->last;
    if (!end_of_epoch && state->step == loop->first_step)
        reel_journal_rewind(&loop->journal, state->step, true);

    const bool best = end_of_epoch && isfinite(e->loss) &&
                      (reel_loop_best_is_lost(loop) ||
                       reel_loop_is_better(e->top1, e->loss, reel_loop_best(state)));
    reel_loop_log_evaluation(loop, best);
    if (!end_of_epoch)
        return REEL_OK;

    loop->best_unsaved = loop->best_ema_unsaved = false;
    REEL_TRY(reel_ranks_complete(loop->ranks, err));
    if (reel_ranks_leads(loop->ranks)) {
        if (best)
            keep_best(loop);
        else if (state->epoch == 0 && loop->best_there == 0)
            drop_provisional(loop);
        if (is_best_average(loop))
            keep_best_average(loop);
    }
    return reel_loop_tell_best(loop, err);
}

/* What the folder of rank 0 holds. */
typedef struct best_files {
    int64_t there, epoch;
    double top1, loss;
    reel_best ema;
    bool unsaved, ema_unsaved;
} best_files;

reel_status reel_loop_tell_best(reel_loop *loop, reel_error *err)
{
    reel_run_state *s = &loop->session.state;
    best_files b = {loop->best_there, s->best_epoch,      s->best_top1,          s->best_loss,
                    s->best_ema,      loop->best_unsaved, loop->best_ema_unsaved};
    REEL_TRY(reel_ranks_tell(loop->ranks, &b, sizeof b, "which weights are the best", err));
    loop->best_there = b.there;
    s->best_epoch = b.epoch;
    s->best_top1 = b.top1;
    s->best_loss = b.loss;
    s->best_ema = b.ema;
    loop->best_unsaved = b.unsaved;
    loop->best_ema_unsaved = b.ema_unsaved;
    return REEL_OK;
}
