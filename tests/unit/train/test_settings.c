/* From the options of `reel train` to settings: fields, what follows from several options, recipes,
 * and what a resumed run may be told anew. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"
#include "train/cli/options.h"
#include "train/cli/recipe.h"
#include "train/cli/recipe_table.h"
#include "train/cli/train_options.h"
#include "train/cli/train_resume.h"
#include "train/cli/train_settings.h"

static const reel_syntax syntax = {.options = reel_train_options,
                                   .n_options = REEL_N_TRAIN_OPTIONS,
                                   .more_options = reel_optim_row,
                                   .arguments = "[DATA]",
                                   .max_args = 1};

static reel_options *parse(const char *line)
{
    static char text[500];
    char *words[32];
    int n = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok(text, " "); word && n < 32; word = strtok(NULL, " "))
        words[n++] = word;
    reel_options *options = NULL;
    reel_error err;
    cr_assert_eq(reel_options_parse(&options, &syntax, n, words, &err), REEL_OK, "%s: %s", line,
                 err.message);
    return options;
}

static void expect_refused(const char *line, const char *words)
{
    reel_options *o = parse(line);
    reel_settings s;
    reel_error err = {0};
    cr_expect_eq(reel_settings_read(&s, o, NULL, &err), REEL_ERR_INVALID, "taken: %s", line);
    cr_expect(strstr(err.message, words), "%s: expected '%s', got '%s'", line, words, err.message);
    reel_options_destroy(o);
}

/* A row's field has the row's name, so that a flag is found by searching for its field. */
Test(settings, each_row_has_the_name_of_its_field)
{
    static const char *const fields[] = {
#define OPTION(field, type, ...) #field,
#include "train/run/options.def"
#undef OPTION
    };
    for (int i = 0; i < REEL_N_TRAIN_OPTIONS; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", fields[i]);
        for (char *p = name; *p; p++)
            *p = *p == '_' ? '-' : *p;
        cr_expect_str_eq(reel_train_options[i].name, name);
    }
}

Test(settings, every_type_reaches_its_field)
{
    reel_options *o =
        parse("d -o out --epochs 7 --lr 0.5 --max-time 2m --class-balanced --crop random");
    reel_settings s;
    reel_error err;
    cr_assert_eq(reel_settings_read(&s, o, NULL, &err), REEL_OK, "%s", err.message);
    cr_expect_str_eq(s.output_dir, "out");
    cr_expect_eq(s.epochs, 7);
    cr_expect_eq(s.lr, 0.5);
    cr_expect_eq(s.max_time, 120);
    cr_expect(s.class_balanced && !s.quiet);
    cr_expect_str_eq(s.crop, "random");
    cr_expect(isnan(s.dropout) && s.train_crop_size == 0 && !s.weights, "unset options");
    reel_options_destroy(o);
}

Test(settings, what_follows_from_several_options)
{
    reel_options *o = parse("d --arch alexnet --val-crop-size 192 --lr-scheduler multistep "
                            "--lr-milestones 3,5 --on-nan skip --init kaiming --threads 3");
    reel_settings s;
    reel_error err;
    cr_assert_eq(reel_settings_read(&s, o, NULL, &err), REEL_OK, "%s", err.message);
    cr_expect_str_eq(s.model->name, "alexnet");
    cr_expect(s.train.size == 224 && s.train.resize == 256, "the network's own");
    cr_expect(s.val.size == 192 && s.val.resize == 219, "crop x 8/7, rounded");
    cr_expect_eq(s.nan_action, REEL_ON_NAN_SKIP);
    cr_expect_eq(s.net.weight_init.kind, REEL_INIT_KAIMING_NORMAL);
    cr_expect_eq(s.net.dropout, s.model->dropout, "the network's own");
    cr_expect(s.threads == 3 && s.workers == 3 && !s.choose_workers);
    reel_options_destroy(o);

    o = parse("d");
    cr_assert_eq(reel_settings_read(&s, o, NULL, &err), REEL_OK, "%s", err.message);
    cr_expect(s.threads > 0 && s.workers == s.threads && s.choose_workers);
    reel_options_destroy(o);
}

Test(settings, options_that_do_not_go_together_are_refused)
{
    expect_refused("d --resume auto --weights x", "--resume and --weights exclude each other");
    expect_refused("d --test-only", "--test-only: expected --weights");
    expect_refused("d --nesterov --momentum 0", "--nesterov: expected momentum above 0");
    expect_refused("d --lr-scheduler multistep",
                   "--lr-milestones: expected epochs such as 23,51,78, got none");
    expect_refused("d --lr-scheduler multistep --lr-milestones 3,x",
                   "--lr-milestones: expected up to 16 whole numbers");
    expect_refused("d --opt adamw --momentum 0.9", "--momentum: --opt adamw has no such option");
    expect_refused("d --opt adamw --beta1 1", "--beta1: expected less than 1");
    expect_refused("d --epochs 2 --lr-warmup-epochs 2", "--lr-warmup-epochs: expected less than");
    expect_refused("d --val-resize-size 20 --val-crop-size 64", "--val-resize-size: expected the");
    expect_refused("d --val-crop-size 1", "--val-crop-size: expected 63 or more for alexnet");
    expect_refused("d --crop random --train-resize-size 20", "--train-resize-size: expected the");
}

Test(settings, every_recipe_makes_settings_and_yields_to_the_user)
{
    const char *name;
    int n = 0;
    for (; (name = reel_recipe_word(n)); n++) {
        reel_options *o = parse("d --epochs 3");
        reel_settings s;
        reel_error err;
        cr_expect_eq(reel_recipe_apply(name, o, &err), REEL_OK, "%s: %s", name, err.message);
        cr_expect_eq(reel_settings_read(&s, o, NULL, &err), REEL_OK, "%s: %s", name, err.message);
        cr_expect_eq(s.epochs, 3, "%s", name);
        cr_expect_eq(s.batch_size, strtoll(reel_recipe_value(name, "batch-size"), NULL, 10), "%s",
                     name);
        reel_options_destroy(o);
    }
    cr_expect_geq(n, 5);
}

/* The published rates at 1K, 8K, 16K and 32K, straight lines between them, the ends outside. */
Test(settings, the_recipe_for_large_batches_follows_the_batch)
{
    static const struct {
        const char *line;
        double lr, warmup_epochs, start;
    } cases[] = {{"d", 2, 0, 0.5},
                 {"d -b 8192", 10, 3.8, 0.1},
                 {"d -b 256 --accumulate 32", 10, 3.8, 0.1},
                 {"d -b 16384", 24, 5, 1 / 24.0},
                 {"d -b 24576", 28, 7.5, 1 / 28.0},
                 {"d -b 32768", 32, 10, 1 / 32.0},
                 {"d -b 512", 2, 0, 0.5},
                 {"d -b 65536", 32, 10, 1 / 32.0},
                 {"d -b 8192 --lr 7", 7, 3.8, 0.1}};
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        reel_options *o = parse(cases[i].line);
        reel_settings s;
        reel_error err;
        const reel_resumed_run none = {0};
        cr_assert_eq(reel_options_preset(o, "recipe", "alexnet-large-batch", &err), REEL_OK);
        cr_assert_eq(reel_resume_preset(&none, o, &err), REEL_OK, "%s", err.message);
        cr_assert_eq(reel_settings_read(&s, o, NULL, &err), REEL_OK, "%s", err.message);
        cr_expect_str_eq(reel_options_text(o, "opt"), "lars");
        cr_expect_str_eq(reel_options_text(o, "weight-decay"), "5e-4");
        cr_expect_eq(s.epochs, 100);
        cr_expect(fabs(s.lr / cases[i].lr - 1) < 1e-5, "%s: lr %g", cases[i].line, s.lr);
        cr_expect(fabs(s.lr_warmup_epochs - cases[i].warmup_epochs) < 1e-5, "%s: %g epochs",
                  cases[i].line, s.lr_warmup_epochs);
        cr_expect(fabs(s.lr_warmup_decay / cases[i].start - 1) < 1e-5, "%s: start %g",
                  cases[i].line, s.lr_warmup_decay);
        reel_options_destroy(o);
    }
}

/* ---- a run that is resumed with other options ---- */
Test(settings, changes_of_a_resumed_run_are_reported_by_scope, .init = cr_redirect_stderr)
{
    json_t *stored = json_pack("{s:s, s:s, s:s, s:s}", "lr", "0.10", "keep", "2", "momentum", "0.9",
                               "recipe", "quick");
    reel_options *o =
        parse("--lr .1 --keep 5 --momentum 0.8 --flip 0.25 --threads 2 --resume auto");
    reel_train_warn_of_changes(o, stored);
    cr_expect_stderr_eq_str(
        "reel: warning: --flip was not given and is 0.25 now: from here the run may be "
        "another one than was begun\n"
        "reel: warning: --momentum was 0.9 and is 0.8 now: from here the run is another one "
        "than was begun\n");
    reel_train_warn_of_changes(o, NULL);
    reel_options_destroy(o);
    json_decref(stored);
}

Test(settings, what_is_stored_with_a_run)
{
    static const char *const call[] = {"resume",    "weights",  "output-dir", "threads",
                                       "workers",   "verify",   "json",       "quiet",
                                       "max-steps", "max-time", "test-only",  "no-report"};
    static const char *const harmless[] = {"keep",      "checkpoint-every", "log-every", "max-bad",
                                           "slow-read", "num-classes",      "init",      "on-nan"};
    int n_call = 0, n_harmless = 0;
    for (int i = 0; i < REEL_N_TRAIN_OPTIONS; i++) {
        const reel_option *row = &reel_train_options[i];
        n_call += row->scope == REEL_SCOPE_CALL;
        n_harmless += row->scope == REEL_SCOPE_HARMLESS;
        for (int k = 0; k < (int)REEL_COUNT(call); k++)
            if (!strcmp(row->name, call[k]))
                cr_expect_eq(row->scope, REEL_SCOPE_CALL, "--%s", row->name);
        for (int k = 0; k < (int)REEL_COUNT(harmless); k++)
            if (!strcmp(row->name, harmless[k]))
                cr_expect_eq(row->scope, REEL_SCOPE_HARMLESS, "--%s", row->name);
    }
    cr_expect_geq(n_call, (int)REEL_COUNT(call));
    cr_expect_geq(n_harmless, (int)REEL_COUNT(harmless));
}
