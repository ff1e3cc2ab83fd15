/* Sections from the log: see page.h. */
#include "train/report/page.h"

#include "train/report/chart.h"
#include "train/report/html.h"
#include "train/run/guard.h"
#include "train/run/progress.h"
#include "train/run/run_dir.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_tile(FILE *to, const char *value, const char *label)
{
    fprintf(to, "<div class=\"tile\"><b>%s</b><span class=\"soft\">%s</span></div>\n", value,
            label);
}

/* What the best weights reach on the validation set. */
static void put_accuracy_tiles(FILE *to, const json_t *e)
{
    char value[200], label[200];
    const json_t *interval = json_object_get(e, "top1_interval");
    snprintf(value, sizeof value, "%.2f %%", 100 * reel_record_number(e, "top1"));
    snprintf(label, sizeof label, "top-1 of the best weights, 95 %% interval %.1f to %.1f",
             100 * json_number_value(json_array_get(interval, 0)),
             100 * json_number_value(json_array_get(interval, 1)));
    put_tile(to, value, label);

    if (reel_record_has_top5(e)) {
        snprintf(value, sizeof value, "%.2f %%", 100 * reel_record_number(e, "top5"));
        put_tile(to, value, "top-5");
    }
    put_tile(to, reel_loss_text(reel_record_number(e, "loss"), value, sizeof value),
             "validation loss");
}

/* What the best average of weights reached, with --model-ema. */
static void put_average_tile(FILE *to, const reel_record *r)
{
    char value[64], label[120];
    const int64_t best = reel_record_best_ema(r);
    if (best < 0)
        return;
    snprintf(value, sizeof value, "%.2f %%", 100 * r->eval.column[REEL_RECORD_EMA][best]);
    snprintf(label, sizeof label, "top-1 of the best average of weights, epoch %.0f",
             r->eval.column[REEL_RECORD_EPOCH][best]);
    put_tile(to, value, label);
}

/* How long the run has been so far, in the words of the terminal. */
static void put_time_tile(FILE *to, const reel_record_state *s)
{
    char all[32], last[32], label[100] = "running time";
    reel_duration_text(s->seconds, all, sizeof all);
    if (s->processes > 1)
        snprintf(label, sizeof label, "running time of %" PRId64 " processes; the last %s",
                 s->processes, reel_duration_text(s->last_seconds, last, sizeof last));
    put_tile(to, all, label);
}

static void put_run_state(FILE *to, const reel_record *r, const reel_record_state *s,
                          const char *folder)
{
    char text[700], word[REEL_PATH_MAX];
    fprintf(to, "<p id=\"state\" class=\"%s\">", s->name);
    reel_html_text(to, reel_record_state_text(s, text, sizeof text));
    if (!strcmp(s->name, "interrupted")) {
        fprintf(to, " To continue: <code>reel ");
        reel_html_text(to, reel_record_text(r->config, "command", "train"));
        fprintf(to, " --resume auto -o ");
        reel_html_text(to, reel_shell_word(folder, word, sizeof word));
        fprintf(to, "</code>");
    }
    fprintf(to, "</p>\n");
}

void reel_page_head(FILE *to, const reel_record *r, const reel_record_state *s, const char *folder)
{
    const json_t *options = json_object_get(r->config, "options");
    char value[200];

    fprintf(to, "<h1>");
    reel_html_text(to, reel_record_text(options, "arch", "network"));
    fprintf(to, " on ");
    reel_html_text(to, reel_record_text(r->config, "data", "?"));
    fprintf(to, "</h1>\n<p class=\"soft\">folder ");
    reel_html_text(to, folder);
    fprintf(to, ", reel ");
    reel_html_text(to, reel_record_text(r->config, "version", "?"));
    fprintf(to, "</p>\n");
    put_run_state(to, r, s, folder);

    fprintf(to, "<div class=\"tiles\">\n");
    if (r->evaluation)
        put_accuracy_tiles(to, r->evaluation);
    put_average_tile(to, r);
    snprintf(value, sizeof value, "%" PRId64, s->step);
    put_tile(to, value, s->step == 1 ? "step" : "steps");
    snprintf(value, sizeof value, "%" PRId64, r->eval.n);
    put_tile(to, value, r->eval.n == 1 ? "evaluation" : "evaluations");
    put_time_tile(to, s);
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
         .n_series = reel_record_has_top5(r->evaluation) ? 3 : 2},
        {.title = "Accuracy of the average of weights",
         .x_label = "step",
         .suffix = " %",
         .factor = 100,
         .from_zero = true,
         .series = {series_of("validation top-1", &r->eval, REEL_RECORD_EMA)},
         .n_series = 1},
        {.title = "Learning rate",
         .x_label = "step",
         .from_zero = true,
         .series = {series_of("learning rate", &r->train, REEL_RECORD_LR)},
         .n_series = 1},
        {.title = "Images a second",
         .x_label = "step",
         .from_zero = true,
         .series = {series_of("images a second", &r->train, REEL_RECORD_RATE)},
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
        "</div><table "
        "class=\"plain\"><thead><tr><th></th><th>seconds</th><th>share</th></tr></thead><tbody>\n");

    for (int i = 0; i < 4; i++)
        fprintf(to,
                "<tr><td><span style=\"color:%s\">&#9632;</span> %s</td><td>%.1f</td><td>%.1f "
                "%%</td></tr>\n",
                colours[i], names[i], seconds[i], 100 * seconds[i] / all);
    fprintf(to, "</tbody></table></div>\n");
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
    json_array_foreach(r->lines, i, line) if (!strcmp(reel_record_text(line, "event", ""), "start"))
        put_settings(to, "Started on", line);
}
