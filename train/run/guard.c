/* Finding where a step went bad, and going on all the same where that was asked for.
 *
 * The step is taken again from the same images, with the same masks and with every layer an
 * operator of its own: first forward, looking at each value as it is computed, then with backward,
 * looking at the gradients from the last layer to the first. The layer found is where NaN or
 * infinity first appeared; those after it only pass it on. */
#include "train/run/guard.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_NAMED = 4, MOST_SKIPPED = 10, MOST_ROLLBACKS = 5 };
static const double rollback_factor = 0.25;

/* "a.jpg, b.jpg and 30 more" */
static void name_samples(const reel_trainer *t, const reel_batch *b, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < b->n && i < SAMPLES_NAMED && used < size; i++) {
        char name[120];
        reel_dataset_sample_name(t->train, b->indices[i], name, sizeof name);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
    }
    if (b->n > SAMPLES_NAMED && used < size)
        snprintf(text + used, size - used, " and %" PRId64 " more", b->n - SAMPLES_NAMED);
}

/* A NaN has a sign that printf writes and that says nothing. */
static double without_sign(double value)
{
    return isnan(value) ? fabs(value) : value;
}

static reel_status not_finite(const reel_trainer *t, const reel_batch *b, const char *what,
                              double value, reel_error *err)
{
    char names[500];
    name_samples(t, b, names, sizeof names);
    return reel_fail(err, REEL_ERR_NONFINITE,
                     "step %" PRId64 ": the %s is %g, weights were not updated; samples: %s",
                     t->state.step + 1, what, without_sign(value), names);
}

reel_status reel_guard_loss(const reel_trainer *t, const reel_batch *b, double loss,
                            reel_error *err)
{
    return not_finite(t, b, "loss", loss, err);
}

/* The first that is not finite, as its place in row-major order; -1 = none. */
static int64_t first_bad(const reel_tensor *t, double *value)
{
    int64_t index[REEL_MAX_DIMS] = {0};
    const int64_t n = reel_tensor_numel(t);
    for (int64_t i = 0; i < n; i++) {
        *value = without_sign(reel_tensor_get(t, index));
        if (!isfinite(*value))
            return i;
        for (int d = t->ndim - 1; d >= 0 && ++index[d] == t->shape[d]; d--)
            index[d] = 0;
    }
    return -1;
}

reel_status reel_guard_gradient(const reel_trainer *t, const reel_batch *b, int param,
                                reel_error *err)
{
    const reel_param *p = reel_params_at(reel_net_params(t->net), param);
    double value = NAN;
    char what[300];
    first_bad(&p->grad, &value);
    snprintf(what, sizeof what, "gradient of %s", p->name);
    return not_finite(t, b, what, value, err);
}

/* ---- the step once more ---- */
typedef struct {
    const reel_trainer *t;
    const reel_batch *batch;
    char *text;
    size_t size;
    bool found;
} search;

static void see(void *user, const char *layer, const char *kind, reel_var y)
{
    search *s = user;
    const reel_tensor value = reel_value(y);
    double bad;
    if (s->found || !value.data)
        return;
    const int64_t at = first_bad(&value, &bad);
    if (at < 0)
        return;
    char name[120] = "";
    const int64_t rows = value.ndim > 0 ? value.shape[0] : 1,
                  sample = at / (reel_tensor_numel(&value) / rows);
    if (sample < s->batch->n)
        reel_dataset_sample_name(s->t->train, s->batch->indices[sample], name, sizeof name);
    snprintf(s->text, s->size, "first the output of %s (%s) is %g, for %s", layer, kind, bad, name);
    s->found = true;
}

static reel_var forward(reel_trainer *t, const reel_batch *b)
{
    reel_tape_reset(t->tape);
    reel_tape_set_step(t->tape, t->state.epoch * t->batches_per_epoch + b->index);
    return reel_net_forward(t->net, t->tape, reel_input(t->tape, &b->images));
}

/* One batch: forward under the eyes of `see`, then gradients. */
static void search_batch(reel_trainer *t, search *s)
{
    const reel_batch *b = s->batch;
    double bad = 0;
    if (first_bad(&b->images, &bad) >= 0) {
        snprintf(s->text, s->size, "first an image, as it was loaded, holds %g", bad);
        s->found = true;
        return;
    }
    reel_tape_set_recording(t->tape, false);
    reel_net_watch(t->net, see, s);
    forward(t, b);
    reel_net_watch(t->net, NULL, NULL);
    reel_tape_set_recording(t->tape, true);
    if (s->found)
        return;
    const reel_cross_entropy_attrs attrs = {.label_smoothing = t->settings->label_smoothing};
    const reel_var loss = reel_cross_entropy(forward(t, b), b->labels, b->n, &attrs);
    if (reel_backward(loss, NULL) != REEL_OK)
        return;
    reel_guard_plant(t);
    const int i = reel_grad_not_finite(reel_net_params(t->net), t->ctx);
    if (i < 0)
        return;
    const reel_param *p = reel_params_at(reel_net_params(t->net), i);
    first_bad(&p->grad, &bad);
    snprintf(s->text, s->size,
             "every layer's output is finite; first, in backward, the gradient of %s is %g",
             p->name, bad);
    s->found = true;
}

/* Says in text where it began. True: the weights themselves are not finite, so that another batch
 * would not help. */
static bool locate(reel_trainer *t, int64_t group, char *text, size_t size)
{
    reel_params *params = reel_net_params(t->net);
    const int held = reel_optimizer_not_finite(t->opt);
    if (held >= 0) {
        snprintf(text, size, "%s or its momentum was not finite before the step",
                 reel_params_at(params, held)->name);
        return true;
    }
    reel_loader *loader = NULL;
    reel_batch batch;
    search s = {.t = t, .batch = &batch, .text = text, .size = size};
    reel_net_set_fusion(t->net, false);
    reel_status status = reel_trainer_loader(t, &loader, t->state.batch, t->workers, true, NULL);
    for (int64_t i = 0; status == REEL_OK && !s.found && i < group; i++) {
        status = reel_loader_next(loader, &batch, NULL);
        reel_params_zero_grad(params);
        if (status == REEL_OK && batch.n > 0)
            search_batch(t, &s);
        reel_tape_reset(t->tape);
    }
    reel_loader_destroy(loader);
    reel_net_set_fusion(t->net, true);
    reel_params_zero_grad(params);
    if (!s.found)
        snprintf(text, size, "taken again layer by layer, nothing was found");
    return false;
}

/* ---- going on ---- */
static reel_status reopen_loader(reel_trainer *t, reel_error *err)
{
    t->waited_before = reel_trainer_waited(t);
    reel_loader_destroy(t->loader);
    t->loader = NULL;
    return t->state.batch < t->batches_per_epoch
               ? reel_trainer_loader(t, &t->loader, t->state.batch, t->workers, false, err)
               : REEL_OK;
}

static reel_status skip(reel_trainer *t, int64_t group, const char *story, reel_error *err)
{
    if (++t->state.skipped > MOST_SKIPPED)
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "%s; %d steps in a row were left out, which does not help", story,
                         MOST_SKIPPED);
    reel_progress_warn(&t->progress, "reel train: warning: %s; the step is left out", story);
    t->state.step++;
    t->state.batch += group;
    reel_trainer_metric(
        t, json_pack("{s:s, s:I}", "event", "skip", "step", (json_int_t)t->state.step));
    return reopen_loader(t, err);
}

static void pass_over(const char *message)
{
    (void)message; /* said when the run was resumed; a newer one that is damaged is not this
                      process's */
}

static reel_status roll_back(reel_trainer *t, const char *story, reel_error *err)
{
    const reel_run_state before = t->state;
    const int64_t failed = t->state.step, times = t->state.rollbacks + 1;
    const double scale = t->state.lr_scale * rollback_factor;
    if (times > MOST_ROLLBACKS)
        return reel_fail(err, REEL_ERR_NONFINITE,
                         "%s; %d rollbacks, the learning rate divided by %g, did not help", story,
                         MOST_ROLLBACKS, 1 / t->state.lr_scale);
    /* Never forward, to what resuming an earlier checkpoint left behind. And where no step could be
     * taken from a restored state, it was lost already when it was saved. */
    const int64_t below = t->state.restored ? failed : failed + 1;
    char path[REEL_PATH_MAX];
    reel_weights *weights;
    reel_error why;
    const int64_t every = reel_trainer_checkpoint(t).rollback_every;
    reel_status status = reel_checkpoint_find(&weights, t->run.path, below, every, path,
                                              sizeof path, pass_over, &why);
    if (!weights) /* resumed into another folder, or told another --checkpoint-every: what there is
                   */
        status = reel_checkpoint_find(&weights, t->run.path, below, 1, path, sizeof path, pass_over,
                                      &why);
    if (status == REEL_OK && !weights)
        status = reel_fail(&why, REEL_ERR_NONFINITE, "no checkpoint to go back to");
    if (status == REEL_OK) {
        const reel_checkpoint c = reel_trainer_checkpoint(t);
        status = reel_checkpoint_restore(&c, weights, path, &why);
        reel_weights_destroy(weights);
    }
    if (status != REEL_OK)
        return reel_fail(err, REEL_ERR_NONFINITE, "%s; no rollback: %s", story, why.message);
    reel_checkpoint_set_aside(t->run.path,
                              path); /* or the next rollback, or --resume auto, would take them */
    if (before.best_epoch && reel_is_better(before.best_top1, before.best_loss, &t->state)) {
        t->state.best_epoch =
            before.best_epoch; /* best.safetensors holds it, and nothing worse is to replace it */
        t->state.best_top1 = before.best_top1;
        t->state.best_loss = before.best_loss;
    }
    t->state.restored = 1;
    t->state.rollbacks = times;
    t->state.lr_scale = scale;
    t->rolled_back = true;
    t->log = (reel_log_window){0};
    reel_progress_warn(&t->progress,
                       "reel train: warning: %s; back to step %" PRId64
                       ", learning rate x %g from there (%" PRId64 " of at most %d times)",
                       story, t->state.step, scale, times, MOST_ROLLBACKS);
    if (reel_run_dir_rewind(&t->run, t->state.step, t->state.batch == t->batches_per_epoch, &why))
        reel_progress_warn(&t->progress, "reel train: warning: %s", why.message);
    reel_trainer_metric(t, json_pack("{s:s, s:I, s:I, s:f}", "event", "rollback", "step",
                                     (json_int_t)t->state.step, "from", (json_int_t)failed + 1,
                                     "lr_scale", scale));
    return reopen_loader(t, err);
}

reel_status reel_guard_act(reel_trainer *t, int64_t group, const reel_error *why, reel_error *err)
{
    char where[400], story[sizeof why->message];
    reel_tape_reset(t->tape);
    const bool lost = locate(t, group, where, sizeof where);
    /* The samples, last in the message, are the first to be cut. */
    const char *samples = strstr(why->message, "; samples: ");
    const int head = samples ? (int)(samples - why->message) : (int)strlen(why->message);
    snprintf(story, sizeof story, "%.*s; %s%s", head, why->message, where, samples ? samples : "");
    if (t->settings->nan_action == REEL_ON_NAN_ROLLBACK)
        return roll_back(t, story, err);
    if (t->settings->nan_action == REEL_ON_NAN_SKIP && !lost)
        return skip(t, group, story, err);
    return reel_fail(err, REEL_ERR_NONFINITE, "%s", story);
}

void reel_guard_plant(reel_trainer *t)
{
    const char *text = getenv("REEL_TEST_NAN");
    char name[256] = "";
    long long step = 0, times = 1;
    int end = 0;
    if (!text || sscanf(text, "%lld%n", &step, &end) < 1)
        return;
    const bool after = text[end] == '+',
               due = after ? t->state.step + 1 >= step : t->state.step + 1 == step;
    sscanf(text + end + after, ":%255[^:]:%lld", name, &times);
    if (!due)
        return;
    reel_params *params = reel_net_params(t->net);
    reel_param *p = *name ? reel_params_find(params, name) : reel_params_at(params, 0);
    if (!p || !p->has_grad || t->planted >= times * 2)
        return;
    t->planted++; /* once in the step and once when it is taken again */
    reel_tensor_set(&p->grad, (const int64_t[REEL_MAX_DIMS]){0}, NAN);
}
