/* Reading a run's folder: see record.h. A line that a crash has cut is passed over. */
#include "train/report/record.h"

#include "train/run/json_util.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const keys[REEL_RECORD_COLUMNS] = {
    "step",      "loss",     "top1",     "top5", "lr", "images_per_second",
    "data_wait", "ema_top1", "ema_loss", "epoch"};

static bool append_row(reel_record_table *t, const json_t *line)
{
    for (int c = 0; c < REEL_RECORD_COLUMNS; c++) {
        if ((t->n & (t->n - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
            double *larger = realloc(t->column[c], (size_t)(t->n ? 2 * t->n : 1) * sizeof *larger);
            if (!larger)
                return false;
            t->column[c] = larger;
        }
        const json_t *value = json_object_get(line, keys[c]);
        t->column[c][t->n] = json_is_number(value) ? json_number_value(value) : NAN;
    }
    t->n++;
    return true;
}

static bool take_line(reel_record *r, json_t *line)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    if (json_array_append(r->lines, line) != 0)
        return false;

    if (event && !strcmp(event, "eval"))
        return append_row(&r->eval, line);
    if (!event || strcmp(event, "train") != 0)
        return true;

    r->data += json_number_value(json_object_get(line, "data_seconds"));
    r->forward += json_number_value(json_object_get(line, "forward_seconds"));
    r->backward += json_number_value(json_object_get(line, "backward_seconds"));
    r->update += json_number_value(json_object_get(line, "update_seconds"));
    return append_row(&r->train, line);
}

static reel_status read_metrics(reel_record *r, const char *folder, reel_error *err)
{
    char path[4400];
    char *text = NULL;
    size_t capacity = 0;
    FILE *in;
    snprintf(path, sizeof path, "%s/metrics.jsonl", folder);

    REEL_TRY(reel_plain_open(&in, path, err));

    bool ok = (r->lines = json_array()) != NULL;
    while (ok && in && getline(&text, &capacity, in) > 0) {
        /* A line that a crash has cut is no object. */
        json_error_t why;
        json_t *line = json_loads(text, 0, &why);
        if (json_is_object(line))
            ok = take_line(r, line);
        else
            ok = line || json_error_code(&why) != json_error_out_of_memory;
        json_decref(line);
    }

    free(text);
    if (in)
        fclose(in);
    return ok ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
}

/* In the order that the page shows: the surest mistake first. Runs of Reel 0.1.0 have another. */
static reel_status sort_worst(json_t *evaluation, reel_error *err)
{
    const json_t *worst = json_object_get(evaluation, "worst");
    json_t *sorted = json_array();
    size_t i;
    json_t *m;
    json_array_foreach(worst, i, m)
    {
        const double own = reel_record_number(m, "probability");
        size_t at = json_array_size(sorted);
        while (at > 0 && reel_record_number(json_array_get(sorted, at - 1), "probability") < own)
            at--;
        json_array_insert(sorted, at, m);
    }

    if (!sorted || json_array_size(sorted) != json_array_size(worst)) {
        json_decref(sorted);
        return reel_fail(err, REEL_ERR_MEMORY, "evaluation.json: out of memory");
    }
    json_object_set_new(evaluation, "worst", sorted);
    return REEL_OK;
}

reel_status reel_record_read(reel_record *r, const char *folder, reel_error *err)
{
    char path[4400];
    *r = (reel_record){0};
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (access(path, F_OK) != 0)
        return reel_fail(err, REEL_ERR_IO,
                         "%s: expected the folder of a run, found no config.json in it", folder);

    reel_status status;
    REEL_TRY_GOTO(reel_json_load(&r->config, path, err), failed);
    REEL_TRY_GOTO(read_metrics(r, folder, err), failed);

    /* A run that was stopped early has no evaluation. */
    snprintf(path, sizeof path, "%s/evaluation.json", folder);
    if (access(path, F_OK) != 0)
        return REEL_OK;
    REEL_TRY_GOTO(reel_json_load(&r->evaluation, path, err), failed);
    REEL_TRY_GOTO(sort_worst(r->evaluation, err), failed);
    return REEL_OK;
failed:
    reel_record_free(r);
    return status;
}

void reel_record_free(reel_record *r)
{
    json_decref(r->config);
    json_decref(r->evaluation);
    json_decref(r->lines);
    for (int c = 0; c < REEL_RECORD_COLUMNS; c++) {
        free(r->train.column[c]);
        free(r->eval.column[c]);
    }
    *r = (reel_record){0};
}

double reel_record_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *reel_record_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : otherwise;
}

bool reel_record_has_top5(const json_t *evaluation)
{
    return json_array_size(json_object_get(evaluation, "classes")) > 5;
}

int64_t reel_record_best_ema(const reel_record *r)
{
    const double *top1 = r->eval.column[REEL_RECORD_EMA],
                 *loss = r->eval.column[REEL_RECORD_EMA_LOSS];
    int64_t best = -1;
    for (int64_t i = 0; i < r->eval.n; i++) {
        if (isnan(top1[i]) || isnan(loss[i]))
            continue;
        if (best < 0 || top1[i] > top1[best] || (top1[i] == top1[best] && loss[i] < loss[best]))
            best = i;
    }
    return best;
}
