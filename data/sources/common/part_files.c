/* Which file beside another holds which part of the data: by the words for parts in their names. */
#include "data/sources/common/part_files.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "data/sources/common/paths.h"

enum { STYLES = 3, MOST_LETTERS = 40 }; /* "val", "Val", "VAL" */

reel_part reel_part_of_split(const char *split)
{
    if (reel_is_val(split))
        return REEL_VAL_PART;
    if (split && strcmp(split, "test") == 0)
        return REEL_TEST_PART;
    return !split || strcmp(split, "train") == 0 ? REEL_TRAIN_PART : REEL_NO_PART;
}

const char *reel_words_for_split(const char *split)
{
    if (reel_is_val(split))
        return "validation";
    return strcmp(split, "train") == 0 ? "training" : split;
}

/* The word with its first letter, or all of them, in capitals. */
static void write_in_style(char *to, const char *word, int style)
{
    static const int capitals[STYLES] = {0, 1, MOST_LETTERS};
    snprintf(to, MOST_LETTERS, "%s", word);
    for (int i = 0; to[i] && i < capitals[style]; i++)
        to[i] = (char)toupper((unsigned char)to[i]);
}

bool reel_find_part(const char *folder, reel_part part, const char *end,
                    const reel_part_wanted *wanted, char *path)
{
    const char *word;
    char styled[MOST_LETTERS];
    for (int64_t i = 0; (word = reel_part_word(part, i)); i++)
        for (int style = 0; style < STYLES; style++) {
            write_in_style(styled, word, style);
            if (snprintf(path, REEL_DATA_PATH, "%s/%s%s", folder, styled, end) < REEL_DATA_PATH &&
                wanted->fits(path, wanted->user))
                return true;
        }
    return false;
}

/* ---- the neighbours of a file ---- */

/* A file that is called like data, but for one place where its name has `word`. */
static bool neighbour(const char *data, const char *word, const char *with,
                      const reel_part_wanted *wanted, char *path)
{
    const char *base = reel_base_name(data);
    for (const char *at = strcasestr(base, word); at; at = strcasestr(at + 1, word)) {
        const int n = snprintf(path, REEL_DATA_PATH, "%.*s%s%s", (int)(at - data), data, with,
                               at + strlen(word));
        if (n < REEL_DATA_PATH && reel_is_file(path) &&
            (!wanted || wanted->fits(path, wanted->user)))
            return true;
    }
    return false;
}

bool reel_find_part_beside(const char *data, reel_part from, reel_part to,
                           const reel_part_wanted *wanted, char *path)
{
    const char *old, *word;
    char styled[MOST_LETTERS];
    for (int64_t i = 0; (old = reel_part_word(from, i)); i++) {
        if (!strcasestr(reel_base_name(data), old))
            continue;
        for (int64_t k = 0; (word = reel_part_word(to, k)); k++)
            for (int style = 0; style < STYLES; style++) {
                write_in_style(styled, word, style);
                if (neighbour(data, old, styled, wanted, path))
                    return true;
            }
    }
    return false;
}

/* The training file beside DATA, which may be named after validation or test data. */
static bool training_neighbour(const char *data, const reel_part_wanted *wanted, char *path)
{
    return reel_find_part_beside(data, REEL_VAL_PART, REEL_TRAIN_PART, wanted, path) ||
           reel_find_part_beside(data, REEL_TEST_PART, REEL_TRAIN_PART, wanted, path);
}

static reel_sniff sniff_training(const char *data, const reel_part_wanted *wanted, char *path)
{
    const char *base = reel_base_name(data);
    const reel_part part = reel_part_of_folder(base);
    if ((part == REEL_VAL_PART || part == REEL_TEST_PART) && training_neighbour(data, wanted, path))
        return REEL_SNIFF_FOUND;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return reel_names_split(base, "val") || reel_has_word(base, "test") ? REEL_SNIFF_NO_SPLIT
                                                                        : REEL_SNIFF_FOUND;
}

reel_sniff reel_sniff_file(const char *data, const char *split, const reel_part_wanted *wanted,
                           char *path)
{
    const reel_part part = reel_part_of_split(split);
    const char *base = reel_base_name(data);
    char train[REEL_DATA_PATH];
    if (snprintf(path, REEL_DATA_PATH, "%s", data) >= REEL_DATA_PATH)
        return REEL_SNIFF_OTHER;
    if (reel_names_split(base, split))
        return REEL_SNIFF_FOUND;
    if (part == REEL_TRAIN_PART)
        return sniff_training(data, wanted, path);

    /* "dev.csv" may also be all there is; a train.csv beside it tells. */
    if (part != REEL_NO_PART && reel_part_of_folder(base) == part &&
        training_neighbour(data, wanted, train))
        return REEL_SNIFF_FOUND;
    if (reel_part_of_folder(base) != REEL_TRAIN_PART)
        return REEL_SNIFF_NO_SPLIT;
    const bool found = neighbour(data, "train", split, wanted, path) ||
                       reel_find_part_beside(data, REEL_TRAIN_PART, part, wanted, path) ||
                       (part == REEL_VAL_PART &&
                        reel_find_part_beside(data, REEL_TRAIN_PART, REEL_TEST_PART, wanted, path));
    return found ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}
