/* Near misses by Damerau-Levenshtein distance. */
#include "core/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 64 };

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* The letters to insert, delete, replace or swap with their neighbour that turn a into b. */
static int edit_distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    if (n >= MAX_WORD || m >= MAX_WORD)
        return MAX_WORD;

    /* d[i][j]: the distance between the first i letters of a and the first j of b. */
    int d[MAX_WORD + 1][MAX_WORD + 1];
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            if (!i || !j) {
                d[i][j] = i + j;
                continue;
            }
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = smaller(best, d[i - 1][j] + 1);
            best = smaller(best, d[i][j - 1] + 1);
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            d[i][j] = swapped ? smaller(best, d[i - 2][j - 2] + 1) : best;
        }
    return d[n][m];
}

/* One letter may be wrong, and one more for every four. */
reel_nearest reel_nearest_to(const char *typed)
{
    return (reel_nearest){.typed = typed, .distance = (int)strlen(typed) / 4 + 2};
}

/* "output" for "output-dir", "steps" for "max-steps", "evaluate" for "eval". */
static bool is_part(const char *typed, const char *candidate)
{
    const size_t length = strlen(typed), all = strlen(candidate);
    if (length < 4 || all < 4)
        return false;
    if (all < length)
        return strncmp(typed, candidate, all) == 0;
    return (strncmp(candidate, typed, length) == 0 && candidate[length] == '-') ||
           (all > length && candidate[all - length - 1] == '-' &&
            strcmp(candidate + all - length, typed) == 0);
}

/* Adds to the list of candidates, which never ends within a name. */
static void list_candidate(reel_nearest *nearest, const char *candidate)
{
    const char more[] = ", ...";
    const size_t used = strlen(nearest->known), length = strlen(candidate);
    const bool full = used >= sizeof more && !strcmp(nearest->known + used + 1 - sizeof more, more);
    if (full)
        return;
    const bool fits = used + 2 + length + sizeof more <= sizeof nearest->known;
    snprintf(nearest->known + used, sizeof nearest->known - used, "%s%s", used ? ", " : "",
             fits ? candidate : "...");
}

void reel_nearest_offer(reel_nearest *nearest, const char *candidate)
{
    list_candidate(nearest, candidate);
    const int d = is_part(nearest->typed, candidate) ? 1 : edit_distance(nearest->typed, candidate);
    if (d >= nearest->distance)
        return;
    nearest->distance = d;
    snprintf(nearest->word, sizeof nearest->word, "%s", candidate);
    snprintf(nearest->hint, sizeof nearest->hint, "; did you mean %s?", nearest->word);
}
