/* Suggestions for words that are not known: "did you mean --epochs?" */
#ifndef REEL_TRAIN_NEAREST_H
#define REEL_TRAIN_NEAREST_H

/* A search for the nearest word: offer all candidates, then read `word` ("" = none is near). A
 * candidate is near if at most a third of the typed letters, rounded up, are wrong. */
typedef struct reel_nearest {
    const char *typed;
    char word[64];
    int distance;
} reel_nearest;

reel_nearest reel_nearest_to(const char *typed);
void reel_nearest_offer(reel_nearest *nearest, const char *candidate);

/* What an option of torchvision's and PyTorch's reference scripts, of Caffe or of Darknet is
 * called here: "--log-every", or advice in words. NULL = unknown. */
const char *reel_foreign_option(const char *name);

#endif
