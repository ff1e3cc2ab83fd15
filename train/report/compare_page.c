/* The page about several runs: see compare.h. */
#include "train/report/compare.h"

#include "core/files/atomic_file.h"
#include "train/report/chart.h"
#include "train/report/html.h"
#include "train/run/guard.h"
#include "train/run/progress.h"
#include "train/run/say.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the head ---- */

static void put_fact(FILE *to, const char *value, const char *label)
{
    fprintf(to, "<div class=\"tile\"><b>%s</b><span class=\"soft\">", value);
    reel_html_text(to, label);
    fprintf(to, "</span></div>\n");
}

/* The best accuracy of all runs; of several, the mean and the deviation of theirs. */
static void put_summary(FILE *to, const reel_comparison *c)
{
    double sum = 0, squares = 0, n = 0;
    const reel_compared *best = NULL;
    char value[64], label[600];
    for (int i = 0; i < c->n; i++) {
        const double top1 = c->run[i].top1;
        if (isnan(top1))
            continue;
        sum += top1;
        squares += top1 * top1;
        n++;
        if (!best || top1 > best->top1)
            best = &c->run[i];
    }
    if (!best)
        return;

    fprintf(to, "<div class=\"tiles\">\n");
    snprintf(value, sizeof value, "%.2f %%", 100 * best->top1);
    snprintf(label, sizeof label, "best top-1, of %.500s", best->name);
    put_fact(to, value, label);
    if (n > 1) {
        /* The deviation of a sample, over n - 1; rounding may take the sum of squares below 0. */
        const double mean = sum / n, variance = fmax(squares - n * mean * mean, 0) / (n - 1);
        snprintf(value, sizeof value, "%.2f %%", 100 * mean);
        snprintf(label, sizeof label,
                 "mean of the best top-1 of %.0f runs, standard deviation %.2f %%", n,
                 100 * sqrt(variance));
        put_fact(to, value, label);
    }
    fprintf(to, "</div>\n");
}

/* ---- curves ---- */

static reel_chart chart_of(const reel_comparison *c, const char *title, const char *x_label,
                           bool train, int x, int y)
{
    reel_chart chart = {.title = title, .x_label = x_label, .n_series = c->n};
    const bool share = y == REEL_RECORD_TOP1;
    chart.suffix = share ? " %" : "";
    chart.factor = share ? 100 : 1;
    chart.from_zero = share || y == REEL_RECORD_LR;
    for (int i = 0; i < c->n; i++) {
        const reel_record *r = &c->run[i].record;
        const reel_record_table *t = train ? &r->train : &r->eval;
        chart.series[i] = (reel_series){c->run[i].name, t->column[x], t->column[y], t->n};
    }
    return chart;
}

static void put_curves(FILE *to, const reel_comparison *c)
{
    enum { EPOCH = REEL_RECORD_EPOCH, STEP = REEL_RECORD_STEP };
    const reel_chart charts[] = {
        chart_of(c, "Validation top-1", "epoch", false, EPOCH, REEL_RECORD_TOP1),
        chart_of(c, "Validation loss", "epoch", false, EPOCH, REEL_RECORD_LOSS),
        chart_of(c, "Validation top-1", "step", false, STEP, REEL_RECORD_TOP1),
        chart_of(c, "Validation loss", "step", false, STEP, REEL_RECORD_LOSS),
        chart_of(c, "Training loss", "step", true, STEP, REEL_RECORD_LOSS),
        chart_of(c, "Learning rate", "step", true, STEP, REEL_RECORD_LR),
    };
    fprintf(to, "<h2 id=\"curves\">Curves</h2>\n<div class=\"charts\">\n");
    for (int64_t i = 0; i < REEL_COUNT(charts); i++)
        reel_chart_write(to, &charts[i]);
    fprintf(to, "</div>\n");
}

/* ---- the table ---- */

static void put_setting_value(FILE *to, const json_t *value)
{
    char number[40];
    if (json_is_string(value)) {
        reel_html_text(to, json_string_value(value));
        return;
    }
    snprintf(number, sizeof number, "%.10g", json_number_value(value));
    if (json_is_number(value))
        fprintf(to, "%s", number);
    else if (json_is_boolean(value))
        fprintf(to, "%s", json_is_true(value) ? "yes" : "no");
    else
        fprintf(to, "%s", json_is_null(value) ? "not set" : "(a list)");
}

static void put_settings_cell(FILE *to, const json_t *settings)
{
    const char *key, *before = "";
    json_t *value;
    fprintf(to, "<td class=\"name wide\">");
    json_object_foreach((json_t *)settings, key, value)
    {
        fprintf(to, "%s<span class=\"soft\">", before);
        reel_html_text(to, key);
        fprintf(to, "</span> ");
        put_setting_value(to, value);
        before = ", ";
    }
    fprintf(to, "%s</td></tr>\n", before[0] ? "" : "nothing");
}

static void put_number_cell(FILE *to, const char *text, bool known)
{
    fprintf(to, "<td>%s</td>", known ? text : "&ndash;");
}

static void put_run_row(FILE *to, const reel_compared *run, int place, const json_t *settings)
{
    char text[64];
    fprintf(to, "<tr><td class=\"name\"><span class=\"key s%d\">", place);
    reel_html_text(to, run->name);
    fprintf(to, "</span> <span class=\"soft\">%s</span></td>", run->state.name);
    snprintf(text, sizeof text, "%.2f %%", 100 * run->top1);
    put_number_cell(to, text, !isnan(run->top1));
    reel_loss_text(run->loss, text, sizeof text);
    put_number_cell(to, text, !isnan(run->loss));
    snprintf(text, sizeof text, "%.1f %%", 100 * run->ece);
    put_number_cell(to, text, !isnan(run->ece));
    snprintf(text, sizeof text, "%" PRId64, run->state.step);
    put_number_cell(to, text, true);
    put_number_cell(to, reel_duration_text(run->state.seconds, text, sizeof text), true);
    snprintf(text, sizeof text, "%" PRId64, run->parameters);
    put_number_cell(to, text, run->parameters > 0);
    put_settings_cell(to, settings);
}

static void put_runs_table(FILE *to, const reel_comparison *c, const json_t *data)
{
    fprintf(to, "<h2 id=\"runs\">Runs</h2>\n<p class=\"soft\">Top-1, loss and calibration "
                "error are those of the best weights. The last column holds the options of "
                "config.json that are not the same in all runs.</p>\n<div class=\"box\"><table "
                "class=\"stack\"><thead><tr>"
                "<th>run</th><th>top-1</th><th>loss</th><th>calibration "
                "error</th><th>steps</th><th>time</th>"
                "<th>parameters</th><th class=\"name wide\">what differs</th></tr></thead>"
                "<tbody>\n");
    for (int i = 0; i < c->n; i++)
        put_run_row(
            to, &c->run[i], i,
            json_object_get(json_array_get(json_object_get(data, "runs"), (size_t)i), "settings"));
    fprintf(to, "</tbody></table></div>\n");
}

/* ---- the page ---- */

static void put_missing(FILE *to, const json_t *missing)
{
    size_t i;
    json_t *name;
    if (json_array_size(missing) == 0)
        return;
    fprintf(to, "<p class=\"interrupted\">Missing:");
    json_array_foreach(missing, i, name)
    {
        fprintf(to, "%s %s", i ? "," : "", json_string_value(name));
    }
    fprintf(to, "</p>\n");
}

static void put_page(FILE *to, const reel_comparison *c, const json_t *data)
{
    char title[64];
    snprintf(title, sizeof title, "%d run%s compared", c->n, c->n == 1 ? "" : "s");
    reel_html_begin(to, title);
    fprintf(to, "<h1>%s</h1>\n", title);
    put_missing(to, c->missing);
    put_summary(to, c);
    put_curves(to, c);
    put_runs_table(to, c, data);
    reel_html_end(to);
}

reel_status reel_comparison_write(const reel_comparison *c, const char *path, reel_error *err)
{
    char *text = NULL;
    size_t size = 0;
    reel_status status = REEL_OK;
    json_t *data = reel_comparison_json(c);
    FILE *to = data ? open_memstream(&text, &size) : NULL;
    if (to)
        put_page(to, c, data);
    const bool whole = to && !ferror(to);
    if ((to && fclose(to) != 0) || !whole)
        status = reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    if (status == REEL_OK)
        status = reel_atomic_write(path, text, size, err);
    free(text);
    json_decref(data);
    return status;
}
