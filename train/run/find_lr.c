/* The learning rate range test: see find_lr.h. */
#include "train/run/find_lr.h"

#include "core/elementary.h"
#include "layers/recompute.h"
#include "train/run/json_util.h"
#include "train/run/signals.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const double SMOOTHING = 0.8, DIVERGED = 4;
enum { EARLY = 5 }; /* the first fifth of the steps */

/* ---- what follows from the losses ---- */

/* To two significant digits. */
static double two_digits(double x)
{
    char text[32];
    snprintf(text, sizeof text, "%.1e", x);
    return strtod(text, NULL);
}

/* The step, up to the lowest loss, around which the loss falls most over four steps. */
static int64_t find_steepest(const reel_find_lr *f)
{
    int64_t steepest = 0;
    double most = 0;
    for (int64_t i = 2; i + 2 <= f->lowest; i++) {
        const double fall = f->smoothed[i - 2] - f->smoothed[i + 2];
        if (fall > most) {
            most = fall;
            steepest = i;
        }
    }
    return steepest;
}

/* Whether the lowest smoothed loss is lower than the losses of the first steps, which do next to
 * nothing: by half a percent of their mean, and by more than chance, two standard deviations of a
 * smoothed loss, which are (1 - b) / (1 + b) = 1 / 9 of the variance of a loss. */
static bool has_fallen(reel_find_lr *f, int64_t early)
{
    double sum = 0, squares = 0;
    f->early = NAN;
    if (f->done <= early)
        return false;
    for (int64_t i = 0; i < early; i++)
        sum += f->loss[i];
    const double mean = f->early = sum / (double)early;
    for (int64_t i = 0; i < early; i++)
        squares += (f->loss[i] - mean) * (f->loss[i] - mean);
    const double deviation = sqrt(squares / (double)(early > 1 ? early - 1 : 1)) / 3;
    return mean - f->smoothed[f->lowest] > fmax(0.005 * mean, 2 * deviation);
}

void reel_find_lr_judge(reel_find_lr *f)
{
    const int64_t early = (f->steps + EARLY - 1) / EARLY;
    double mean = 0, weight = 1, least = INFINITY;
    f->lowest = f->steepest = 0;
    f->diverged = false;
    for (int64_t i = 0; i < f->done; i++) {
        mean = SMOOTHING * mean + (1 - SMOOTHING) * f->loss[i];
        weight *= SMOOTHING;
        f->smoothed[i] = mean / (1 - weight);
        if (i <= early || f->smoothed[i] < f->smoothed[f->lowest])
            f->lowest = i;
        least = fmin(least, f->smoothed[i]);
        f->diverged |= !(f->smoothed[i] <= DIVERGED * least) || !(f->loss[i] <= DIVERGED * least);
    }
    f->steepest = find_steepest(f);
    f->proposal = has_fallen(f, early) ? two_digits(f->rate[f->lowest] / 10) : 0;
}

json_t *reel_find_lr_json(const reel_find_lr *f)
{
    json_t *rates = json_array(), *losses = json_array(), *smoothed = json_array();
    for (int64_t i = 0; i < f->done; i++) {
        json_array_append_new(rates, json_real(f->rate[i]));
        json_array_append_new(losses, reel_json_number(f->loss[i]));
        json_array_append_new(smoothed, reel_json_number(f->smoothed[i]));
    }

    json_t *o = json_pack("{s:f, s:f, s:I, s:I, s:I, s:b, s:o, s:o, s:o}", "from", f->from, "to",
                          f->to, "steps", (json_int_t)f->steps, "done", (json_int_t)f->done,
                          "images", (json_int_t)f->images, "diverged", (int)f->diverged, "lr",
                          rates, "loss", losses, "smoothed", smoothed);
    if (o && f->done > 0) {
        json_object_set_new(o, "lowest_lr", json_real(f->rate[f->lowest]));
        json_object_set_new(o, "steepest_lr", json_real(f->rate[f->steepest]));
    }

    if (o)
        json_object_set_new(o, "proposal", f->proposal > 0 ? json_real(f->proposal) : json_null());
    return o;
}

/* ---- the steps ---- */

static int64_t steps_of(const reel_find_lr_config *c, int64_t steps_per_epoch)
{
    const int64_t usual = 100, least = 20, few = 5 * steps_per_epoch;
    if (c->steps > 0)
        return c->steps;
    if (few > usual)
        return usual;
    return few < least ? least : few;
}

/* Where the test's batches come from. */
typedef struct test_feed {
    reel_loop *loop;
    reel_loader *loader;
} test_feed;

static reel_status next_test_images(void *user, reel_batch *batch, reel_error *err)
{
    const test_feed *f = user;
    REEL_TRY(reel_feed_next_aside(&f->loop->feed, f->loader, batch, err));
    f->loop->session.state.epoch = batch->epoch;
    return REEL_OK;
}

/* The gradients of a batch; *loss: the mean over its pieces. The gradient of a loss that is not
 * finite is not used: the test ends there. */
static reel_status add_losses(reel_loop *loop, reel_loader *loader, double *loss, reel_error *err)
{
    reel_session *s = &loop->session;
    test_feed feed = {loop, loader};
    reel_gradient_job job = {.next = next_test_images, .user = &feed, .results = loop->results};
    const reel_status status = reel_session_gradient(s, &job, err);
    *loss = 0;
    for (int64_t p = 0; p < job.done; p++)
        *loss += loop->results[p].loss / (double)s->pieces;
    if (status != REEL_ERR_NONFINITE)
        return status;

    *loss = loop->results[job.done - 1].loss;
    reel_tape_reset(s->tape);
    return REEL_OK;
}

/* One step of the test; weights move unless the loss is not finite. */
static reel_status test_step(reel_loop *loop, reel_loader *loader, double rate, double *loss,
                             reel_error *err)
{
    reel_session *s = &loop->session;
    reel_params *params = reel_net_params(s->net);
    const double clip = loop->settings->clip_grad_norm;
    REEL_TRY(add_losses(loop, loader, loss, err));
    if (reel_loss_is_diverged(*loss))
        return REEL_OK;
    reel_statistics_apply(s->statistics);
    if (clip > 0)
        reel_clip_grad_norm(params, s->ctx, clip);
    return reel_optimizer_step(s->opt, rate, err);
}

static reel_status test_all(reel_find_lr *f, reel_loop *loop, reel_loader *loader, reel_error *err)
{
    const double ratio = f->to / f->from;
    while (f->done < f->steps && !f->diverged) {
        if (reel_signals_pending())
            return reel_fail(err, REEL_ERR_STOPPED, "interrupted");
        const double at = (double)f->done / (double)(f->steps - 1);
        f->rate[f->done] = f->from * reel_math_pow(ratio, at);
        REEL_TRY(test_step(loop, loader, f->rate[f->done], &f->loss[f->done], err));
        f->done++;
        reel_find_lr_judge(f);
        reel_progress_count(&loop->journal.progress, "learning rate range test",
                            f->done * f->images, f->steps * f->images);
    }
    reel_progress_clear(&loop->journal.progress);
    return REEL_OK;
}

reel_status reel_find_lr_run(reel_find_lr *f, reel_loop *loop, const reel_find_lr_config *config,
                             reel_error *err)
{
    const int64_t images = reel_dataset_count(loop->feed.train), batch = loop->settings->batch_size;
    *f = (reel_find_lr){.from = config->from,
                        .to = config->to,
                        .steps = steps_of(config, loop->session.schedule.steps_per_epoch),
                        .images = images < batch ? images : batch};
    f->rate = calloc((size_t)f->steps, sizeof *f->rate);
    f->loss = calloc((size_t)f->steps, sizeof *f->loss);
    f->smoothed = calloc((size_t)f->steps, sizeof *f->smoothed);
    if (!f->rate || !f->loss || !f->smoothed)
        return reel_fail(err, REEL_ERR_MEMORY, "--find-lr: out of memory");

    REEL_TRY(reel_loop_tune(loop, err));
    reel_loader *loader = NULL;
    loop->feed.config.epochs = 0; /* as many as the steps take */
    reel_status status = reel_feed_start_aside(&loop->feed, &loader, 0, 0, err);
    if (status == REEL_OK)
        status = test_all(f, loop, loader, err);
    reel_loader_destroy(loader);
    return status;
}

void reel_find_lr_free(reel_find_lr *f)
{
    free(f->rate);
    free(f->loss);
    free(f->smoothed);
    *f = (reel_find_lr){0};
}
