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

static void write_in_style(char *to, const char *word, int style)
{
    snprintf(to, MOST_LETTERS, "%s", word);
    for (int i = 0; to[i] && i < (style == 1 ? 1 : style * MOST_LETTERS); i++)
        to[i] = (char)toupper((unsigned char)to[i]);
}

bool reel_find_part(const char *folder, reel_part part, const char *end,
                    bool (*fits)(const char *path), char *path)
{
    const char *word;
    char styled[MOST_LETTERS];
    for (int64_t i = 0; (word = reel_part_word(part, i)); i++)
        for (int style = 0; style < STYLES; style++) {
            write_in_style(styled, word, style);
            if (snprintf(path, REEL_DATA_PATH, "%s/%s%s", folder, styled, end) < REEL_DATA_PATH &&
                fits(path))
                return true;
        }
    return false;
}

/* ---- the neighbours of a file ---- */

/* path with its last `word` (of its last part) replaced; false = there is no such file. */
static bool neighbour(const char *data, const char *word, const char *with, char *path)
{
    const char *base = reel_base_name(data);
    for (const char *at = strcasestr(base, word); at; at = strcasestr(at + 1, word)) {
        const int n = snprintf(path, REEL_DATA_PATH, "%.*s%s%s", (int)(at - data), data, with,
                               at + strlen(word));
        if (n < REEL_DATA_PATH && reel_is_file(path))
            return true;
    }
    return false;
}

/* The file beside DATA with a word for `to` where DATA's name has one for `from`. */
static bool part_neighbour(const char *data, reel_part from, reel_part to, char *path)
{
    const char *old, *word;
    char styled[MOST_LETTERS];
    for (int64_t i = 0; (old = reel_part_word(from, i)); i++) {
        if (!strcasestr(reel_base_name(data), old))
            continue;
        for (int64_t k = 0; (word = reel_part_word(to, k)); k++)
            for (int style = 0; style < STYLES; style++) {
                write_in_style(styled, word, style);
                if (neighbour(data, old, styled, path))
                    return true;
            }
    }
    return false;
}

/* The training file beside DATA, which may be named after validation or test data. */
static bool training_neighbour(const char *data, char *path)
{
    return part_neighbour(data, REEL_VAL_PART, REEL_TRAIN_PART, path) ||
           part_neighbour(data, REEL_TEST_PART, REEL_TRAIN_PART, path);
}

static reel_sniff sniff_training(const char *data, char *path)
{
    static const char *const held_back[] = {"val", "validation", "valid", "test"};
    const char *base = reel_base_name(data);
    const reel_part part = reel_part_of_folder(base);
    if ((part == REEL_VAL_PART || part == REEL_TEST_PART) && training_neighbour(data, path))
        return REEL_SNIFF_FOUND;
    snprintf(path, REEL_DATA_PATH, "%s", data);
    for (int64_t i = 0; i < REEL_COUNT(held_back); i++)
        if (reel_has_word(base, held_back[i]))
            return REEL_SNIFF_NO_SPLIT;
    return REEL_SNIFF_FOUND;
}

reel_sniff reel_sniff_file(const char *data, const char *split, char *path)
{
    const reel_part part = reel_part_of_split(split);
    const char *base = reel_base_name(data);
    char train[REEL_DATA_PATH];
    if (snprintf(path, REEL_DATA_PATH, "%s", data) >= REEL_DATA_PATH)
        return REEL_SNIFF_OTHER;
    if (reel_names_split(base, split))
        return REEL_SNIFF_FOUND;
    if (part == REEL_TRAIN_PART)
        return sniff_training(data, path);

    /* "dev.csv" may also be all there is; a train.csv beside it tells. */
    if (part != REEL_NO_PART && reel_part_of_folder(base) == part &&
        training_neighbour(data, train))
        return REEL_SNIFF_FOUND;
    if (!reel_has_word(base, "train") && reel_part_of_folder(base) != REEL_TRAIN_PART)
        return REEL_SNIFF_NO_SPLIT;
    const bool found =
        neighbour(data, "train", split, path) ||
        part_neighbour(data, REEL_TRAIN_PART, part, path) ||
        (part == REEL_VAL_PART && part_neighbour(data, REEL_TRAIN_PART, REEL_TEST_PART, path));
    return found ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}
