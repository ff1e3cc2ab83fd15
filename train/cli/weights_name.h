/* What a command was given as weights: a file, the folder of a run, or the name of public weights.
 */
#ifndef REEL_TRAIN_WEIGHTS_NAME_H
#define REEL_TRAIN_WEIGHTS_NAME_H

#include "core/base.h"

enum { REEL_WEIGHTS_PATH = 4400 };

/* The names of public weights, "torchvision/alexnet"; NULL ends. They follow from the table of
 * networks (layers/models.h). */
const char *reel_weights_name(int index);

/* The file that `given` stands for. A file or folder of that name comes first: a folder stands for
 * the best weights of the run in it, else its last. Then the names above: the file is looked for in
 * the caches, or downloaded. Any other text is returned as it is: who reads the file complains.
 * REEL_ERR_INVALID: `given` looks like a name, but is none; the message suggests one, or lists
 * them. REEL_ERR_STOPPED: Ctrl-C. quiet: no progress on stderr. */
reel_status reel_weights_path(const char *given, bool quiet, char path[REEL_WEIGHTS_PATH],
                              reel_error *err);

#endif
