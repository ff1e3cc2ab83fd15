/* `reel train` and `reel finetune`: options, recipe and a resumed run's configuration become
 * settings; the trainer does the rest. */
#include "train/cli/cmd_train.h"

#include "train/cli/cmd_eval.h"
#include "train/cli/command.h"
#include "train/cli/option_table.h"
#include "train/cli/recipe.h"
#include "train/cli/train_options.h"
#include "train/cli/train_settings.h"
#include "train/report/report.h"
#include "train/run/data_dir.h"
#include "train/run/finetune.h"
#include "train/run/json_util.h"
#include "train/run/probe.h"
#include "train/run/run_lock.h"
#include "train/run/share.h"
#include "train/run/signals.h"
#include "train/run/trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *make_config(const char *command, const char *data, const reel_options *options)
{
    json_t *values = reel_options_to_json(options);
    const char *weights = reel_options_text(options, "weights");
    json_t *config = json_pack("{s:s, s:s, s:o}", "command", command, "version", reel_version(),
                               "options", values);
    reel_json_put_path(config, "data", data);
    if (weights)
        reel_json_put_path(config, "weights", weights);
    return config;
}

static void on_damaged(const char *message)
{
    reel_say("reel train: warning: checkpoint passed over: %s", message);
}

/* What --resume means. */
typedef struct {
    reel_weights *checkpoint; /* NULL where "auto" finds none: the run was ended before its first
                                 one, and begins again */
    json_t *config;           /* what it was told; NULL where there is no run */
    char path[REEL_PATH_MAX];
    bool newest; /* valid one of the folder: later ones are damaged */
    int lock;    /* of the output folder, where there is one already */
} resumed_run;

static reel_status find_run(resumed_run *r, const reel_options *options, reel_error *err)
{
    const char *resume = reel_options_text(options, "resume"),
               *folder = reel_options_text(options, "output-dir");
    if (!resume)
        return REEL_OK;
    /* Before the newest checkpoint is looked for: another run may be about to replace it. */
    if (reel_run_dir_holds_run(folder))
        REEL_TRY(reel_run_lock(&r->lock, folder, err));
    if (strcmp(resume, "auto") != 0) {
        snprintf(r->path, sizeof r->path, "%s", resume);
        REEL_TRY(reel_checkpoint_open(&r->checkpoint, r->path, err));
    } else {
        REEL_TRY(reel_checkpoint_find(&r->checkpoint, folder, INT64_MAX, 1, r->path, sizeof r->path,
                                      on_damaged, err));
        if (!r->checkpoint)
            return reel_run_dir_config(&r->config, folder, err);
        r->newest = true;
    }
    r->config = reel_checkpoint_config(r->checkpoint);
    return REEL_OK;
}

/* Giving milestones or a step size says which schedule is meant. As a preset, so that it is stored
 * with the run: a resumed one is not given them again. */
static reel_status imply_schedule(reel_options *options, reel_error *err)
{
    if (reel_options_given(options, "lr-milestones"))
        return reel_options_preset(options, "lr-scheduler", "multistep", err);
    if (reel_options_given(options, "lr-step-size"))
        return reel_options_preset(options, "lr-scheduler", "step", err);
    return REEL_OK;
}

/* Presets: recipe, then what a resumed run was told, or what the weights to start from are. */
static reel_status preset(reel_options *options, const resumed_run *r, reel_error *err)
{
    const json_t *stored = json_object_get(r->config, "options");
    const char *was = json_string_value(json_object_get(stored, "recipe"));
    char path[REEL_PATH_MAX];
    const char *weights =
        r->checkpoint ? NULL : reel_json_path(r->config, "weights", path, sizeof path);
    reel_status status = REEL_OK;
    if (was && reel_options_given(options, "recipe") &&
        strcmp(was, reel_options_text(options, "recipe")) != 0)
        status = reel_fail(err, REEL_ERR_INVALID, "--recipe: the run to resume was started with %s",
                           was);
    else if (was)
        status = reel_options_preset(options, "recipe", was, err);
    if (status == REEL_OK)
        status = reel_recipe_apply(reel_options_text(options, "recipe"), options, err);
    if (status == REEL_OK && stored) {
        reel_error why;
        status = reel_options_from_json(options, stored, &why);
        if (status != REEL_OK)
            reel_fail(err, status, "the options that the run to resume was told: %s", why.message);
    }
    if (status == REEL_OK && weights)
        status = reel_options_preset(options, "weights", weights, err);
    if (status == REEL_OK)
        status = imply_schedule(options, err);
    return status;
}

/* What the weights to start from are; and, unless it is settled already, what they were told about
 * EXIF data. */
static reel_status preset_from_weights(reel_options *options, bool resumed, reel_error *err)
{
    const char *path = reel_options_text(options, "weights");
    if (!path)
        return REEL_OK;
    reel_weights *weights;
    REEL_TRY(reel_weights_read(&weights, path, err));
    reel_model_card card;
    reel_status status =
        reel_model_read_card(&card, weights, reel_options_text(options, "arch"), path, err);
    if (status == REEL_OK)
        status = reel_options_preset(options, "arch", card.arch, err);
    if (status == REEL_OK && reel_weights_metadata(weights, "head"))
        status = reel_options_preset(options, "head", card.head, err);
    if (status == REEL_OK && !resumed)
        status = reel_options_preset(
            options, "exif", reel_transform_of(&card.preprocessing).exif ? "apply" : "ignore", err);
    reel_model_card_free(&card);
    reel_weights_destroy(weights);
    return status;
}

/* As many epochs as suit the number of training images. */
static reel_status preset_epochs(reel_options *options, const char *data, reel_error *err)
{
    reel_dataset *train;
    char path[REEL_PATH_MAX], text[24];
    if (reel_data_has_val(data))
        REEL_TRY(reel_data_open(&train, data, "train", path, sizeof path, err));
    else
        REEL_TRY(reel_data_open_whole(&train, data, path, sizeof path, err));
    snprintf(text, sizeof text, "%" PRId64, reel_finetune_epochs(reel_dataset_count(train)));
    reel_dataset_destroy(train);
    return reel_options_preset(options, "epochs", text, err);
}

static void say_start(const reel_trainer *t, const reel_options *options, const char *resumed_from)
{
    const reel_settings *s = t->settings;
    if (s->quiet)
        return;
    reel_recipe_print(s->recipe, options);
    reel_say("%" PRId64 " training and %" PRId64 " validation images, %" PRId64
             " classes; %s, %" PRId64 " parameters",
             reel_dataset_count(t->train), reel_dataset_count(t->val), t->card.classes,
             s->model->name, reel_params_trainable(reel_net_params(t->net)));
    const int64_t hidden = t->whole ? reel_dataset_hidden(t->whole)
                                    : reel_dataset_hidden(t->train) + reel_dataset_hidden(t->val);
    if (hidden)
        reel_say("%" PRId64 " hidden files and folders (their names begin with a dot) are left out",
                 hidden);
    reel_say("%d compute threads (%s), %d workers %s; %s decoding; %" PRId64
             " steps an epoch; results in %s",
             reel_ctx_threads(t->ctx), reel_isa_name(reel_ctx_isa(t->ctx)), (int)s->workers,
             reel_share_in_turns(reel_ctx_threads(t->ctx), (int)s->workers) ? "in turn with them"
                                                                            : "beside them",
             s->train.decode == REEL_DECODE_FAST ? "fast" : "exact", t->steps_per_epoch,
             t->run.path);
    if (reel_dataset_count(t->train) < s->batch_size)
        reel_say("fewer images than --batch-size: a batch is all %" PRId64,
                 reel_dataset_count(t->train));
    if (s->resume && !resumed_from)
        reel_say("no checkpoint to resume from: starting at the beginning");
    if (resumed_from && t->state.epoch == s->epochs)
        reel_say("resumed from %s: step %" PRId64 ", all of its %" PRId64 " epochs are done",
                 resumed_from, t->state.step, s->epochs);
    else if (resumed_from)
        reel_say("resumed from %s: step %" PRId64 ", epoch %" PRId64 ", batch %" PRId64,
                 resumed_from, t->state.step, t->state.epoch + 1, t->state.batch);
}

static int report(const char *command, const reel_trainer *t)
{
    static const char *const ends[] = {"complete", "max-steps", "max-time", "signal", "early-stop"};
    const reel_run_state *s = &t->state;
    const double seconds = reel_seconds_now() - t->began;
    int code = REEL_EXIT_OK;
    if (t->settings->json) {
        json_t *o =
            json_pack("{s:s, s:o, s:I, s:I, s:f, s:f, s:I}", "end", ends[t->end], "output_dir",
                      reel_json_text(t->run.path), "step", (json_int_t)s->step, "epochs",
                      (json_int_t)s->epoch, "seconds", seconds, "train_seconds", s->train_seconds,
                      "bad_files", (json_int_t)t->bad_files);
        if (s->best_epoch) {
            json_object_set_new(o, "best_top1", json_real(s->best_top1));
            json_object_set_new(o, "best_epoch", json_integer(s->best_epoch));
        }
        if (t->last.images) {
            json_object_set_new(o, "top1", json_real(t->last.top1));
            json_object_set_new(o, "top5", json_real(t->last.top5));
            json_object_set_new(o, "loss", reel_json_number(t->last.loss));
        }
        code = reel_print_json(o);
    } else {
        char text[32];
        printf("%s after %" PRId64 " steps, %s; ",
               t->end == REEL_RUN_COMPLETE ? "done"
               : t->end == REEL_RUN_EARLY  ? "done, no better validation for a while,"
                                           : "stopped",
               s->step, reel_duration_text(seconds, text, sizeof text));
        if (s->best_epoch) {
            char other[100] = "";
            if (reel_trainer_best_is_lost(t))
                snprintf(other, sizeof other, ", its weights are lost");
            else if (t->best_there > s->best_epoch)
                snprintf(other, sizeof other,
                         "; best.safetensors is of epoch %" PRId64 " before it was resumed",
                         t->best_there);
            printf("best validation top-1 %.2f %% (epoch %" PRId64 "%s); ", 100 * s->best_top1,
                   s->best_epoch, other);
        }
        printf("weights in %s/\n", t->run.path);
    }
    if (t->bad_files)
        reel_say("reel train: %" PRId64 " files could not be read: %s/bad_files.jsonl",
                 t->bad_files, t->run.path);
    if (t->end != REEL_RUN_SIGNAL)
        return code;
    if (s->step == 0)
        reel_say(
            "reel %s: interrupted before the first step; reel %s --resume auto -o %s begins again",
            command, command, t->run.path);
    else
        reel_say("reel %s: interrupted at step %" PRId64
                 ", saved; reel %s --resume auto -o %s continues",
                 command, s->step, command, t->run.path);
    return REEL_EXIT_SIGNAL + reel_signals_pending();
}

static void write_report(const char *command, const char *folder, bool quiet)
{
    reel_error err;
    char path[REEL_PATH_MAX];
    snprintf(path, sizeof path, "%s/report.html", folder);
    if (reel_report_write(folder, NULL, path, &err))
        reel_say("reel %s: warning: no report: %s", command, err.message);
    else if (!quiet)
        reel_say("%s shows how it went", path);
}

/* As the weights say, but for what the command line does. */
static int test_only(const char *data, const reel_settings *s, const reel_options *o)
{
    const reel_eval_request request = {
        .command = "train --test-only",
        .data = data,
        .split = "val",
        .weights = s->weights,
        .arch = s->model->name,
        .batch = s->batch_size,
        .threads = (int)s->threads,
        .workers = (int)s->workers,
        .resize = reel_options_given(o, "val-resize-size") ? s->val.resize : 0,
        .crop = reel_options_given(o, "val-crop-size") ? s->val.size : 0,
        .exif = reel_options_given(o, "exif") ? reel_options_text(o, "exif") : NULL,
        .max_bad = s->max_bad,
        .json = s->json,
        .quiet = s->quiet};
    return reel_eval(&request);
}

static void set_aside(const resumed_run *r, const reel_settings *s)
{
    const int64_t aside = reel_checkpoint_set_aside(s->output_dir, r->path);
    if (aside)
        reel_say("reel train: warning: set aside as *.damaged: %" PRId64 "; going on from %s",
                 aside, r->path);
}

/* Frees the checkpoint as soon as it can. */
static int train(bool finetune, reel_options *options, resumed_run *r)
{
    const char *command = finetune ? "finetune" : "train";
    char path[REEL_PATH_MAX];
    const bool told = reel_options_arg_count(options) > 0;
    const char *data =
        told ? reel_options_arg(options, 0) : reel_json_path(r->config, "data", path, sizeof path);
    const char *begun = json_string_value(json_object_get(r->config, "command"));
    reel_error err;
    reel_settings settings = {0};
    if (!data) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected DATA: --output-dir %s holds no run that says which it was",
                  reel_options_text(options, "output-dir"));
        return reel_complain_usage(command, &err);
    }
    if (begun && strcmp(begun, command) != 0) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "--resume: the run was begun by `reel %s`, and is continued by that", begun);
        return reel_complain_usage(command, &err);
    }
    int code = 0;
    if (preset(options, r, &err))
        code = reel_complain_usage(command, &err);
    else if (preset_from_weights(options, r->config != NULL, &err) ||
             (finetune && !r->checkpoint && !r->config && preset_epochs(options, data, &err)))
        code = reel_complain(command, &err);
    else if (reel_settings_read(&settings, options, &err))
        code = reel_complain_usage(command, &err);
    else if (settings.test_only)
        code = test_only(data, &settings, options);
    if (code || settings.test_only)
        return code;
    reel_train_warn_of_changes(options, json_object_get(r->config, "options"));
    settings.locked = r->lock >= 0;
    settings.replace_head = finetune;
    settings.val_share = finetune ? reel_options_real(options, "val-share") : 0;
    json_t *config = make_config(command, data, options);
    reel_trainer t;
    reel_status status =
        reel_trainer_open(&t, data, &settings, config, r->checkpoint, r->path, &err);
    const bool resumed = r->checkpoint != NULL;
    if (status != REEL_OK && !told && !strncmp(err.message, data, strlen(data))) {
        const reel_error why = err;
        reel_fail(&err, status, "%s (DATA as the run was told it; give it anew where it has moved)",
                  why.message);
    }
    const json_t *images = json_object_get(r->config, "train_images");
    if (status == REEL_OK && images && json_integer_value(images) != reel_dataset_count(t.train))
        reel_say("reel train: warning: there were %" JSON_INTEGER_FORMAT
                 " training images and are %" PRId64
                 " now: from here the run is another one than was begun",
                 json_integer_value(images), reel_dataset_count(t.train));
    /* Before anything is written: a run that does not hold stays as it is. */
    const bool verify = status == REEL_OK && resumed && reel_options_flag(options, "verify");
    const bool holds = !verify || reel_probe_holds(&t, r->checkpoint, r->path, &err);
    if (status == REEL_OK && holds && r->newest)
        set_aside(r, &settings);
    if (status == REEL_OK && holds)
        status = reel_trainer_begin(&t, &err);
    reel_weights_destroy(r->checkpoint); /* as large as the run itself */
    r->checkpoint = NULL;
    if (!holds) {
        reel_complain(command, &err);
        code = REEL_EXIT_CHECK;
    } else if (status == REEL_OK) {
        say_start(&t, options, resumed ? r->path : NULL);
        if (verify && !settings.quiet)
            reel_say("verified: a step of the checkpoint has the bits it had");
        status = reel_trainer_run(&t, &err);
    }
    if (holds)
        code = status ? reel_complain(command, &err) : report(command, &t);
    char folder[sizeof t.run.path];
    snprintf(folder, sizeof folder, "%s", t.run.path); /* it may have been moved */
    const bool ended = holds && status == REEL_OK && t.end != REEL_RUN_SIGNAL && t.state.step > 0;
    reel_trainer_close(&t); /* first: the page loads the weights again */
    if (ended && !reel_options_flag(options, "no-report"))
        write_report(command, folder, settings.quiet);
    return code;
}

int reel_train(reel_options *options, bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    reel_error err;
    const char *folder = reel_options_text(options, "output-dir"),
               *resume = reel_options_text(options, "resume");
    if (!resume && reel_options_flag(options, "verify")) {
        reel_fail(&err, REEL_ERR_INVALID, "--verify: expected --resume");
        return reel_complain_usage(command, &err);
    }
    if (!resume && !reel_options_arg_count(options)) {
        reel_fail(&err, REEL_ERR_INVALID, "expected DATA");
        return reel_complain_usage(command, &err);
    }
    reel_signals_install(); /* before a large checkpoint is read: SIGUSR1 would end the program */
    if (!reel_options_flag(options, "test-only") && reel_run_dir_check(folder, resume, &err))
        return reel_complain(command, &err);
    if (finetune && !resume && !reel_options_set(options, "weights")) {
        reel_fail(&err, REEL_ERR_INVALID, "expected --weights FILE: what to start from");
        return reel_complain_usage(command, &err);
    }
    resumed_run r = {.lock = -1};
    const int code =
        find_run(&r, options, &err) ? reel_complain(command, &err) : train(finetune, options, &r);
    reel_run_unlock(r.lock);
    reel_weights_destroy(r.checkpoint);
    json_decref(r.config);
    return code;
}

static int train_run(reel_options *options)
{
    return reel_train(options, false);
}

/* A resumed run's configuration and --weights come on top: they are not known before a command
 * runs. */
static const char *train_presets(const char *option)
{
    return reel_recipe_value("quick", option);
}

const reel_command reel_command_train = {
    .name = "train",
    .summary = "Train a network on a folder of images",
    .arguments = "[DATA]",
    .max_args = 1,
    .notes = "DATA holds train/ and val/ (or validation/), each with one folder of images per "
             "class. It may also be a list, ImageNet's folders or tars, tar shards, packed shards, "
             "CIFAR, MNIST, or 'synth:' (data/README.md).\n"
             "Reel prints the whole recipe when it starts. The first Ctrl-C finishes the training "
             "step and saves, a second one stops at once. SIGUSR1 saves and continues.\n"
             "--resume auto continues in the middle of an epoch, with the DATA and the options "
             "that the run was started with.",
    .options = reel_train_options,
    .n_options = REEL_N_TRAIN_OPTIONS,
    .examples = {{"reel train photos -o run", "AlexNet from scratch on photos/train."},
                 {"reel train photos -o run --epochs 60 --lr 0.02 -b 64", "With other settings."},
                 {"reel train --resume auto -o run", "Continue an interrupted run."},
                 {"reel train photos --recipe torchvision -j 8",
                  "Train as torchvision's reference script does."}},
    .group = REEL_COMMAND_TRAINING,
    .run = train_run,
    .presets = train_presets,
};
