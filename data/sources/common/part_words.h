/* What people call the parts of a data set: folders, a table's column and its cells. */
#ifndef REEL_DATA_SOURCES_COMMON_PART_WORDS_H
#define REEL_DATA_SOURCES_COMMON_PART_WORDS_H

#include "data/sources/common/csv.h"

typedef enum {
    REEL_NO_PART,
    REEL_TRAIN_PART,
    REEL_VAL_PART,
    REEL_TEST_PART,
    REEL_OTHER_PART /* images without labels */
} reel_part;

/* The part that a folder is called after: "Training", "seg_test"; REEL_NO_PART = none. */
reel_part reel_part_of_folder(const char *name);
/* The part that a cell names, as a whole: "train", "Validation"; REEL_NO_PART = none. */
reel_part reel_part_of_cell(reel_csv_field cell);
/* The i-th word for a part, the most usual first; NULL = there are no more. */
const char *reel_part_word(reel_part part, int64_t i);
/* Is a column of that name such a column, if most of its cells name parts? */
bool reel_is_part_column(const char *name);

#endif
