/* Files and folders that hold one part of a data set each: train.csv and dev.csv. */
#ifndef REEL_DATA_SOURCES_COMMON_PART_FILES_H
#define REEL_DATA_SOURCES_COMMON_PART_FILES_H

#include "data/sources/common/part_words.h"
#include "data/sources/source.h"

/* The part that a split means; REEL_NO_PART = a split of another name. NULL: training. */
reel_part reel_part_of_split(const char *split);

/* The first of folder/WORD, with each word for the part and `end` behind it, that fits. Words are
 * tried as "val", "Val" and "VAL". path: REEL_DATA_PATH bytes. */
bool reel_find_part(const char *folder, reel_part part, const char *end,
                    bool (*fits)(const char *path), char *path);

/* For sources whose DATA is one file: where the split is. A file that is called after another part
 * leads to its neighbour: train.txt to val.txt, Training.csv to Validation.csv. Where there is none
 * for validation, the one for tests validates. A file that is called after no part, or has no
 * neighbour to train on, is all there is; a name with val, valid, validation or test says that
 * nothing of it is to train on. */
reel_sniff reel_sniff_file(const char *data, const char *split, char *path);

#endif
