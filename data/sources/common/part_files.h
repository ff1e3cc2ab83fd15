/* Files and folders that hold one part of a data set each: train.csv and dev.csv. */
#ifndef REEL_DATA_SOURCES_COMMON_PART_FILES_H
#define REEL_DATA_SOURCES_COMMON_PART_FILES_H

#include "data/sources/common/part_words.h"
#include "data/sources/source.h"

/* The part that a split means; REEL_NO_PART = a split of another name. NULL: training. */
reel_part reel_part_of_split(const char *split);

/* The split in a sentence: "training", "validation", or its own name. */
const char *reel_words_for_split(const char *split);

/* Which of the files or folders that are called after a part is meant. */
typedef struct reel_part_wanted {
    bool (*fits)(const char *path, const void *user);
    const void *user;
} reel_part_wanted;

/* The first of folder/WORD, with each word for the part and `end` behind it, that fits. Words are
 * tried as "val", "Val" and "VAL". path: REEL_DATA_PATH bytes. */
bool reel_find_part(const char *folder, reel_part part, const char *end,
                    const reel_part_wanted *wanted, char *path);
/* The first file beside `data` with a word for `to` where data's name has one for `from`, that
 * fits: Training.csv leads to Validation.csv. wanted NULL: any file does. */
bool reel_find_part_beside(const char *data, reel_part from, reel_part to,
                           const reel_part_wanted *wanted, char *path);

/* For sources whose DATA is one file: where is the split?
 * - DATA, if its name says so.
 * - The neighbour of a file that is called after another part: train.txt leads to val.txt, and
 *   dev.csv to train.csv.
 * - For validation without such a neighbour: the one for tests.
 * - For training: DATA, if its name has none of the words val, valid, validation and test. So a
 *   lone labels.csv or dev.csv is all there is.
 * NO_SPLIT otherwise. wanted: as above. */
reel_sniff reel_sniff_file(const char *data, const char *split, const reel_part_wanted *wanted,
                           char *path);

#endif
