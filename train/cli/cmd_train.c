/* `reel train` and `reel finetune`: options, recipe and a resumed run's configuration become
 * settings; the trainer does the rest. */
#include "train/cli/cmd_eval.h"
#include "train/cli/command.h"
#include "train/run/signals.h"
#include "train/report/report.h"
#include "train/run/data_dir.h"
#include "train/run/finetune.h"
#include "train/run/json_util.h"
#include "train/run/probe.h"
#include "train/run/recipe.h"
#include "train/run/run_lock.h"
#include "train/run/share.h"
#include "train/run/trainer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const reel_option options_table[] = {
    {"recipe", NULL, 0, REEL_OPTION_CHOICE, REEL_RECIPE_NAMES, "quick", 0, 0,
     "presets of the options below; yours win"},
    {"output-dir", NULL, 'o', REEL_OPTION_TEXT, "DIR", "run", 0, 0,
     "folder of the run: weights, checkpoints, log"},
    {"resume", NULL, 0, REEL_OPTION_TEXT, "auto|FILE", NULL, 0, 0,
     "continue from the newest valid checkpoint, or from FILE"},
    {"verify", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "with --resume: recompute a step of the checkpoint and compare"},
    {"weights", NULL, 0, REEL_OPTION_TEXT, "FILE", NULL, 0, 0, "start from these weights"},
    {"arch", NULL, 'a', REEL_OPTION_CHOICE, "alexnet|alexnet2012|tiny", "alexnet", 0, 0,
     "the network"},
    {"head", NULL, 0, REEL_OPTION_CHOICE, "flatten|gap|gmp", "flatten", 0, 0,
     "end of the network: linear layers, or a global pool"},
    {"num-classes", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e9,
     "classes to expect in DATA; 0 = as many as there are"},
    {"dropout", NULL, 0, REEL_OPTION_REAL, "P", NULL, 0, 0.99,
     "share set to zero; unset = the network's own, 0.5"},
    {"init", NULL, 0, REEL_OPTION_CHOICE, "model|kaiming|xavier|data", "model", 0, 0,
     "initial weights: the network's own, scaled, or fitted to a first batch"},
    {"epochs", NULL, 0, REEL_OPTION_INT, "N", "30", 1, 1e9, "passes over the training images"},
    {"batch-size", NULL, 'b', REEL_OPTION_INT, "N", "32", 1, 1e6, "images in a batch"},
    {"accumulate", NULL, 0, REEL_OPTION_INT, "N", "1", 1, 1e6,
     "batches whose gradients make one step"},
    {"lr", NULL, 0, REEL_OPTION_REAL, "X", "0.01", 0, 1e6, "learning rate"},
    {"momentum", NULL, 0, REEL_OPTION_REAL, "X", "0.9", 0, 1, "momentum"},
    {"weight-decay", "wd", 0, REEL_OPTION_REAL, "X", "5e-4", 0, 1e6, "weight decay"},
    {"nesterov", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0, "Nesterov's momentum"},
    {"dampening", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1, "dampening of the momentum"},
    {"lr-in-velocity", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "the update of 2012: learning rate inside the velocity"},
    {"bias-lr-mult", NULL, 0, REEL_OPTION_REAL, "X", "1", 0, 1e6,
     "learning rate of biases, as a multiple"},
    {"bias-decay-mult", NULL, 0, REEL_OPTION_REAL, "X", "1", 0, 1e6,
     "weight decay of biases, as a multiple"},
    {"lr-scheduler", NULL, 0, REEL_OPTION_CHOICE, "constant|step|multistep|cosine|poly|plateau",
     "cosine", 0, 0, "how the rate falls"},
    {"lr-step-size", NULL, 0, REEL_OPTION_INT, "N", "30", 1, 1e9, "epochs between falls (step)"},
    {"lr-milestones", NULL, 0, REEL_OPTION_TEXT, "N,N,...", NULL, 0, 0,
     "epochs at which it falls (multistep)"},
    {"lr-gamma", NULL, 0, REEL_OPTION_REAL, "X", "0.1", 1e-9, 1,
     "factor of a fall (step, multistep, plateau)"},
    {"lr-min", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1e6,
     "lowest learning rate (cosine, plateau)"},
    {"lr-power", NULL, 0, REEL_OPTION_REAL, "X", "1", 1e-3, 100, "exponent (poly)"},
    {"lr-patience", NULL, 0, REEL_OPTION_INT, "N", "5", 0, 1e9,
     "epochs without progress before a fall (plateau)"},
    {"lr-warmup-epochs", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1e9,
     "epochs of linear warm-up in front"},
    {"label-smoothing", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1,
     "share of the target spread over all classes"},
    {"clip-grad-norm", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1e9,
     "largest norm of the gradient; 0 = any"},
    {"train-crop-size", NULL, 0, REEL_OPTION_INT, "N", NULL, 1, 8192,
     "side of a training image; unset = the network's own"},
    {"train-resize-size", NULL, 0, REEL_OPTION_INT, "N", NULL, 1, 8192,
     "shorter side before --crop random; unset = crop x 8/7"},
    {"val-crop-size", NULL, 0, REEL_OPTION_INT, "N", NULL, 1, 8192,
     "side of an image in evaluation; unset = as in training"},
    {"val-resize-size", NULL, 0, REEL_OPTION_INT, "N", NULL, 1, 8192,
     "shorter side before the centre crop; unset = crop x 8/7"},
    {"crop", NULL, 0, REEL_OPTION_CHOICE, "random-resized|random|center", "random-resized", 0, 0,
     "training crop"},
    {"min-area", NULL, 0, REEL_OPTION_REAL, "X", "0.08", 1e-3, 1,
     "smallest share of the image in --crop random-resized"},
    {"flip", NULL, 0, REEL_OPTION_REAL, "P", "0.5", 0, 1, "probability of a horizontal flip"},
    {"jitter", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 1,
     "brightness, contrast and saturation change by up to this share"},
    {"lighting", NULL, 0, REEL_OPTION_REAL, "X", "0", 0, 10, "deviation of PCA lighting noise"},
    {"decode", NULL, 0, REEL_OPTION_CHOICE, "fast|exact", "fast", 0, 0,
     "training JPEGs (4:4:4: equally quick); evaluation is always exact"},
    {"class-balanced", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "every class equally often in an epoch of the same length; images of small ones repeat"},
    {"exif", NULL, 0, REEL_OPTION_CHOICE, "ignore|apply", "ignore", 0, 0,
     "apply: turn images upright as their EXIF data says, here and wherever the weights are used; "
     "--weights have theirs"},
    {"normalize", NULL, 0, REEL_OPTION_CHOICE, "imagenet|mean-pixel|none", "imagenet", 0, 0,
     "how pixels become numbers"},
    {"freeze", NULL, 0, REEL_OPTION_TEXT, "PATTERN,...", NULL, 0, 0,
     "parameters that stay as they are, such as 'features.*'"},
    {"unfreeze-after", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e9,
     "epochs after which they learn as well; 0 = never"},
    {"head-lr-mult", NULL, 0, REEL_OPTION_REAL, "X", "1", 0, 1e6,
     "learning rate of the last layer, as a multiple"},
    {"early-stop", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e9,
     "stop after N epochs without a better validation; 0 = off"},
    {"val-share", NULL, 0, REEL_OPTION_REAL, "X", "0.2", 0.001, 0.9,
     "finetune: share of each class held back for validation where DATA has no val/"},
    REEL_ROW_SEED,
    REEL_ROW_THREADS,
    REEL_ROW_WORKERS,
    {"max-steps", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e15,
     "stop after this many steps of the run; 0 = no limit"},
    {"max-time", NULL, 0, REEL_OPTION_TIME, "TIME", "0", 0, 1e9,
     "stop after this time (90s, 3m, 1.5h); 0 = no limit"},
    {"max-bad", NULL, 0, REEL_OPTION_REAL, "X", "0.01", 0, 1,
     "share of images that may be unreadable"},
    {"slow-read", NULL, 0, REEL_OPTION_TIME, "TIME", "30", 0.1, 1e9,
     "warn when an image takes longer than this to be read"},
    {"on-nan", NULL, 0, REEL_OPTION_CHOICE, "stop|skip|rollback", "stop", 0, 0,
     "when a loss or gradient is not finite: end, leave the step out, or go back with a lower "
     "rate"},
    {"checkpoint-every", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 1e15,
     "steps; 0 = after an epoch, at most once a minute (for --on-nan rollback after each), and "
     "each quarter of an hour"},
    {"keep", NULL, 0, REEL_OPTION_INT, "K", "2", 1, 1e6, "newest checkpoints to keep"},
    {"log-every", NULL, 0, REEL_OPTION_INT, "N", "10", 1, 1e15,
     "steps between lines of metrics.jsonl"},
    {"no-report", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "do not write report.html at the end"},
    {"test-only", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "only evaluate --weights on the validation images"},
    REEL_ROW_JSON,
    REEL_ROW_QUIET,
};

/* What belongs to this call and not to the run. */
static const char *const not_of_the_run[] = {"resume",    "weights",  "output-dir", "threads",
                                             "workers",   "verify",   "json",       "quiet",
                                             "max-steps", "max-time", "test-only",  "no-report"};

static json_t *make_config(const char *command, const char *data, const reel_options *options)
{
    json_t *values = reel_options_to_json(options);
    for (int i = 0; i < REEL_COUNT(not_of_the_run); i++)
        json_object_del(values, not_of_the_run[i]);
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

static bool same_value(const char *a, const char *b)
{
    char *end_a, *end_b;
    const double x = strtod(a, &end_a), y = strtod(b, &end_b);
    return !strcmp(a, b) || (end_a > a && end_b > b && !*end_a && !*end_b && x == y);
}

static bool is_one_of(const char *name, const char *const *list, int n)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(name, list[i]))
            return true;
    return false;
}

/* What a resumed run is told anew: allowed, but its end is no longer that of the run that was
 * begun. */
static void say_changes(const reel_options *options, const json_t *stored)
{
    static const char *const harmless[] = {"keep",      "checkpoint-every", "log-every", "max-bad",
                                           "slow-read", "num-classes",      "init",      "on-nan"};
    for (int i = 0; stored && i < REEL_COUNT(options_table); i++) {
        const char *name = options_table[i].name,
                   *was = json_string_value(json_object_get(stored, name));
        if (!reel_options_given(options, name) || is_one_of(name, harmless, REEL_COUNT(harmless)) ||
            is_one_of(name, not_of_the_run, REEL_COUNT(not_of_the_run)))
            continue;
        const char *is = reel_options_text(options, name);
        if (!was)
            reel_say("reel train: warning: --%s was not given and is %s now: from here the run may "
                     "be another one than was begun",
                     name, is);
        else if (!same_value(was, is))
            reel_say("reel train: warning: --%s was %s and is %s now: from here the run is another "
                     "one than was begun",
                     name, was, is);
    }
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
             reel_ctx_threads(t->ctx), reel_isa_name(reel_ctx_isa(t->ctx)), s->workers,
             reel_share_in_turns(reel_ctx_threads(t->ctx), s->workers) ? "in turn with them"
                                                                       : "beside them",
             s->train.decode == REEL_DECODE_FAST ? "fast" : "exact", t->steps_per_epoch,
             t->run.path);
    if (reel_dataset_count(t->train) < s->batch)
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
        .batch = s->batch,
        .threads = s->threads,
        .workers = s->workers,
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
    say_changes(options, json_object_get(r->config, "options"));
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

static int run_command(bool finetune, reel_options *options)
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

static int run_train(reel_options *options)
{
    return run_command(false, options);
}

static int run_finetune(reel_options *options)
{
    reel_error err;
    if (reel_options_preset(options, "recipe", "finetune", &err))
        return reel_complain("finetune", &err);
    return run_command(true, options);
}

/* A resumed run's configuration and --weights come on top: they are not known before a command
 * runs. */
static const char *presets_of_train(const char *option)
{
    return reel_recipe_value("quick", option);
}

static const char *presets_of_finetune(const char *option)
{
    if (!strcmp(option, "recipe"))
        return "finetune";
    if (!strcmp(option, "epochs"))
        return "5 to 40, by the number of images";
    return reel_recipe_value("finetune", option);
}

const reel_command reel_command_train = {
    .name = "train",
    .arguments = "[DATA]",
    .about = "Trains a network on images",
    .notes = "DATA holds train/ and val/ (or validation/), each with one folder of images per "
             "class; or it is a list, ImageNet's\n"
             "folders or tars, tar shards, packed shards, CIFAR, MNIST, or 'synth:' "
             "(data/README.md). The recipe in force is "
             "printed\n"
             "in full. The first Ctrl-C finishes the step and saves, a second one leaves at once; "
             "SIGUSR1 saves and goes on.\n"
             "--resume auto continues in the middle of an epoch, with the DATA and options it was "
             "told when it was begun.",
    .options = options_table,
    .n_options = (int)REEL_COUNT(options_table),
    .max_args = 1,
    .run = run_train,
    .presets = presets_of_train,
};

const reel_command reel_command_finetune = {
    .name = "finetune",
    .arguments = "[DATA]",
    .about = "Trains a network further that was trained elsewhere",
    .notes = "Takes every tensor of --weights that fits and starts the others anew: the last "
             "layer, for the classes in DATA.\n"
             "DATA holds train/ and val/, or is a folder with one folder of images per class: then "
             "--val-share of each class is\n"
             "held back, and split.json in the run's folder names them. Unless --epochs says "
             "otherwise, the number of epochs goes\n"
             "by the number of images.",
    .options = options_table,
    .n_options = (int)REEL_COUNT(options_table),
    .max_args = 1,
    .run = run_finetune,
    .presets = presets_of_finetune,
};
