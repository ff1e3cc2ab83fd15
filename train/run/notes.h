/* What a data set has to say about how DATA was taken, on stderr. */
#ifndef REEL_TRAIN_NOTES_H
#define REEL_TRAIN_NOTES_H

#include "data/dataset.h"

/* A warning for each note; those that `said` has, too, are left out. said may be NULL. */
void reel_notes_say(const char *data, const reel_dataset *dataset, const reel_dataset *said);

/* "left out: 12 .heic (cannot be decoded), 3 .txt"; nothing where nothing was. */
void reel_left_out_say(const reel_left_out *l);

#endif
