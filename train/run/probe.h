/* A step that a checkpoint remembers, so that whoever resumes it can see whether data, program and
 * machine still compute the same: forward and backward of the epoch's first few images, in
 * evaluation mode, on the saved weights. */
#ifndef REEL_TRAIN_PROBE_H
#define REEL_TRAIN_PROBE_H

#include "train/run/trainer.h"

/* Computes the probe of the present state as an object, to be freed: CRC-32 of the images, loss,
 * norm of the gradient, ISA. NULL: the images cannot be had. Leaves nothing behind but the
 * gradients forgotten. */
json_t *reel_probe_take(reel_trainer *t);

/* Whether the checkpoint's probe has the bits that it has now. False: err says what differs. */
bool reel_probe_holds(reel_trainer *t, const reel_weights *checkpoint, const char *path,
                      reel_error *err);

#endif
