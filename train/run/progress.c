/* Drawing progress. NO_COLOR (no-color.org) and TERM=dumb are respected; the bar takes the
 * terminal's width. */
#include "train/run/progress.h"

#include "core/files/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PROGRESS_LINE = 400 };

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

static int terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

static void progress_figures(char *text, size_t size, const reel_progress_line *l)
{
    char left[32];
    size_t n = 0;
    text[0] = '\0';
    if (l->figures)
        n += (size_t)snprintf(text + n, size - n, "%s", l->figures);
    if (l->top1 >= 0)
        n += (size_t)snprintf(text + n, size - n,
                              l->loss < 1e5 ? "loss %.3f  top-1 %.1f%%  lr %.2g  "
                                            : "loss %.2e  top-1 %.1f%%  lr %.2g  ",
                              l->loss, 100 * l->top1, l->lr);
    if (l->images_per_second > 0)
        n += (size_t)snprintf(text + n, size - n, "%.0f images/s  ", l->images_per_second);
    if (l->wait >= 0)
        n += (size_t)snprintf(text + n, size - n, "wait %.0f%%  ", 100 * l->wait);
    if (l->seconds_left >= 0)
        snprintf(text + n, size - n, "%s left",
                 reel_duration_text(l->seconds_left, left, sizeof left));
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

/* Redraws the line, cut to the terminal's width. */
static void draw_progress(reel_progress *p, const reel_progress_line *l, const char *figures)
{
    const int width = terminal_width();
    const int rest = width - (int)strlen(l->label) - (int)strlen(figures) - 6;
    char bar[60], line[2 * PROGRESS_LINE];
    progress_bar(bar, sizeof bar, l, rest);
    int n = snprintf(line, sizeof line, "%s %s", l->label, bar);

    /* Where the line is short of room, one space does between two figures. */
    for (const char *c = figures; *c && n + 1 < (int)sizeof line; c++)
        if (*bar || c[0] != ' ' || c[1] != ' ')
            line[n++] = *c;
    line[n] = '\0';
    fprintf(stderr, "\r%.*s\033[K", width - 1, line);
    fflush(stderr);
    p->drawn = true;
}

void reel_progress_show(reel_progress *p, const reel_progress_line *l)
{
    const double now = reel_seconds_now();
    if (p->quiet || now - p->last < (p->terminal ? 0.1 : 10))
        return;
    p->last = now;

    char figures[PROGRESS_LINE];
    progress_figures(figures, sizeof figures, l);
    if (p->terminal)
        draw_progress(p, l, figures);
    else if (l->figures)
        fprintf(stderr, "%s  %s\n", l->label, figures);
    else
        fprintf(stderr, "%s  %lld/%lld  %s\n", l->label, (long long)l->done, (long long)l->total,
                figures);
}

void reel_progress_count(reel_progress *p, const char *label, int64_t done, int64_t total)
{
    const reel_progress_line line = {
        .label = label, .done = done, .total = total, .top1 = -1, .wait = -1, .seconds_left = -1};
    reel_progress_show(p, &line);
}

static void put_line(reel_progress *p, bool good, const char *format, va_list args)
{
    char line[6000], shown[8000];
    vsnprintf(line, sizeof line, format, args);
    reel_progress_clear(p);
    if (good && p->color)
        fputs("\033[32m", stderr);
    fputs(reel_escape_text(line, REEL_ESCAPE_CONTROLS, shown, sizeof shown), stderr);
    fputs(good && p->color ? "\033[0m\n" : "\n", stderr);
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
