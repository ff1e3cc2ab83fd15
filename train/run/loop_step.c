/* One training step: gradients of its batches, the guard's look at them, the update. */
#include "train/run/loop_internal.h"
#include "train/run/plant.h"
#include "train/run/plateau.h"
#include "train/run/trace.h"

#include <inttypes.h>
#include <math.h>

/* A loader counts the unreadable images that it has met; the run's folder knows those of the
 * loaders before it, too. */
static reel_status check_bad_images(reel_loop *loop, reel_error *err)
{
    const int64_t bad = loop->journal.dir.n_bad_train, all = reel_dataset_count(loop->feed.train);
    const double allowed = loop->settings->max_bad;
    if (!loop->met_bad_train)
        return REEL_OK;
    loop->met_bad_train = false;
    if (bad <= 1 || (double)bad <= allowed * (double)all)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_BAD_DATA,
                     "%" PRId64 " of %" PRId64
                     " samples are unreadable, more than the %g %% allowed, counted from the run's "
                     "beginning; %s/bad_files.jsonl names them",
                     bad, all, 100 * allowed, loop->journal.dir.path);
}

/* Pieces count in their order, whoever computed them. */
static void count_pieces(reel_loop *loop, const reel_piece_result *results, int64_t count)
{
    reel_run_state *state = &loop->session.state;
    for (int64_t p = 0; p < count; p++) {
        const reel_piece_result *r = &results[p];
        state->loss_sum += r->loss * (double)r->n;
        state->right += r->right;
        state->seen += r->n;
        reel_meter_add(&loop->meter, r->n, r->loss, r->right);
    }
}

static reel_status next_images(void *user, reel_batch *batch, reel_error *err)
{
    reel_loop *loop = user;
    REEL_TRY(reel_feed_next(&loop->feed, batch, err));
    return check_bad_images(loop, err);
}

/* Gradients of a batch, in the store. */
static reel_status batch_gradient(reel_loop *loop, reel_gradient_job *job, reel_incident *incident,
                                  reel_error *err)
{
    const reel_status status = reel_session_gradient(&loop->session, job, err);
    if (status == REEL_ERR_NONFINITE) {
        snprintf(incident->what, sizeof incident->what, "loss");
        incident->value = job->results[job->done - 1].loss;
    }
    REEL_TRY(status);

    loop->meter.window.forward += job->seconds.forward;
    loop->meter.window.backward += job->seconds.backward;
    count_pieces(loop, job->results, job->done);
    return REEL_OK;
}

/* Gradients of a whole step, clipped and finite. */
static reel_status step_gradient(reel_loop *loop, reel_incident *incident, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_params *params = reel_net_params(s->net);
    reel_gradient_job job = {.next = next_images, .user = loop, .results = loop->results};
    reel_status status;
    REEL_TRY_GOTO(batch_gradient(loop, &job, incident, err), done);
    reel_plant_nan(params, s->state.step + 1, &loop->planted);

    /* A finite norm saves a pass over all gradients: none of them is NaN or infinite. */
    if (loop->settings->clip_grad_norm > 0) {
        const double norm = reel_clip_grad_norm(params, s->ctx, loop->settings->clip_grad_norm);
        loop->meter.window.grad_norm += norm;
        if (isfinite(norm))
            return REEL_OK;
    }
    const int bad = reel_grad_not_finite(params, s->ctx);
    if (bad < 0)
        return REEL_OK;
    reel_trace_gradient(incident, s, bad);
    status = reel_fail(err, REEL_ERR_NONFINITE, "%s is not finite", incident->what);
done:
    if (status == REEL_ERR_NONFINITE)
        reel_trace_samples(incident, &loop->feed, &job.batch);
    return status;
}

static void watch_for_stall(reel_loop *loop, double loss)
{
    double mean;
    reel_session *s = &loop->session;
    const reel_verdict verdict = reel_stall_watch(&s->state.stall, loss, &loop->guess, &mean);
    if (!verdict.reason[0])
        return;

    const reel_settings *settings = loop->settings;
    reel_journal_warn(&loop->journal, "step %" PRId64 ": %s", s->state.step, verdict.reason);
    const reel_plateau plateau = {.mean = mean,
                                  .guess = loop->guess.loss,
                                  .lr = loop->meter.lr,
                                  .other_init = !settings->fit_to_data && !settings->weights};
    reel_plateau_tell(&plateau, s, &loop->feed, &loop->journal);
}

/* As in torchvision's recipes: after every --model-ema-steps training steps of an epoch, beginning
 * with its first; during the warm-up the average is a copy of the weights. */
static void update_average(reel_loop *loop)
{
    reel_session *s = &loop->session;
    if (!s->ema || s->state.batch % loop->settings->model_ema_steps != 0)
        return;
    reel_ema_update(s->ema, s->state.ema_updates == 0);
    const bool warm_up = (double)s->state.epoch < s->schedule.warmup_epochs;
    s->state.ema_updates = warm_up ? 0 : s->state.ema_updates + 1;
}

static reel_status update_weights(reel_loop *loop, reel_error *err)
{
    reel_session *s = &loop->session;
    const double began = reel_seconds_now();
    loop->meter.lr = reel_session_lr(s);
    reel_statistics_apply(s->statistics);
    REEL_TRY(reel_optimizer_step(s->opt, loop->meter.lr, err));
    update_average(loop);
    loop->meter.window.update += reel_seconds_now() - began;
    loop->meter.window.steps++;

    s->state.skipped = s->state.restored = 0;
    s->state.step++;
    s->state.batch++;
    return REEL_OK;
}

reel_status reel_loop_step(reel_loop *loop, reel_action *done, reel_error *err)
{
    reel_session *s = &loop->session;
    const double began = reel_seconds_now();
    const reel_run_state before = s->state;
    const reel_window window = loop->meter.window;
    *done = REEL_GO_ON;

    reel_error why;
    reel_incident incident = {.step = s->state.step + 1};
    const reel_status status = step_gradient(loop, &incident, &why);
    if (status != REEL_OK) {
        /* What the step counted is counted again when it is repeated. */
        s->state = before;
        loop->meter.window = window;
        if (status == REEL_ERR_NONFINITE)
            return reel_loop_nonfinite(loop, &incident, done, err);
        *err = why;
        return status;
    }

    REEL_TRY(update_weights(loop, err));
    watch_for_stall(loop,
                    (s->state.loss_sum - before.loss_sum) / (double)(s->state.seen - before.seen));
    const double spent = reel_seconds_now() - began;
    s->state.train_seconds += spent;
    reel_meter_add_step(&loop->meter, spent);
    return REEL_OK;
}
