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
#include "train/cli/train_ranks.h"
#include "train/cli/train_read.h"
#include "train/cli/train_resume.h"
#include "train/cli/train_settings.h"
#include "train/cli/train_talk.h"
#include "train/cli/weights_name.h"
#include "train/report/report.h"
#include "train/run/finetune.h"
#include "train/run/json_util.h"
#include "train/run/precision.h"
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
    json_object_set_new(config, REEL_TOLD_BY_BYTES, json_boolean(!names_only));
    if (weights)
        reel_json_put_path(config, "weights", weights);
    return config;
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
        .comm = reel_train_ranks() ? reel_train_ranks()->comm : NULL,
        .comm_timeout = s->comm_timeout,
        .precision = reel_precision_of(s->precision),
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
    const bool leads = reel_ranks_leads(loop->ranks);
    reel_resume_warn_of_images(r, reel_dataset_count(loop->feed.train),
                               reel_dataset_count(loop->feed.val));

    /* Before anything is written: a run that computes other bits stays as it is. */
    int code = REEL_EXIT_OK;
    if (verify && leads &&
        !reel_probe_holds(&loop->session, &loop->feed, r->checkpoint, r->path, &err)) {
        reel_complain(command, &err);
        code = REEL_EXIT_CHECK;
    }
    code = reel_train_ranks_agree(command, code);
    if (code)
        return code;
    if (leads)
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
    *ended = loop->session.state.step > 0 && leads;
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
        .checkpoint_path = r->path,
        .ranks = reel_train_ranks()};
    if (batch_note)
        json_object_set(start.config, "batch_size_choice", batch_note);
    const bool typed = reel_options_arg_count(options) > 0;
    bool ended = false;
    reel_loop loop;
    reel_error err;
    const reel_status opened = open_loop(&loop, settings, &start, typed, &err);
    reel_train_ranks_drop_weights();
    if (opened)
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

/* --batch-size auto: measured by rank 0 for all. */
static int settle_batch(const char *command, const char *data, reel_settings *settings,
                        reel_options *options, const reel_resumed_run *r, json_t **note)
{
    reel_ranks *ranks = reel_train_ranks();
    int code = REEL_EXIT_OK;
    reel_error err;
    if (reel_ranks_leads(ranks))
        code = reel_train_settle_batch(command, data, settings, options, r->config, note);
    code = reel_train_ranks_agree(command, code);
    if (code == REEL_EXIT_OK &&
        reel_ranks_tell(ranks, &settings->batch_size, sizeof settings->batch_size, "the batch size",
                        &err))
        code = reel_complain(command, &err);
    if (code == REEL_EXIT_OK && !reel_ranks_leads(ranks))
        code = reel_train_take_batch(command, settings, options);
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
    reel_brought b = {0};
    json_t *note = NULL;
    int code = reel_train_read_settings(&settings, options, r, data, &b, finetune);
    code = reel_train_ranks_agree(command, code);

    /* What measures is done by rank 0 alone; the others wait for it. */
    const bool leads = reel_ranks_leads(reel_train_ranks());
    const bool trains = !settings.test_only && !settings.find_lr;
    if (code == REEL_EXIT_OK)
        code = settle_batch(command, data, &settings, options, r, &note);
    if (code == REEL_EXIT_OK && settings.test_only)
        code = test_only(data, &settings, options);
    else if (code == REEL_EXIT_OK && settings.find_lr && leads)
        code = reel_train_find_lr(command, data, &settings, options);
    else if (code == REEL_EXIT_OK && trains)
        code = train_on(data, &settings, options, r, note, finetune);
    json_decref(note);
    json_decref(b.classes);
    free(b.network);
    reel_train_ranks_drop_weights();
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
    reel_signals_quiet(reel_options_flag(options, "quiet") ||
                       !reel_ranks_leads(reel_train_ranks()));
    reel_signals_answer(
        true, "reel %s: interrupted before the first step: there is nothing to save", command);
    int code = REEL_EXIT_OK;
    if (!reel_options_flag(options, "test-only") && !reel_options_flag(options, "find-lr") &&
        reel_ranks_leads(reel_train_ranks()) && reel_run_dir_check(folder, resume, &err))
        code = reel_complain(command, &err);
    code = reel_train_ranks_agree(command, code);
    if (code)
        return code;
    if (finetune && !resume && !reel_options_set(options, "weights")) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected --weights: what to start from, a file or a name such as "
                  "torchvision/alexnet");
        return reel_complain_usage(command, &err);
    }

    reel_resumed_run r;
    const reel_status found = reel_train_ranks_resume(&r, options, &err);
    if (found == REEL_OK && resume && !r.config)
        r.config = json_incref((json_t *)told);
    code = found ? reel_complain(command, &err) : train(finetune, options, &r);
    reel_train_ranks_free(&r);
    return code;
}

int reel_train_here(reel_options *options, bool finetune)
{
    const char *command = finetune ? "finetune" : "train";
    int code = reel_train_ranks_open(command, options);
    if (code)
        return code;
    bool folds;
    reel_error err;
    if (reel_train_has_folds(&folds, options, &err))
        code = reel_complain(command, &err);
    else if (folds)
        code = reel_train_folds(options, finetune, train_one);
    else
        code = train_one(options, finetune, NULL);
    return reel_train_ranks_close(command, code);
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
    reel_train_options, .name = "train", REEL_TRAINING, .ranks = true, .run = train_run,
    .presets = train_presets, .summary = "Train a network on a folder of images",
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
