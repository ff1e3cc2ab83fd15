/* `reel train`, and what `reel finetune` shares with it: options, recipe and a resumed run's
 * configuration become settings; the loop does the rest. */
#include "train/cli/cmd_train.h"

#include "data/dataset.h"
#include "train/cli/cmd_eval.h"
#include "train/cli/command.h"
#include "train/cli/k_fold.h"
#include "train/cli/optim_options.h"
#include "train/cli/option_table.h"
#include "train/cli/recipe.h"
#include "train/cli/recipe_table.h"
#include "train/cli/train_batch.h"
#include "train/cli/train_find_lr.h"
#include "train/cli/train_options.h"
#include "train/cli/train_resume.h"
#include "train/cli/train_settings.h"
#include "train/cli/train_talk.h"
#include "train/cli/weights_name.h"
#include "train/report/report.h"
#include "train/run/finetune.h"
#include "train/run/json_util.h"
#include "train/run/probe.h"
#include "train/run/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* ---- from options to settings ---- */

/* In config.json: files without an image's extension are images if their bytes say so. */
static const char told_by_bytes[] = "images_told_by_bytes";

/* A new run's identity: random, because two runs with the same options are two runs. */
static json_t *new_run_id(void)
{
    uint64_t bits[2] = {(uint64_t)time(NULL), (uint64_t)getpid()}; /* where there is no random */
    char text[40];
    if (getrandom(bits, sizeof bits, GRND_NONBLOCK) != sizeof bits)
        bits[1] ^= bits[0] << 32;
    snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, bits[0], bits[1]);
    return json_string(text);
}

/* run_id: of the run that is resumed; "" = a new one. */
static json_t *make_config(const char *command, const char *data, const reel_options *options,
                           bool names_only, const char *run_id)
{
    json_t *values = reel_options_to_json(options);
    for (int i = 0; i < reel_options_count(options); i++) {
        const char *name = reel_options_row(options, i)->name;
        if (reel_optimizer_lacks(options, name))
            json_object_del(values, name);
    }

    const char *weights = reel_options_text(options, "weights");
    json_t *config = json_pack("{s:s, s:s, s:o}", "command", command, "version", reel_version(),
                               "options", values);
    reel_json_put_path(config, "data", data);
    json_object_set_new(config, "run_id", *run_id ? json_string(run_id) : new_run_id());
    json_object_set_new(config, told_by_bytes, json_boolean(!names_only));
    if (weights)
        reel_json_put_path(config, "weights", weights);
    return config;
}

/* What a run takes from weights or a checkpoint, beside presets. */
typedef struct brought {
    json_t *classes; /* their names; NULL = unknown */
    char *network;   /* its text; NULL = none */
} brought;

/* What the weights to start from are; and, unless it is settled already, what they were told about
 * EXIF data and resizing. */
static reel_status preset_from_weights(reel_options *options, const char *path, bool resumed,
                                       brought *b, reel_error *err)
{
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
    if (status == REEL_OK && !resumed)
        status =
            reel_options_preset(options, "interpolation",
                                reel_interpolation_name(card.preprocessing.interpolation), err);
    if (status == REEL_OK && !resumed && card.preprocessing.channels == 1)
        status = reel_options_preset(options, "grayscale", "true", err);
    if (status == REEL_OK) {
        b->classes = reel_model_card_names_json(&card);
        b->network = card.network;
        card.network = NULL;
    }
    reel_model_card_free(&card);
    reel_weights_destroy(weights);
    return status;
}

/* The file of --weights. It may take minutes to download: a DATA that is not there is named first.
 */
static reel_status find_weights(const reel_options *options, const char *data,
                                char path[REEL_WEIGHTS_PATH], reel_error *err)
{
    if (strncmp(data, "synth:", 6) != 0 && access(data, F_OK) != 0)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", data, strerror(errno));
    return reel_weights_path(reel_options_text(options, "weights"),
                             reel_options_flag(options, "quiet"), path, err);
}

/* As many epochs as suit the number of training images. */
static reel_status preset_epochs(reel_options *options, const char *data, reel_error *err)
{
    reel_dataset *train;
    char text[24];
    reel_data_request request = {.data = data,
                                 .split = "val",
                                 .output_dir = reel_options_text(options, "output-dir"),
                                 .image_column = reel_options_text(options, "image-column"),
                                 .label_column = reel_options_text(options, "label-column")};
    request.split = reel_dataset_has_as(&request) ? "train" : NULL;
    REEL_TRY(reel_dataset_open_as(&train, &request, NULL, 0, err));
    snprintf(text, sizeof text, "%" PRId64, reel_finetune_epochs(reel_dataset_count(train)));
    reel_dataset_destroy(train);
    return reel_options_preset(options, "epochs", text, err);
}

/* A resumed run keeps the network that it began with: its file may have changed. */
static reel_status resumed_network(const reel_resumed_run *r, brought *b, reel_error *err)
{
    const char *network = r->checkpoint ? reel_weights_metadata(r->checkpoint, "network") : NULL;
    if (!network)
        return REEL_OK;
    free(b->network);
    b->network = strdup(network);
    return b->network ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "network: out of memory");
}

/* Whether the network of --arch is another than the run or the weights brought. A resumed run keeps
 * its network while --arch is what it was: the file may have changed since. */
static bool is_other_network(const reel_options *options, const reel_resumed_run *r)
{
    const char *was =
        r->checkpoint
            ? json_string_value(json_object_get(json_object_get(r->config, "options"), "arch"))
            : NULL;
    if (!reel_options_given(options, "arch"))
        return false;
    return !was || strcmp(was, reel_options_text(options, "arch")) != 0;
}

/* The net of a model that is a text, printed as the settings say, for so many classes. */
static reel_status print_model(char **text, const reel_model *model, const reel_settings *s,
                               int64_t classes, reel_error *err)
{
    reel_ctx *ctx;
    reel_net *net = NULL;
    const reel_ctx_config one = {.threads = 1};
    reel_model_config c = s->net;
    c.classes = classes;
    const int64_t input[3] = {c.channels, c.image_size, c.image_size};
    REEL_TRY(reel_ctx_create(&ctx, &one, err));
    reel_status status = reel_model_outline(&net, model, &c, ctx, REEL_F32, err);
    if (status == REEL_OK)
        status = reel_net_print(net, input, text, err);
    reel_net_destroy(net);
    reel_ctx_destroy(ctx);
    return status;
}

/* The file of --arch now holds another network than the one that the run goes on with. */
static void warn_of_changed_file(const reel_settings *s)
{
    reel_model *now;
    reel_error ignored;
    char *is = NULL, *was = NULL;
    const int64_t classes = reel_model_config_default(s->model).classes;
    if (reel_model_find(s->arch) || reel_model_read(&now, s->arch, &ignored) != REEL_OK)
        return; /* the run needs no file */
    const bool known = print_model(&was, s->model, s, classes, &ignored) == REEL_OK;
    if (known && (print_model(&is, now, s, classes, &ignored) != REEL_OK || strcmp(is, was) != 0))
        reel_say("reel: warning: --arch %s has changed since the run began; the run keeps its own "
                 "network",
                 s->arch);
    free(is);
    free(was);
    reel_model_free(now);
}

/* All presets of the run, then its settings. Prints what is wrong; returns the exit code. b: what
 * is known before DATA is opened; to be freed. */
static int read_settings(reel_settings *settings, reel_options *options, const reel_resumed_run *r,
                         const char *data, brought *b, bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    const bool new_run = !r->checkpoint && !r->config;
    reel_error err;
    if (reel_resume_preset(r, options, &err) || reel_schedule_preset(options, &err))
        return reel_complain_usage(command, &err);
    char weights[REEL_WEIGHTS_PATH];
    if (reel_options_set(options, "weights") &&
        (find_weights(options, data, weights, &err) ||
         preset_from_weights(options, weights, r->config != NULL, b, &err)))
        return reel_complain(command, &err);
    if (finetune && new_run && preset_epochs(options, data, &err))
        return reel_complain(command, &err);
    if (resumed_network(r, b, &err))
        return reel_complain(command, &err);
    const char *network = is_other_network(options, r) ? NULL : b->network;
    if (reel_settings_read(settings, options, network, &err))
        return reel_complain_choice(command, &err);
    if (network && reel_options_given(options, "arch"))
        warn_of_changed_file(settings);

    if (settings->weights) {
        snprintf(settings->weights_file, sizeof settings->weights_file, "%s", weights);
        settings->weights = settings->weights_file;
    }
    settings->locked = r->lock >= 0;
    settings->replace_head = finetune;

    /* A resumed run keeps the classes that it began with, whatever the weights say. */
    json_t *before = json_object_get(r->config, "classes");
    if (before) {
        json_decref(b->classes);
        b->classes = json_incref(before);
    }
    settings->known_classes = b->classes;
    if (!reel_options_given(options, "class-weights"))
        settings->known_weights = json_object_get(r->config, "class_weights");
    settings->names_only = before && !json_is_true(json_object_get(r->config, told_by_bytes));
    settings->labels_are_theirs = before || !finetune;
    settings->train_images = json_integer_value(json_object_get(r->config, "train_images"));
    settings->val_list = json_string_value(json_object_get(r->config, "val_list"));
    settings->val_images = json_integer_value(json_object_get(r->config, "val_images"));
    settings->fold_images = json_integer_value(json_object_get(r->config, "k_fold_images"));
    return REEL_EXIT_OK;
}

/* ---- the run ---- */

static void write_report(const char *command, const char *folder, bool quiet)
{
    reel_error err;
    char path[REEL_PATH_MAX];
    snprintf(path, sizeof path, "%s/report.html", folder);
    const reel_report_request request = {.folder = folder, .quiet = quiet};
    if (reel_report_write(&request, path, &err))
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
        .weights = s->weights,
        .arch = s->arch,
        .batch = s->batch_size,
        .threads = (int)s->threads,
        .workers = (int)s->workers,
        .resize = reel_options_given(o, "val-resize-size") ? s->val.resize : 0,
        .crop = reel_options_given(o, "val-crop-size") ? s->val.size : 0,
        .exif = reel_options_given(o, "exif") ? reel_options_text(o, "exif") : NULL,
        .interpolation =
            reel_options_given(o, "interpolation") ? reel_options_text(o, "interpolation") : NULL,
        .max_bad = s->max_bad,
        .image_column = s->image_column,
        .label_column = s->label_column,
        .json = s->json,
        .quiet = s->quiet};
    return reel_eval(&request);
}

/* DATA: typed, or as the run to resume was told. NULL: a usage error, which is printed. */
static const char *data_of(const char *command, const reel_options *options,
                           const reel_resumed_run *r, char path[REEL_PATH_MAX])
{
    const char *data = reel_options_arg_count(options) > 0
                           ? reel_options_arg(options, 0)
                           : reel_json_path(r->config, "data", path, REEL_PATH_MAX);
    const char *begun = json_string_value(json_object_get(r->config, "command"));
    reel_error err;
    if (!data)
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected DATA: --output-dir %s holds no run that says which it was",
                  reel_options_text(options, "output-dir"));
    else if (begun && strcmp(begun, command) != 0)
        reel_fail(&err, REEL_ERR_INVALID,
                  "--resume: the run was begun by `reel %s`, and is continued by that", begun);
    else
        return data;
    reel_complain_usage(command, &err);
    return NULL;
}

/* Opens the loop. A resumed run's DATA may have moved. */
static reel_status open_loop(reel_loop *loop, const reel_settings *settings,
                             const reel_loop_start *start, bool typed, reel_error *err)
{
    reel_error why;
    const reel_status status = reel_loop_open(loop, settings, start, &why);
    if (status == REEL_OK)
        return REEL_OK;
    if (!typed && !strncmp(why.message, start->data, strlen(start->data)))
        return reel_fail(err, status,
                         "%s (DATA as the run was told it; give it anew where it has moved)",
                         why.message);
    *err = why;
    return status;
}

/* From an open loop to the end of the run; returns the exit code. *ended: with a report to write.
 */
static int run_loop(const char *command, reel_loop *loop, const reel_options *options,
                    reel_resumed_run *r, bool *ended)
{
    const bool resumed = r->checkpoint != NULL,
               verify = resumed && reel_options_flag(options, "verify");
    reel_error err;
    reel_resume_warn_of_images(r, reel_dataset_count(loop->feed.train),
                               reel_dataset_count(loop->feed.val));

    /* Before anything is written: a run that computes other bits stays as it is. */
    if (verify && !reel_probe_holds(&loop->session, &loop->feed, r->checkpoint, r->path, &err)) {
        reel_complain(command, &err);
        return REEL_EXIT_CHECK;
    }
    reel_resume_set_aside(r, loop->settings->output_dir);
    reel_status status = reel_loop_begin(loop, &err);
    reel_resume_free_checkpoint(r);

    if (status == REEL_OK) {
        reel_train_say_start(loop, options, resumed ? r->path : NULL);
        if (verify && !loop->settings->quiet)
            reel_say("verified: a step of the checkpoint has the bits it had");
        status = reel_loop_run(loop, &err);
        reel_signals_answer(false, "the run has ended; press Ctrl-C again to leave at once");
    }
    if (status != REEL_OK && !reel_loop_is_unsaved(loop))
        return reel_complain(command, &err);
    *ended = loop->session.state.step > 0;
    return reel_train_report(command, loop, status ? &err : NULL);
}

/* From settings to the end of the run; returns the exit code. */
static int train_on(const char *data, const reel_settings *settings, const reel_options *options,
                    reel_resumed_run *r, json_t *batch_note, bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    int code;
    reel_train_warn_of_changes(options, json_object_get(r->config, "options"));

    const reel_loop_start start = {
        .data = data,
        .config = make_config(command, data, options, settings->names_only, r->run_id),
        .checkpoint = r->checkpoint,
        .checkpoint_path = r->path};
    if (batch_note)
        json_object_set(start.config, "batch_size_choice", batch_note);
    const bool typed = reel_options_arg_count(options) > 0;
    bool ended = false;
    reel_loop loop;
    reel_error err;
    if (open_loop(&loop, settings, &start, typed, &err))
        code = reel_complain(command, &err);
    else
        code = run_loop(command, &loop, options, r, &ended);

    /* The page loads the weights again: first the run makes room. Its folder may have been moved.
     */
    char folder[sizeof loop.journal.dir.path];
    snprintf(folder, sizeof folder, "%s", loop.journal.dir.path);
    reel_loop_close(&loop);
    if (ended && !reel_options_flag(options, "no-report"))
        write_report(command, folder, settings->quiet);
    return code;
}

static int train(bool finetune, reel_options *options, reel_resumed_run *r)
{
    const char *command = finetune ? "finetune" : "train";
    char path[REEL_PATH_MAX];
    const char *data = data_of(command, options, r, path);
    if (!data)
        return REEL_EXIT_USAGE;

    reel_settings settings = {0};
    brought b = {0};
    json_t *note = NULL;
    int code = read_settings(&settings, options, r, data, &b, finetune);
    if (code == REEL_EXIT_OK)
        code = reel_train_settle_batch(command, data, &settings, options, r->config, &note);
    if (code == REEL_EXIT_OK && settings.test_only)
        code = test_only(data, &settings, options);
    else if (code == REEL_EXIT_OK && settings.find_lr)
        code = reel_train_find_lr(command, data, &settings, options);
    else if (code == REEL_EXIT_OK)
        code = train_on(data, &settings, options, r, note, finetune);
    json_decref(note);
    json_decref(b.classes);
    free(b.network);
    reel_settings_free(&settings);
    return code;
}

/* A whole run, or one fold. */
static int train_one(reel_options *options, bool finetune, const json_t *told)
{
    const char *command = finetune ? "finetune" : "train";
    const char *folder = reel_options_text(options, "output-dir"),
               *resume = reel_options_text(options, "resume");
    reel_error err;
    if (!resume && reel_options_flag(options, "verify")) {
        reel_fail(&err, REEL_ERR_INVALID, "--verify: expected --resume");
        return reel_complain_usage(command, &err);
    }
    if (!resume && !reel_options_arg_count(options)) {
        reel_fail(&err, REEL_ERR_INVALID, "expected DATA");
        return reel_complain_usage(command, &err);
    }
    if (reel_resume_check_folder(command, options, &err))
        return reel_complain_usage(command, &err);
    reel_signals_install(); /* before a large checkpoint is read: SIGUSR1 would end the program */
    reel_signals_quiet(reel_options_flag(options, "quiet"));
    reel_signals_answer(
        true, "reel %s: interrupted before the first step: there is nothing to save", command);
    if (!reel_options_flag(options, "test-only") && !reel_options_flag(options, "find-lr") &&
        reel_run_dir_check(folder, resume, &err))
        return reel_complain(command, &err);
    if (finetune && !resume && !reel_options_set(options, "weights")) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected --weights: what to start from, a file or a name such as "
                  "torchvision/alexnet");
        return reel_complain_usage(command, &err);
    }

    reel_resumed_run r;
    const reel_status found = reel_resume_find(&r, options, &err);
    if (found == REEL_OK && resume && !r.config)
        r.config = json_incref((json_t *)told);
    const int code = found ? reel_complain(command, &err) : train(finetune, options, &r);
    reel_resume_free(&r);
    return code;
}

int reel_train_here(reel_options *options, bool finetune)
{
    if (reel_train_has_folds(options))
        return reel_train_folds(options, finetune, train_one);
    return train_one(options, finetune, NULL);
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

const reel_command reel_command_train = REEL_COMMAND(
    reel_train_options, .name = "train", REEL_TRAINING, .run = train_run, .presets = train_presets,
    .summary = "Train a network on a folder of images",
    .notes = "DATA holds train/ and val/, each with one folder of images per class. A folder of "
             "class folders alone is split: --val-share of each class is held out for validation, "
             "and split.json in the run's folder lists these images. DATA may also be a list, "
             "ImageNet's folders or tars, tar shards, packed shards, CIFAR, MNIST, or 'synth:' "
             "(data/README.md).\n"
             "Reel prints the whole recipe when it starts. The first Ctrl-C finishes the training "
             "step and saves, a second one stops at once. SIGUSR1 saves and continues.\n"
             "--resume auto continues in the middle of an epoch, with the DATA and the options "
             "that the run was started with.\n"
             "--ranks and --hosts need mpirun of Open MPI. The hosts are reached by ssh, or by the "
             "program that REEL_LAUNCH_AGENT names.",
    .examples = {{"reel train photos -o run", "AlexNet from scratch on photos/train."},
                 {"reel train photos -o run --epochs 60 --lr 0.02 -b 64", "With other settings."},
                 {"reel train --resume auto -o run", "Continue an interrupted run."},
                 {"reel train photos --recipe torchvision -j 8",
                  "Train as torchvision's reference script does."}});
