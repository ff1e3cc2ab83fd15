/* `reel eval`: loss, top-1, top-5 and accuracy per class of a weights file on a split of an image
 * folder. */
#include "train/cli/cmd_eval.h"
#include "core/system_error.h"

#include "train/cli/class_names.h"
#include "train/cli/command.h"
#include "train/cli/eval_data.h"
#include "train/cli/eval_ranks.h"
#include "train/cli/option_words.h"
#include "train/cli/rank_talk.h"
#include "train/cli/weights_name.h"
#include "train/run/evaluation.h"
#include "train/run/judge.h"
#include "train/run/model_card.h"
#include "train/run/notes.h"
#include "train/run/precision.h"
#include "train/run/progress.h"
#include "train/run/rank_isa.h"
#include "train/run/ranks.h"
#include "train/run/run_dir.h"
#include "train/run/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "weights: a file, or the folder of a run (its best)"),
    REEL_OPTION(TEXT, .name = "split", .value = "NAME", .initial = "val",
                .help = "part of DATA to evaluate: val, test, train; all: every image"),
    REEL_SHARED("arch", .help = "network, if the weights do not name it"),
    REEL_SHARED("classes"),
    REEL_SHARED("batch-size", .initial = "64",
                .help = "images that pass through the network together"),
    REEL_SHARED("val-resize-size", .initial = "0", .min = 0, .max = 8192,
                .help = "shorter side before the center crop; 0: as in training"),
    REEL_SHARED("val-crop-size", .initial = "0", .min = 0, .max = 8192,
                .help = "side of the crop; 0: as in training"),
    REEL_SHARED("exif", .initial = "",
                .help = "apply: rotate camera photographs upright; unset: as in training"),
    REEL_SHARED("interpolation", .initial = "",
                .help = "how images are resized; unset: as in training"),
    REEL_SHARED("ten-crop"),
    REEL_SHARED("precision"),
    REEL_SHARED("max-bad"),
    REEL_SHARED("image-column"),
    REEL_SHARED("label-column"),
    REEL_OPTION(TEXT, .name = "csv", .value = "FILE",
                .help = "also write a table of the classes, one line each"),
    REEL_SHARED("threads"),
    REEL_SHARED("workers"),
    REEL_SHARED("comm-timeout"),
    REEL_SHARED_OUTPUT,
};

typedef struct {
    const reel_eval_request *request;
    reel_comm *comm;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_eval_data data;
    reel_model_card card;
    reel_progress progress;
    reel_evaluation result;
} evaluation;

static void eval_on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    (void)index;
    evaluation *e = user;
    reel_progress_warn(&e->progress, "reel %s: skipped %s: %s", e->request->command, name, reason);
}

static void eval_on_slow(void *user, int64_t index, const char *name, double seconds)
{
    (void)index;
    evaluation *e = user;
    char who[100] = "";
    if (reel_comm_ranks(e->comm) > 1)
        snprintf(who, sizeof who, "rank %d (host %s): ", reel_comm_rank(e->comm),
                 reel_comm_host_name(e->comm, reel_comm_rank(e->comm)));

    /* All ranks wait for this one, and only it knows why. */
    const bool silent = reel_say_is_silent();
    reel_say_silence(false);
    reel_progress_warn(
        &e->progress,
        "reel %s: warning: %s%s has not been read after %.3g s: its disk or server is waited for",
        e->request->command, who, name, seconds);
    reel_say_silence(silent);
}

static bool eval_stop(void *user)
{
    (void)user;
    return reel_signals_pending() != 0;
}

static void eval_show(void *user, int64_t done, int64_t total)
{
    evaluation *e = user;
    reel_progress_count(&e->progress, "evaluation", done, total);
}

/* Weights that do not name their classes get DATA's names, in order. Nothing tells whether the
 * order is theirs, except where the names are numbers. */
static reel_status eval_name_classes(evaluation *e, reel_error *err)
{
    const reel_dataset *images = e->data.images;
    const bool quiet = e->request->quiet;
    REEL_TRY(reel_class_names_choose(&e->card, NULL, quiet, err));
    if (e->card.class_names)
        return REEL_OK;

    REEL_TRY(reel_model_card_set_classes(&e->card, images, err));
    bool numbers = true;
    for (int64_t c = 0; numbers && c < e->card.classes; c++) {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, c);
        numbers = !strcmp(e->card.class_names[c], number);
    }
    if (!numbers && !quiet)
        reel_say("the weights have as many classes as DATA and do not name them: their last layer "
                 "was taken for DATA's, in order, from '%.100s' to '%.100s' (--classes FILE names "
                 "them)",
                 e->card.class_names[0], e->card.class_names[e->card.classes - 1]);
    return REEL_OK;
}

/* The context, the weights and the images; what each rank does by itself. */
static reel_status eval_open(evaluation *e, int threads, const reel_rank_kernels *common,
                             reel_error *err)
{
    const reel_eval_request *r = e->request;
    const reel_data_request from = {.data = r->data,
                                    .split = r->split,
                                    .image_column = r->image_column,
                                    .label_column = r->label_column};
    const bool writes = r->csv && reel_comm_rank(e->comm) == 0;
    if (writes && access(r->csv, F_OK) == 0) /* said before the work, not after it */
        return reel_fail_system(err, EEXIST, "--csv: %s: cannot be created", r->csv);

    /* Alone, the context chooses, and refuses an unknown name in REEL_ISA. */
    const reel_ctx_config ctx = {.threads = threads,
                                 .isa = reel_comm_ranks(e->comm) > 1 ? reel_isa_name(common->isa)
                                                                     : NULL,
                                 .log = r->quiet ? reel_log_warnings : reel_log_to_stderr,
                                 .precision = r->precision,
                                 .widen_bf16 = common->widen_bf16};
    REEL_TRY(reel_ctx_create(&e->ctx, &ctx, err));
    if (!r->quiet)
        reel_precision_say(e->ctx);
    char weights[REEL_WEIGHTS_PATH];
    REEL_TRY(reel_weights_path(r->weights, r->quiet, weights, err));
    REEL_TRY(reel_model_open(&e->net, &e->card, weights, r->arch, e->ctx, REEL_F32, err));
    if (r->classes)
        REEL_TRY(reel_class_names_read(&e->card, r->classes, err));
    REEL_TRY(reel_eval_data_open(&e->data, &e->card, &from, weights, r->quiet, err));
    const reel_dataset *images = e->data.images;
    if (!r->quiet) {
        const reel_dataset *found = e->data.whole ? e->data.whole : images;
        reel_notes_say(e->data.folder, found, NULL);
        reel_left_out_say(reel_dataset_left_out(found));
    }
    REEL_TRY(reel_model_card_matches(&e->card, images, e->data.folder, err));
    REEL_TRY(eval_name_classes(e, err)); /* not for comparing */
    if (r->precision == REEL_PRECISION_BF16)
        REEL_TRY(reel_params_narrow(reel_net_params(e->net), e->ctx, err));
    return reel_tape_create(&e->tape, e->ctx, NULL, err);
}

/* Images as in training, but for what the request says. */
static reel_transform eval_transform(const evaluation *e)
{
    const reel_eval_request *r = e->request;
    reel_transform transform = reel_transform_of(&e->card.preprocessing);
    if (r->crop) {
        transform.size = r->crop;
        transform.resize = 0;
    }
    if (r->resize)
        transform.resize = r->resize;
    if (r->exif)
        transform.exif = reel_exif_from(r->exif);
    if (r->interpolation)
        transform.interpolation = reel_interpolation_from(r->interpolation);
    if (r->ten_crop)
        transform.views = 10;
    return transform;
}

static reel_status eval_measure(evaluation *e, reel_error *err)
{
    const reel_eval_request *r = e->request;
    const int cpus = reel_available_cpus(); /* of this rank */
    reel_rank_kernels common;
    REEL_TRY(reel_rank_isa(&common, e->comm, r->precision, err));
    const int threads = r->threads ? r->threads : cpus;
    const int workers = r->workers ? r->workers : threads;
    REEL_TRY(reel_rank_agree(e->comm, eval_open(e, threads, &common, err), err,
                             "opening weights and images"));
    const reel_eval_side side = {r->weights, e->data.folder, e->net, &e->card, e->data.images};
    REEL_TRY(reel_eval_ranks_compare(e->comm, &side, err));

    const reel_transform transform = eval_transform(e);
    const reel_evaluate_config config = {.transform = &transform,
                                         .batch = r->batch,
                                         .workers = workers,
                                         .in_turns = threads + workers > cpus,
                                         .max_bad = r->max_bad,
                                         .on_bad = eval_on_bad,
                                         .on_slow = eval_on_slow,
                                         .stop = eval_stop,
                                         .progress = eval_show,
                                         .user = e,
                                         .comm = e->comm};
    return reel_evaluate(&e->result, e->net, e->tape, e->data.images, &config, err);
}

static int eval_report(const evaluation *e)
{
    reel_error err;
    const reel_eval_request *r = e->request;
    int code = REEL_EXIT_OK;
    if (r->json)
        code = reel_print_json(reel_judge_json(&e->result, &e->card, e->data.images));
    else
        reel_judge_print(&e->result, &e->card, e->data.images, e->data.folder);
    if (r->csv && reel_judge_csv(&e->result, &e->card, r->csv, &err))
        return reel_complain(r->command, &err);
    return code;
}

/* Measures and prints, on ranks that are connected. */
static int eval_connected(evaluation *e)
{
    reel_error err;
    const bool quiet = e->request->quiet;
    reel_progress_open(&e->progress, quiet);
    reel_signals_install();
    reel_signals_quiet(quiet || reel_say_is_silent());
    reel_signals_answer(false, "stopping; press Ctrl-C again to leave at once");
    const reel_status status = eval_measure(e, &err);
    reel_progress_clear(&e->progress);
    int code = REEL_EXIT_OK;
    if (status != REEL_OK)
        code = reel_complain_once(e->comm, e->request->command, &err);
    else if (reel_comm_rank(e->comm) == 0)
        code = eval_report(e);

    reel_evaluation_free(&e->result);
    reel_model_card_free(&e->card);
    reel_eval_data_close(&e->data);
    reel_tape_destroy(e->tape);
    reel_net_destroy(e->net);
    reel_ctx_destroy(e->ctx);
    return code;
}

int reel_eval(const reel_eval_request *request)
{
    reel_error err;
    evaluation e = {.request = request, .comm = request->comm};
    if (!e.comm &&
        reel_rank_talk_connect(&e.comm, request->command, request->comm_timeout, &err) != REEL_OK)
        return reel_complain(request->command, &err);
    const int code = eval_connected(&e);
    if (!request->comm)
        reel_rank_talk_close(e.comm);
    return code;
}

static int eval_run(reel_options *options)
{
    reel_error err;
    const reel_eval_request request = {
        .command = "eval",
        .data = reel_options_arg(options, 0),
        .split = reel_options_given(options, "split") ? reel_options_text(options, "split") : NULL,
        .weights = reel_options_text(options, "weights"),
        .arch = reel_options_text(options, "arch"),
        .classes = reel_options_text(options, "classes"),
        .batch = reel_options_int(options, "batch-size"),
        .threads = (int)reel_options_int(options, "threads"),
        .workers = (int)reel_options_int(options, "workers"),
        .comm_timeout = reel_options_real(options, "comm-timeout"),
        .resize = reel_options_int(options, "val-resize-size"),
        .crop = reel_options_int(options, "val-crop-size"),
        .max_bad = reel_options_real(options, "max-bad"),
        .exif = reel_options_text(options, "exif"),
        .interpolation = reel_options_text(options, "interpolation"),
        .image_column = reel_options_text(options, "image-column"),
        .label_column = reel_options_text(options, "label-column"),
        .csv = reel_options_text(options, "csv"),
        .precision = reel_precision_of(reel_options_text(options, "precision")),
        .ten_crop = reel_options_flag(options, "ten-crop"),
        .json = reel_options_flag(options, "json"),
        .quiet = reel_options_flag(options, "quiet")};

    if (!request.weights) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected --weights: a file, the folder of a run, or a name such as "
                  "torchvision/alexnet");
        return reel_complain_usage("eval", &err);
    }
    return reel_eval(&request);
}

const reel_command reel_command_eval = REEL_COMMAND(
    options_table, .name = "eval", .arguments = "DATA", .group = REEL_COMMAND_USING, .ranks = true,
    .run = eval_run, .summary = "Measure weights on a data set: loss, top-1, top-5, each class",
    .notes =
        "Images are prepared as the weights file says. DATA/SPLIT must have the classes that "
        "the weights were trained on. Where DATA is the plain folder that a run has split, val "
        "is what that run held out, and train is the rest. `mpirun -n 4 reel eval ...` shares the "
        "images among four processes, also on several machines; the result is the same.",
    .examples = {{"reel eval photos -w run",
                  "The best weights of a run on photos/val, or on what it held out."},
                 {"reel eval others -w run --split all", "Every image of a plain folder."},
                 {"reel eval photos -w run --split test --csv classes.csv",
                  "A test set, with a table of its classes."}});
