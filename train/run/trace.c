/* Taking a bad step again.
 *
 * The same images, the same masks of dropout, and every layer as an operator of its own: first
 * forward, looking at each value as it is computed, then backward, looking at the gradients from
 * the last layer to the first. The layer found is where NaN or infinity first appeared; the layers
 * behind it only pass it on. */
#include "train/run/trace.h"

#include "train/run/plant.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES_NAMED = 4 };

void reel_trace_samples(reel_incident *incident, const reel_feed *feed, const reel_batch *b,
                        int64_t images)
{
    char *text = incident->samples;
    const size_t size = sizeof incident->samples;
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; i < b->n && i < SAMPLES_NAMED && used < size; i++) {
        char name[120];
        reel_dataset_sample_name(feed->train, b->indices[i], name, sizeof name);
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
    }
    const int64_t named = b->n < SAMPLES_NAMED ? b->n : SAMPLES_NAMED;
    if (images > named && used < size)
        snprintf(text + used, size - used, " and %" PRId64 " more", images - named);
}

/* The first value that is not finite, as its place in row-major order; -1 = none. */
static int64_t first_not_finite(const reel_tensor *t, double *value)
{
    int64_t index[REEL_MAX_DIMS] = {0};
    const int64_t n = reel_tensor_numel(t);
    for (int64_t i = 0; i < n; i++) {
        *value = reel_without_sign(reel_tensor_get(t, index));
        if (!isfinite(*value))
            return i;
        for (int d = t->ndim - 1; d >= 0 && ++index[d] == t->shape[d]; d--)
            index[d] = 0;
    }
    return -1;
}

/* The first value that is not finite of this rank's part of a gradient; 0 = none. */
static double first_of_share(const reel_param *p, const reel_optim_share *share)
{
    const int64_t end = p->offset + reel_tensor_numel(&p->grad);
    const int64_t from = share && share->begin > p->offset ? share->begin : p->offset;
    const int64_t to = share && share->end < end ? share->end : end, n = to - from;
    double value = 0;
    if (n <= 0)
        return 0;
    const size_t skip = (size_t)(from - p->offset) * reel_dtype_size(p->grad.dtype);
    const reel_tensor part = reel_tensor_of((char *)p->grad.data + skip, p->grad.dtype, 1, &n);
    return first_not_finite(&part, &value) >= 0 ? value : 0;
}

reel_status reel_trace_gradient(reel_incident *incident, const reel_session *session, int param,
                                const reel_ranks *ranks, reel_error *err)
{
    const reel_param *p = reel_params_at(reel_net_params(session->net), param);
    const char *what = "the gradient that is not finite";
    snprintf(incident->what, sizeof incident->what, "gradient of %s", p->name);
    incident->value = first_of_share(p, ranks ? &ranks->share : NULL);
    if (!ranks)
        return REEL_OK;

    /* Shares ascend with the ranks. */
    double *all = calloc((size_t)reel_ranks_count(ranks), sizeof *all);
    if (!all)
        return reel_ranks_lack(ranks, what, err);
    const reel_status status =
        reel_comm_gather(ranks->comm, &incident->value, sizeof *all, all, what, err);
    int from = 0;
    while (status == REEL_OK && from < reel_ranks_count(ranks) - 1 && isfinite(all[from]))
        from++;
    incident->value = all[from];
    free(all);
    return status;
}

/* ---- the step once more ---- */

typedef struct {
    const reel_feed *feed;
    const reel_batch *batch;
    int64_t piece, first; /* the one that is looked at; its first image in the batch */
    reel_incident *incident;
    bool found;
} trace_search;

static void see_output(void *user, const char *layer, const char *kind, reel_var y)
{
    trace_search *s = user;
    const reel_tensor value = reel_value(y);
    double bad;
    if (s->found || !value.data)
        return;
    const int64_t at = first_not_finite(&value, &bad);
    if (at < 0)
        return;

    /* The first dimension of every output is the batch: it tells whose value it is. */
    char name[120] = "";
    const int64_t rows = value.ndim > 0 ? value.shape[0] : 1,
                  sample = s->first + at / (reel_tensor_numel(&value) / rows);
    if (sample < s->batch->n)
        reel_dataset_sample_name(s->feed->train, s->batch->indices[sample], name, sizeof name);
    snprintf(s->incident->origin, sizeof s->incident->origin,
             "first the output of %s (%s) is %g, for %s", layer, kind, bad, name);
    s->found = true;
}

static void trace_forward(reel_session *session, trace_search *s)
{
    reel_tape_reset(session->tape);
    reel_tape_set_recording(session->tape, false);
    reel_net_watch(session->net, see_output, s);
    reel_session_forward(session, s->batch, (reel_pieces){s->piece, 1});
    reel_net_watch(session->net, NULL, NULL);
    reel_tape_set_recording(session->tape, true);
}

static void trace_backward(reel_session *session, trace_search *s, int64_t *planted)
{
    reel_params *params = reel_net_params(session->net);
    reel_tape_reset(session->tape);
    const reel_var logits = reel_session_forward(session, s->batch, (reel_pieces){s->piece, 1});
    const reel_var loss = reel_session_loss(session, logits, s->batch, s->piece);
    if (reel_backward(loss, NULL) != REEL_OK)
        return;
    /* A NaN that a test planted in the step is planted again. */
    reel_plant_nan(params, session->state.step + 1, planted);
    const int i = reel_grad_not_finite(params, session->ctx);
    if (i < 0)
        return;

    const reel_param *p = reel_params_at(params, i);
    double bad = 0;
    first_not_finite(&p->grad, &bad);
    snprintf(s->incident->origin, sizeof s->incident->origin,
             "every layer's output is finite; first, in backward, the gradient of %s is %g",
             p->name, bad);
    s->found = true;
}

static void trace_piece(reel_session *session, trace_search *s, int64_t *planted)
{
    double bad = 0;
    if (first_not_finite(&s->batch->images, &bad) >= 0) {
        snprintf(s->incident->origin, sizeof s->incident->origin,
                 "first an image, as it was loaded, holds %g", bad);
        s->found = true;
        return;
    }

    reel_params_zero_grad(reel_net_params(session->net));
    trace_forward(session, s);
    if (!s->found)
        trace_backward(session, s, planted);
}

/* The pieces of this process, as the step had them. */
static void trace_pieces(reel_session *session, trace_search *s, reel_loader *loader,
                         int64_t *planted)
{
    reel_batch batch;
    s->batch = &batch;
    for (s->piece = 0; s->piece < session->own.count && !s->found; s->piece++) {
        if (s->piece == 0 || session->in_turn) {
            if (reel_feed_next_aside(s->feed, loader, &batch, NULL) || batch.n == 0)
                return;
            session->held.first = s->piece;
            reel_session_mix(session, &batch);
        }
        s->first = (s->piece - session->held.first) * (batch.n / session->held.count);
        trace_piece(session, s, planted);
    }
}

reel_status reel_trace_origin(reel_incident *incident, reel_session *session, const reel_feed *feed,
                              int64_t *planted, bool *found, reel_error *err)
{
    reel_params *params = reel_net_params(session->net);
    int held;
    reel_tape_reset(session->tape);
    REEL_TRY(reel_optimizer_not_finite_shared(session->opt, &held, err));
    *found = incident->lost = held >= 0;
    if (incident->lost) {
        snprintf(incident->origin, sizeof incident->origin,
                 "%s or its momentum was not finite before the step",
                 reel_params_at(params, held)->name);
        return REEL_OK;
    }

    /* The batch comes again. Without fusion every layer's output can be looked at. */
    reel_loader *loader = NULL;
    trace_search s = {.feed = feed, .incident = incident};
    reel_net_set_fusion(session->net, false);
    if (reel_feed_start_aside(feed, &loader, session->state.epoch, session->state.batch, NULL) ==
        REEL_OK)
        trace_pieces(session, &s, loader, planted);

    reel_tape_reset(session->tape);
    reel_loader_destroy(loader);
    reel_net_set_fusion(session->net, true);
    reel_params_zero_grad(params);
    if (!s.found)
        snprintf(incident->origin, sizeof incident->origin,
                 "taken again layer by layer, nothing was found");
    *found = s.found;
    return REEL_OK;
}
