/* The words for parts of a data set, and which part each means. */
#include "data/sources/common/part_words.h"

#include <string.h>
#include <strings.h>

#include "data/sources/common/paths.h"

static const struct part_word {
    const char *word;
    reel_part part;
} part_words[] = {
    {"train", REEL_TRAIN_PART},     {"training", REEL_TRAIN_PART},   {"trainset", REEL_TRAIN_PART},
    {"val", REEL_VAL_PART},         {"validation", REEL_VAL_PART},   {"valid", REEL_VAL_PART},
    {"valset", REEL_VAL_PART},      {"validate", REEL_VAL_PART},     {"validating", REEL_VAL_PART},
    {"validset", REEL_VAL_PART},    {"dev", REEL_VAL_PART},          {"devset", REEL_VAL_PART},
    {"eval", REEL_VAL_PART},        {"evaluation", REEL_VAL_PART},   {"evalset", REEL_VAL_PART},
    {"holdout", REEL_VAL_PART},     {"hold_out", REEL_VAL_PART},     {"hold-out", REEL_VAL_PART},
    {"heldout", REEL_VAL_PART},     {"held_out", REEL_VAL_PART},     {"validierung", REEL_VAL_PART},
    {"validacion", REEL_VAL_PART},  {"validazione", REEL_VAL_PART},  {"test", REEL_TEST_PART},
    {"testing", REEL_TEST_PART},    {"testset", REEL_TEST_PART},     {"pred", REEL_OTHER_PART},
    {"unlabeled", REEL_OTHER_PART}, {"unlabelled", REEL_OTHER_PART}, {"unused", REEL_OTHER_PART},
};

reel_part reel_part_of_folder(const char *name)
{
    for (int64_t i = 0; i < REEL_COUNT(part_words); i++)
        if (reel_has_word(name, part_words[i].word))
            return part_words[i].part;
    return REEL_NO_PART;
}

const char *reel_part_word(reel_part part, int64_t i)
{
    for (int64_t k = 0; k < REEL_COUNT(part_words); k++)
        if (part_words[k].part == part && i-- == 0)
            return part_words[k].word;
    return NULL;
}

reel_part reel_part_of_cell(reel_csv_field cell)
{
    for (int64_t i = 0; i < REEL_COUNT(part_words); i++) {
        const char *word = part_words[i].word;
        if (strlen(word) == cell.length && strncasecmp(word, cell.text, cell.length) == 0)
            return part_words[i].part;
    }
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
