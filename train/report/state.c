/* The state of a run: see state.h. */
#include "train/report/state.h"

#include "train/run/run_lock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double seconds_at(const json_t *line, const char *key)
{
    return json_number_value(json_object_get(line, key));
}

/* The seconds that a training or evaluation line stands for. */
static double logged_seconds(const json_t *line)
{
    const char *event = reel_record_text(line, "event", "");
    if (!strcmp(event, "eval"))
        return seconds_at(line, "seconds");
    if (strcmp(event, "train") != 0)
        return 0;
    return seconds_at(line, "data_seconds") + seconds_at(line, "forward_seconds") +
           seconds_at(line, "backward_seconds") + seconds_at(line, "update_seconds");
}

/* The last line of the newest process; NULL = it has none (yet). */
static const json_t *add_up_lines(reel_record_state *s, const json_t *lines)
{
    const json_t *end = NULL;
    double before = 0;
    size_t i;
    json_t *line;
    json_array_foreach(lines, i, line)
    {
        const char *event = reel_record_text(line, "event", "");
        if (!strcmp(event, "start")) {
            before += s->last_seconds;
            s->last_seconds = 0;
            s->processes++;
            end = NULL;
        } else if (!strcmp(event, "end")) {
            s->last_seconds = seconds_at(line, "seconds");
            end = line;
        } else {
            s->last_seconds += logged_seconds(line);
        }

        const int64_t step = json_integer_value(json_object_get(line, "step"));
        const json_t *epoch = json_object_get(line, "epoch");
        s->step = step > s->step ? step : s->step;
        s->epoch = epoch ? json_integer_value(epoch) : s->epoch;
    }
    s->seconds = before + s->last_seconds;
    return end;
}

/* The names that metrics.jsonl has for the ends of a process, as literals. */
static const char *known_end(const char *end)
{
    static const char *const names[] = {"complete", "early-stop", "max-steps", "max-time", "error"};
    for (int i = 0; i < REEL_COUNT(names); i++)
        if (!strcmp(end, names[i]))
            return names[i];
    return "interrupted";
}

/* Runs of Reel 0.1.0 had no last line: the evaluation of the last epoch tells of a whole run. */
static bool all_epochs_evaluated(const reel_record_state *s, const json_t *lines)
{
    const json_t *last = json_array_get(lines, json_array_size(lines) - 1);
    return s->epochs > 0 && s->epoch >= s->epochs &&
           !strcmp(reel_record_text(last, "event", ""), "eval");
}

reel_record_state reel_record_state_of(const reel_record *r, const char *folder)
{
    const json_t *options = json_object_get(r->config, "options");
    reel_record_state s = {.epochs = atoll(reel_record_text(options, "epochs", "0"))};
    const json_t *end = add_up_lines(&s, r->lines);

    /* The lock is asked last: to ask releases it where this very process holds it. */
    if (end) {
        s.name = known_end(reel_record_text(end, "end", ""));
        s.message = json_string_value(json_object_get(end, "message"));
    } else if (reel_run_locked(folder)) {
        s.name = "running";
    } else {
        s.name = all_epochs_evaluated(&s, r->lines) ? "complete" : "interrupted";
    }
    return s;
}

const char *reel_record_state_text(const reel_record_state *s, char *text, size_t size)
{
    char where[100];
    snprintf(where, sizeof where, "at step %" PRId64, s->step);
    if (s->epoch > 0 && s->epochs > 0)
        snprintf(where, sizeof where, "at step %" PRId64 ", in epoch %" PRId64 " of %" PRId64,
                 s->step, s->epoch, s->epochs);

    if (!strcmp(s->name, "running"))
        snprintf(text, size, "Training goes on: it is %s.", where);
    else if (!strcmp(s->name, "complete"))
        snprintf(text, size, "Complete: %" PRId64 " step%s, %" PRId64 " epoch%s.", s->step,
                 s->step == 1 ? "" : "s", s->epochs, s->epochs == 1 ? "" : "s");
    else if (!strcmp(s->name, "early-stop"))
        snprintf(text, size, "Stopped early %s: no later epoch validated better.", where);
    else if (!strcmp(s->name, "error"))
        snprintf(text, size, "Ended by an error %s: %s", where, s->message ? s->message : "?");
    else if (!strcmp(s->name, "interrupted"))
        snprintf(text, size, "Interrupted %s.", where);
    else
        snprintf(text, size, "Stopped %s, by --%s.", where, s->name);
    return text;
}
