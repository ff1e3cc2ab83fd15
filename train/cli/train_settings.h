/* From the options of `reel train` to the settings of a run. */
#ifndef REEL_TRAIN_TRAIN_SETTINGS_H
#define REEL_TRAIN_TRAIN_SETTINGS_H

#include "train/cli/options.h"
#include "train/run/settings.h"

/* REEL_ERR_INVALID: options that do not go together. Texts point into the options. network: the
 * text that weights or a checkpoint bring along, in place of the file of --arch; NULL = none. */
reel_status reel_settings_read(reel_settings *s, const reel_options *options, const char *network,
                               reel_error *err);
void reel_settings_free(reel_settings *s);

#endif
