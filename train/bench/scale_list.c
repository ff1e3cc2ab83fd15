/* Reading lists with commas: see scale_list.h. */
#include "train/bench/scale_list.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next word of a list in `word`; *text moves behind it. False at the end. */
static bool next_word(const char **text, char *word, size_t size)
{
    if (!*text)
        return false;
    const size_t length = strcspn(*text, ",");
    snprintf(word, size, "%.*s", (int)length, *text);
    *text = (*text)[length] ? *text + length + 1 : NULL;
    return true;
}

static reel_status refuse_counts(const char *option, int most, const char *text, reel_error *err)
{
    return reel_fail(err, REEL_ERR_INVALID,
                     "--%s: expected up to %d rising numbers from 1 to %d, such as 1,2,4,...,64, "
                     "got \"%.60s\"",
                     option, REEL_SCALE_MOST, most, text);
}

/* What "..." stands for: numbers below `last`, each the one before times the factor of the last
 * two. False: there is no such factor, or there are too many. */
static bool continue_counts(int counts[REEL_SCALE_MOST], int *n, int last)
{
    if (*n < 2 || counts[*n - 1] % counts[*n - 2] != 0)
        return false;
    const int factor = counts[*n - 1] / counts[*n - 2];
    while ((double)counts[*n - 1] * factor < last) {
        if (*n == REEL_SCALE_MOST)
            return false;
        counts[*n] = counts[*n - 1] * factor;
        ++*n;
    }
    return true;
}

reel_status reel_scale_counts(const char *option, const char *text, int most,
                              int counts[REEL_SCALE_MOST], int *n, reel_error *err)
{
    const char *at = text;
    char word[24];
    bool goes_on = false;
    *n = 0;
    while (next_word(&at, word, sizeof word)) {
        if (!strcmp(word, "...") && !goes_on) {
            goes_on = true;
            continue;
        }
        char *end;
        const double number = strtod(word, &end);
        if (end == word || *end || !(number >= 1 && number <= most) || number != floor(number) ||
            (goes_on && !continue_counts(counts, n, (int)number)) || *n == REEL_SCALE_MOST ||
            (*n > 0 && number <= counts[*n - 1]))
            return refuse_counts(option, most, text, err);
        counts[(*n)++] = (int)number;
        goes_on = false;
    }
    return goes_on ? refuse_counts(option, most, text, err) : REEL_OK;
}

reel_status reel_scale_links(const char *text, reel_scale_link links[REEL_SCALE_MOST], int *n,
                             reel_error *err)
{
    static const struct {
        const char *name;
        double bits;
    } units[] = {{"Mbit", 1e6}, {"Gbit", 1e9}, {"Tbit", 1e12}};
    const char *at = text;
    char word[32];
    *n = 0;
    while (next_word(&at, word, sizeof word)) {
        char *end;
        const double number = strtod(word, &end);
        double bits = 0;
        for (int u = 0; end != word && u < REEL_COUNT(units); u++)
            if (!strcmp(end, units[u].name))
                bits = number * units[u].bits;
        if (!(bits > 0 && isfinite(bits)) || *n == REEL_SCALE_MOST)
            return reel_fail(err, REEL_ERR_INVALID,
                             "--link: expected up to %d links such as 10Gbit or 400Mbit, got "
                             "\"%.60s\"",
                             REEL_SCALE_MOST, text);
        reel_scale_link *link = &links[(*n)++];
        snprintf(link->name, sizeof link->name, "%s", word);
        link->bytes_per_second = bits / 8;
    }
    return REEL_OK;
}
