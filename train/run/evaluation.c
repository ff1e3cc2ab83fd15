/* Evaluation: the dataset in order, every image once, incomplete last batch included. A file that
 * cannot be read is left out of all sums: the loader's replacement for it would count another image
 * twice. */
#include "train/run/evaluation.h"

#include "core/elementary.h"
#include "train/run/evaluation_internal.h"

#include <math.h>
#include <stdlib.h>

int64_t reel_label_rank(const float *logits, int64_t classes, int64_t label)
{
    int64_t rank = 0;
    const float own = logits[label];
    for (int64_t c = 0; c < classes; c++) {
        if (isnan(logits[c]))
            return INT64_MAX;
        rank += logits[c] > own || (c < label && logits[c] == own);
    }
    return rank;
}

void reel_evaluation_free(reel_evaluation *e)
{
    free(e->class_images);
    free(e->class_right);
    free(e->confusion);
    e->class_images = e->class_right = e->confusion = NULL;
}

/* The logarithm of a softmax's denominator: ln sum_c exp(row_c). */
static double log_sum_exp(const float *row, int64_t classes)
{
    float most = row[0]; /* a NaN here makes the sum NaN */
    for (int64_t c = 1; c < classes; c++)
        if (row[c] > most)
            most = row[c];
    double sum = 0;
    for (int64_t c = 0; c < classes; c++)
        sum += reel_math_exp((double)row[c] - (double)most);
    return (double)most + reel_math_log(sum);
}

void reel_average_views(float *out, const float *logits, int64_t n, int64_t views, int64_t classes)
{
    const double lowest = -1e30; /* in place of -infinity; NaN stays NaN */
    for (int64_t i = 0; i < n; i++) {
        const float *rows = logits + i * views * classes;
        double shift[16]; /* of each view */
        for (int64_t v = 0; v < views; v++)
            shift[v] = log_sum_exp(rows + v * classes, classes);

        for (int64_t c = 0; c < classes; c++) {
            double mean = 0;
            for (int64_t v = 0; v < views; v++)
                mean += reel_math_exp((double)rows[v * classes + c] - shift[v]);
            const double score = reel_math_log(mean / (double)views);
            out[i * classes + c] = (float)(score < lowest ? lowest : score);
        }
    }
}

/* The surer of the wrong class the worse. Many a probability rounds to 1: then the loss tells. */
static bool is_worse(const reel_mistake *a, const reel_mistake *b)
{
    if (a->probability != b->probability)
        return a->probability > b->probability;
    return a->loss > b->loss;
}

static void keep_worst(reel_evaluation *e, reel_mistake m)
{
    if (e->n_worst == REEL_WORST && !is_worse(&m, &e->worst[REEL_WORST - 1]))
        return;
    int at = e->n_worst < REEL_WORST ? e->n_worst++ : REEL_WORST - 1;
    for (; at > 0 && is_worse(&m, &e->worst[at - 1]); at--)
        e->worst[at] = e->worst[at - 1];
    e->worst[at] = m;
}

/* The softmax's denominator when the best class has the score 0: its probability is 1 / this. */
static double sum_exp(const float *logits, int64_t classes, int64_t best)
{
    double sum = 0;
    for (int64_t c = 0; c < classes; c++)
        sum += reel_math_exp((double)logits[c] - (double)logits[best]);
    return sum;
}

/* From an image's row of logits. */
static reel_image_outcome judge_image(const float *logits, int64_t classes, int64_t label)
{
    const int64_t rank = reel_label_rank(logits, classes, label);
    int64_t best = 0;
    for (int64_t c = 1; c < classes; c++)
        if (logits[c] > logits[best])
            best = c;

    /* softmax: p_best = 1 / sum of exp(x - x_best), and the loss is log(sum) + x_best - x_label. */
    const double sum = sum_exp(logits, classes, best);
    reel_image_outcome o = {.probability = 1 / sum,
                            .predicted = (int32_t)best,
                            .rank = rank < INT32_MAX ? (int32_t)rank : INT32_MAX};
    if (rank != 0 && best != label)
        o.loss = reel_math_log(sum) + (double)logits[best] - (double)logits[label];
    return o;
}

static void count_image(reel_evaluation *e, int64_t index, int64_t label,
                        const reel_image_outcome *o)
{
    if (o->rank == REEL_UNREADABLE) {
        e->bad++;
        return;
    }
    const bool right = o->rank == 0;
    e->images++;
    e->class_images[label]++;
    e->class_right[label] += right;
    e->right1 += right;
    e->right5 += o->rank < 5;
    e->confusion[label * e->classes + o->predicted]++;

    reel_calibration_add(&e->calibration, o->probability, right);
    if (!right && o->predicted != label)
        keep_worst(e, (reel_mistake){index, label, o->predicted, o->probability, o->loss});
}

void reel_evaluator_count(reel_evaluator *v, int64_t first, int64_t n,
                          const reel_image_outcome *outcomes, double loss)
{
    for (int64_t i = 0; i < n; i++)
        count_image(v->result, first + i, reel_dataset_label(v->dataset, first + i), &outcomes[i]);
    v->loss_sum += loss;
}

/* The logits of a batch, (n, classes); with several views of an image those of their mean. */
static reel_status forward_batch(reel_evaluator *v, const reel_batch *b, reel_var *logits,
                                 reel_error *err)
{
    *logits = reel_net_forward(v->net, v->tape, reel_input(v->tape, &b->images));
    REEL_TRY(reel_tape_status(v->tape, err));
    if (!v->averaged)
        return REEL_OK;

    /* The softmax of logarithms of probabilities is these probabilities. */
    const reel_tensor all = reel_value(*logits);
    const int64_t shape[2] = {b->n, all.shape[1]};
    reel_average_views(v->averaged, all.data, b->n, v->views, all.shape[1]);
    const reel_tensor mean = reel_tensor_of(v->averaged, REEL_F32, 2, shape);
    *logits = reel_input(v->tape, &mean);
    return REEL_OK;
}

reel_status reel_evaluator_batch(reel_evaluator *v, const reel_batch *b, int64_t first,
                                 reel_image_outcome *outcomes, double *loss, reel_error *err)
{
    /* A replacement for an unreadable image has another index, and is left out. */
    for (int64_t i = 0; i < b->n; i++)
        v->labels[i] = b->indices[i] == first + i ? b->labels[i] : -1;

    const reel_cross_entropy_attrs attrs = {
        .ignore_index = -1, .use_ignore_index = true, .sum = true};
    reel_var logits;
    REEL_TRY(forward_batch(v, b, &logits, err));
    const reel_var losses = reel_cross_entropy(logits, v->labels, b->n, &attrs);
    REEL_TRY(reel_tape_status(v->tape, err));

    const reel_tensor rows = reel_value(logits), sum = reel_value(losses);
    const int64_t classes = rows.shape[1];
    for (int64_t i = 0; i < b->n; i++) {
        const float *row = (const float *)rows.data + i * classes;
        outcomes[i] = v->labels[i] >= 0 ? judge_image(row, classes, v->labels[i])
                                        : (reel_image_outcome){.rank = REEL_UNREADABLE};
    }
    *loss = reel_tensor_get(&sum, (const int64_t[REEL_MAX_DIMS]){0});
    reel_tape_reset(v->tape);
    return REEL_OK;
}

reel_status reel_evaluator_loader(reel_loader **out, const reel_evaluator *v, int64_t first,
                                  int64_t batches, const reel_loader_watch *watch, reel_error *err)
{
    const reel_evaluate_config *c = v->config;
    const reel_loader_config loading = {.batch = v->batch,
                                        .workers = c->workers,
                                        .prefetch = c->prefetch,
                                        .in_turns = c->in_turns,
                                        .first = first,
                                        .batches = batches,
                                        .epochs = 1,
                                        .max_bad = c->max_bad,
                                        .on_bad = watch->on_bad,
                                        .on_slow = watch->on_slow,
                                        .slow_seconds = c->slow_seconds,
                                        .user = watch->user};
    return reel_loader_create(out, v->dataset, c->transform, &loading, err);
}

/* The dataset in batches until it ends. */
static reel_status evaluate_all(reel_evaluator *v, reel_loader *loader, reel_error *err)
{
    const reel_evaluate_config *config = v->config;
    for (int64_t first = 0;;) {
        if (config->stop && config->stop(config->user))
            return reel_fail(err, REEL_ERR_STOPPED, "evaluation: interrupted");
        reel_batch batch;
        double loss;
        REEL_TRY(reel_loader_next(loader, &batch, err));
        if (batch.n == 0)
            return REEL_OK;
        REEL_TRY(reel_evaluator_batch(v, &batch, first, v->outcomes, &loss, err));
        reel_evaluator_count(v, first, batch.n, v->outcomes, loss);
        first += batch.n;
        if (config->progress)
            config->progress(config->user, first, v->total);
    }
}

static reel_status evaluate_alone(reel_evaluator *v, reel_error *err)
{
    reel_loader *loader;
    const reel_evaluate_config *c = v->config;
    const reel_loader_watch watch = {.on_bad = c->on_bad, .on_slow = c->on_slow, .user = c->user};
    REEL_TRY(reel_evaluator_loader(&loader, v, 0, 0, &watch, err));
    const reel_status status = evaluate_all(v, loader, err);
    reel_loader_destroy(loader);
    return status;
}

static reel_status evaluator_allocate(reel_evaluator *v, reel_error *err)
{
    reel_evaluation *e = v->result;
    const size_t batch = (size_t)v->batch, classes = (size_t)e->classes;
    v->labels = calloc(batch + 1, sizeof *v->labels);
    v->outcomes = calloc(batch + 1, sizeof *v->outcomes);
    if (v->views > 1)
        v->averaged = calloc(batch * classes + 1, sizeof *v->averaged);
    e->class_images = calloc(classes + 1, sizeof *e->class_images);
    e->class_right = calloc(classes + 1, sizeof *e->class_right);
    e->confusion = calloc(classes * classes + 1, sizeof *e->confusion);

    const bool complete = v->labels && v->outcomes && (v->views == 1 || v->averaged) &&
                          e->class_images && e->class_right && e->confusion;
    return complete ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "evaluation: out of memory");
}

static void finish_sums(reel_evaluation *e, double loss_sum)
{
    const double n = e->images ? (double)e->images : 1;
    e->loss = loss_sum / n;
    e->top1 = (double)e->right1 / n;
    e->top5 = (double)e->right5 / n;
}

reel_status reel_evaluate(reel_evaluation *out, reel_net *net, reel_tape *tape,
                          const reel_dataset *dataset, const reel_evaluate_config *config,
                          reel_error *err)
{
    const int64_t total = reel_dataset_count(dataset);
    *out = (reel_evaluation){.classes = reel_dataset_classes(dataset)};
    reel_evaluator v = {.result = out,
                        .config = config,
                        .dataset = dataset,
                        .net = net,
                        .tape = tape,
                        .total = total,
                        .batch = config->batch < total ? config->batch : total,
                        .views = config->transform->views > 1 ? config->transform->views : 1};

    /* Dropout is off and nothing is recorded; both are put back, also after an error. */
    const bool training = reel_net_training(net), recording = reel_tape_recording(tape);
    reel_net_set_training(net, false);
    reel_tape_set_recording(tape, false);

    reel_status status = evaluator_allocate(&v, err);
    if (reel_comm_ranks(config->comm) > 1)
        status = reel_evaluate_shared(&v, status, err);
    else if (status == REEL_OK)
        status = evaluate_alone(&v, err);

    reel_tape_reset(tape);
    reel_tape_set_recording(tape, recording);
    reel_net_set_training(net, training);
    free(v.labels);
    free(v.averaged);
    free(v.outcomes);
    if (status == REEL_OK)
        finish_sums(out, v.loss_sum);
    else
        reel_evaluation_free(out);
    return status;
}
