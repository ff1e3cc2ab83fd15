/* The runs of --k-fold, and their summary. */
#include "train/cli/k_fold.h"

#include "core/number.h"
#include "train/cli/command.h"
#include "train/cli/train_batch.h"
#include "train/cli/train_ranks.h"
#include "train/report/compare.h"
#include "train/run/confusion.h"
#include "train/run/json_util.h"
#include "train/run/run_dir.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FOLD_PATH = 4400 };

/* ---- the summary ---- */

static const char *const figures[] = {"top1", "top5", "loss"};
enum { FIGURES = REEL_COUNT(figures) };

typedef struct fold_summary {
    int64_t folds, images, n_classes;
    double *values;     /* [FIGURES][folds] */
    int64_t *confusion; /* [truth][predicted]; NULL before the first fold */
    json_t *classes;    /* their names */
} fold_summary;

static void free_summary(fold_summary *s)
{
    free(s->values);
    free(s->confusion);
    json_decref(s->classes);
}

/* The names of the classes, of the first fold. */
static reel_status begin_confusion(fold_summary *s, const json_t *classes, reel_error *err)
{
    s->n_classes = (int64_t)json_array_size(classes);
    s->confusion = calloc((size_t)(s->n_classes * s->n_classes) + 1, sizeof *s->confusion);
    s->classes = json_array();
    if (!s->confusion || !s->classes)
        return reel_fail(err, REEL_ERR_MEMORY, "k-fold.json: out of memory");
    for (int64_t c = 0; c < s->n_classes; c++) {
        const json_t *name = json_object_get(json_array_get(classes, (size_t)c), "name");
        json_array_append_new(s->classes, json_copy((json_t *)name));
    }
    return REEL_OK;
}

static reel_status add_fold(fold_summary *s, int64_t fold, const json_t *evaluation,
                            const char *path, reel_error *err)
{
    const json_t *classes = json_object_get(evaluation, "classes");
    if (!s->confusion)
        REEL_TRY(begin_confusion(s, classes, err));
    if (!reel_confusion_add_json(s->confusion, s->n_classes, evaluation))
        return reel_fail(err, REEL_ERR_FORMAT, "%s: expected a confusion matrix of %s", path,
                         reel_count_of(s->n_classes, "class").text);

    for (int f = 0; f < FIGURES; f++) {
        const json_t *figure = json_object_get(evaluation, figures[f]); /* null: not finite */
        s->values[f * s->folds + fold] = json_is_number(figure) ? json_number_value(figure) : NAN;
    }
    s->images += json_integer_value(json_object_get(evaluation, "images"));
    return REEL_OK;
}

typedef struct fold_spread {
    double mean, deviation;
} fold_spread;

static fold_spread spread_of(const double *values, int64_t n)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++)
        sum += values[i];
    const double mean = sum / (double)n;
    for (int64_t i = 0; i < n; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (fold_spread){mean, sqrt(squares / (double)(n - 1))};
}

static json_t *spread_json(const fold_summary *s, int figure)
{
    const double *values = s->values + figure * s->folds;
    const fold_spread spread = spread_of(values, s->folds);
    json_t *each = json_array();
    for (int64_t i = 0; i < s->folds; i++)
        json_array_append_new(each, reel_json_number(values[i]));
    return json_pack("{s:o, s:o, s:o}", "mean", reel_json_number(spread.mean), "deviation",
                     reel_json_number(spread.deviation), "each", each);
}

/* NULL: no memory. */
static json_t *summary_json(const fold_summary *s)
{
    json_t *o = json_pack("{s:I, s:I, s:O}", "folds", (json_int_t)s->folds, "images",
                          (json_int_t)s->images, "classes", s->classes);
    bool good = o && reel_confusion_to_json(o, s->confusion, s->n_classes);
    for (int f = 0; good && f < FIGURES; f++)
        good = json_object_set_new(o, figures[f], spread_json(s, f)) == 0;
    if (good)
        return o;
    json_decref(o);
    return NULL;
}

static void print_summary(const fold_summary *s, const char *path)
{
    const double *top1 = s->values;
    const fold_spread spread = spread_of(top1, s->folds);
    char shown[FOLD_PATH];
    for (int64_t i = 0; i < s->folds; i++)
        printf("fold %" PRId64 ": validation top-1 %.2f %%\n", i + 1, 100 * top1[i]);
    printf("%s: validation top-1 %.2f %%, standard deviation %.2f; %s\n",
           reel_count_of(s->folds, "fold").text, 100 * spread.mean, 100 * spread.deviation,
           reel_shown_text(path, shown, sizeof shown));
}

static reel_status gather_folds(fold_summary *s, const char *out, reel_error *err)
{
    s->values = calloc((size_t)(FIGURES * s->folds), sizeof *s->values);
    if (!s->values)
        return reel_fail(err, REEL_ERR_MEMORY, "k-fold.json: out of memory");
    for (int64_t fold = 0; fold < s->folds; fold++) {
        char path[FOLD_PATH];
        json_t *evaluation;
        snprintf(path, sizeof path, "%s/fold-%" PRId64 "/evaluation.json", out, fold + 1);
        REEL_TRY(reel_json_load(&evaluation, path, err));
        const reel_status status = add_fold(s, fold, evaluation, path, err);
        json_decref(evaluation);
        REEL_TRY(status);
    }
    return REEL_OK;
}

/* Reads what the folds left, so that those that an earlier call trained count, too. */
static reel_status summarize_folds(const reel_options *options, const char *out, reel_error *err)
{
    char path[FOLD_PATH];
    fold_summary s = {.folds = reel_options_int(options, "k-fold")};
    json_t *o = NULL;
    reel_status status;
    snprintf(path, sizeof path, "%s/k-fold.json", out);
    REEL_TRY_GOTO(gather_folds(&s, out, err), done);
    o = summary_json(&s);
    REEL_TRY_GOTO(reel_json_save(o, path, err), done);
    if (reel_options_flag(options, "json"))
        reel_print_json(json_incref(o));
    else
        print_summary(&s, path);
done:
    json_decref(o);
    free_summary(&s);
    return status;
}

/* The page of all folds: what `reel report OUT` writes. */
static void write_page_of_folds(const char *command, const char *out, bool quiet)
{
    char path[FOLD_PATH], shown[FOLD_PATH];
    reel_comparison c;
    reel_error err;
    snprintf(path, sizeof path, "%s/report.html", out);
    if (reel_comparison_read(&c, &out, 1, &err) || reel_comparison_write(&c, path, &err))
        reel_say("reel %s: warning: no page of all folds: %s", command, err.message);
    else if (!quiet)
        reel_say("%s shows all folds", reel_shown_text(path, shown, sizeof shown));
    reel_comparison_free(&c);
}

/* ---- folds that were begun before ---- */

static void fold_folder(char folder[FOLD_PATH], const char *out, int64_t fold)
{
    snprintf(folder, FOLD_PATH, "%s/fold-%" PRId64, out, fold);
}

/* A whole number that a run was told; 0 = none. */
static int64_t told_number(const json_t *config, const char *option)
{
    const json_t *options = json_object_get(config, "options");
    const char *text = json_string_value(json_object_get(options, option));
    return text ? strtoll(text, NULL, 10) : 0;
}

/* What fold 1 was told, where --resume auto finds it in --output-dir; to be freed. NULL: none. */
static json_t *told_to_folds(const reel_options *options)
{
    const char *out = reel_options_text(options, "output-dir"),
               *resume = reel_options_text(options, "resume");
    char folder[FOLD_PATH];
    json_t *config = NULL;
    if (!resume || strcmp(resume, "auto") != 0 || reel_run_dir_holds_run(out))
        return NULL;
    fold_folder(folder, out, 1);
    if (reel_run_dir_config(&config, folder, NULL) == REEL_OK && told_number(config, "k-fold") > 1)
        return config;
    json_decref(config);
    return NULL;
}

/* Takes what belongs to fold 1 alone out of its configuration. k_fold_images: of all folds. */
static void keep_what_all_folds_share(json_t *config)
{
    static const char *const own[] = {
        "run_id",     "classes",  "class_weights",        "train_images",
        "val_images", "val_list", "images_told_by_bytes", "batch_size_choice"};
    const json_int_t images = json_integer_value(json_object_get(config, "train_images")) +
                              json_integer_value(json_object_get(config, "val_images"));
    if (config)
        json_object_set_new(config, "k_fold_images", json_integer(images));
    for (int i = 0; i < REEL_COUNT(own); i++)
        json_object_del(config, own[i]);
    json_object_del(json_object_get(config, "options"), "fold");
}

/* What decides which images a run holds out. */
typedef struct begun_fold {
    int64_t fold, folds, seed;
} begun_fold;

/* Is there no run in the folder, or one of this fold that may be resumed? */
static reel_status check_fold_folder(const reel_options *options, const begun_fold *fold,
                                     const char *folder, reel_error *err)
{
    json_t *config;
    REEL_TRY(reel_run_dir_check(folder, reel_options_text(options, "resume"), err));
    REEL_TRY(reel_run_dir_config(&config, folder, err));
    const begun_fold was = {told_number(config, "fold"), told_number(config, "k-fold"),
                            told_number(config, "seed")};
    const bool same =
        !config || (was.fold == fold->fold && was.folds == fold->folds && was.seed == fold->seed);
    json_decref(config);
    if (same)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected a run with --k-fold %" PRId64 " --fold %" PRId64
                     " --seed %" PRId64 ", got one with --k-fold %" PRId64 " --fold %" PRId64
                     " --seed %" PRId64,
                     folder, fold->folds, fold->fold, fold->seed, was.folds, was.fold, was.seed);
}

/* Before anything is trained. told: to fold 1; NULL = it was not begun. */
static reel_status check_folders(const reel_options *options, const char *out, const json_t *told,
                                 reel_error *err)
{
    const int64_t folds = reel_options_int(options, "k-fold");
    const int64_t seed = told && !reel_options_given(options, "seed")
                             ? told_number(told, "seed")
                             : reel_options_int(options, "seed");
    for (int64_t fold = 1; fold <= folds; fold++) {
        char folder[FOLD_PATH];
        fold_folder(folder, out, fold);
        REEL_TRY(check_fold_folder(options, &(const begun_fold){fold, folds, seed}, folder, err));
    }
    return REEL_OK;
}

/* ---- the runs ---- */

static reel_status name_fold(reel_options *options, const char *out, int64_t fold, reel_error *err)
{
    char number[24], folder[FOLD_PATH];
    snprintf(number, sizeof number, "%" PRId64, fold);
    fold_folder(folder, out, fold);
    REEL_TRY(reel_options_type(options, "fold", number, err));
    return reel_options_type(options, "output-dir", folder, err);
}

reel_status reel_train_has_folds(bool *has, const reel_options *options, reel_error *err)
{
    reel_ranks *ranks = reel_train_ranks();
    *has = reel_options_int(options, "k-fold") > 1;
    if (reel_options_int(options, "fold") != 0 || reel_options_flag(options, "test-only"))
        *has = false;
    else if (!*has && !reel_options_given(options, "k-fold")) {
        json_t *told = reel_ranks_leads(ranks) ? told_to_folds(options) : NULL;
        *has = told != NULL;
        json_decref(told);
        return reel_ranks_tell(ranks, has, sizeof *has, "whether there are folds", err);
    }
    return REEL_OK;
}

/* What rank 0 finds in --output-dir, on all ranks: see told_to_folds. */
static reel_status find_told(json_t **told, const reel_options *options, reel_error *err)
{
    reel_ranks *ranks = reel_train_ranks();
    const char *what = "what the folds were told";
    *told = reel_ranks_leads(ranks) ? told_to_folds(options) : NULL;
    if (!ranks)
        return REEL_OK;

    char *text = *told ? json_dumps(*told, JSON_COMPACT) : NULL;
    reel_status status = REEL_OK;
    if (*told && !text)
        status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what);
    REEL_TRY_GOTO(reel_ranks_agree(ranks, status, err, what), done);
    REEL_TRY_GOTO(reel_ranks_tell_text(ranks, &text, 0, what, err), done);
    if (text && !*told) {
        *told = json_loads(text, 0, NULL);
        if (!*told)
            status = reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", what);
    }
    status = reel_ranks_agree(ranks, status, err, what);
done:
    free(text);
    return status;
}

/* The options of all folds, and what those that begin now are told. */
static reel_status begin_folds(reel_options *options, const char *out, json_t **told,
                               reel_error *err)
{
    const char *resume = reel_options_text(options, "resume");
    char number[24];
    *told = NULL;
    if (resume && strcmp(resume, "auto") != 0)
        return reel_fail(err, REEL_ERR_INVALID, "--k-fold: expected --resume auto, got %s", resume);

    REEL_TRY(find_told(told, options, err));
    if (*told && !reel_options_given(options, "k-fold")) {
        snprintf(number, sizeof number, "%" PRId64, told_number(*told, "k-fold"));
        REEL_TRY(reel_options_type(options, "k-fold", number, err));
    }
    REEL_TRY(reel_train_batch_check(options, err));
    reel_ranks *ranks = reel_train_ranks();
    const reel_status status =
        reel_ranks_leads(ranks) ? check_folders(options, out, *told, err) : REEL_OK;
    REEL_TRY(reel_ranks_agree(ranks, status, err, "the folders of the folds"));
    keep_what_all_folds_share(*told);
    return REEL_OK;
}

static int train_all_folds(reel_options *options, bool finetune, const char *out,
                           const json_t *told, reel_train_run *run)
{
    const char *command = finetune ? "finetune" : "train";
    const int64_t folds = reel_options_int(options, "k-fold");
    char word[FOLD_PATH];
    reel_error err;
    for (int64_t fold = 1; fold <= folds; fold++) {
        if (name_fold(options, out, fold, &err))
            return reel_complain_usage(command, &err);
        const int code = reel_train_ranks_agree(command, run(options, finetune, told));
        if (code >= REEL_EXIT_SIGNAL)
            reel_say("reel %s: interrupted in fold %" PRId64 " of %" PRId64
                     "; `reel %s --resume auto -o %s` goes on with all that are left",
                     command, fold, folds, command, reel_shell_word(out, word, sizeof word));
        if (code != REEL_EXIT_OK)
            return code;
    }
    return REEL_EXIT_OK;
}

int reel_train_folds(reel_options *options, bool finetune, reel_train_run *run)
{
    const char *command = finetune ? "finetune" : "train";
    reel_error err;
    json_t *told;
    char out[FOLD_PATH - 64];
    snprintf(out, sizeof out, "%s", reel_options_text(options, "output-dir"));

    const reel_status begun = begin_folds(options, out, &told, &err);
    const int code = begun ? reel_complain_choice(command, &err)
                           : train_all_folds(options, finetune, out, told, run);
    json_decref(told);
    if (code != REEL_EXIT_OK || !reel_ranks_leads(reel_train_ranks()))
        return code;
    if (summarize_folds(options, out, &err))
        return reel_complain(command, &err);
    if (!reel_options_flag(options, "no-report") &&
        reel_options_int(options, "k-fold") <= REEL_COMPARE_MOST)
        write_page_of_folds(command, out, reel_options_flag(options, "quiet"));
    return REEL_EXIT_OK;
}
