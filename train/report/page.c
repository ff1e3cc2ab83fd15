/* Sections from the log: see page.h. */
#include "train/report/page.h"

#include "train/report/chart.h"
#include "train/report/html.h"
#include "train/run/guard.h"
#include "train/run/progress.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MATRIX_CLASSES = 40 }; /* a larger confusion matrix cannot be read as a table */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static const char *text_or(const json_t *object, const char *key, const char *otherwise)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : otherwise;
}

static void put_tile(FILE *to, const char *value, const char *label)
{
    fprintf(to, "<div class=\"tile\"><b>%s</b><span class=\"soft\">%s</span></div>\n", value,
            label);
}

static double last_of(const double *column, int64_t n)
{
    return n ? column[n - 1] : NAN;
}

/* From the first to the last line, over all processes of the run, without the time between them. */
static double seconds_of(const reel_record *r)
{
    double sum = r->data + r->forward + r->backward + r->update;
    size_t i;
    json_t *line;
    json_array_foreach(r->lines, i, line) if (!strcmp(text_or(line, "event", ""), "eval"))
    {
        const double spent = number_of(line, "seconds");
        if (isfinite(spent))
            sum += spent;
    }
    return sum;
}

/* What the best weights reach on the validation set. */
static void put_accuracy_tiles(FILE *to, const json_t *e)
{
    char value[200], label[200];
    const json_t *interval = json_object_get(e, "top1_interval");
    snprintf(value, sizeof value, "%.2f %%", 100 * number_of(e, "top1"));
    snprintf(label, sizeof label, "top-1 of the best weights, 95 %% interval %.1f to %.1f",
             100 * json_number_value(json_array_get(interval, 0)),
             100 * json_number_value(json_array_get(interval, 1)));
    put_tile(to, value, label);

    snprintf(value, sizeof value, "%.2f %%", 100 * number_of(e, "top5"));
    put_tile(to, value, "top-5");
    put_tile(to, reel_loss_text(number_of(e, "loss"), value, sizeof value), "validation loss");
}

void reel_page_head(FILE *to, const reel_record *r, const char *folder)
{
    const json_t *options = json_object_get(r->config, "options");
    char value[200], left[32];

    fprintf(to, "<h1>");
    reel_html_text(to, text_or(options, "arch", "network"));
    fprintf(to, " on ");
    reel_html_text(to, text_or(r->config, "data", "?"));
    fprintf(to, "</h1>\n<p class=\"soft\">folder ");
    reel_html_text(to, folder);
    fprintf(to, ", reel ");
    reel_html_text(to, text_or(r->config, "version", "?"));
    fprintf(to, "</p>\n<div class=\"tiles\">\n");
    if (r->evaluation)
        put_accuracy_tiles(to, r->evaluation);

    /* How long the run has been so far. */
    snprintf(value, sizeof value, "%.0f",
             fmax(0, last_of(r->train.column[REEL_RECORD_STEP], r->train.n)));
    put_tile(to, value, "steps");
    snprintf(value, sizeof value, "%" PRId64, r->eval.n);
    put_tile(to, value, "evaluations");
    put_tile(to, reel_duration_text(seconds_of(r), left, sizeof left),
             "of training and evaluation");
    snprintf(value, sizeof value, "%lld + %lld",
             (long long)json_integer_value(json_object_get(r->config, "train_images")),
             (long long)json_integer_value(json_object_get(r->config, "val_images")));
    put_tile(to, value, "training and validation images");

    fprintf(to, "</div>\n");
}

static reel_series series_of(const char *name, const reel_record_table *t, int column)
{
    return (reel_series){name, t->column[REEL_RECORD_STEP], t->column[column], t->n};
}

void reel_page_curves(FILE *to, const reel_record *r)
{
    const reel_chart charts[] = {
        {.title = "Loss",
         .x_label = "step",
         .series = {series_of("training", &r->train, REEL_RECORD_LOSS),
                    series_of("validation", &r->eval, REEL_RECORD_LOSS)},
         .n_series = 2},
        {.title = "Accuracy",
         .x_label = "step",
         .suffix = " %",
         .factor = 100,
         .from_zero = true,
         .series = {series_of("training top-1", &r->train, REEL_RECORD_TOP1),
                    series_of("validation top-1", &r->eval, REEL_RECORD_TOP1),
                    series_of("validation top-5", &r->eval, REEL_RECORD_TOP5)},
         .n_series = 3},
        {.title = "Learning rate",
         .x_label = "step",
         .from_zero = true,
         .series = {series_of("lr", &r->train, REEL_RECORD_LR)},
         .n_series = 1},
        {.title = "Images a second",
         .x_label = "step",
         .from_zero = true,
         .series = {series_of("rate", &r->train, REEL_RECORD_RATE)},
         .n_series = 1},
    };

    fprintf(to, "<h2 id=\"curves\">Curves</h2>\n");
    if (r->train.n + r->eval.n == 0)
        fprintf(to, "<p class=\"soft\">Nothing has been logged yet.</p>\n");

    fprintf(to, "<div class=\"charts\">\n");
    /* A chart without points writes nothing. */
    for (int64_t i = 0; i < REEL_COUNT(charts); i++)
        reel_chart_write(to, &charts[i]);
    fprintf(to, "</div>\n");
}

void reel_page_time(FILE *to, const reel_record *r)
{
    static const char *const names[] = {"waiting for data", "forward", "backward", "update"};
    static const char *const colours[] = {"var(--c1)", "var(--c0)", "rgb(var(--heat)/.55)",
                                          "var(--c2)"};
    const double seconds[] = {r->data, r->forward, r->backward, r->update};
    const double all = r->data + r->forward + r->backward + r->update;
    /* No step has been logged yet. */
    if (!(all > 0))
        return;

    fprintf(to, "<h2 id=\"time\">Where the time of a step goes</h2>\n<div class=\"box\"><div "
                "class=\"bar\">");
    for (int i = 0; i < 4; i++)
        fprintf(to, "<span style=\"width:%.2f%%;background:%s\"></span>", 100 * seconds[i] / all,
                colours[i]);

    fprintf(
        to,
        "</div><table><thead><tr><th></th><th>seconds</th><th>share</th></tr></thead><tbody>\n");

    for (int i = 0; i < 4; i++)
        fprintf(to,
                "<tr><td><span style=\"color:%s\">&#9632;</span> %s</td><td>%.1f</td><td>%.1f "
                "%%</td></tr>\n",
                colours[i], names[i], seconds[i], 100 * seconds[i] / all);
    fprintf(to, "</tbody></table></div>\n");
}

static void put_class_rows(FILE *to, const json_t *classes)
{
    size_t i;
    json_t *c;
    fprintf(
        to,
        "<div class=\"box "
        "scroll\"><table><thead><tr><th>class</th><th>images</th><th>right</th><th>precision</th>"
        "<th>recall</th><th>F1</th></tr></thead><tbody>\n");

    json_array_foreach(classes, i, c)
    {
        fprintf(to, "<tr><td>");
        reel_html_text(to, text_or(c, "name", "?"));
        fprintf(
            to,
            "</td><td>%.0f</td><td>%.0f</td><td>%.1f %%</td><td>%.1f %%</td><td>%.3f</td></tr>\n",
            number_of(c, "images"), number_of(c, "right"), 100 * number_of(c, "precision"),
            100 * number_of(c, "recall"), number_of(c, "f1"));
    }
    fprintf(to, "</tbody></table></div>\n");
}

/* A cell with a text of the object: "<th>cat</th>". */
static void put_text_cell(FILE *to, const char *tag, const json_t *of, const char *key)
{
    fprintf(to, "<%s>", tag);
    reel_html_text(to, text_or(of, key, "?"));
    fprintf(to, "</%s>", tag);
}

static void put_matrix(FILE *to, const json_t *classes, const json_t *confusion)
{
    size_t i, j;
    json_t *row, *cell, *c;
    fprintf(to, "<h2 id=\"confusion\">Confusion</h2>\n<p class=\"soft\">Rows: what is in the "
                "picture. Columns: what it was taken "
                "for.</p>\n<div class=\"box scroll\"><table class=\"matrix\"><thead><tr><th></th>");

    json_array_foreach(classes, i, c) put_text_cell(to, "th", c, "name");
    fprintf(to, "</tr></thead><tbody>\n");

    json_array_foreach(confusion, i, row)
    {
        double all = 0;
        json_array_foreach(row, j, cell) all += json_number_value(cell);

        fprintf(to, "<tr>");
        put_text_cell(to, "th", json_array_get(classes, i), "name");

        json_array_foreach(row, j, cell)
        {
            /* Darker for more; empty cells stay white, so that the diagonal stands out. */
            const double count = json_number_value(cell);
            if (count > 0)
                fprintf(to, "<td style=\"background:rgb(var(--heat)/%.2f)\">%.0f</td>",
                        0.08 + 0.72 * count / all, count);
            else
                fprintf(to, "<td></td>");
        }
        fprintf(to, "</tr>\n");
    }
    fprintf(to, "</tbody></table></div>\n");
}

static void put_confused(FILE *to, const json_t *pairs)
{
    size_t i;
    json_t *pair;
    if (json_array_size(pairs) == 0)
        return;

    fprintf(to, "<h2 id=\"confused\">Most confused</h2>\n<div class=\"box "
                "scroll\"><table><thead><tr><th>class</th><th>taken "
                "for</th><th>images</th></tr></thead><tbody>\n");

    json_array_foreach(pairs, i, pair)
    {
        fprintf(to, "<tr>");
        put_text_cell(to, "td", pair, "truth");
        put_text_cell(to, "td", pair, "predicted");
        fprintf(to, "<td>%.0f</td></tr>\n", number_of(pair, "count"));
    }
    fprintf(to, "</tbody></table></div>\n");
}

void reel_page_classes(FILE *to, const reel_record *r)
{
    const json_t *classes = json_object_get(r->evaluation, "classes");
    fprintf(to, "<h2 id=\"classes\">Classes</h2>\n");
    if (!classes) {
        fprintf(to, "<p class=\"soft\">The run has not been evaluated yet.</p>\n");
        return;
    }
    put_class_rows(to, classes);
    if (json_array_size(classes) <= MATRIX_CLASSES)
        put_matrix(to, classes, json_object_get(r->evaluation, "confusion"));
    put_confused(to, json_object_get(r->evaluation, "confused"));
}

static void put_settings(FILE *to, const char *title, const json_t *object)
{
    const char *key;
    json_t *value;
    fprintf(to, "<div class=\"box\"><b>%s</b><dl>\n", title);

    json_object_foreach((json_t *)object, key, value)
    {
        /* Lists such as the class names stand elsewhere on the page. */
        if (json_is_array(value) || json_is_object(value))
            continue;

        fprintf(to, "<dt>");
        reel_html_text(to, key);
        fprintf(to, "</dt><dd>");
        if (json_is_string(value))
            reel_html_text(to, json_string_value(value));
        else if (json_is_boolean(value))
            fprintf(to, "%s", json_is_true(value) ? "yes" : "no");
        else if (json_is_number(value))
            fprintf(to, "%.10g", json_number_value(value));
        else
            fprintf(to, "not set");
        fprintf(to, "</dd>\n");
    }
    fprintf(to, "</dl></div>\n");
}

void reel_page_settings(FILE *to, const reel_record *r)
{
    size_t i;
    json_t *line;
    fprintf(to, "<h2 id=\"settings\">Configuration and environment</h2>\n");
    put_settings(to, "Run", r->config);
    put_settings(to, "Options", json_object_get(r->config, "options"));
    json_array_foreach(r->lines, i, line) if (!strcmp(text_or(line, "event", ""), "start"))
        put_settings(to, "Started on", line);
}
