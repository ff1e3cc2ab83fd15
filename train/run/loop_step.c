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

static int64_t count_right(const reel_session *s, reel_var logits, const reel_batch *b)
{
    const reel_tensor rows = reel_value(logits); /* (n, classes) */
    const int64_t classes = rows.shape[1];
    int64_t right = 0;
    for (int64_t i = 0; i < b->n; i++)
        right += reel_label_rank((const float *)rows.data + i * classes, classes,
                                 reel_session_label(s, b, i)) == 0;
    return right;
}

static void count_batch(reel_loop *loop, const reel_batch *b, double mean, int64_t right)
{
    reel_run_state *state = &loop->session.state;
    state->loss_sum += mean * (double)b->n;
    state->right += right;
    state->seen += b->n;
    reel_meter_add(&loop->meter, b->n, mean, right);
}

/* Adds the gradients of one batch to the store, scaled by `share` (1 / batches of the step). */
static reel_status add_batch_gradient(reel_loop *loop, double share, reel_batch *b,
                                      reel_incident *incident, reel_error *err)
{
    reel_session *s = &loop->session;
    REEL_TRY(reel_feed_next(&loop->feed, b, err));
    REEL_TRY(check_bad_images(loop, err));
    REEL_ASSERT(b->n > 0);

    /* images (n, 3, h, w) -> logits (n, classes) -> mean loss */
    const double began = reel_seconds_now();
    reel_session_mix(s, b);
    const reel_var logits = reel_session_forward(s, b);
    const reel_var loss = reel_session_loss(s, logits, b);
    REEL_TRY(reel_tape_status(s->tape, err));

    /* Backward would spread a NaN through every gradient and hide the layer where it began. */
    const reel_tensor value = reel_value(loss);
    const double mean = reel_tensor_get(&value, (const int64_t[REEL_MAX_DIMS]){0});
    if (reel_loss_is_diverged(mean)) {
        snprintf(incident->what, sizeof incident->what, "loss");
        incident->value = mean;
        return reel_fail(err, REEL_ERR_NONFINITE, "the loss is %g", mean);
    }
    const int64_t right = count_right(s, logits, b);

    const double forward = reel_seconds_now();
    REEL_TRY(reel_backward_scaled(loss, share, err));
    reel_tape_reset(s->tape);
    loop->meter.window.forward += forward - began;
    loop->meter.window.backward += reel_seconds_now() - forward;
    count_batch(loop, b, mean, right);
    return REEL_OK;
}

/* Gradients of a whole step, clipped and finite. */
static reel_status step_gradient(reel_loop *loop, int64_t group, reel_incident *incident,
                                 reel_error *err)
{
    reel_session *s = &loop->session;
    reel_params *params = reel_net_params(s->net);
    reel_batch batch = {0};
    reel_status status;
    reel_net_forget_gradients(s->net);
    for (int64_t i = 0; i < group; i++)
        REEL_TRY_GOTO(add_batch_gradient(loop, 1.0 / (double)group, &batch, incident, err), done);
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
        reel_trace_samples(incident, &loop->feed, &batch);
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
    const int64_t step = s->state.batch / loop->settings->accumulate; /* of the epoch, from 0 */
    if (!s->ema || step % loop->settings->model_ema_steps != 0)
        return;
    reel_ema_update(s->ema, s->state.ema_updates == 0);
    const bool warm_up = (double)s->state.epoch < s->schedule.warmup_epochs;
    s->state.ema_updates = warm_up ? 0 : s->state.ema_updates + 1;
}

static reel_status update_weights(reel_loop *loop, int64_t group, reel_error *err)
{
    reel_session *s = &loop->session;
    const double began = reel_seconds_now();
    loop->meter.lr = reel_session_lr(s);
    REEL_TRY(reel_optimizer_step(s->opt, loop->meter.lr, err));
    update_average(loop);
    loop->meter.window.update += reel_seconds_now() - began;
    loop->meter.window.steps++;

    s->state.skipped = s->state.restored = 0;
    s->state.step++;
    s->state.batch += group;
    return REEL_OK;
}

reel_status reel_loop_step(reel_loop *loop, reel_action *done, reel_error *err)
{
    reel_session *s = &loop->session;
    const double began = reel_seconds_now();
    const reel_run_state before = s->state;
    const reel_window window = loop->meter.window;
    const int64_t rest = s->batches_per_epoch - s->state.batch;
    const int64_t group = rest < loop->settings->accumulate ? rest : loop->settings->accumulate;
    *done = REEL_GO_ON;

    reel_error why;
    reel_incident incident = {.step = s->state.step + 1};
    const reel_status status = step_gradient(loop, group, &incident, &why);
    if (status != REEL_OK) {
        /* What the step's first batches counted is counted again when it is repeated. */
        s->state = before;
        loop->meter.window = window;
        if (status == REEL_ERR_NONFINITE)
            return reel_loop_nonfinite(loop, &incident, group, done, err);
        *err = why;
        return status;
    }

    REEL_TRY(update_weights(loop, group, err));
    watch_for_stall(loop,
                    (s->state.loss_sum - before.loss_sum) / (double)(s->state.seen - before.seen));
    const double spent = reel_seconds_now() - began;
    s->state.train_seconds += spent;
    reel_meter_add_step(&loop->meter, spent);
    return REEL_OK;
}
