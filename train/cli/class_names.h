/* The option --classes: names of the classes, from a file. */
#ifndef REEL_TRAIN_CLASS_NAMES_H
#define REEL_TRAIN_CLASS_NAMES_H

#include "core/files/model_card.h"
#include "train/cli/options.h"

/* Replaces the card's names by those of the file, one a line, in the order of the outputs. Blank
 * lines at the end, trailing blanks, CRLF and a byte order mark are accepted. REEL_ERR_INVALID: not
 * as many names as classes. */
reel_status reel_class_names_read(reel_model_card *card, const char *path, reel_error *err);

/* Names for showing: of --classes if it is given, else ImageNet's for 1,000 classes without names,
 * which is told on stderr unless `quiet`. */
reel_status reel_class_names_choose(reel_model_card *card, const char *path, bool quiet,
                                    reel_error *err);

#endif
