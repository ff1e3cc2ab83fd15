/* Line charts for a page without scripts: an SVG that stretches with the page, labels as text of
 * the page, whose size stays, and hover values as titles. Colours come from the page's style:
 * classes s0 to s19, of which the second ten are dashed. */
#ifndef REEL_TRAIN_REPORT_CHART_H
#define REEL_TRAIN_REPORT_CHART_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Points in order of x. A point with a coordinate that is not finite is left out. Long series are
 * drawn as means of neighbours. */
typedef struct reel_series {
    const char *name; /* may come from outside: it is escaped */
    const double *x, *y;
    int64_t n;
} reel_series;

enum { REEL_CHART_SERIES = 20 };

typedef struct reel_chart {
    const char *title, *x_label;
    const char *suffix; /* behind the numbers of the y axis: "", " %" */
    double factor;      /* y is multiplied by it; 0 = 1 */
    reel_series series[REEL_CHART_SERIES];
    int n_series;
    bool from_zero; /* the y axis begins at 0 */
} reel_chart;

/* Nothing where no series has a point; numbers instead of axes where none has two. */
void reel_chart_write(FILE *to, const reel_chart *chart);

/* A step of 1, 2 or 5 times a power of ten that cuts `range` (> 0) into at most `most` parts. */
double reel_nice_step(double range, int most);

#endif
