/* Line charts: see chart.h. The drawing is SIDE x SIDE units and stretches to the room it gets. */
#include "train/report/chart.h"

#include "train/report/html.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { SIDE = 1000, MOST_POINTS = 400, MOST_COLUMNS = 150, X_TICKS = 5, Y_TICKS = 5 };

typedef struct {
    double x, y;
} point;

/* A chart's points as they are drawn, and the ranges of its axes. */
typedef struct {
    const reel_chart *chart;
    point points[REEL_CHART_SERIES][MOST_POINTS];
    int n[REEL_CHART_SERIES];
    double x0, x1, y0, y1, step; /* step: from one label of the y axis to the next */
} plot;

double reel_nice_step(double range, int most)
{
    const double power = pow(10, floor(log10(range / most)));
    const double part = range / most / power;
    if (part <= 1)
        return power;
    if (part <= 2)
        return 2 * power;
    return part <= 5 ? 5 * power : 10 * power;
}

/* ---- what is drawn ---- */

/* Many points would make a large page: neighbours become their mean. */
static void take_points(plot *p, int s)
{
    const reel_series *r = &p->chart->series[s];
    const double factor = p->chart->factor != 0 ? p->chart->factor : 1;
    const int64_t bucket = r->n > MOST_POINTS ? (r->n + MOST_POINTS - 1) / MOST_POINTS : 1;

    for (int64_t i = 0; i < r->n; i += bucket) {
        double x = 0, y = 0, count = 0;
        for (int64_t j = i; j < i + bucket && j < r->n; j++)
            if (isfinite(r->x[j]) && isfinite(factor * r->y[j])) {
                x += r->x[j];
                y += factor * r->y[j];
                count++;
            }
        if (count > 0)
            p->points[s][p->n[s]++] = (point){x / count, y / count};
    }
}

static void find_bounds(plot *p)
{
    const double zero = p->chart->from_zero ? 0 : DBL_MAX;
    p->x0 = DBL_MAX;
    p->x1 = -DBL_MAX;
    p->y0 = zero;
    p->y1 = -zero;
    for (int s = 0; s < p->chart->n_series; s++)
        for (int i = 0; i < p->n[s]; i++) {
            p->x0 = fmin(p->x0, p->points[s][i].x);
            p->x1 = fmax(p->x1, p->points[s][i].x);
            p->y0 = fmin(p->y0, p->points[s][i].y);
            p->y1 = fmax(p->y1, p->points[s][i].y);
        }

    /* A constant needs a range too. */
    if (p->x1 == p->x0)
        p->x1 = p->x0 + 1;
    if (p->y1 - p->y0 < 1e-9 * fabs(p->y1) || p->y1 == p->y0)
        p->y1 = p->y0 + fmax(1e-3 * fabs(p->y0), 1e-9);

    p->step = reel_nice_step(p->y1 - p->y0, Y_TICKS);
    p->y0 = floor(p->y0 / p->step) * p->step;
    p->y1 = ceil(p->y1 / p->step) * p->step;
}

static double share_x(const plot *p, double x)
{
    return (x - p->x0) / (p->x1 - p->x0);
}

static double place_y(const plot *p, double y)
{
    return SIDE - (y - p->y0) / (p->y1 - p->y0) * SIDE;
}

/* ---- axes ---- */

static const char *suffix_of(const reel_chart *c)
{
    return c->suffix ? c->suffix : "";
}

static int y_steps(const plot *p)
{
    return (int)lround((p->y1 - p->y0) / p->step);
}

/* From the top down, spread evenly by the style. */
static void put_y_labels(FILE *to, const plot *p)
{
    const int n = y_steps(p);
    fprintf(to, "<div class=\"ys\">");
    for (int i = n; i >= 0; i--) {
        const double y = p->y0 + i * p->step;
        fprintf(to, "<span>%.6g%s</span>", fabs(y) < p->step / 1e6 ? 0 : y, suffix_of(p->chart));
    }
    fprintf(to, "</div>\n");
}

static void put_x_labels(FILE *to, const plot *p)
{
    const double step = reel_nice_step(p->x1 - p->x0, X_TICKS);
    const double first = ceil(p->x0 / step) * step;
    fprintf(to, "<div class=\"xs\">");
    for (int i = 0; first + i * step <= p->x1 + step / 1e6; i++) {

        /* Long numbers would meet on a narrow screen: 200k, 5M. */
        const double x = first + i * step, unit = step >= 1e6 ? 1e6 : (step >= 1e4 ? 1e3 : 1);
        fprintf(to, "<span style=\"left:%.2f%%\">%.10g%s</span>", 100 * share_x(p, x), x / unit,
                unit == 1 || x == 0 ? "" : (unit == 1e3 ? "k" : "M"));
    }
    fprintf(to, "</div>\n<p class=\"soft x\">%s</p>\n", p->chart->x_label);
}

static void draw_grid(FILE *to, const plot *p)
{
    for (int i = y_steps(p); i >= 0; i--) {
        const double at = place_y(p, p->y0 + i * p->step);
        fprintf(to, "<line class=\"grid\" x1=\"0\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", SIDE, at,
                at);
    }
    fputc('\n', to);
}

/* ---- curves ---- */

static void draw_line(FILE *to, const plot *p, int s)
{
    if (p->n[s] == 0)
        return;

    /* A point alone is a line to itself, whose round ends show. */
    const int times = p->n[s] == 1 ? 2 : 1;
    fprintf(to, "<polyline class=\"s%d%s\" points=\"", s, times == 2 ? " dot" : "");
    for (int i = 0; i < p->n[s] * times; i++) {
        const point *at = &p->points[s][i / times];
        fprintf(to, "%s%.1f,%.1f", i ? " " : "", SIDE * share_x(p, at->x), place_y(p, at->y));
    }
    fprintf(to, "\"/>\n");
}

static int compare_places(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* All x of the chart in order, each once. Returns how many. */
static int places_of(const plot *p, double *x)
{
    int n = 0, kept = 0;
    for (int s = 0; s < p->chart->n_series; s++)
        for (int i = 0; i < p->n[s]; i++)
            x[n++] = p->points[s][i].x;
    qsort(x, (size_t)n, sizeof *x, compare_places);
    for (int i = 0; i < n; i++)
        if (kept == 0 || x[i] != x[kept - 1])
            x[kept++] = x[i];
    return kept;
}

/* The newest value of each series from x `first` to `last`. */
static void put_hover_text(FILE *to, const plot *p, double first, double last)
{
    const char *before = "";
    for (int s = 0; s < p->chart->n_series; s++)
        for (int i = p->n[s] - 1; i >= 0; i--) {
            const point *at = &p->points[s][i];
            if (at->x > last || at->x < first)
                continue;
            fprintf(to, "%s%s %.0f: ", before, p->chart->x_label, at->x);
            reel_html_text(to, p->chart->series[s].name);
            fprintf(to, " %.4g%s", at->y, suffix_of(p->chart));
            before = "\n";
            break;
        }
}

/* Columns over the curves, as wide as the pointer needs, with the values as their title. */
static void draw_hover(FILE *to, const plot *p)
{
    double x[REEL_CHART_SERIES * MOST_POINTS];
    const int n = places_of(p, x), group = (n + MOST_COLUMNS - 1) / MOST_COLUMNS;
    double left = 0;
    for (int i = 0; i < n; i += group) {
        const int end = i + group < n ? i + group : n;
        const double right = end < n ? SIDE * share_x(p, (x[end - 1] + x[end]) / 2) : SIDE;
        fprintf(to, "<rect class=\"hover\" x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%d\"><title>",
                left, right - left, SIDE);
        put_hover_text(to, p, x[i], x[end - 1]);
        fprintf(to, "</title></rect>\n");
        left = right;
    }
}

/* ---- the chart ---- */

/* keys: the names of the curves in their colours. */
static void put_caption(FILE *to, const plot *p, bool keys)
{
    const reel_chart *c = p->chart;
    fprintf(to, "<figure class=\"chart\"><figcaption>%s", c->title);
    for (int s = 0; s < c->n_series && keys; s++)
        if (p->n[s]) {
            fprintf(to, " <span class=\"key s%d\">", s);
            reel_html_text(to, c->series[s].name);
            fprintf(to, "</span>");
        }
    fprintf(to, "</figcaption>\n");
}

/* An axis says nothing about a single point. */
static void put_numbers(FILE *to, const plot *p)
{
    for (int s = 0; s < p->chart->n_series; s++)
        if (p->n[s]) {
            fprintf(to, "<p class=\"number\"><b>%.4g%s</b> ", p->points[s][0].y,
                    suffix_of(p->chart));
            reel_html_text(to, p->chart->series[s].name);
            fprintf(to, ", %s %.0f</p>\n", p->chart->x_label, p->points[s][0].x);
        }
}

static void put_plot(FILE *to, const plot *p)
{
    fprintf(to, "<div class=\"plot\">\n");
    put_y_labels(to, p);
    fprintf(to,
            "<svg viewBox=\"0 0 %d %d\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"%s\">\n",
            SIDE, SIDE, p->chart->title);
    draw_grid(to, p);
    for (int s = 0; s < p->chart->n_series; s++)
        draw_line(to, p, s);
    draw_hover(to, p);
    fprintf(to, "</svg>\n");
    put_x_labels(to, p);
    fprintf(to, "</div>\n");
}

void reel_chart_write(FILE *to, const reel_chart *c)
{
    plot p = {.chart = c};
    int most = 0;
    for (int s = 0; s < c->n_series; s++) {
        take_points(&p, s);
        most = p.n[s] > most ? p.n[s] : most;
    }
    if (most == 0)
        return;

    put_caption(to, &p, most > 1 && c->n_series > 1);
    /* One point makes no line: its values are printed. */
    if (most == 1) {
        put_numbers(to, &p);
    } else {
        find_bounds(&p);
        put_plot(to, &p);
    }
    fprintf(to, "</figure>\n");
}
