/* What an evaluation says about a model, class by class: precision, recall, F1, confused pairs,
 * worst mistakes, intervals. */
#ifndef REEL_TRAIN_JUDGE_H
#define REEL_TRAIN_JUDGE_H

#include "train/run/confusion.h"
#include "train/run/evaluation.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"

/* Wilson's score interval at 95 % for `right` of n (Wilson 1927; Brown, Cai and DasGupta 2001
 * recommend it for small n). */
typedef struct reel_interval {
    double low, high;
} reel_interval;
reel_interval reel_wilson(int64_t right, int64_t n);

/* Of one class: precision = right / predicted, recall = right / images, F1 their harmonic mean; 0
 * where a denominator is. */
typedef struct reel_class_score {
    int64_t images, predicted, right;
    double precision, recall, f1;
} reel_class_score;
reel_class_score reel_judge_class(const reel_evaluation *e, int64_t c);

/* Images of class `truth` that were taken for class `predicted`. */
typedef struct reel_confused {
    int64_t truth, predicted, count;
} reel_confused;
/* The most frequent pairs, ties in order of the classes; returns how many of at most `max`, from 1
 * on, there are. */
int reel_judge_confused(const reel_evaluation *e, reel_confused *pairs, int max);

/* Text, JSON or CSV of an evaluation. dataset names the mistakes. CSV: a line for each class. */
void reel_judge_print(const reel_evaluation *e, const reel_model_card *card,
                      const reel_dataset *dataset, const char *where);
json_t *reel_judge_json(const reel_evaluation *e, const reel_model_card *card,
                        const reel_dataset *dataset);
reel_status reel_judge_csv(const reel_evaluation *e, const reel_model_card *card, const char *path,
                           reel_error *err);

#endif
