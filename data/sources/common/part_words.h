/* What people write into a column that divides the data. */
#ifndef REEL_DATA_SOURCES_COMMON_PART_WORDS_H
#define REEL_DATA_SOURCES_COMMON_PART_WORDS_H

#include "data/sources/common/csv.h"

enum { REEL_NO_PART, REEL_TRAIN_PART, REEL_VAL_PART, REEL_TEST_PART, REEL_OTHER_PART };

/* The part that a cell names: "train", "Validation", "test"; REEL_NO_PART = it names none. */
int reel_part_of_cell(reel_csv_field cell);
/* Is a column of that name such a column, if most of its cells name parts? */
bool reel_is_part_column(const char *name);

#endif
