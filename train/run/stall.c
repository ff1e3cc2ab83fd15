/* Recognising the plateau, and looking at a net that stands on it.
 *
 * At AlexNet's usual starting weights each layer shrinks what passes through it, the logits are
 * nearly constant, and so is the loss: at the entropy of the labels (with label smoothing, of the
 * smoothed ones). A unit is dead when its ReLU is 0 for a whole batch, everywhere: it gets no
 * gradient and will not come back by itself. A step that moves a weight tensor by less than a
 * hundred-thousandth of its length leaves it where it is for as long as anybody waits. */
#include "train/run/stall.h"

#include "train/run/json_util.h"

#include "core/elementary.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 200, GROWTH = 5, MOST_LAYERS = 128 };

/* What a net reaches that knows how frequent classes are and nothing of images. */
static double guess_loss(const reel_trainer *t)
{
    const int64_t images = reel_dataset_count(t->train), classes = reel_dataset_classes(t->train);
    const double smooth = t->settings->label_smoothing;
    const bool balanced = t->settings->class_balanced;
    double *count = calloc((size_t)classes + 1, sizeof *count), entropy = 0;
    if (!count)
        return reel_math_log((double)classes);
    for (int64_t i = 0; i < images; i++)
        count[reel_dataset_label(t->train, i)]++;
    int64_t present = 0;
    for (int64_t c = 0; c < classes; c++)
        present += count[c] > 0;
    for (int64_t c = 0; c < classes; c++) {
        if (balanced)
            count[c] = count[c] > 0 ? (double)images / (double)present : 0;
        const double p = (1 - smooth) * count[c] / (double)images + smooth / (double)classes;
        if (p > 0)
            entropy -= p * reel_math_log(p);
    }
    free(count);
    return entropy;
}

typedef struct {
    const char *name[MOST_LAYERS];
    double dead[MOST_LAYERS]; /* share of channels that are 0 for the whole batch */
    int n;
} units;

static void see(void *user, const char *layer, const char *kind, reel_var y)
{
    units *u = user;
    const reel_tensor v = reel_value(y);
    if (strcmp(kind, "ReLU") != 0 || !v.data || v.ndim < 2 || u->n == MOST_LAYERS)
        return;
    const int64_t channels = v.shape[1];
    int64_t dead = 0, index[REEL_MAX_DIMS];
    for (int64_t c = 0; c < channels; c++) {
        bool alive = false;
        memset(index, 0, sizeof index);
        index[1] = c;
        while (!alive) {
            alive = reel_tensor_get(&v, index) != 0;
            int d = v.ndim - 1;
            for (; d >= 0; d--) {
                if (d == 1)
                    continue;
                if (++index[d] < v.shape[d])
                    break;
                index[d] = 0;
            }
            if (d < 0)
                break;
        }
        dead += !alive;
    }
    u->name[u->n] = layer;
    u->dead[u->n++] = (double)dead / (double)channels;
}

/* Forward of a batch with every layer by itself, in evaluation mode: masks of dropout would pass
 * for dead units. */
static void look(reel_trainer *t, units *u)
{
    reel_loader *loader = NULL;
    reel_batch batch;
    const int64_t first = t->state.batch < t->batches_per_epoch ? t->state.batch : 0;
    if (reel_trainer_loader(t, &loader, first, t->workers, true, NULL) == REEL_OK &&
        reel_loader_next(loader, &batch, NULL) == REEL_OK && batch.n > 0) {
        reel_net_set_training(t->net, false);
        reel_net_set_fusion(t->net, false);
        reel_tape_set_recording(t->tape, false);
        reel_net_watch(t->net, see, u);
        reel_net_forward(t->net, t->tape, reel_input(t->tape, &batch.images));
        reel_net_watch(t->net, NULL, NULL);
        reel_tape_reset(t->tape);
        reel_tape_set_recording(t->tape, true);
        reel_net_set_fusion(t->net, true);
        reel_net_set_training(t->net, true);
    }
    reel_loader_destroy(loader);
}

static double norm_of(const reel_tensor *x)
{
    const float *v = x->data;
    double sum = 0;
    for (int64_t i = 0, n = reel_tensor_numel(x); i < n; i++)
        sum += (double)v[i] * (double)v[i];
    return sqrt(sum);
}

/* other_init: the starting weights were not fitted to the images, but could be. */
static const char *advice(double most_dead, double least_change, bool other_init)
{
    if (most_dead > 0.9)
        return other_init ? "units that died do not come back: start anew with a lower --lr or "
                            "with --lr-warmup-epochs, or "
                            "with --init data"
                          : "units that died do not come back: start anew with a lower --lr or "
                            "with --lr-warmup-epochs";
    if (least_change < 1e-5)
        return other_init ? "a step hardly moves some layers: start anew with --init data, which "
                            "fits the starting weights to "
                            "the images, or with a larger --lr"
                          : "a step hardly moves some layers: start anew with a larger --lr or, "
                            "where the weights are tiny, a smaller "
                            "--weight-decay";
    return other_init ? "it may still leave by itself; started anew with --init data it seldom "
                        "comes here. Are the labels right?"
                      : "it may still leave by itself; if not, another --lr may do better. Are the "
                        "labels right?";
}

static void report(reel_trainer *t, double mean, double guess)
{
    units u = {0};
    look(t, &u);
    double most_dead = 0, least_change = INFINITY;
    json_t *layers = json_array(), *relus = json_array();
    reel_progress_warn(&t->progress,
                       "reel train: warning: step %" PRId64 ": the mean loss of the last %" PRId64
                       " steps is %.4f, and %.4f is what guessing among %" PRId64
                       " classes gives: the run stands on a plateau",
                       t->state.step, t->state.stall.n, mean, guess,
                       reel_dataset_classes(t->train));
    reel_params *params = reel_net_params(t->net);
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!p->has_grad || p->value.ndim < 2 ||
            (p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN)))
            continue;
        const double gradient = norm_of(&p->grad), weight = norm_of(&p->value);
        const double change = weight > 0 ? t->lr * gradient / weight : 0;
        least_change = fmin(least_change, change);
        reel_progress_warn(
            &t->progress, "  %-24s |gradient| %.3g, |weights| %.3g; lr |gradient| / |weights| %.1e",
            p->name, gradient, weight, change);
        json_array_append_new(layers, json_pack("{s:s, s:f, s:f}", "name", p->name, "gradient",
                                                gradient, "weights", weight));
    }
    for (int i = 0; i < u.n; i++) {
        most_dead = fmax(most_dead, u.dead[i]);
        reel_progress_warn(&t->progress,
                           "  %-24s %.0f %% of its units are dead (0 for a whole batch)", u.name[i],
                           100 * u.dead[i]);
        json_array_append_new(relus, json_pack("{s:s, s:f}", "name", u.name[i], "dead", u.dead[i]));
    }
    reel_progress_warn(
        &t->progress, "  %s",
        advice(most_dead, least_change, !t->settings->fit_to_data && !t->settings->weights));
    reel_trainer_metric(t, json_pack("{s:s, s:I, s:f, s:f, s:o, s:o}", "event", "stall", "step",
                                     (json_int_t)t->state.step, "loss", mean, "guess", guess,
                                     "parameters", layers, "relus", relus));
}

void reel_stall_watch(reel_trainer *t, double loss)
{
    reel_stall *s = &t->state.stall;
    if (s->length == 0)
        s->length = FIRST;
    s->sum += loss;
    if (++s->n < s->length)
        return;
    const double mean = s->sum / (double)s->n, guess = guess_loss(t);
    const bool stands = guess > 0 && fabs(mean - guess) <= 0.01 * guess;
    if (stands)
        report(t, mean, guess);
    s->length = stands ? s->length * GROWTH : FIRST;
    s->sum = 0;
    s->n = 0;
}
