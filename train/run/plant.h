/* For tests: a NaN planted into a gradient.
 *
 * The environment's REEL_TEST_NAN=STEP[+][:PARAM[:TIMES[:VALUE]]] puts a NaN into the gradient of
 * PARAM (the first parameter where none is named) at that training step, with + also at those after
 * it, at most TIMES times in a process (1 where none is given). VALUE, for example inf, takes the
 * place of NaN. */
#ifndef REEL_TRAIN_PLANT_H
#define REEL_TRAIN_PLANT_H

#include "core/params.h"

/* step: the one that is being made. *planted counts what was planted so far: once in a step and
 * once more when it is traced. */
void reel_plant_nan(reel_params *params, int64_t step, int64_t *planted);

#endif
