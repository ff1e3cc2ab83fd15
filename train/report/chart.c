/* Line charts: see chart.h. */
#include "train/report/chart.h"

#include <float.h>
#include <math.h>

enum { WIDTH = 640, HEIGHT = 280, LEFT = 64, RIGHT = 16, TOP = 16, BOTTOM = 44, MOST_POINTS = 400 };

typedef struct {
    double x0, x1, y0, y1;
} bounds;

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

static double scaled(const reel_chart *c, double y)
{
    return c->factor != 0 ? c->factor * y : y;
}

static bool find_bounds(const reel_chart *c, bounds *b)
{
    *b = (bounds){DBL_MAX, -DBL_MAX, c->from_zero ? 0 : DBL_MAX, c->from_zero ? 0 : -DBL_MAX};
    for (int s = 0; s < c->n_series; s++)
        for (int64_t i = 0; i < c->series[s].n; i++) {
            const double x = c->series[s].x[i], y = scaled(c, c->series[s].y[i]);
            if (!isfinite(y))
                continue;
            b->x0 = fmin(b->x0, x);
            b->x1 = fmax(b->x1, x);
            b->y0 = fmin(b->y0, y);
            b->y1 = fmax(b->y1, y);
        }

    if (b->x0 > b->x1)
        return false;

    /* A single point, or a constant, needs a range too. */
    if (b->x1 == b->x0)
        b->x1 = b->x0 + 1;
    if (b->y1 - b->y0 < 1e-9 * fabs(b->y1) || b->y1 == b->y0)
        b->y1 = b->y0 + fmax(1e-3 * fabs(b->y0), 1e-9);

    const double step = reel_nice_step(b->y1 - b->y0, 5);
    b->y0 = floor(b->y0 / step) * step;
    b->y1 = ceil(b->y1 / step) * step;
    return true;
}

static double at_x(const bounds *b, double x)
{
    return LEFT + (x - b->x0) / (b->x1 - b->x0) * (WIDTH - LEFT - RIGHT);
}

static double at_y(const bounds *b, double y)
{
    return HEIGHT - BOTTOM - (y - b->y0) / (b->y1 - b->y0) * (HEIGHT - TOP - BOTTOM);
}

static void draw_axes(FILE *to, const reel_chart *c, const bounds *b)
{
    const double step = reel_nice_step(b->y1 - b->y0, 5), step_x = reel_nice_step(b->x1 - b->x0, 8);
    for (int i = 0; b->y0 + i * step <= b->y1 + step / 2; i++) {
        const double y = b->y0 + i * step, at = at_y(b, y);
        fprintf(to, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT,
                WIDTH - RIGHT, at, at);
        fprintf(to, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g%s</text>\n", LEFT - 8,
                at + 4, fabs(y) < step / 1e6 ? 0 : y, c->suffix ? c->suffix : "");
    }

    /* Vertical lines would hide the curve: the x axis has numbers only. */
    const double first = ceil(b->x0 / step_x) * step_x;
    for (int i = 0; first + i * step_x <= b->x1 + step_x / 1e6; i++) {
        const double x = first + i * step_x;
        fprintf(to, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10g</text>\n", at_x(b, x),
                HEIGHT - BOTTOM + 18, x);
    }

    fprintf(to, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            LEFT + (WIDTH - LEFT - RIGHT) / 2, HEIGHT - 6, c->x_label);
}

static void draw_line(FILE *to, const reel_chart *c, const bounds *b, int s)
{
    const reel_series *r = &c->series[s];
    const int64_t bucket = r->n > MOST_POINTS ? (r->n + MOST_POINTS - 1) / MOST_POINTS : 1;
    int64_t drawn = 0;
    double last_x = 0, last_y = 0;

    fprintf(to, "<polyline class=\"s%d\" points=\"", s);
    for (int64_t i = 0; i < r->n; i += bucket) {

        /* Many points would make a large page: a bucket becomes its mean. */
        double x = 0, y = 0;
        int64_t count = 0;
        for (int64_t j = i; j < i + bucket && j < r->n; j++)
            if (isfinite(r->y[j])) {
                x += r->x[j];
                y += scaled(c, r->y[j]);
                count++;
            }
        if (!count)
            continue;

        last_x = at_x(b, x / (double)count);
        last_y = at_y(b, y / (double)count);
        fprintf(to, "%s%.1f,%.1f", drawn++ ? " " : "", last_x, last_y);
    }

    fprintf(to, "\"/>\n");
    if (drawn == 1)
        fprintf(to, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", s, last_x, last_y);
}

void reel_chart_write(FILE *to, const reel_chart *c)
{
    bounds b;
    if (!find_bounds(c, &b))
        return;

    fprintf(to, "<figure><figcaption>%s", c->title);
    for (int s = 0; s < c->n_series && c->n_series > 1; s++)
        if (c->series[s].n)
            fprintf(to, " <span class=\"key s%d\">%s</span>", s, c->series[s].name);
    fprintf(to, "</figcaption>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            WIDTH, HEIGHT, c->title);

    draw_axes(to, c, &b);
    for (int s = 0; s < c->n_series; s++)
        if (c->series[s].n)
            draw_line(to, c, &b, s);
    fprintf(to, "</svg></figure>\n");
}
