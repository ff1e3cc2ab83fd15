/* The guard against a run that stands still at the loss of a guess: AlexNet's plateau at
 * ln(classes). It only speaks. */
#ifndef REEL_TRAIN_STALL_H
#define REEL_TRAIN_STALL_H

#include "train/run/trainer.h"

/* After each step, with that step's loss. Recognised are 200 steps (then 1000, 5000, ...) whose
 * mean loss lies within 1 % of the entropy of the labels, which is what a net reaches that looks at
 * no image. Reports on stderr and in metrics.jsonl: the share of dead ReLU units and how far a step
 * moves the weights, layer by layer, and what to change. */
void reel_stall_watch(reel_trainer *t, double loss);

#endif
