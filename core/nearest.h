/* Suggestions for words that are not known: "did you mean --epochs?" */
#ifndef REEL_CORE_NEAREST_H
#define REEL_CORE_NEAREST_H

/* A search for the nearest word: offer all candidates, then read `word` ("" = none is near). A
 * candidate is near if one letter is wrong, or one more for every four, or if it has the typed word
 * at its beginning or end ("output" for "output-dir"). */
typedef struct reel_nearest {
    const char *typed;
    char word[64];
    int distance;
} reel_nearest;

reel_nearest reel_nearest_to(const char *typed);
void reel_nearest_offer(reel_nearest *nearest, const char *candidate);

#endif
