/* Evaluation: the dataset in order, every image once, incomplete last batch included. A file that
 * cannot be read is left out of all sums: the loader's replacement for it would count another image
 * twice. */
#include "train/run/evaluation.h"

#include "core/elementary.h"

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
    double sum = 0, most = (double)row[0];
    for (int64_t c = 1; c < classes; c++)
        most = fmax(most, (double)row[c]);
    for (int64_t c = 0; c < classes; c++)
        sum += reel_math_exp((double)row[c] - most);
    return most + reel_math_log(sum);
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

typedef struct {
    reel_net *net;
    reel_tape *tape;
    int64_t *labels; /* of one batch; -1 = leave out */
    double loss_sum;
    int64_t views;
    float *averaged; /* of one batch; NULL with one view */
} evaluation_sums;

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

/* Counts one image by its row of logits. */
static void evaluate_image(reel_evaluation *e, int64_t index, const float *logits, int64_t label)
{
    const int64_t rank = reel_label_rank(logits, e->classes, label);
    int64_t best = 0;
    for (int64_t c = 1; c < e->classes; c++)
        if (logits[c] > logits[best])
            best = c;

    e->images++;
    e->class_images[label]++;
    e->class_right[label] += rank == 0;
    e->right1 += rank == 0;
    e->right5 += rank < 5;
    e->confusion[label * e->classes + best]++;

    /* softmax: p_best = 1 / sum of exp(x - x_best), and the loss is log(sum) + x_best - x_label. */
    const double sum = sum_exp(logits, e->classes, best);
    reel_calibration_add(&e->calibration, 1 / sum, rank == 0);
    if (rank != 0 && best != label)
        keep_worst(
            e, (reel_mistake){index, label, best, 1 / sum,
                              reel_math_log(sum) + (double)logits[best] - (double)logits[label]});
}

/* The logits of a batch, (n, classes); with several views of an image those of their mean. */
static reel_status forward_batch(evaluation_sums *s, const reel_batch *b, reel_var *logits,
                                 reel_error *err)
{
    *logits = reel_net_forward(s->net, s->tape, reel_input(s->tape, &b->images));
    REEL_TRY(reel_tape_status(s->tape, err));
    if (!s->averaged)
        return REEL_OK;

    /* The softmax of logarithms of probabilities is these probabilities. */
    const reel_tensor all = reel_value(*logits);
    const int64_t shape[2] = {b->n, all.shape[1]};
    reel_average_views(s->averaged, all.data, b->n, s->views, all.shape[1]);
    const reel_tensor mean = reel_tensor_of(s->averaged, REEL_F32, 2, shape);
    *logits = reel_input(s->tape, &mean);
    return REEL_OK;
}

static reel_status evaluate_batch(reel_evaluation *e, evaluation_sums *s, const reel_batch *b,
                                  int64_t first, reel_error *err)
{
    /* A replacement for an unreadable image has another index, and is left out. */
    for (int64_t i = 0; i < b->n; i++)
        s->labels[i] = b->indices[i] == first + i ? b->labels[i] : -1;

    const reel_cross_entropy_attrs attrs = {
        .ignore_index = -1, .use_ignore_index = true, .sum = true};
    reel_var logits;
    REEL_TRY(forward_batch(s, b, &logits, err));
    const reel_var loss = reel_cross_entropy(logits, s->labels, b->n, &attrs);
    REEL_TRY(reel_tape_status(s->tape, err));

    const reel_tensor rows = reel_value(logits), sum = reel_value(loss);
    const int64_t classes = rows.shape[1];
    for (int64_t i = 0; i < b->n; i++) {
        if (s->labels[i] >= 0)
            evaluate_image(e, first + i, (const float *)rows.data + i * classes, s->labels[i]);
        else
            e->bad++;
    }
    s->loss_sum += reel_tensor_get(&sum, (const int64_t[REEL_MAX_DIMS]){0});
    reel_tape_reset(s->tape);
    return REEL_OK;
}

/* The dataset in batches until it ends. */
static reel_status evaluate_all(reel_evaluation *e, evaluation_sums *s, reel_loader *loader,
                                const reel_evaluate_config *config, int64_t total, reel_error *err)
{
    for (int64_t first = 0;;) {
        if (config->stop && config->stop(config->user))
            return reel_fail(err, REEL_ERR_STOPPED, "evaluation: interrupted");
        reel_batch batch;
        REEL_TRY(reel_loader_next(loader, &batch, err));
        if (batch.n == 0)
            return REEL_OK;
        REEL_TRY(evaluate_batch(e, s, &batch, first, err));
        first += batch.n;
        if (config->progress)
            config->progress(config->user, first, total);
    }
}

static reel_status allocate_sums(reel_evaluation *e, evaluation_sums *s, int64_t batch,
                                 reel_error *err)
{
    s->labels = calloc((size_t)batch + 1, sizeof *s->labels);
    if (s->views > 1)
        s->averaged = calloc((size_t)(batch * e->classes) + 1, sizeof *s->averaged);
    e->class_images = calloc((size_t)e->classes + 1, sizeof *e->class_images);
    e->class_right = calloc((size_t)e->classes + 1, sizeof *e->class_right);
    e->confusion = calloc((size_t)(e->classes * e->classes) + 1, sizeof *e->confusion);

    const bool complete = s->labels && (s->views == 1 || s->averaged) && e->class_images &&
                          e->class_right && e->confusion;
    return complete ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "evaluation: out of memory");
}

static void finish_sums(reel_evaluation *e, const evaluation_sums *s)
{
    const double n = e->images ? (double)e->images : 1;
    e->loss = s->loss_sum / n;
    e->top1 = (double)e->right1 / n;
    e->top5 = (double)e->right5 / n;
}

reel_status reel_evaluate(reel_evaluation *out, reel_net *net, reel_tape *tape,
                          const reel_dataset *dataset, const reel_evaluate_config *config,
                          reel_error *err)
{
    const int64_t total = reel_dataset_count(dataset);
    const reel_loader_config loading = {.batch = config->batch < total ? config->batch : total,
                                        .workers = config->workers,
                                        .prefetch = config->prefetch,
                                        .in_turns = config->in_turns,
                                        .epochs = 1,
                                        .max_bad = config->max_bad,
                                        .on_bad = config->on_bad,
                                        .on_slow = config->on_slow,
                                        .slow_seconds = config->slow_seconds,
                                        .user = config->user};
    const int64_t views = config->transform->views > 1 ? config->transform->views : 1;
    evaluation_sums s = {.net = net, .tape = tape, .views = views};
    reel_loader *loader = NULL;
    *out = (reel_evaluation){.classes = reel_dataset_classes(dataset)};

    /* Dropout is off and nothing is recorded; both are put back, also after an error. */
    const bool training = reel_net_training(net), recording = reel_tape_recording(tape);
    reel_net_set_training(net, false);
    reel_tape_set_recording(tape, false);

    reel_status status;
    REEL_TRY_GOTO(allocate_sums(out, &s, loading.batch, err), done);
    REEL_TRY_GOTO(reel_loader_create(&loader, dataset, config->transform, &loading, err), done);
    REEL_TRY_GOTO(evaluate_all(out, &s, loader, config, total, err), done);
    finish_sums(out, &s);
done:
    reel_loader_destroy(loader);
    reel_tape_reset(tape);
    reel_tape_set_recording(tape, recording);
    reel_net_set_training(net, training);
    free(s.labels);
    free(s.averaged);
    if (status != REEL_OK)
        reel_evaluation_free(out);
    return status;
}
