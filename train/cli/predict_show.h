/* How `reel predict` shows its answers: as a block for each image, as lines, or as JSON. */
#ifndef REEL_TRAIN_PREDICT_SHOW_H
#define REEL_TRAIN_PREDICT_SHOW_H

#include "core/files/model_card.h"
#include "train/cli/predict_time.h"

#include <jansson.h>

typedef enum {
    REEL_SHOW_BLOCKS,    /* the image, then a line for each class */
    REEL_SHOW_LINES,     /* the image, then percentage and class again and again, by tabs */
    REEL_SHOW_OBJECT,    /* one JSON object at the end */
    REEL_SHOW_JSON_LINES /* a JSON object for each image */
} reel_show_form;

typedef struct reel_prediction {
    const char *name; /* the image */
    const float *probability;
    const int64_t *order; /* the likeliest classes, in order */
    int64_t top;          /* how many of them are shown */
    const char *copy;     /* the path of the copy, or NULL */
    const char *picture;  /* the path of the annotated picture, or NULL */
} reel_prediction;

typedef struct reel_show {
    reel_show_form form;
    const reel_model_card *card; /* the names of the classes */
    json_t *rows;                /* of REEL_SHOW_OBJECT */
    int64_t failed;              /* images that could not be read */
} reel_show;

/* Lines come out when reel_show_flush is called. */
void reel_show_prediction(reel_show *show, const reel_prediction *p);
/* An image that could not be read: `line` on stderr, `why` beside its name in JSON. */
void reel_show_failure(reel_show *show, const char *name, const char *line, const char *why);
/* False: stdout does not take them. */
bool reel_show_flush(void);
/* The object at the end, if the form has one, with the time where it is not NULL. Returns the exit
 * code. */
int reel_show_end(reel_show *show, const reel_predict_time *time);

#endif
