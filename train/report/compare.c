/* Several runs side by side: what is read of them. See compare.h; the page is compare_page.c. */
#include "train/report/compare.h"

#include "train/run/json_util.h"
#include "train/run/model_card.h"
#include "train/run/run_dir.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one run ---- */

/* The evaluation of its best weights; before there are any, the best evaluation. Evaluations within
 * epochs may be better than both, and are of weights that nobody kept. */
static void find_best_epoch(reel_compared *run)
{
    const reel_record_table *t = &run->record.eval;
    const json_t *kept = run->record.evaluation;
    run->top1 = reel_record_number(kept, "top1");
    run->loss = reel_record_number(kept, "loss");
    if (kept)
        return;
    for (int64_t i = 0; i < t->n; i++) {
        const double top1 = t->column[REEL_RECORD_TOP1][i], loss = t->column[REEL_RECORD_LOSS][i];
        if (isnan(top1) || top1 < run->top1 || (top1 == run->top1 && !(loss < run->loss)))
            continue;
        run->top1 = top1;
        run->loss = loss;
    }
}

/* Charts over epochs have one point an epoch, its last evaluation: the others lose their place. */
static void keep_ends_of_epochs(reel_compared *run)
{
    const reel_record_table *t = &run->record.eval;
    double *epoch = t->column[REEL_RECORD_EPOCH];
    for (int64_t i = 0; i + 1 < t->n; i++)
        if (epoch[i] == epoch[i + 1])
            epoch[i] = NAN;
}

static double ece_of(const json_t *evaluation)
{
    const json_t *error = json_object_get(json_object_get(evaluation, "calibration"), "ece");
    return json_is_number(error) ? json_number_value(error) : NAN;
}

/* The network is in the weights. A run without weights yet has no number. */
static reel_status count_parameters(reel_compared *run, reel_error *err)
{
    reel_error why;
    reel_ctx *ctx;
    reel_net *net;
    reel_model_card card;
    const reel_ctx_config config = {.threads = 1, .log = reel_log_warnings};
    REEL_TRY(reel_ctx_create(&ctx, &config, err));
    const reel_status status = reel_model_open(&net, &card, run->folder, NULL, ctx, REEL_F32, &why);
    if (status == REEL_OK) {
        run->parameters = reel_params_trainable(reel_net_params(net));
        reel_model_card_free(&card);
        reel_net_destroy(net);
    }
    reel_ctx_destroy(ctx);
    return status == REEL_ERR_MEMORY ? reel_fail(err, status, "%s", why.message) : REEL_OK;
}

static reel_status read_compared(reel_comparison *c, const char *folder, reel_error *err)
{
    if (c->n == REEL_COMPARE_MOST)
        return reel_fail(err, REEL_ERR_INVALID, "expected at most %d runs", REEL_COMPARE_MOST);
    reel_compared run = {.folder = strdup(folder)};
    if (!run.folder)
        return reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    if (reel_record_read(&run.record, folder, err)) {
        free(run.folder);
        return err->status;
    }

    /* A path may end with a slash. */
    size_t length = strlen(run.folder);
    while (length > 1 && run.folder[length - 1] == '/')
        run.folder[--length] = '\0';
    run.state = reel_record_state_of(&run.record, folder);
    find_best_epoch(&run);
    keep_ends_of_epochs(&run);
    run.ece = ece_of(run.record.evaluation);
    c->run[c->n++] = run;
    return count_parameters(&c->run[c->n - 1], err);
}

/* ---- folds ---- */

static bool holds_run(const char *folder)
{
    char path[REEL_PATH_MAX + 20];
    snprintf(path, sizeof path, "%s/config.json", folder);
    return access(path, F_OK) == 0;
}

static const char *fold_path(char *text, size_t size, const char *folder, int fold)
{
    snprintf(text, size, "%s/fold-%d", folder, fold);
    return text;
}

/* The highest fold that is there, up to one more than may be shown; 0 = none. */
static int last_fold(const char *folder)
{
    char path[REEL_PATH_MAX];
    int last = 0;
    for (int fold = 1; fold <= REEL_COMPARE_MOST + 1; fold++)
        if (holds_run(fold_path(path, sizeof path, folder, fold)))
            last = fold;
    return last;
}

bool reel_compare_has_folds(const char *folder)
{
    return !holds_run(folder) && last_fold(folder) > 0;
}

/* How many folds the newest run that was read is one of; 0 = not known. */
static int64_t folds_of_newest(const reel_comparison *c)
{
    const json_t *options = json_object_get(c->run[c->n - 1].record.config, "options");
    return atoll(reel_record_text(options, "k-fold", "0"));
}

static reel_status note_missing(reel_comparison *c, const char *folder, int64_t fold,
                                reel_error *err)
{
    char name[40], shown[REEL_PATH_MAX];
    snprintf(name, sizeof name, "fold-%" PRId64, fold);
    if (json_array_append_new(c->missing, json_string(name)) != 0)
        return reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    reel_say("reel: warning: %s: %s is missing; the folds that are there are shown",
             reel_shown_text(folder, shown, sizeof shown), name);
    return REEL_OK;
}

static reel_status read_folds(reel_comparison *c, const char *folder, reel_error *err)
{
    char path[REEL_PATH_MAX];
    int64_t last = last_fold(folder);
    for (int64_t fold = 1; fold <= last; fold++) {
        if (!holds_run(fold_path(path, sizeof path, folder, (int)fold))) {
            REEL_TRY(note_missing(c, folder, fold, err));
            continue;
        }
        REEL_TRY(read_compared(c, path, err));
        const int64_t all = folds_of_newest(c);
        last = all > last && all <= REEL_COMPARE_MOST ? all : last;
    }
    return REEL_OK;
}

/* ---- all runs ---- */

static const char *folder_part(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return slash && slash[1] ? slash + 1 : folder;
}

static void name_runs(reel_comparison *c)
{
    for (int i = 0; i < c->n; i++) {
        const char *name = folder_part(c->run[i].folder);
        bool shared = false;
        for (int k = 0; k < c->n; k++)
            shared |= k != i && !strcmp(folder_part(c->run[k].folder), name);
        c->run[i].name = shared ? c->run[i].folder : name;
    }
}

/* What config.json says under this name: an option, or a fact about the data. */
static const json_t *setting_of(const reel_compared *run, const char *key)
{
    const json_t *option = json_object_get(json_object_get(run->record.config, "options"), key);
    return option ? option : json_object_get(run->record.config, key);
}

static bool differs(const reel_comparison *c, const char *key)
{
    for (int i = 1; i < c->n; i++) {
        const json_t *first = setting_of(&c->run[0], key), *other = setting_of(&c->run[i], key);
        if ((first || other) && !(first && other && json_equal(first, other)))
            return true;
    }
    return false;
}

static bool note_difference(reel_comparison *c, const char *key)
{
    size_t i;
    json_t *known;
    json_array_foreach(c->differs, i, known)
    {
        if (!strcmp(json_string_value(known), key))
            return true;
    }
    return !differs(c, key) || json_array_append_new(c->differs, json_string(key)) == 0;
}

static reel_status find_differences(reel_comparison *c, reel_error *err)
{
    static const char *const facts[] = {"command", "version", "data", "train_images", "val_images"};
    bool ok = (c->differs = json_array()) != NULL;
    for (int i = 0; i < c->n && ok; i++) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(c->run[i].record.config, "options"), key, value)
        {
            ok = ok && note_difference(c, key);
        }
    }
    for (int i = 0; i < REEL_COUNT(facts) && ok; i++)
        ok = note_difference(c, facts[i]);
    return ok ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
}

reel_status reel_comparison_read(reel_comparison *c, const char *const *folders, int n,
                                 reel_error *err)
{
    reel_status status;
    *c = (reel_comparison){.missing = json_array()};
    if (!c->missing)
        return reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    for (int i = 0; i < n; i++) {
        status = reel_compare_has_folds(folders[i]) ? read_folds(c, folders[i], err)
                                                    : read_compared(c, folders[i], err);
        if (status != REEL_OK)
            goto failed;
    }
    name_runs(c);
    REEL_TRY_GOTO(find_differences(c, err), failed);
    return REEL_OK;
failed:
    reel_comparison_free(c);
    return status;
}

void reel_comparison_free(reel_comparison *c)
{
    for (int i = 0; i < c->n; i++) {
        free(c->run[i].folder);
        reel_record_free(&c->run[i].record);
    }
    json_decref(c->missing);
    json_decref(c->differs);
    *c = (reel_comparison){0};
}

/* ---- as JSON ---- */

/* Of the settings that are not the same everywhere, this run's; null where it has none. */
static json_t *settings_json(const reel_comparison *c, const reel_compared *run)
{
    json_t *settings = json_object(), *key;
    size_t i;
    json_array_foreach(c->differs, i, key)
    {
        const json_t *value = setting_of(run, json_string_value(key));
        if (json_object_set_new(settings, json_string_value(key),
                                value ? json_deep_copy(value) : json_null()) == 0)
            continue;
        json_decref(settings);
        return NULL;
    }
    return settings;
}

static json_t *run_json(const reel_comparison *c, const reel_compared *run)
{
    const reel_record_state *state = &run->state;
    return json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "folder",
                     reel_json_text(run->folder), "name", reel_json_text(run->name), "state",
                     state->name, "step", (json_int_t)state->step, "epoch",
                     (json_int_t)state->epoch, "epochs", (json_int_t)state->epochs, "seconds",
                     reel_json_number(state->seconds), "top1", reel_json_number(run->top1), "loss",
                     reel_json_number(run->loss), "ece", reel_json_number(run->ece), "parameters",
                     run->parameters ? json_integer(run->parameters) : json_null(), "settings",
                     settings_json(c, run));
}

json_t *reel_comparison_json(const reel_comparison *c)
{
    json_t *runs = json_array();
    for (int i = 0; i < c->n; i++)
        if (json_array_append_new(runs, run_json(c, &c->run[i])) != 0) {
            json_decref(runs);
            return NULL;
        }
    return json_pack("{s:o, s:O, s:O}", "runs", runs, "differs", c->differs, "missing", c->missing);
}
