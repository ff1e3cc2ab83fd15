/* The forms of the answers of `reel predict`. */
#include "train/cli/predict_show.h"

#include "train/cli/command.h"
#include "train/run/json_util.h"

#include <stdio.h>

static json_t *prediction_json(const reel_show *show, const reel_prediction *p)
{
    char text[1100];
    json_t *list = json_array();
    for (int64_t i = 0; i < p->top; i++) {
        const int64_t c = p->order[i];
        const char *class = reel_model_card_class(show->card, c, text, sizeof text);
        json_array_append_new(list,
                              json_pack("{s:o, s:I, s:f}", "class", reel_json_text(class), "index",
                                        (json_int_t)c, "probability", (double)p->probability[c]));
    }
    json_t *row = json_pack("{s:o, s:o}", "file", reel_json_text(p->name), "predictions", list);
    if (p->copy)
        json_object_set_new(row, "copy", reel_json_text(p->copy));
    if (p->picture)
        json_object_set_new(row, "annotated", reel_json_text(p->picture));
    return row;
}

/* Takes the row. */
static void put_json_row(reel_show *show, json_t *row)
{
    if (show->form == REEL_SHOW_OBJECT) {
        json_array_append_new(show->rows, row);
        return;
    }
    json_dumpf(row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(17));
    putchar('\n');
    json_decref(row);
}

/* A line for each class; or, for programs that read lines, tabs between the fields of one line. */
static void put_text(const reel_show *show, const reel_prediction *p, bool one_line)
{
    char text[1100], shown[4200];
    const char *end = one_line ? "" : "\n";
    printf("%s%s", reel_shown_text(p->name, shown, sizeof shown), end);
    for (int64_t i = 0; i < p->top; i++) {
        const char *class = reel_model_card_class(show->card, p->order[i], text, sizeof text);
        const double percent = 100 * (double)p->probability[p->order[i]];
        if (one_line)
            printf("\t%.2f %%\t", percent);
        else
            printf("  %6.2f %%  ", percent);
        printf("%s%s", reel_shown_text(class, shown, sizeof shown), end);
    }
    if (one_line)
        putchar('\n');
}

void reel_show_prediction(reel_show *show, const reel_prediction *p)
{
    if (show->form == REEL_SHOW_BLOCKS)
        put_text(show, p, false);
    else if (show->form == REEL_SHOW_LINES)
        put_text(show, p, true);
    else
        put_json_row(show, prediction_json(show, p));
}

void reel_show_failure(reel_show *show, const char *name, const char *line, const char *why)
{
    reel_say("reel predict: %s", line);
    show->failed++;
    if (show->form == REEL_SHOW_OBJECT || show->form == REEL_SHOW_JSON_LINES)
        put_json_row(show, json_pack("{s:o, s:o}", "file", reel_json_text(name), "error",
                                     reel_json_text(why)));
}

bool reel_show_flush(void)
{
    return fflush(stdout) == 0;
}

int reel_show_end(reel_show *show, const reel_predict_time *time)
{
    if (show->form != REEL_SHOW_OBJECT)
        return REEL_EXIT_OK;
    return reel_print_json(json_pack("{s:O, s:I, s:o*}", "images", show->rows, "failed",
                                     (json_int_t)show->failed, "seconds",
                                     reel_predict_time_json(time)));
}
