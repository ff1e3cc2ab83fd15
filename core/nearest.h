/* Suggestions for words that are not known: "did you mean --epochs?" */
#ifndef REEL_CORE_NEAREST_H
#define REEL_CORE_NEAREST_H

/* A search for the nearest word: offer all candidates, then read the results. A candidate is near
 * if one letter is wrong, or one more for every four, or if it has the typed word at its beginning
 * or end ("output" for "output-dir"). */
typedef struct reel_nearest {
    const char *typed;
    int distance;
    char word[64];   /* the nearest; "" = none is near */
    char hint[88];   /* "; did you mean WORD?"; "" = none is near */
    char known[400]; /* the candidates in their order: "sgd, adam, rmsprop", or "sgd, adam, ..." */
} reel_nearest;

reel_nearest reel_nearest_to(const char *typed);
void reel_nearest_offer(reel_nearest *nearest, const char *candidate);

#endif
