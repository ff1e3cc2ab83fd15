/* Drawing progress. NO_COLOR (no-color.org) and TERM=dumb are respected; the bar takes the
 * terminal's width. */
#include "train/run/progress.h"

#include "core/files/text.h"
#include "train/run/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double reel_seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *reel_duration_text(double seconds, char *text, size_t size)
{
    const long long s = seconds > 0 ? (long long)(seconds + 0.5) : 0;
    if (s >= 3600)
        snprintf(text, size, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%lld:%02lld", s / 60, s % 60);
    return text;
}

void reel_progress_open(reel_progress *p, bool quiet)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    *p = (reel_progress){.quiet = quiet, .last = reel_seconds_now()};
    p->terminal = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
    p->color = p->terminal && !(no_color && *no_color);
}

void reel_progress_clear(reel_progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

void reel_line_add(reel_line *line, const char *format, ...)
{
    const size_t used = strlen(line->text), gap = used ? 2 : 0;
    const size_t limit = (size_t)line->columns < sizeof line->text - 1 ? (size_t)line->columns
                                                                       : sizeof line->text - 1;
    if (used + gap > limit)
        return;
    char *end = line->text + used;
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(end + gap, sizeof line->text - used - gap, format, args);
    va_end(args);
    memset(end, ' ', gap);
    if (used + gap + (size_t)length > limit)
        *end = '\0';
}

/* What fits into the line's columns, the most wanted first. */
static void progress_figures(reel_line *line, const reel_progress_line *l)
{
    char left[32];
    if (l->figures)
        reel_line_add(line, "%s", l->figures);
    else
        reel_line_add(line, "%lld/%lld", (long long)l->done, (long long)l->total);
    if (l->images_per_second > 0)
        reel_line_add(line, "%.0f images/s", l->images_per_second);
    if (l->top1 >= 0)
        reel_line_add(line, l->loss < REEL_LARGE_LOSS ? "loss %.3f" : "loss %.3g", l->loss);
    if (l->seconds_left >= 0)
        reel_line_add(line, "%s left", reel_duration_text(l->seconds_left, left, sizeof left));
    if (l->top1 >= 0)
        reel_line_add(line, "top-1 %.1f %%", 100 * l->top1);
    if (l->wait >= 0)
        reel_line_add(line, "wait %.0f %%", 100 * l->wait);
    if (l->top1 >= 0)
        reel_line_add(line, "lr %.2g", l->lr);
}

/* The bar "[####    ]" for a share of the work; "" where fewer than 4 columns are left. */
static void progress_bar(char *text, size_t size, const reel_progress_line *l, int columns)
{
    const int narrowest = 4, widest = 30;
    const int width = columns < widest ? columns : widest;
    text[0] = '\0';
    if (columns < narrowest)
        return;
    const int full = l->total > 0 ? (int)((double)width * (double)l->done / (double)l->total) : 0;
    snprintf(text, size, "[%.*s%*s] ", full, "##############################", width - full, "");
}

/* Redraws the line in the terminal's width: the label, the bar, and the figures that leave the bar
 * ten columns. The last column stays free, since some terminals wrap there. */
static void draw_progress(reel_progress *p, const reel_progress_line *l)
{
    const int width = reel_terminal_columns() - 1, label = (int)strlen(l->label) + 1;
    const int brackets = 3, shortest = 10;
    reel_line figures = {.columns = width - label - brackets - shortest};
    char bar[60], line[2 * sizeof figures.text];
    if (figures.columns < 0)
        figures.columns = 0;
    progress_figures(&figures, l);
    progress_bar(bar, sizeof bar, l, width - label - brackets - (int)strlen(figures.text));
    snprintf(line, sizeof line, "%s %s%s", l->label, bar, figures.text);
    fprintf(stderr, "\r%.*s\033[K", width, line);
    fflush(stderr);
    p->drawn = true;
}

void reel_progress_show(reel_progress *p, const reel_progress_line *l)
{
    const double now = reel_seconds_now();
    if (p->quiet || reel_say_is_silent() || now - p->last < (p->terminal ? 0.1 : 10))
        return;
    p->last = now;

    if (p->terminal) {
        draw_progress(p, l);
        return;
    }
    reel_line figures = {.columns = sizeof figures.text};
    progress_figures(&figures, l);
    fprintf(stderr, "%s  %s\n", l->label, figures.text);
}

void reel_progress_count(reel_progress *p, const char *label, int64_t done, int64_t total)
{
    const double now = reel_seconds_now();
    if (done < p->done || p->began == 0) {
        p->first = done;
        p->began = now;
    }
    p->done = done;

    /* The images of the first look took a time that nobody measured. */
    const double rate = done > p->first ? (double)(done - p->first) / (now - p->began) : 0;
    reel_progress_show(
        p, &(reel_progress_line){.label = label,
                                 .done = done,
                                 .total = total,
                                 .images_per_second = rate,
                                 .seconds_left = rate > 0 ? (double)(total - done) / rate : -1,
                                 .top1 = -1,
                                 .wait = -1});
}

static void put_line(reel_progress *p, bool good, const char *format, va_list args)
{
    char line[6000], shown[8000];
    if (reel_say_is_silent())
        return;
    vsnprintf(line, sizeof line, format, args);
    reel_progress_clear(p);
    if (good && p->color)
        fputs("\033[32m", stderr);
    reel_put_wrapped(reel_escape_text(line, REEL_ESCAPE_CONTROLS, shown, sizeof shown),
                     good && p->color ? "\033[0m" : "");
}

void reel_progress_note(reel_progress *p, bool good, const char *format, ...)
{
    if (p->quiet)
        return;
    va_list args;
    va_start(args, format);
    put_line(p, good, format, args);
    va_end(args);
}

void reel_progress_warn(reel_progress *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_line(p, false, format, args);
    va_end(args);
}
