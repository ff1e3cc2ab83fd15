/* What a person sees on stderr: a bar that redraws itself on a terminal, a plain line now and then
 * elsewhere. */
#ifndef REEL_TRAIN_PROGRESS_H
#define REEL_TRAIN_PROGRESS_H

#include "core/base.h"

typedef struct reel_progress {
    bool quiet, terminal, color;
    bool drawn;  /* a bar stands on the current line */
    double last; /* when something was last drawn */
} reel_progress;

/* The state of a run, as the bar shows it. */
typedef struct reel_progress_line {
    const char *label;     /* "epoch 3/30" */
    int64_t done, total;   /* of the label's unit */
    double loss, top1, lr; /* negative top1: not shown, with loss and lr */
    double images_per_second;
    const char *figures; /* shown in place of loss, top-1 and done/total; NULL = none */
    double wait;         /* share of time spent waiting for data; negative: not shown */
    double seconds_left; /* negative: unknown */
} reel_progress_line;

void reel_progress_open(reel_progress *p, bool quiet);
/* Draws if it is time to: ten times a second on a terminal, every 10 seconds elsewhere. */
void reel_progress_show(reel_progress *p, const reel_progress_line *line);
/* Done of total, without the figures of training. */
void reel_progress_count(reel_progress *p, const char *label, int64_t done, int64_t total);
/* A line that stays, above the bar. `good` paints it green where there are colours. Nothing when
 * quiet. */
void reel_progress_note(reel_progress *p, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line that stays, also when quiet. */
void reel_progress_warn(reel_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void reel_progress_clear(reel_progress *p); /* takes the bar away */

double reel_seconds_now(void); /* monotonic */
/* "1:02:03" or "2:03" into text. */
const char *reel_duration_text(double seconds, char *text, size_t size);

#endif
