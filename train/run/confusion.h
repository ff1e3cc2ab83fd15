/* A confusion matrix in JSON, whole or as its cells. */
#ifndef REEL_TRAIN_CONFUSION_H
#define REEL_TRAIN_CONFUSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Up to so many classes a matrix is written whole: 90 KB at most. */
enum { REEL_CONFUSION_WHOLE = 100 };

/* Adds counts[truth][predicted] to an object:
 *
 *     "confusion": [[3, 1], [0, 4]]                                     up to 100 classes
 *     "confusion_cells": {"truth": [0, 0, 1], "predicted": [0, 1, 1], "count": [3, 1, 4]}
 *
 * Cells are those that are not 0, row by row: no more than there are images, so that the file does
 * not grow with the square of the classes. False: no memory. */
bool reel_confusion_to_json(json_t *object, const int64_t *counts, int64_t classes);

/* Adds an object's matrix, in either form, to counts[truth][predicted]. Earlier versions wrote a
 * matrix of any size whole. False: there is none of so many classes; counts may have changed. */
bool reel_confusion_add_json(int64_t *counts, int64_t classes, const json_t *object);

#endif
