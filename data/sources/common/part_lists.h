/* Lists that hold the parts of a data set: train.csv with dev.csv or test.csv beside it. */
#ifndef REEL_DATA_SOURCES_COMMON_PART_LISTS_H
#define REEL_DATA_SOURCES_COMMON_PART_LISTS_H

#include "data/sources/common/part_files.h"

/* Does the file's name end like a list's: .txt, .csv, .tsv, .lst? */
bool reel_is_list_name(const char *name);
/* The i-th of these endings; NULL = there are no more. */
const char *reel_list_end(int64_t i);
/* Is it called after test data? */
bool reel_is_test_list(const char *path);

/* The list of a folder's training data: train.txt (.csv, .tsv, .lst). Or one of another name for
 * training data, such as Training.csv, which names images that are there and has a list for
 * validation or tests beside it. path: REEL_DATA_PATH bytes. */
bool reel_find_training_list(const reel_data_request *request, char *path);

/* What a list beside the training list must be. */
typedef struct reel_list_beside {
    const reel_data_request *request;
    const char *training; /* the training list; NULL = none */
} reel_list_beside;

/* Does the list count? user: a reel_list_beside. One with another name than train, val, validation,
 * valid or test must name images that are there: eval.csv may hold measurements. One for tests must
 * have labels: the columns that image and label have in the training list, or where tests are asked
 * for, a column with a usual name for labels. Kaggle's test.csv has none. */
bool reel_list_counts(const char *path, const void *user);
/* The list for validation or tests beside the training list, or if DATA is a folder, in it. */
bool reel_find_list_of(const reel_list_beside *beside, reel_part part, char *path);
/* The same for a list for tests that does not count. */
bool reel_find_unlabelled_list(const reel_list_beside *beside, char *path);
/* Are there a training list and a validation list whose images are there? */
bool reel_lists_hold_both(const reel_data_request *request);

#endif
