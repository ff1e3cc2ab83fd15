/* A step that a checkpoint remembers, so that a resumed run can check whether data, program and
 * machine still compute the same bits: forward and backward of the epoch's first few images, in
 * evaluation mode, on the saved weights. */
#ifndef REEL_TRAIN_PROBE_H
#define REEL_TRAIN_PROBE_H

#include "train/run/feed.h"
#include "train/run/session.h"

#include <jansson.h>

/* The probe of the present state as an object, to be freed: CRC-32 of the images, loss, norm of the
 * gradient, ISA, and with bf16 how it is multiplied. NULL: the images cannot be read. Leaves the
 * gradients zero and nothing else changed. */
json_t *reel_probe_take(reel_session *session, const reel_feed *feed);

/* Whether the checkpoint's probe has the bits that it has now. False: err says what differs. */
bool reel_probe_holds(reel_session *session, const reel_feed *feed, const reel_weights *checkpoint,
                      const char *path, reel_error *err);

/* Says, one a line, whether the checkpoint was made with another instruction set, or with another
 * way to multiply bf16. */
void reel_probe_warn_of_changes(const reel_session *session, const reel_weights *checkpoint);

#endif
