/* `reel eval`: loss, top-1, top-5 and accuracy per class of a weights file on a split of an image
 * folder. */
#include "train/cli/cmd_eval.h"

#include "train/cli/command.h"
#include "train/run/signals.h"
#include "train/run/data_dir.h"
#include "train/run/evaluate.h"
#include "train/run/judge.h"
#include "train/run/model_card.h"
#include "train/run/progress.h"
#include "train/run/run_dir.h"
#include "train/run/settings.h"
#include "train/run/share.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const reel_option options_table[] = {
    {"weights", NULL, 'w', REEL_OPTION_TEXT, "FILE", NULL, 0, 0,
     "weights, or the folder of a run (its best)"},
    {"split", NULL, 0, REEL_OPTION_TEXT, "NAME", "val", 0, 0,
     "folder of DATA to evaluate: val, test, train"},
    {"arch", NULL, 'a', REEL_OPTION_CHOICE, "alexnet|alexnet2012|tiny", "alexnet", 0, 0,
     "the network, where the file does not say"},
    {"batch-size", NULL, 'b', REEL_OPTION_INT, "N", "64", 1, 1e6, "images in a batch"},
    {"val-resize-size", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 8192,
     "shorter side before the centre crop; 0 = as in training"},
    {"val-crop-size", NULL, 0, REEL_OPTION_INT, "N", "0", 0, 8192,
     "side of the crop; 0 = as in training"},
    {"exif", NULL, 0, REEL_OPTION_CHOICE, "ignore|apply", NULL, 0, 0,
     "turn images upright by their EXIF data; unset = as in training"},
    {"ten-crop", NULL, 0, REEL_OPTION_FLAG, NULL, "false", 0, 0,
     "average over corners, centre and their mirror images"},
    {"max-bad", NULL, 0, REEL_OPTION_REAL, "X", "0.01", 0, 1,
     "share of images that may be unreadable"},
    {"csv", NULL, 0, REEL_OPTION_TEXT, "FILE", NULL, 0, 0,
     "also write a table of the classes, one line each"},
    REEL_ROW_THREADS,
    REEL_ROW_WORKERS,
    REEL_ROW_JSON,
    REEL_ROW_QUIET,
};

typedef struct {
    const reel_eval_request *request;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_dataset *dataset;
    reel_model_card card;
    reel_progress progress;
    reel_evaluation result;
    char folder[REEL_PATH_MAX];
} evaluation;

static void on_bad(void *user, int64_t index, const char *name, const char *reason)
{
    (void)index;
    evaluation *e = user;
    reel_progress_warn(&e->progress, "reel %s: skipped %s: %s", e->request->command, name, reason);
}

static void on_slow(void *user, int64_t index, const char *name, double seconds)
{
    (void)index;
    evaluation *e = user;
    reel_progress_warn(
        &e->progress,
        "reel %s: warning: %s has not been read after %.3g s: its disk or server is waited for",
        e->request->command, name, seconds);
}

static bool stop(void *user)
{
    (void)user;
    return reel_signals_pending() != 0;
}

static void show(void *user, int64_t done, int64_t total)
{
    evaluation *e = user;
    reel_progress_show(&e->progress, &(reel_progress_line){.label = "evaluation",
                                                           .done = done,
                                                           .total = total,
                                                           .top1 = -1,
                                                           .wait = -1,
                                                           .seconds_left = -1});
}

static reel_status evaluate(evaluation *e, reel_error *err)
{
    const reel_eval_request *r = e->request;
    const int threads = r->threads ? r->threads : reel_available_cpus();
    if (r->csv && access(r->csv, F_OK) == 0) /* said before the work, not after it */
        return reel_fail(err, REEL_ERR_IO, "--csv: %s: cannot be created: %s", r->csv,
                         strerror(EEXIST));
    REEL_TRY(reel_data_open(&e->dataset, r->data, r->split, e->folder, sizeof e->folder, err));
    REEL_TRY(reel_ctx_create(
        &e->ctx, &(reel_ctx_config){.threads = threads, .log = reel_log_to_stderr}, err));
    REEL_TRY(reel_model_open(&e->net, &e->card, r->weights, r->arch, e->ctx, REEL_F32, err));
    REEL_TRY(reel_dataset_widen(e->dataset, e->card.classes, err));
    REEL_TRY(reel_model_card_matches(&e->card, e->dataset, e->folder, err));
    REEL_TRY(reel_tape_create(&e->tape, e->ctx, NULL, err));
    reel_transform transform = reel_transform_of(&e->card.preprocessing);
    if (r->crop) {
        transform.size = r->crop;
        transform.resize = 0;
    }
    if (r->resize)
        transform.resize = r->resize;
    if (r->exif)
        transform.exif = reel_exif_from(r->exif);
    if (r->ten_crop)
        transform.views = 10;
    const int workers = r->workers ? r->workers : threads;
    const reel_evaluate_config config = {.batch = r->batch,
                                         .workers = workers,
                                         .in_turns = reel_share_in_turns(threads, workers),
                                         .max_bad = r->max_bad,
                                         .on_bad = on_bad,
                                         .on_slow = on_slow,
                                         .stop = stop,
                                         .progress = show,
                                         .user = e};
    return reel_evaluate(&e->result, e->net, e->tape, e->dataset, &transform, &config, err);
}

static int report(const evaluation *e)
{
    reel_error err;
    const reel_eval_request *r = e->request;
    int code = REEL_EXIT_OK;
    if (r->json)
        code = reel_print_json(reel_judge_json(&e->result, &e->card, e->dataset));
    else
        reel_judge_print(&e->result, &e->card, e->dataset, e->folder);
    if (r->csv && reel_judge_csv(&e->result, &e->card, r->csv, &err))
        return reel_complain(r->command, &err);
    return code;
}

int reel_eval(const reel_eval_request *request)
{
    reel_error err;
    evaluation e = {.request = request};
    reel_progress_open(&e.progress, request->quiet);
    reel_signals_install();
    const reel_status status = evaluate(&e, &err);
    reel_progress_clear(&e.progress);
    int code = status ? reel_complain(request->command, &err) : report(&e);
    if (status == REEL_ERR_STOPPED)
        code = REEL_EXIT_SIGNAL + reel_signals_pending();
    reel_evaluation_free(&e.result);
    reel_model_card_free(&e.card);
    reel_dataset_destroy(e.dataset);
    reel_tape_destroy(e.tape);
    reel_net_destroy(e.net);
    reel_ctx_destroy(e.ctx);
    return code;
}

static int run(reel_options *options)
{
    reel_error err;
    const reel_eval_request request = {.command = "eval",
                                       .data = reel_options_arg(options, 0),
                                       .split = reel_options_text(options, "split"),
                                       .weights = reel_options_text(options, "weights"),
                                       .arch = reel_options_text(options, "arch"),
                                       .batch = reel_options_int(options, "batch-size"),
                                       .threads = (int)reel_options_int(options, "threads"),
                                       .workers = (int)reel_options_int(options, "workers"),
                                       .resize = reel_options_int(options, "val-resize-size"),
                                       .crop = reel_options_int(options, "val-crop-size"),
                                       .max_bad = reel_options_real(options, "max-bad"),
                                       .exif = reel_options_text(options, "exif"),
                                       .csv = reel_options_text(options, "csv"),
                                       .ten_crop = reel_options_flag(options, "ten-crop"),
                                       .json = reel_options_flag(options, "json"),
                                       .quiet = reel_options_flag(options, "quiet")};
    if (!request.weights) {
        reel_fail(&err, REEL_ERR_INVALID, "expected --weights FILE");
        return reel_complain_usage("eval", &err);
    }
    return reel_eval(&request);
}

const reel_command reel_command_eval = {
    .name = "eval",
    .arguments = "DATA",
    .about = "Measures weights on an image folder: loss, top-1, top-5, each class",
    .notes = "The file's own preprocessing is used. DATA/SPLIT must have the classes that the "
             "weights were trained on.",
    .options = options_table,
    .n_options = (int)REEL_COUNT(options_table),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
