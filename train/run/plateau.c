/* Looking at a net that stands on a plateau.
 *
 * At AlexNet's usual starting weights each layer shrinks what passes through it, the logits are
 * nearly constant, and so is the loss: at the entropy of the labels. A unit is dead when its ReLU
 * is 0 for a whole batch, everywhere: it gets no gradient and will not come back by itself. A step
 * that moves a weight tensor by less than a hundred-thousandth of its length leaves it where it is
 * for as long as anybody waits. */
#include "train/run/plateau.h"

#include "core/elementary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RELUS = 128 };

/* ---- the loss of a guess ---- */

/* The least mean loss of one and the same answer to every image. An image of class c brings the
 * answer's class k the coefficient w_k ((1 - smooth) [k = c] + smooth / classes); their mean is
 * a_k, and the best answer is a_k / sum a. Loss of class indices is divided by the mean weight. */
static double guess_loss(const double *share, int64_t classes, const reel_session *s)
{
    const double *w = s->class_weights, smooth = s->label_smoothing;
    double all = 0, mean = 0, entropy = 0;
    for (int64_t c = 0; c < classes; c++) {
        all += (w ? w[c] : 1) * ((1 - smooth) * share[c] + smooth / (double)classes);
        mean += (w ? w[c] : 1) * share[c];
    }
    for (int64_t c = 0; c < classes; c++) {
        const double a = (w ? w[c] : 1) * ((1 - smooth) * share[c] + smooth / (double)classes);
        if (a > 0)
            entropy -= a * reel_math_log(a / all);
    }
    return s->targets ? entropy : entropy / mean;
}

reel_guess reel_plateau_guess(const reel_feed *feed, const reel_session *s)
{
    const int64_t images = reel_dataset_count(feed->train),
                  classes = reel_dataset_classes(feed->train);
    reel_guess guess = {.loss = reel_math_log((double)classes), .classes = classes};
    double *share = calloc((size_t)classes + 1, sizeof *share);
    if (!share)
        return guess;
    for (int64_t i = 0; i < images; i++)
        share[reel_dataset_label(feed->train, i)]++;
    int64_t present = 0;
    for (int64_t c = 0; c < classes; c++)
        present += share[c] > 0;

    /* Shares of the classes in what is drawn: equal ones with class_balanced. */
    for (int64_t c = 0; c < classes; c++) {
        if (feed->config.class_balanced)
            share[c] = share[c] > 0 ? 1 / (double)present : 0;
        else
            share[c] /= (double)images;
    }
    guess.loss = guess_loss(share, classes, s);
    free(share);
    return guess;
}

/* ---- dead units ---- */

/* The ReLUs of the net, and which of their channels live. */
typedef struct dead_units {
    const char *name[MOST_RELUS];
    int64_t channels[MOST_RELUS];
    int n;
    int next;          /* the ReLU that comes next in this pass */
    int64_t next_unit; /* its first channel in `lives` */
    double *lives;     /* of each channel: in how many parts of the batch it was not 0 */
    int64_t units;
    bool lacks_memory;
} dead_units;

/* Is channel c of v (n, channels, ...) 0 everywhere? */
static bool is_dead(const reel_tensor *v, int64_t c)
{
    int64_t index[REEL_MAX_DIMS] = {0};
    index[1] = c;
    for (;;) {
        if (reel_tensor_get(v, index) != 0)
            return false;

        /* The next place of the channel; the last dimension counts fastest. */
        int d = v->ndim - 1;
        for (; d >= 0; d--) {
            if (d == 1)
                continue;
            if (++index[d] < v->shape[d])
                break;
            index[d] = 0;
        }
        if (d < 0)
            return true;
    }
}

/* A ReLU that no earlier pass has met. */
static void add_relu(dead_units *u, const char *layer, int64_t channels)
{
    double *lives = realloc(u->lives, (size_t)(u->units + channels) * sizeof *lives);
    if (!lives) {
        u->lacks_memory = true;
        return;
    }
    memset(lives + u->units, 0, (size_t)channels * sizeof *lives);
    u->lives = lives;
    u->units += channels;
    u->name[u->n] = layer;
    u->channels[u->n++] = channels;
}

static void see_relu(void *user, const char *layer, const char *kind, reel_var y)
{
    dead_units *u = user;
    const reel_tensor v = reel_value(y);
    if (strcmp(kind, "ReLU") != 0 || !v.data || v.ndim < 2 || u->next == MOST_RELUS)
        return;
    const int64_t channels = v.shape[1];
    if (u->next == u->n && !u->lacks_memory)
        add_relu(u, layer, channels);
    if (u->lacks_memory)
        return;
    for (int64_t c = 0; c < channels; c++)
        u->lives[u->next_unit + c] += !is_dead(&v, c);
    u->next++;
    u->next_unit += channels;
}

/* Forward of this process's part of a batch with every layer by itself. In evaluation mode: what
 * dropout sets to 0 would pass for dead units. */
static reel_status look_at_units(reel_session *s, const reel_feed *feed, dead_units *u,
                                 reel_error *err)
{
    reel_loader *loader = NULL;
    reel_batch batch;
    reel_status status;
    const int64_t first = s->state.batch < s->batches_per_epoch ? s->state.batch : 0;
    reel_net_set_training(s->net, false);
    reel_net_set_fusion(s->net, false);
    reel_tape_set_recording(s->tape, false);
    reel_net_watch(s->net, see_relu, u);
    REEL_TRY_GOTO(reel_feed_start_aside(feed, &loader, s->state.epoch, first, err), done);

    /* Pieces in turn: a unit is dead where no piece gives it life. */
    for (int64_t part = s->in_turn ? s->own.count : 1; part > 0; part--) {
        REEL_TRY_GOTO(reel_loader_next(loader, &batch, err), done);
        u->next = 0;
        u->next_unit = 0;
        if (batch.n > 0)
            reel_net_forward(s->net, s->tape, reel_input(s->tape, &batch.images));
        REEL_TRY_GOTO(reel_tape_status(s->tape, err), done);
        reel_tape_reset(s->tape);
    }
    if (u->lacks_memory)
        status = reel_fail(err, REEL_ERR_MEMORY, "dead units: out of memory");
done:
    reel_tape_reset(s->tape);
    reel_net_watch(s->net, NULL, NULL);
    reel_tape_set_recording(s->tape, true);
    reel_net_set_fusion(s->net, true);
    reel_net_set_training(s->net, true);
    reel_loader_destroy(loader);
    return status;
}

/* The units of a whole batch. Where a rank cannot look, there are none. */
static reel_status find_dead_units(reel_session *s, const reel_feed *feed, reel_ranks *ranks,
                                   dead_units *u, reel_error *err)
{
    const char *what = "a look at dead units";
    reel_error ignored;
    const reel_status looked = look_at_units(s, feed, u, &ignored);
    if (reel_ranks_agree(ranks, looked, &ignored, what) != REEL_OK) {
        u->n = 0;
        return REEL_OK;
    }
    return ranks ? reel_comm_add_up(ranks->comm, u->lives, u->units, what, err) : REEL_OK;
}

/* ---- the report ---- */

static const char *plateau_advice(double most_dead, double least_change, bool other_init)
{
    if (most_dead > 0.9)
        return other_init ? "units that died do not come back: start anew with a lower --lr or "
                            "with --lr-warmup-epochs, or with --init data"
                          : "units that died do not come back: start anew with a lower --lr or "
                            "with --lr-warmup-epochs";
    if (least_change < 1e-5)
        return other_init ? "a step hardly moves some layers: start anew with --init data, which "
                            "fits the starting weights to the images, or with a larger --lr"
                          : "a step hardly moves some layers: start anew with a larger --lr or, "
                            "where the weights are tiny, a smaller --weight-decay";
    return other_init ? "the loss may still fall by itself; restarting with --init data usually "
                        "avoids this plateau. Are the labels right?"
                      : "the loss may still fall by itself; if not, another --lr may do better. "
                        "Are the labels right?";
}

/* How far a step moves each weight tensor; returns the smallest relative change. gradients,
 * weights: norms. */
static double tell_changes(const reel_params *params, const double *gradients,
                           const double *weights, double lr, reel_journal *journal, json_t *layers)
{
    double least = INFINITY;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (!p->has_grad || p->value.ndim < 2 ||
            (p->flags & (REEL_PARAM_BUFFER | REEL_PARAM_FROZEN)))
            continue;

        const double gradient = gradients[i], weight = weights[i];
        const double change = weight > 0 ? lr * gradient / weight : 0;
        least = fmin(least, change);
        reel_progress_warn(
            &journal->progress,
            "  %-24s |gradient| %.3g, |weights| %.3g; lr |gradient| / |weights| %.1e", p->name,
            gradient, weight, change);
        json_array_append_new(layers, json_pack("{s:s, s:f, s:f}", "name", p->name, "gradient",
                                                gradient, "weights", weight));
    }
    return least;
}

/* Returns the largest share of dead units of a layer. */
static double tell_dead_units(const dead_units *u, reel_journal *journal, json_t *relus)
{
    double most = 0;
    const double *lives = u->lives;
    for (int i = 0; i < u->n; i++) {
        int64_t dead = 0;
        for (int64_t c = 0; c < u->channels[i]; c++)
            dead += *lives++ == 0;
        const double part = (double)dead / (double)u->channels[i];
        most = fmax(most, part);
        reel_progress_warn(&journal->progress,
                           "  %-24s %.0f %% of its units are dead (0 for a whole batch)",
                           u->name[i], 100 * part);
        json_array_append_new(relus, json_pack("{s:s, s:f}", "name", u->name[i], "dead", part));
    }
    return most;
}

static void report_plateau(const reel_plateau *plateau, const reel_session *session,
                           const dead_units *u, const double *gradients, const double *weights,
                           reel_journal *journal)
{
    json_t *layers = json_array(), *relus = json_array();
    const double least_change = tell_changes(reel_net_params(session->net), gradients, weights,
                                             plateau->lr, journal, layers);
    const double most_dead = tell_dead_units(u, journal, relus);
    reel_progress_warn(&journal->progress, "  %s",
                       plateau_advice(most_dead, least_change, plateau->other_init));
    reel_journal_line(journal,
                      json_pack("{s:s, s:I, s:f, s:f, s:o, s:o}", "event", "stall", "step",
                                (json_int_t)session->state.step, "loss", plateau->mean, "guess",
                                plateau->guess, "parameters", layers, "relus", relus));
}

reel_status reel_plateau_tell(const reel_plateau *plateau, reel_session *session,
                              const reel_feed *feed, reel_ranks *ranks, reel_journal *journal,
                              reel_error *err)
{
    const reel_params *params = reel_net_params(session->net);
    const size_t count = (size_t)reel_params_count(params) + 1;
    double *gradients = calloc(2 * count, sizeof *gradients), *weights = gradients + count;
    dead_units u = {0};
    reel_error why;
    reel_status status = REEL_OK;
    if (!gradients)
        status = reel_fail(&why, REEL_ERR_MEMORY, "norms of the gradients: out of memory");
    if (reel_ranks_agree(ranks, status, &why, "norms of the gradients")) {
        free(gradients);
        return REEL_OK;
    }

    const reel_optim_share *share = ranks ? &ranks->share : NULL;
    REEL_TRY_GOTO(reel_param_norms_shared(params, session->ctx, share, gradients, weights, err),
                  done);
    REEL_TRY_GOTO(find_dead_units(session, feed, ranks, &u, err), done);
    if (reel_ranks_leads(ranks))
        report_plateau(plateau, session, &u, gradients, weights, journal);
done:
    free(gradients);
    free(u.lives);
    return status;
}
