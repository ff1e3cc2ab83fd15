/* One training step: gradients of its batches, the guard's look at them, the update. */
#include "train/run/loop_internal.h"
#include "train/run/plant.h"
#include "train/run/plateau.h"
#include "train/run/trace.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

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
    return loop->ranks ? REEL_OK : reel_loop_judge_bad(loop, err);
}

/* The loss of the first piece that diverged. */
static double diverged_loss(const reel_session *s, const reel_piece_result *results)
{
    int64_t p = 0;
    while (p < s->pieces - 1 && !reel_loss_is_diverged(results[p].loss))
        p++;
    return results[p].loss;
}

/* Gradients of a batch: of this rank's share of the elements, in the store. */
static reel_status batch_gradient(reel_loop *loop, reel_gradient_job *job, reel_incident *incident,
                                  reel_error *err)
{
    reel_session *s = &loop->session;
    memset(loop->results, 0, (size_t)s->pieces * sizeof *loop->results);
    reel_part_report report = {.status = reel_session_gradient(s, job, err),
                               .bad = reel_loop_new_bad(loop)};
    const reel_status status = reel_ranks_results(loop->ranks, s, loop->results, &report, err);
    if (report.bad > 0 && (status == REEL_OK || status == REEL_ERR_NONFINITE))
        REEL_TRY(reel_loop_spread_bad(loop, err));
    if (status == REEL_ERR_NONFINITE) {
        snprintf(incident->what, sizeof incident->what, "loss");
        incident->value = diverged_loss(s, loop->results);
        return reel_fail(err, REEL_ERR_NONFINITE, "the loss is %g", incident->value);
    }
    REEL_TRY(status);

    loop->meter.window.forward += job->seconds.forward;
    loop->meter.window.backward += job->seconds.backward;
    count_pieces(loop, loop->results, s->pieces);
    return s->parallel ? reel_parallel_sum(s->parallel, err) : REEL_OK;
}

/* Clips the gradients; REEL_ERR_NONFINITE where one is not finite. */
static reel_status judge_gradient(reel_loop *loop, reel_incident *incident, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_params *params = reel_net_params(s->net);
    const reel_optim_share *share = loop->ranks ? &loop->ranks->share : NULL;

    /* A finite norm saves a pass over all gradients: none of them is NaN or infinite. */
    if (loop->settings->clip_grad_norm > 0) {
        double norm;
        REEL_TRY(reel_clip_grad_norm_shared(params, s->ctx, loop->settings->clip_grad_norm, share,
                                            &norm, err));
        loop->meter.window.grad_norm += norm;
        if (isfinite(norm))
            return REEL_OK;
    }
    int bad;
    REEL_TRY(reel_grad_not_finite_shared(params, s->ctx, share, &bad, err));
    if (bad < 0)
        return REEL_OK;
    REEL_TRY(reel_trace_gradient(incident, s, bad, loop->ranks, err));
    return reel_fail(err, REEL_ERR_NONFINITE, "%s is not finite", incident->what);
}

/* Gradients of a whole step, clipped and finite. */
static reel_status step_gradient(reel_loop *loop, reel_incident *incident, reel_error *err)
{
    reel_session *s = &loop->session;
    const int64_t first = s->own.first * (reel_feed_batch_images(&loop->feed) / s->pieces);
    reel_gradient_job job = {
        .next = next_images, .user = loop, .results = loop->results + s->own.first};
    reel_status status = batch_gradient(loop, &job, incident, err);
    if (status == REEL_OK) {
        reel_plant_nan(reel_net_params(s->net), s->state.step + 1, &loop->planted);
        status = judge_gradient(loop, incident, err);
        if (status == REEL_ERR_NONFINITE && s->parallel)
            REEL_TRY(reel_parallel_publish(s->parallel, err));
    }
    if (status == REEL_ERR_NONFINITE)
        reel_trace_samples(incident, &loop->feed, &job.batch,
                           s->in_turn ? job.batch.n : reel_feed_batch_images(&loop->feed) - first);
    return status;
}

static reel_status watch_for_stall(reel_loop *loop, double loss, reel_error *err)
{
    double mean;
    reel_session *s = &loop->session;
    const reel_verdict verdict = reel_stall_watch(&s->state.stall, loss, &loop->guess, &mean);
    if (!verdict.reason[0])
        return REEL_OK;

    const reel_settings *settings = loop->settings;
    if (reel_ranks_leads(loop->ranks))
        reel_journal_warn(&loop->journal, "step %" PRId64 ": %s", s->state.step, verdict.reason);
    REEL_TRY(reel_ranks_settle(loop->ranks, err));
    const reel_plateau plateau = {.mean = mean,
                                  .guess = loop->guess.loss,
                                  .lr = loop->meter.lr,
                                  .other_init = !settings->fit_to_data && !settings->weights};
    return reel_plateau_tell(&plateau, s, &loop->feed, loop->ranks, &loop->journal, err);
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
    if (s->parallel)
        REEL_TRY(reel_parallel_publish(s->parallel, err));
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
    if (loop->ranks)
        loop->ranks->agreed = false;

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
    const double images = (double)(s->state.seen - before.seen);
    REEL_TRY(watch_for_stall(loop, (s->state.loss_sum - before.loss_sum) / images, err));
    const double spent = reel_seconds_now() - began;
    s->state.train_seconds += spent;
    reel_meter_add_step(&loop->meter, spent);
    return REEL_OK;
}
