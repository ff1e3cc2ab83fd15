/* What a person sees on stderr: a bar that redraws itself on a terminal, a plain line now and then
 * elsewhere. */
#ifndef REEL_TRAIN_PROGRESS_H
#define REEL_TRAIN_PROGRESS_H

#include "core/base.h"

typedef struct reel_progress {
    bool quiet, terminal, color;
    bool drawn;  /* a bar stands on the current line */
    double last; /* when something was last drawn */
    /* Of reel_progress_count. */
    int64_t first, done; /* where the count began, where it stands */
    double began;
} reel_progress;

/* The state of a run, as the bar shows it. */
typedef struct reel_progress_line {
    const char *label;        /* "epoch 3/30" */
    int64_t done, total;      /* steps of the epoch, images */
    const char *figures;      /* shown in place of done/total; NULL = none */
    double images_per_second; /* 0: unknown */
    double seconds_left;      /* negative: unknown */
    double loss, top1, lr;    /* negative top1: not shown, with loss and lr */
    double wait;              /* share of time spent waiting for data; negative: not shown */
} reel_progress_line;

void reel_progress_open(reel_progress *p, bool quiet);
/* Draws if it is time to: ten times a second on a terminal, every 10 seconds elsewhere. */
void reel_progress_show(reel_progress *p, const reel_progress_line *line);
/* The same for images that are counted. A count that falls begins anew. */
void reel_progress_count(reel_progress *p, const char *label, int64_t done, int64_t total);
/* A line that stays, above the bar. `good` paints it green where there are colours. Nothing when
 * quiet. */
void reel_progress_note(reel_progress *p, bool good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A line that stays, also when quiet. */
void reel_progress_warn(reel_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void reel_progress_clear(reel_progress *p); /* takes the bar away */

#define REEL_LARGE_LOSS 1e5 /* from here on a loss is printed with an exponent */

/* Figures in a line of at most `columns`, two spaces apart. */
typedef struct reel_line {
    int columns;
    char text[400];
} reel_line;
/* Adds a figure if it fits: what matters most comes first. */
void reel_line_add(reel_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

double reel_seconds_now(void); /* monotonic */
/* "1:02:03" or "2:03" into text. */
const char *reel_duration_text(double seconds, char *text, size_t size);

#endif
