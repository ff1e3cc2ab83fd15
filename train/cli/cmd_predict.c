/* `reel predict`: names the likeliest classes of images. Unreadable files are named and skipped;
 * the exit code then is 1. */
#include "train/cli/class_names.h"
#include "train/cli/command.h"
#include "train/cli/option_words.h"
#include "train/cli/picture_folder.h"
#include "train/cli/predict.h"
#include "train/cli/weights_name.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"
#include "train/run/notes.h"

#include <errno.h>
#include <inttypes.h>
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
    REEL_SHARED("interpolation", .initial = "",
                .help = "how images are resized; unset: as in training"),
    REEL_SHARED("ten-crop"),
    REEL_SHARED("precision"),
    REEL_OPTION(TEXT, .name = "copy-into", .value = "DIR",
                .help = "copy each image into the folder of its likeliest class, DIR/CLASS"),
    REEL_OPTION(REAL, .name = "min-probability", .value = "P", .initial = "0", .min = 0, .max = 1,
                .help = "with --copy-into: copy only images of at least this probability"),
    REEL_OPTION(TEXT, .name = "features", .value = "LAYER",
                .help =
                    "also write the output of LAYER, a name from `reel summary`, for each image"),
    REEL_OPTION(TEXT, .name = "features-out", .value = "FILE", .initial = "features.safetensors",
                .help = "with --features: the file to write"),
    REEL_OPTION(TEXT, .name = "annotate", .value = "DIR",
                .help = "write each image into DIR, upright, with its likeliest class on it"),
    REEL_OPTION(FLAG, .name = "overwrite",
                .help = "replace a file of --features-out, and pictures in --annotate's DIR"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

/* ---- image after image ---- */
/* Answers as names come: a batch is not waited for when stdin has nothing at the moment. */
static reel_status predict_stdin(reel_predictor *p, reel_error *err)
{
    reel_stdin_images *in = &p->stdin_images;
    for (;;) {
        reel_stdin_kind kind;
        REEL_TRY(reel_stdin_images_next(in, p->n == 0, &kind, err));
        if (kind == REEL_STDIN_NAME)
            REEL_TRY(reel_predict_add_file(p, in->name, true, err));
        else if (kind == REEL_STDIN_IMAGE)
            REEL_TRY(reel_predict_add(p, "-", &in->bytes, err));
        else
            REEL_TRY(reel_predict_batch(p, err));

        if (kind != REEL_STDIN_NAME && !reel_show_flush())
            return reel_fail(err, REEL_ERR_IO, "stdout: %s", strerror(errno));
        if (kind == REEL_STDIN_END)
            break;
    }
    if (in->count == 0)
        reel_show_failure(&p->show, "-", "stdin: no names of images in it", "no names of images");
    return REEL_OK;
}

/* ---- the command ---- */
static reel_status list_images(reel_predictor *p, reel_error *err)
{
    reel_error why;
    const reel_options *o = p->options;
    p->images.skip[0] = reel_options_text(o, "copy-into");
    p->images.skip[1] = reel_options_text(o, "annotate");

    for (int i = 0; i < reel_options_arg_count(o); i++) {
        const char *path = reel_options_arg(o, i);
        if (!strcmp(path, "-")) {
            p->reads_stdin = true;
            continue;
        }
        REEL_TRY(reel_picture_folder_apart("--copy-into", p->images.skip[0], path, err));
        REEL_TRY(reel_picture_folder_apart("--annotate", p->images.skip[1], path, err));

        /* What cannot be read is shown as a failure of its own; the other images are predicted. */
        if (reel_image_list_add(&p->images, path, &why) == REEL_OK)
            continue;
        if (why.status == REEL_ERR_MEMORY)
            return reel_fail(err, why.status, "%s", why.message);
        reel_show_failure(&p->show, path, why.message, why.message);
    }

    REEL_TRY(reel_picture_folder_own("--copy-into", p->images.skip[0], err));
    REEL_TRY(reel_picture_folder_own("--annotate", p->images.skip[1], err));
    if (!reel_options_flag(o, "quiet"))
        reel_left_out_say(&p->images.left_out);
    return REEL_OK;
}

static reel_status open_network(reel_predictor *p, reel_error *err)
{
    const reel_options *o = p->options;
    const bool quiet = reel_options_flag(o, "quiet");
    char weights[REEL_WEIGHTS_PATH];
    REEL_TRY(reel_weights_path(reel_options_text(o, "weights"), quiet, weights, err));
    REEL_TRY(reel_command_ctx(&p->ctx, o, err));
    reel_predict_time_add(&p->time, REEL_PREDICT_START);
    REEL_TRY(reel_model_open(&p->net, &p->card, weights, reel_options_text(o, "arch"), p->ctx,
                             REEL_F32, err));
    reel_predict_time_add(&p->time, REEL_PREDICT_WEIGHTS);
    REEL_TRY(reel_class_names_choose(&p->card, reel_options_text(o, "classes"), quiet, err));

    reel_net_set_training(p->net, false);
    REEL_TRY(reel_tape_create(&p->tape, p->ctx,
                              &(reel_tape_config){.dtype = REEL_F32, .no_grad = true}, err));

    if (reel_options_set(o, "copy-into"))
        REEL_TRY(reel_sorted_copy_open(&p->copies, reel_options_text(o, "copy-into"),
                                       p->card.classes, err));
    if (reel_options_set(o, "annotate"))
        REEL_TRY(reel_annotate_open(&p->pictures, reel_options_text(o, "annotate"),
                                    reel_options_flag(o, "overwrite"), err));
    return REEL_OK;
}

static reel_status make_batch(reel_predictor *p, reel_error *err)
{
    const reel_options *o = p->options;
    const int64_t size = p->card.preprocessing.size, batch = reel_options_int(o, "batch-size");
    /* Memory for no more than there are; what comes on stdin is not known. */
    const bool few = !p->reads_stdin && p->images.n < batch;
    const int64_t n = p->most = few ? p->images.n : batch;

    p->look = reel_transform_of(&p->card.preprocessing);
    if (reel_options_set(o, "exif"))
        p->look.exif = reel_exif_from(reel_options_text(o, "exif"));
    if (reel_options_set(o, "interpolation"))
        p->look.interpolation = reel_interpolation_from(reel_options_text(o, "interpolation"));
    p->channels = p->look.channels == 1 ? 1 : 3;
    p->views = p->look.views = reel_options_flag(o, "ten-crop") ? 10 : 1;

    p->batch = malloc((size_t)(n * p->views * p->channels * size * size) * sizeof *p->batch);
    p->averaged = malloc((size_t)(n * p->card.classes) * sizeof *p->averaged);
    p->names = calloc((size_t)n, sizeof *p->names);
    p->order = calloc((size_t)p->card.classes, sizeof *p->order);
    return p->batch && p->averaged && p->names && p->order
               ? REEL_OK
               : reel_fail(err, REEL_ERR_MEMORY, "out of memory");
}

/* The file of --features, where it is asked for. */
static reel_status open_features(reel_predictor *p, reel_error *err)
{
    const reel_options *o = p->options;
    const int64_t size = p->card.preprocessing.size;
    if (!reel_options_set(o, "features"))
        return REEL_OK;
    const reel_feature_request request = {.layer = reel_options_text(o, "features"),
                                          .path = reel_options_text(o, "features-out"),
                                          .overwrite = reel_options_flag(o, "overwrite"),
                                          .input = {p->most, p->channels, size, size}};
    return reel_feature_file_open(&p->features, p->net, &request, err);
}

static reel_status save_features(reel_predictor *p, reel_error *err)
{
    int64_t n;
    char shown[4200];
    const char *path = reel_options_text(p->options, "features-out");
    if (!p->features)
        return REEL_OK;
    REEL_TRY(reel_feature_file_save(p->features, &n, err));
    if (n > 0 && !reel_options_flag(p->options, "quiet"))
        reel_say("features of layer %s for %" PRId64 " image%s written to %s",
                 reel_options_text(p->options, "features"), n, n == 1 ? "" : "s",
                 reel_shown_text(path, shown, sizeof shown));
    return REEL_OK;
}

static reel_status predict_all(reel_predictor *p, reel_error *err)
{
    REEL_TRY(list_images(p, err));
    if (p->images.n == 0 && !p->reads_stdin)
        return REEL_OK; /* each has been named */
    REEL_TRY(open_network(p, err));
    REEL_TRY(make_batch(p, err));
    REEL_TRY(open_features(p, err));

    for (int64_t i = 0; i < p->images.n; i++)
        REEL_TRY(reel_predict_add_file(p, p->images.paths[i], false, err));
    REEL_TRY(reel_predict_batch(p, err));
    if (p->reads_stdin)
        REEL_TRY(predict_stdin(p, err));
    return save_features(p, err);
}

static void say_copies(const reel_predictor *p)
{
    if (!p->copies.folder || reel_options_flag(p->options, "quiet"))
        return;
    char rest[200] = "";
    size_t used = 0;
    if (p->copies.already_there)
        used = (size_t)snprintf(rest, sizeof rest, "; %" PRId64 " were there already",
                                p->copies.already_there);
    if (p->unsure)
        snprintf(rest + used, sizeof rest - used,
                 "; %" PRId64 " below --min-probability %s stay out", p->unsure,
                 reel_options_text(p->options, "min-probability"));
    const int64_t copied = p->copied - p->copies.already_there;
    reel_say("%" PRId64 " picture%s copied into %" PRId64 " class folder%s of %s%s", copied,
             copied == 1 ? "" : "s", p->copies.folders, p->copies.folders == 1 ? "" : "s",
             p->copies.folder, rest);
}

static void say_pictures(const reel_predictor *p)
{
    if (p->pictures.folder && !reel_options_flag(p->options, "quiet"))
        reel_say("%" PRId64 " picture%s with class and probability in %s", p->pictures.written,
                 p->pictures.written == 1 ? "" : "s", p->pictures.folder);
}

static void predictor_free(reel_predictor *p)
{
    reel_predict_forget(p);
    reel_feature_file_close(p->features);
    json_decref(p->show.rows);
    free(p->batch);
    free(p->averaged);
    free(p->names);
    free(p->order);
    reel_bytes_free(&p->bytes);
    reel_transform_scratch_free(&p->scratch);
    reel_image_list_free(&p->images);
    reel_stdin_images_free(&p->stdin_images);
    reel_sorted_copy_free(&p->copies);
    reel_annotate_free(&p->pictures);
    reel_model_card_free(&p->card);
    reel_tape_destroy(p->tape);
    reel_net_destroy(p->net);
    reel_ctx_destroy(p->ctx);
}

/* With `-` each image is answered when it comes: a line each, of text or of JSON. */
static reel_show_form choose_form(const reel_options *o)
{
    bool lines = false;
    for (int i = 0; i < reel_options_arg_count(o); i++)
        lines |= !strcmp(reel_options_arg(o, i), "-");
    if (reel_options_flag(o, "json"))
        return lines ? REEL_SHOW_JSON_LINES : REEL_SHOW_OBJECT;
    return lines ? REEL_SHOW_LINES : REEL_SHOW_BLOCKS;
}

static reel_status check_options(const reel_options *o, reel_error *err)
{
    if (!reel_options_text(o, "weights"))
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected --weights: a file, the folder of a run, or a name such as "
                         "torchvision/alexnet");
    if (reel_options_given(o, "min-probability") && !reel_options_set(o, "copy-into"))
        return reel_fail(err, REEL_ERR_INVALID, "--min-probability: expected --copy-into");
    if (reel_options_given(o, "features-out") && !reel_options_set(o, "features"))
        return reel_fail(err, REEL_ERR_INVALID, "--features-out: expected --features LAYER");
    if (reel_options_flag(o, "overwrite") && !reel_options_set(o, "features") &&
        !reel_options_set(o, "annotate"))
        return reel_fail(err, REEL_ERR_INVALID, "--overwrite: expected --features or --annotate");
    if (reel_options_set(o, "features") && reel_options_flag(o, "ten-crop"))
        return reel_fail(err, REEL_ERR_INVALID,
                         "--features: expected one view of an image, got ten by --ten-crop");
    return REEL_OK;
}

static int predict_run(reel_options *options)
{
    reel_error err;
    if (check_options(options, &err))
        return reel_complain_usage("predict", &err);

    reel_predictor p = {.options = options, .show = {.form = choose_form(options)}};
    reel_predict_time_begin(&p.time);
    p.show.card = &p.card;
    if (p.show.form == REEL_SHOW_OBJECT)
        p.show.rows = json_array();

    const reel_status status = predict_all(&p, &err);
    int code = p.show.failed ? REEL_EXIT_FAILED : REEL_EXIT_OK;
    if (status != REEL_OK)
        code = reel_complain("predict", &err);

    /* Without a network there is nothing to print, unless no image was readable. */
    if (p.net || p.images.n == 0) {
        const int printed = reel_show_end(&p.show, p.predicted > 0 ? &p.time : NULL);
        if (!code)
            code = printed;
    }
    if (p.predicted > 0 && !reel_options_flag(options, "quiet"))
        reel_predict_time_say(&p.time);
    say_copies(&p);
    say_pictures(&p);
    predictor_free(&p);
    return code;
}

const reel_command reel_command_predict = REEL_COMMAND(
    options_table, .name = "predict", .arguments = "IMAGE...", .group = REEL_COMMAND_USING,
    .run = predict_run, .summary = "Name the likeliest classes of images, with probabilities",
    .notes =
        "IMAGE: a file, a folder of images, or - for stdin: a list of files, one a line, or "
        "the bytes of one image. Each line on stdin is answered when it comes, by one line: "
        "the file, percentages and classes between tabs, or with --json one object.\n"
        "--copy-into replaces no file: a second cat.jpg becomes cat-2.jpg.\n"
        "--annotate writes a JPEG as JPEG, any other format as PNG. A picture of an earlier call "
        "is replaced only with --overwrite. A second cat.jpg becomes cat-2.jpg.\n"
        "Both refuse a DIR in a folder that is read, and one with images that Reel did not write; "
        "DIR/.reel-written lists what it wrote.\n"
        "--features writes one float32 tensor with the layer's name: a row for each image, of "
        "the shape that `reel summary` prints, such as (n, 4096) or (n, 256, 6, 6). The "
        "metadata key \"names\" is a JSON list of the images.\n"
        "The last line on stderr says where the time went: start (until the weights are opened), "
        "weights (reading and checking them), decode (image files to pixels), network. With --json "
        "these are seconds in the key seconds.\n"
        "Unreadable files are named on stderr and skipped; the exit code then is 1.",
    .examples = {{"reel predict -w run photo.jpg", "The five likeliest classes of one image."},
                 {"reel predict -w torchvision/alexnet photo.jpg",
                  "The same with ImageNet's 1,000 classes; downloads the weights once."},
                 {"find . -name '*.jpg' | reel predict -w run --json -",
                  "Many images, as JSON, a line for each."},
                 {"cat photo.jpg | reel predict -w run -", "The bytes of an image."},
                 {"reel predict -w run photos --copy-into sorted --min-probability 0.8",
                  "Sorts pictures into sorted/CLASS, as copies; unsure ones stay out."},
                 {"reel predict -w run photos --annotate named",
                  "Pictures with their classes on them, in the folder named."},
                 {"reel predict -w run photos --features classifier.1 -q",
                  "Also writes features.safetensors: the output of layer classifier.1."}});
