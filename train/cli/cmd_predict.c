/* `reel predict`: names the likeliest classes of images. Unreadable files are named and skipped;
 * the exit code then is 1. */
#include "core/system_error.h"
#include "train/cli/class_names.h"
#include "train/cli/command.h"
#include "train/cli/image_list.h"
#include "train/cli/option_words.h"
#include "train/cli/weights_name.h"
#include "train/run/evaluation.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"
#include "train/run/notes.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const reel_option options_table[] = {
    REEL_SHARED("weights", .help = "weights: a file, or the folder of a run (its best)"),
    REEL_OPTION(INT, .name = "top", .aliases = "topk", .letter = 'k', .value = "K", .initial = "5",
                .min = 1, .max = 1e6, .help = "classes to show for each image"),
    REEL_SHARED("arch", .help = "network, if the weights do not name it"),
    REEL_SHARED("classes"),
    REEL_SHARED("batch-size", .initial = "16", .min = 1, .max = 1e4,
                .help = "images that pass through the network together"),
    REEL_SHARED("exif", .initial = "",
                .help = "apply: rotate camera photographs upright; unset: as in training"),
    REEL_SHARED("ten-crop"),
    REEL_SHARED("threads"),
    REEL_SHARED("json"),
    REEL_SHARED("quiet"),
};

typedef struct {
    const reel_options *options;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_model_card card;
    reel_transform look;
    reel_image_list images;
    reel_bytes bytes;
    reel_transform_scratch scratch;
    float *batch, *averaged; /* images; scores of their views together */
    int64_t views;           /* of an image: 1 or 10 */
    const char **names;      /* of the images in the batch */
    int64_t *order;          /* classes by probability */
    int64_t n, most, failed; /* in the batch; at most there; images that could not be read */
    json_t *rows;            /* NULL without --json */
} predictor;

enum { LARGEST_FILE = 1 << 30 };

static reel_status read_image_file(reel_bytes *bytes, const char *path, reel_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return reel_fail_system(err, errno, "cannot be opened");

    bytes->size = 0;
    for (;;) {
        if (bytes->size == bytes->capacity) {
            /* The size of a pipe is not known before: the buffer doubles. */
            const size_t more = bytes->capacity ? 2 * bytes->capacity : 1 << 16;
            const bool fits = more <= LARGEST_FILE;
            uint8_t *data = fits ? realloc(bytes->data, more) : NULL;
            if (!data) {
                fclose(f);
                return fits ? reel_fail(err, REEL_ERR_MEMORY, "no memory for %zu bytes", more)
                            : reel_fail(err, REEL_ERR_FORMAT, "too large");
            }
            bytes->data = data;
            bytes->capacity = more;
        }
        const size_t got = fread(bytes->data + bytes->size, 1, bytes->capacity - bytes->size, f);
        if (got == 0)
            break;
        bytes->size += got;
    }

    const int failed = ferror(f) ? errno : 0;
    fclose(f);
    return failed ? reel_fail_system(err, failed, "cannot be read") : REEL_OK;
}

/* Class indices by descending probability; the first `top` are in order. */
static void rank_classes(int64_t *order, const float *p, int64_t classes, int64_t top)
{
    for (int64_t c = 0; c < classes; c++)
        order[c] = c;
    for (int64_t i = 0; i < top; i++) {
        int64_t best = i;
        for (int64_t j = i + 1; j < classes; j++)
            if (p[order[j]] > p[order[best]] ||
                (p[order[j]] == p[order[best]] && order[j] < order[best]))
                best = j;
        const int64_t t = order[i];
        order[i] = order[best];
        order[best] = t;
    }
}

static void show_prediction(predictor *p, const char *name, const float *probability)
{
    const int64_t classes = p->card.classes, wanted = reel_options_int(p->options, "top"),
                  top = wanted < classes ? wanted : classes;
    char text[1100], path[4200];

    rank_classes(p->order, probability, classes, top);
    if (!p->rows) {
        printf("%s\n", reel_shown_text(name, path, sizeof path));
        for (int64_t i = 0; i < top; i++)
            printf("  %6.2f %%  %s\n", 100 * (double)probability[p->order[i]],
                   reel_shown_text(reel_model_card_class(&p->card, p->order[i], text, sizeof text),
                                   path, sizeof path));
        return;
    }

    /* The same as JSON. */
    json_t *list = json_array();
    for (int64_t i = 0; i < top; i++)
        json_array_append_new(list, json_pack("{s:o, s:I, s:f}", "class",
                                              reel_json_text(reel_model_card_class(
                                                  &p->card, p->order[i], text, sizeof text)),
                                              "index", (json_int_t)p->order[i], "probability",
                                              (double)probability[p->order[i]]));
    json_array_append_new(
        p->rows, json_pack("{s:o, s:o}", "file", reel_json_text(name), "predictions", list));
}

/* line: what people read; why: what stands beside the name in JSON. */
static void note_failure(predictor *p, const char *name, const char *line, const char *why)
{
    reel_say("reel predict: %s", line);
    p->failed++;
    if (p->rows)
        json_array_append_new(p->rows, json_pack("{s:o, s:o}", "file", reel_json_text(name),
                                                 "error", reel_json_text(why)));
}

/* The images gathered so far through the net. */
static reel_status predict_batch(predictor *p, reel_error *err)
{
    if (p->n == 0)
        return REEL_OK;
    const int64_t size = p->card.preprocessing.size, shape[4] = {p->n * p->views, 3, size, size};
    const reel_tensor images = reel_tensor_of(p->batch, REEL_F32, 4, shape);

    /* images (n views, 3, size, size) -> scores (n views, classes) */
    reel_var scores = reel_net_forward(p->net, p->tape, reel_input(p->tape, &images));
    REEL_TRY(reel_tape_status(p->tape, err));

    /* Scores of the views of an image are averaged: (n, classes). */
    const reel_tensor rows = reel_value(scores);
    const reel_tensor mean =
        reel_tensor_of(p->averaged, REEL_F32, 2, (const int64_t[]){p->n, p->card.classes});
    if (p->views > 1) {
        reel_average_views(p->averaged, rows.data, p->n, p->views, p->card.classes);
        scores = reel_input(p->tape, &mean);
    }

    /* -> probabilities (n, classes) */
    const reel_var y = reel_softmax(scores);
    REEL_TRY(reel_tape_status(p->tape, err));
    const reel_tensor probability = reel_value(y);
    for (int64_t i = 0; i < p->n; i++)
        if (!isfinite(((const float *)probability.data)[i * p->card.classes]))
            return reel_fail(err, REEL_ERR_NONFINITE,
                             "%s: the probabilities are not finite: these weights cannot be used",
                             p->names[i]);

    for (int64_t i = 0; i < p->n; i++)
        show_prediction(p, p->names[i], (const float *)probability.data + i * p->card.classes);

    reel_tape_reset(p->tape);
    p->n = 0;
    return REEL_OK;
}

static reel_status predict_prepare(predictor *p, reel_error *err)
{
    const reel_options *o = p->options;

    reel_error why;
    for (int i = 0; i < reel_options_arg_count(o); i++)
        if (reel_image_list_add(&p->images, reel_options_arg(o, i), &why)) {
            if (why.status == REEL_ERR_MEMORY)
                return reel_fail(err, why.status, "%s", why.message);
            note_failure(p, reel_options_arg(o, i), why.message, why.message);
        }

    if (!reel_options_flag(o, "quiet"))
        reel_left_out_say(&p->images.left_out);
    if (p->images.n == 0)
        return REEL_OK; /* each has been named */

    char weights[REEL_WEIGHTS_PATH];
    const bool quiet = reel_options_flag(o, "quiet");
    REEL_TRY(reel_weights_path(reel_options_text(o, "weights"), quiet, weights, err));
    REEL_TRY(reel_command_ctx(&p->ctx, o, err));
    REEL_TRY(reel_model_open(&p->net, &p->card, weights, reel_options_text(o, "arch"), p->ctx,
                             REEL_F32, err));
    REEL_TRY(reel_class_names_choose(&p->card, reel_options_text(o, "classes"), quiet, err));
    reel_net_set_training(p->net, false);
    REEL_TRY(reel_tape_create(&p->tape, p->ctx,
                              &(reel_tape_config){.dtype = REEL_F32, .no_grad = true}, err));

    const int64_t size = p->card.preprocessing.size, batch = reel_options_int(o, "batch-size");
    const int64_t n = p->most =
        batch < p->images.n ? batch : p->images.n; /* memory for no more than there are */

    p->look = reel_transform_of(&p->card.preprocessing);
    if (reel_options_set(o, "exif"))
        p->look.exif = reel_exif_from(reel_options_text(o, "exif"));
    p->views = p->look.views = reel_options_flag(o, "ten-crop") ? 10 : 1;

    p->batch = malloc((size_t)(n * p->views * 3 * size * size) * sizeof *p->batch);
    p->averaged = malloc((size_t)(n * p->card.classes) * sizeof *p->averaged);
    p->names = calloc((size_t)n, sizeof *p->names);
    p->order = calloc((size_t)p->card.classes, sizeof *p->order);
    return p->batch && p->averaged && p->names && p->order
               ? REEL_OK
               : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
}

static reel_status predict_all(predictor *p, reel_error *err)
{
    REEL_TRY(predict_prepare(p, err));
    if (p->images.n == 0)
        return REEL_OK;

    const int64_t size = p->card.preprocessing.size;
    for (int64_t i = 0; i < p->images.n; i++) {
        reel_error why;
        const reel_rng none = reel_rng_at(0, REEL_STREAM_AUGMENT, 0, 0);
        float *out = p->batch + p->n * p->views * 3 * size * size;
        if (read_image_file(&p->bytes, p->images.paths[i], &why) ||
            reel_transform_bytes(&p->look, p->bytes.data, p->bytes.size, none, &p->scratch, out,
                                 &why)) {
            char path[4200], line[6000];
            reel_shown_text(p->images.paths[i], path, sizeof path);
            if (why.status == REEL_ERR_MEMORY)
                return reel_fail(err, why.status, "%.400s: %.500s", path, why.message);
            /* An unreadable image is reported in its place; the others go on. */
            snprintf(line, sizeof line, "%s: %s", path, why.message);
            note_failure(p, p->images.paths[i], line, why.message);
            continue;
        }

        p->names[p->n++] = p->images.paths[i];
        if (p->n == p->most)
            REEL_TRY(predict_batch(p, err));
    }

    return predict_batch(p, err);
}

static int predict_run(reel_options *options)
{
    reel_error err;
    if (!reel_options_text(options, "weights")) {
        reel_fail(&err, REEL_ERR_INVALID,
                  "expected --weights: a file, the folder of a run, or a name such as "
                  "torchvision/alexnet");
        return reel_complain_usage("predict", &err);
    }

    predictor p = {.options = options,
                   .rows = reel_options_flag(options, "json") ? json_array() : NULL};

    const reel_status status = predict_all(&p, &err);
    int code = p.failed ? REEL_EXIT_FAILED : REEL_EXIT_OK;
    if (status != REEL_OK)
        code = reel_complain("predict", &err);

    /* Without a network there is nothing to print, unless no image was readable. */
    if (p.rows && (p.net || p.images.n == 0)) {
        const int printed = reel_print_json(
            json_pack("{s:O, s:I}", "images", p.rows, "failed", (json_int_t)p.failed));
        if (!code)
            code = printed;
    }

    json_decref(p.rows);
    free(p.batch);
    free(p.averaged);
    free(p.names);
    free(p.order);
    reel_bytes_free(&p.bytes);
    reel_transform_scratch_free(&p.scratch);
    reel_image_list_free(&p.images);
    reel_model_card_free(&p.card);
    reel_tape_destroy(p.tape);
    reel_net_destroy(p.net);
    reel_ctx_destroy(p.ctx);
    return code;
}

const reel_command reel_command_predict = REEL_COMMAND(
    options_table, .name = "predict", .arguments = "IMAGE...", .group = REEL_COMMAND_USING,
    .run = predict_run, .summary = "Name the likeliest classes of images, with probabilities",
    .notes = "IMAGE: a file, a folder of images, or - for a list of files on stdin, one a line. "
             "Unreadable files are named on stderr and skipped; the exit code then is 1.",
    .examples = {{"reel predict -w run photo.jpg", "The five likeliest classes of one image."},
                 {"reel predict -w torchvision/alexnet photo.jpg",
                  "The same with ImageNet's 1,000 classes; downloads the weights once."},
                 {"find . -name '*.jpg' | reel predict -w run --json -",
                  "Many images, as one JSON object."}});
