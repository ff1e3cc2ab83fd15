/* The words for parts of the data in tables: names of the column, and its values. */
#include "data/sources/common/part_words.h"

#include <string.h>
#include <strings.h>

int reel_part_of_cell(reel_csv_field cell)
{
    static const struct {
        const char *word;
        int part;
    } words[] = {
        {"train", REEL_TRAIN_PART}, {"training", REEL_TRAIN_PART}, {"val", REEL_VAL_PART},
        {"valid", REEL_VAL_PART},   {"validation", REEL_VAL_PART}, {"validate", REEL_VAL_PART},
        {"dev", REEL_VAL_PART},     {"eval", REEL_VAL_PART},       {"holdout", REEL_VAL_PART},
        {"test", REEL_TEST_PART},   {"testing", REEL_TEST_PART},   {"unlabeled", REEL_OTHER_PART},
        {"unused", REEL_OTHER_PART}};
    for (int64_t i = 0; i < REEL_COUNT(words); i++)
        if (strlen(words[i].word) == cell.length &&
            strncasecmp(words[i].word, cell.text, cell.length) == 0)
            return words[i].part;
    return REEL_NO_PART;
}

bool reel_is_part_column(const char *name)
{
    static const char *const words[] = {"split",   "splits",   "set",     "subset", "fold",
                                        "folds",   "part",     "phase",   "usage",  "partition",
                                        "dataset", "data_set", "data set"};
    for (int64_t i = 0; i < REEL_COUNT(words); i++)
        if (strcasecmp(words[i], name) == 0)
            return true;
    return false;
}
