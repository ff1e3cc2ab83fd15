/* `reel replay`: stored batches through a net, step by step, from stored weights: for comparing
 * with another program, loss by loss. Nothing is drawn at random here but dropout, which is off by
 * default. */
#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/trainee.h"
#include "train/cli/weights_name.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"

#include "optim/optim.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static const reel_option options_table[] = {
    REEL_SHARED("arch"),
    REEL_SHARED("head"),
    REEL_SHARED("num-classes"),
    REEL_SHARED("dropout", .initial = "0", .help = "dropout probability"),
    REEL_SHARED("lr"),
    REEL_SHARED("opt"),
    REEL_SHARED("label-smoothing"),
    REEL_SHARED("batch-pieces"),
    REEL_OPTION(CHOICE, .name = "dtype", .value = "float32|float64", .initial = "float32",
                .help = "data type of all computation"),
    REEL_SHARED("precision"),
    REEL_OPTION(TEXT, .name = "out", .value = "FILE",
                .help = "write the weights after the last step to FILE"),
    REEL_OPTION(TEXT, .name = "gradients-out", .value = "FILE",
                .help = "write the gradients of the last step to FILE"),
    REEL_SHARED("seed"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

typedef struct {
    reel_trainee run;
    reel_weights *batches;
    const reel_weight *images, *labels;
    void *buffer; /* one step's images in the net's dtype */
    json_t *losses;
} replay;

static reel_status open_batches(replay *r, const char *path, reel_error *err)
{
    REEL_TRY(reel_weights_read(&r->batches, path, err));
    r->images = reel_weights_find(r->batches, "images");
    r->labels = reel_weights_find(r->batches, "labels");
    if (!r->images || !r->labels)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected tensors images and labels, %s is missing", path,
                         r->images ? "labels" : "images");

    /* images (steps, n, channels, h, w), labels (steps, n) */
    const int64_t *x = r->images->shape, *y = r->labels->shape;
    if (r->images->ndim != 5 || (x[2] != 1 && x[2] != 3) ||
        (r->images->dtype != REEL_STORED_F32 && r->images->dtype != REEL_STORED_F64))
        return reel_fail(
            err, REEL_ERR_FORMAT,
            "%s: images: expected (steps, n, channels, h, w) with 1 or 3 channels, in float32 "
            "or float64",
            path);
    if (r->labels->ndim != 2 || r->labels->dtype != REEL_STORED_I64 || y[0] != x[0] || y[1] != x[1])
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: labels: expected (%" PRId64 ", %" PRId64 ") in int64", path, x[0],
                         x[1]);
    return REEL_OK;
}

/* What goes together. */
static reel_status replay_check(const replay *r, const reel_options *o, reel_dtype dtype,
                                reel_error *err)
{
    if (dtype == REEL_F64 && reel_ctx_precision(r->run.session.ctx) == REEL_PRECISION_BF16)
        return reel_fail(err, REEL_ERR_INVALID, "--precision bf16: expected --dtype float32");
    /* With several ranks, none has the gradients of all parameters. */
    if (reel_options_set(o, "gradients-out") && reel_ranks_count(r->run.ranks) > 1)
        return reel_fail(err, REEL_ERR_INVALID, "--gradients-out: expected one process, not %d",
                         reel_ranks_count(r->run.ranks));
    return REEL_OK;
}

static reel_status replay_prepare(replay *r, const reel_options *o, reel_error *err)
{
    const reel_dtype dtype = reel_options_text(o, "dtype")[5] == '6' ? REEL_F64 : REEL_F32;
    REEL_TRY(replay_check(r, o, dtype, err));
    REEL_TRY(open_batches(r, reel_options_arg(o, 1), err));
    const int64_t *x = r->images->shape;
    const reel_model_config config = {.classes = reel_options_int(o, "num-classes"),
                                      .head = reel_head_find(reel_options_text(o, "head")),
                                      .dropout = reel_options_real(o, "dropout"),
                                      .image_size = x[3],
                                      .channels = x[2]};
    REEL_TRY(reel_trainee_build(&r->run, o, &config, &(reel_tape_config){.dtype = dtype}, err));

    reel_weights *init;
    char path[REEL_WEIGHTS_PATH];
    REEL_TRY(reel_weights_path(reel_options_arg(o, 0), reel_options_flag(o, "quiet"), path, err));
    REEL_TRY(reel_weights_read(&init, path, err));
    const reel_status status = reel_params_load(reel_net_params(r->run.session.net), init, err);
    reel_weights_destroy(init);
    if (status)
        return status;
    r->run.session.label_smoothing = reel_options_real(o, "label-smoothing");
    REEL_TRY(reel_trainee_divide(&r->run, x + 1, reel_options_int(o, "batch-pieces"), err));

    /* One step of images, in the dtype of the net; a byte more, so that none is no failure. */
    r->losses = json_array();
    r->buffer = malloc((size_t)(x[1] * x[2] * x[3] * x[4]) * reel_dtype_size(dtype) + 1);
    return r->buffer ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "replay: out of memory");
}

/* The images of this rank's pieces of step s, in the dtype of the net. */
static reel_batch replay_batch(const replay *r, int64_t s)
{
    const int64_t *x = r->images->shape, count = x[1] * x[2] * x[3] * x[4];
    const reel_session *session = &r->run.session;
    const int64_t piece = x[1] / session->pieces, first = piece * session->own.first;
    const int64_t shape[4] = {piece * session->own.count, x[2], x[3], x[4]};
    const reel_dtype stored = r->images->dtype == REEL_STORED_F64 ? REEL_F64 : REEL_F32;
    const char *data = (const char *)r->images->data +
                       (size_t)(s * count + first * (count / x[1])) * reel_dtype_size(stored);

    const reel_tensor from =
        reel_tensor_with_layout((void *)data, stored, REEL_ROW_MAJOR, 4, shape);
    const reel_tensor images = reel_tensor_of(r->buffer, reel_net_dtype(session->net), 4, shape);
    reel_tensor_copy(&images, &from);
    return (reel_batch){.images = images,
                        .labels = (const int64_t *)r->labels->data + s * x[1] + first,
                        .n = shape[0],
                        .index = s};
}

typedef reel_status replay_list(const reel_params *params, reel_weights_writer *writer,
                                reel_error *err);

static reel_status list_gradients(const reel_params *params, reel_weights_writer *writer,
                                  reel_error *err)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        if (p->has_grad)
            REEL_TRY(reel_weights_writer_tensor(writer, p->name, &p->grad, err));
    }
    return REEL_OK;
}

static reel_status replay_save(const replay *r, const char *path, replay_list *list,
                               reel_error *err)
{
    reel_weights_writer *writer;
    REEL_TRY(reel_weights_writer_create(&writer, err));
    reel_status status = list(reel_net_params(r->run.session.net), writer, err);
    if (status == REEL_OK)
        status = reel_weights_writer_save(writer, path, err);
    reel_weights_writer_destroy(writer);
    return status;
}

static reel_status replay_step(replay *r, const reel_options *o, int64_t s, reel_error *err)
{
    const reel_batch batch = replay_batch(r, s);
    const int64_t pieces = r->run.session.pieces;
    reel_step_seconds seconds = {0};
    const reel_status status = reel_trainee_gradient(&r->run, &batch, &seconds, err);
    if (status && status != REEL_ERR_NONFINITE)
        return status;

    /* The loss of the batch: the mean over its pieces. */
    double number = 0;
    for (int64_t p = 0; p < pieces; p++)
        number += r->run.results[p].loss / (double)pieces;
    json_array_append_new(r->losses, reel_json_number(number));
    if (status)
        return reel_fail(err, REEL_ERR_NONFINITE, "step %" PRId64 ": the loss is %g", s, number);

    if (reel_options_set(o, "gradients-out") && s == r->images->shape[0] - 1)
        REEL_TRY(replay_save(r, reel_options_text(o, "gradients-out"), list_gradients, err));
    REEL_TRY(reel_trainee_update(&r->run, reel_options_real(o, "lr"), err));
    reel_params_zero_grad(reel_net_params(r->run.session.net));
    if (!reel_options_flag(o, "json") && reel_ranks_leads(r->run.ranks))
        printf("step %" PRId64 "  loss %.12g\n", s, number);
    return REEL_OK;
}

static reel_status replay_all(replay *r, const reel_options *o, reel_error *err)
{
    REEL_TRY(replay_prepare(r, o, err));
    for (int64_t s = 0; s < r->images->shape[0]; s++)
        REEL_TRY(replay_step(r, o, s, err));
    REEL_TRY(reel_ranks_settle(r->run.ranks, err));
    const bool saves = reel_options_set(o, "out") && reel_ranks_leads(r->run.ranks);
    return saves ? replay_save(r, reel_options_text(o, "out"), reel_params_add_to, err) : REEL_OK;
}

/* Trajectories to compare with are run with momentum 0.9, by RMSprop as well, whose own default is
 * none: one command line then serves every optimizer. */
static reel_status replay_momentum(replay *r, reel_options *o, reel_error *err)
{
    if (reel_optimizer_lacks(o, "momentum"))
        return REEL_OK;
    REEL_TRY(reel_options_preset(o, "momentum", "0.9", err));
    return reel_optimizer_from_options(&r->run.optimizer, o, err);
}

static int replay_run(reel_options *options)
{
    reel_error err;
    replay r = {0};
    int code = reel_trainee_begin(&r.run, options, "replay");
    if (code)
        return code;

    reel_status status = replay_momentum(&r, options, &err);
    if (status == REEL_OK)
        status = replay_all(&r, options, &err);
    if (status)
        code = reel_complain("replay", &err);
    else if (reel_options_flag(options, "json") && reel_ranks_leads(r.run.ranks))
        code = reel_print_json(json_pack("{s:O}", "losses", r.losses));

    json_decref(r.losses);
    free(r.buffer);
    reel_weights_destroy(r.batches);
    reel_trainee_end(&r.run);
    return code;
}

const reel_command reel_command_replay = REEL_COMMAND(
    options_table, .name = "replay", .arguments = "INIT BATCHES", .group = REEL_COMMAND_MEASURING,
    .rank = 1, .ranks = true, .run = replay_run, .more_options = reel_optimizer_row,
    .summary = "Train on stored batches, to compare with another program",
    .notes = "INIT: weights, a file or a name. BATCHES: a safetensors file with images (steps, n, "
             "channels, h, w), already normalised, and labels (steps, n) in int64. Prints the loss "
             "of every step; --out "
             "writes the weights after the last one, --gradients-out the gradients of the last "
             "one, before clipping and weight decay. --momentum is 0.9 for rmsprop, too.",
    .examples = {{"reel replay init.safetensors batches.safetensors --lr 0.01 --json",
                  "The loss of each step, to compare with PyTorch's."}});
