/* The record as one JSON object: see report_json.h. README.md tells the keys. */
#include "train/report/report_json.h"

#include "train/run/json_util.h"

#include <string.h>

static json_t *state_json(const reel_record_state *s)
{
    char text[700];
    json_t *o = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:f, s:f}", "name", s->name, "text",
                          reel_json_text(reel_record_state_text(s, text, sizeof text)), "step",
                          (json_int_t)s->step, "epoch", (json_int_t)s->epoch, "epochs",
                          (json_int_t)s->epochs, "processes", (json_int_t)s->processes, "seconds",
                          s->seconds, "last_seconds", s->last_seconds);
    if (!s->message || json_object_set_new(o, "message", reel_json_text(s->message)) == 0)
        return o;
    json_decref(o);
    return NULL;
}

/* The lines of metrics.jsonl that tell of one kind of event, as they are. */
static json_t *lines_json(const json_t *lines, const char *event)
{
    json_t *of = json_array();
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        if (strcmp(reel_record_text(line, "event", ""), event) != 0)
            continue;
        if (json_array_append(of, line) != 0) {
            json_decref(of);
            return NULL;
        }
    }
    return of;
}

static json_t *value_or_null(json_t *value)
{
    return value ? json_incref(value) : json_null();
}

/* Of the average of weights; null without --model-ema. */
static json_t *best_average_json(const reel_record *r)
{
    const int64_t best = reel_record_best_ema(r);
    if (best < 0)
        return json_null();
    return json_pack("{s:o, s:f}", "epoch",
                     reel_json_number(r->eval.column[REEL_RECORD_EPOCH][best]), "top1",
                     r->eval.column[REEL_RECORD_EMA][best]);
}

json_t *reel_record_json(const reel_record *r, const reel_record_state *state, const char *folder)
{
    json_t *time = json_pack("{s:f, s:f, s:f, s:f}", "data", r->data, "forward", r->forward,
                             "backward", r->backward, "update", r->update);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "folder",
                     reel_json_text(folder), "state", state_json(state), "train",
                     lines_json(r->lines, "train"), "eval", lines_json(r->lines, "eval"), "time",
                     time, "evaluation", value_or_null(r->evaluation), "best_ema",
                     best_average_json(r), "config", value_or_null(r->config), "starts",
                     lines_json(r->lines, "start"));
}
