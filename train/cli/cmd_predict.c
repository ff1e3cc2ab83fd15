/* `reel predict`: names the likeliest classes of images. Unreadable files are named and skipped;
 * the exit code then is 1. */
#include "core/system_error.h"
#include "data/codecs/codec.h"
#include "train/cli/class_names.h"
#include "train/cli/command.h"
#include "train/cli/image_list.h"
#include "train/cli/option_words.h"
#include "train/cli/predict_show.h"
#include "train/cli/sorted_copy.h"
#include "train/cli/stdin_images.h"
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
#include <sys/stat.h>

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
    REEL_OPTION(TEXT, .name = "copy-into", .value = "DIR",
                .help = "copy each image into the folder of its likeliest class, DIR/CLASS"),
    REEL_OPTION(REAL, .name = "min-probability", .value = "P", .initial = "0", .min = 0, .max = 1,
                .help = "with --copy-into: copy only images of at least this probability"),
    REEL_SHARED("threads"),
    REEL_SHARED_OUTPUT,
};

typedef struct {
    const reel_options *options;
    reel_ctx *ctx;
    reel_net *net;
    reel_tape *tape;
    reel_model_card card;
    reel_transform look;
    reel_image_list images;
    reel_stdin_images stdin_images;
    bool reads_stdin; /* `-` is among the arguments */
    reel_bytes bytes; /* of the image at hand */
    reel_transform_scratch scratch;
    float *batch, *averaged; /* images; scores of their views together */
    int64_t channels, views; /* of an image: 1 or 3; 1 or 10 */
    char **names;            /* of the images in the batch; owned */
    int64_t *order;          /* classes by probability */
    int64_t n, most;         /* in the batch; at most there */
    reel_show show;
    reel_sorted_copy copies; /* of --copy-into */
    int64_t copied, unsure;  /* pictures; below --min-probability */
} predictor;

enum { LARGEST_FILE = 1 << 30 };

/* ---- files ---- */
static reel_status read_image_file(reel_bytes *bytes, const char *path, reel_error *err)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return reel_fail_system(err, errno, "cannot be opened");

    struct stat info;
    if (fstat(fileno(f), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > LARGEST_FILE) {
        fclose(f);
        return reel_fail(err, REEL_ERR_FORMAT, "%" PRId64 " bytes, which is too large for an image",
                         (int64_t)info.st_size);
    }

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

/* A name from stdin may be anything: a pipe would be waited for for ever. */
static reel_status check_regular(const char *path, reel_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
        return REEL_OK; /* what is not there is named when it is opened */
    return reel_fail(err, REEL_ERR_IO, "expected a file, found a %s",
                     S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
}

/* An unreadable image is reported in its place; the others go on. Lack of memory says nothing about
 * the image, and ends the command. */
static reel_status note_unreadable(predictor *p, const char *path, const reel_error *why,
                                   reel_error *err)
{
    char shown[4200], line[6000];
    reel_shown_text(path, shown, sizeof shown);
    if (why->status == REEL_ERR_MEMORY)
        return reel_fail(err, why->status, "%.400s: %.500s", shown, why->message);
    snprintf(line, sizeof line, "%s: %s", shown, why->message);
    reel_show_failure(&p->show, path, line, why->message);
    return REEL_OK;
}

/* ---- a batch ---- */
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

/* The image on stdin has no name: "stdin.jpg". */
static const char *name_for_bytes(const reel_bytes *bytes, char *text, size_t size)
{
    const reel_codec *codec = reel_codec_of(bytes->data, bytes->size);
    const char *extension = codec ? codec->extensions + strspn(codec->extensions, " ") : "";
    snprintf(text, size, "stdin%.*s", (int)strcspn(extension, " "), extension);
    return text;
}

/* The copy of --copy-into, unless the network is too unsure. *to: its path, or NULL. */
static reel_status copy_picture(predictor *p, const char *name, int64_t class, double probability,
                                const char **to, reel_error *err)
{
    reel_error why;
    *to = NULL;
    if (!p->copies.folder)
        return REEL_OK;
    if (probability < reel_options_real(p->options, "min-probability")) {
        p->unsure++;
        return REEL_OK;
    }

    /* Of an image on stdin the bytes are there; a file is read again, for the batch holds pixels.
     */
    const bool from_stdin = p->stdin_images.is_image && name && !strcmp(name, "-");
    if (!from_stdin && read_image_file(&p->bytes, name, &why)) {
        return note_unreadable(p, name, &why, err);
    }
    char own_name[40];
    const reel_bytes *bytes = from_stdin ? &p->stdin_images.bytes : &p->bytes;
    const char *file = from_stdin ? name_for_bytes(bytes, own_name, sizeof own_name) : name;
    REEL_TRY(reel_sorted_copy_add(&p->copies, &p->card, class, file, bytes, to, err));
    p->copied++;
    return REEL_OK;
}

static reel_status answer(predictor *p, const char *name, const float *probability, reel_error *err)
{
    const int64_t classes = p->card.classes, wanted = reel_options_int(p->options, "top"),
                  top = wanted < classes ? wanted : classes;
    const char *copy;
    rank_classes(p->order, probability, classes, top);
    const int64_t best = p->order[0];
    REEL_TRY(copy_picture(p, name, best, (double)probability[best], &copy, err));
    reel_show_prediction(
        &p->show,
        &(reel_prediction){
            .name = name, .probability = probability, .order = p->order, .top = top, .copy = copy});
    return REEL_OK;
}

static void forget_batch(predictor *p)
{
    for (int64_t i = 0; i < p->n; i++)
        free(p->names[i]);
    p->n = 0;
}

/* The images gathered so far through the net. */
static reel_status predict_batch(predictor *p, reel_error *err)
{
    if (p->n == 0)
        return REEL_OK;
    const int64_t size = p->card.preprocessing.size,
                  shape[4] = {p->n * p->views, p->channels, size, size};
    const reel_tensor images = reel_tensor_of(p->batch, REEL_F32, 4, shape);

    /* images (n views, channels, size, size) -> scores (n views, classes) */
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
        REEL_TRY(
            answer(p, p->names[i], (const float *)probability.data + i * p->card.classes, err));

    reel_tape_reset(p->tape);
    forget_batch(p);
    return REEL_OK;
}

/* ---- image after image ---- */
/* Adds the image to the batch, which runs when it is full. */
static reel_status add_image(predictor *p, const char *name, const reel_bytes *bytes,
                             reel_error *err)
{
    reel_error why;
    const int64_t size = p->card.preprocessing.size;
    const reel_rng none = reel_rng_at(0, REEL_STREAM_AUGMENT, 0, 0);
    float *out = p->batch + p->n * p->views * p->channels * size * size;
    if (reel_transform_bytes(&p->look, bytes->data, bytes->size, none, &p->scratch, out, &why)) {
        return note_unreadable(p, name, &why, err);
    }

    p->names[p->n] = strdup(name);
    if (!p->names[p->n])
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    p->n++;
    return p->n == p->most ? predict_batch(p, err) : REEL_OK;
}

static reel_status add_image_file(predictor *p, const char *path, bool from_stdin, reel_error *err)
{
    reel_error why;
    if ((from_stdin && check_regular(path, &why)) || read_image_file(&p->bytes, path, &why)) {
        return note_unreadable(p, path, &why, err);
    }
    return add_image(p, path, &p->bytes, err);
}

/* Answers as names come: a batch is not waited for when stdin has nothing at the moment. */
static reel_status predict_stdin(predictor *p, reel_error *err)
{
    reel_stdin_images *in = &p->stdin_images;
    for (;;) {
        reel_stdin_kind kind;
        REEL_TRY(reel_stdin_images_next(in, p->n == 0, &kind, err));
        if (kind == REEL_STDIN_NAME)
            REEL_TRY(add_image_file(p, in->name, true, err));
        else if (kind == REEL_STDIN_IMAGE)
            REEL_TRY(add_image(p, "-", &in->bytes, err));
        else
            REEL_TRY(predict_batch(p, err));

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
static reel_status list_images(predictor *p, reel_error *err)
{
    reel_error why;
    const reel_options *o = p->options;
    p->images.skip = reel_options_text(o, "copy-into");
    for (int i = 0; i < reel_options_arg_count(o); i++) {
        const char *path = reel_options_arg(o, i);
        if (!strcmp(path, "-")) {
            p->reads_stdin = true;
            continue;
        }
        REEL_TRY(reel_sorted_copy_check(path, reel_options_text(o, "copy-into"), err));
        if (reel_image_list_add(&p->images, path, &why) == REEL_OK)
            continue;
        if (why.status == REEL_ERR_MEMORY)
            return reel_fail(err, why.status, "%s", why.message);
        reel_show_failure(&p->show, path, why.message, why.message);
    }
    if (!reel_options_flag(o, "quiet"))
        reel_left_out_say(&p->images.left_out);
    return REEL_OK;
}

static reel_status open_network(predictor *p, reel_error *err)
{
    const reel_options *o = p->options;
    const bool quiet = reel_options_flag(o, "quiet");
    char weights[REEL_WEIGHTS_PATH];
    REEL_TRY(reel_weights_path(reel_options_text(o, "weights"), quiet, weights, err));
    REEL_TRY(reel_command_ctx(&p->ctx, o, err));
    REEL_TRY(reel_model_open(&p->net, &p->card, weights, reel_options_text(o, "arch"), p->ctx,
                             REEL_F32, err));
    REEL_TRY(reel_class_names_choose(&p->card, reel_options_text(o, "classes"), quiet, err));
    reel_net_set_training(p->net, false);
    REEL_TRY(reel_tape_create(&p->tape, p->ctx,
                              &(reel_tape_config){.dtype = REEL_F32, .no_grad = true}, err));
    return reel_options_set(o, "copy-into")
               ? reel_sorted_copy_open(&p->copies, reel_options_text(o, "copy-into"),
                                       p->card.classes, err)
               : REEL_OK;
}

static reel_status make_batch(predictor *p, reel_error *err)
{
    const reel_options *o = p->options;
    const int64_t size = p->card.preprocessing.size, batch = reel_options_int(o, "batch-size");
    /* Memory for no more than there are; what comes on stdin is not known. */
    const bool few = !p->reads_stdin && p->images.n < batch;
    const int64_t n = p->most = few ? p->images.n : batch;

    p->look = reel_transform_of(&p->card.preprocessing);
    if (reel_options_set(o, "exif"))
        p->look.exif = reel_exif_from(reel_options_text(o, "exif"));
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

static reel_status predict_all(predictor *p, reel_error *err)
{
    REEL_TRY(list_images(p, err));
    if (p->images.n == 0 && !p->reads_stdin)
        return REEL_OK; /* each has been named */
    REEL_TRY(open_network(p, err));
    REEL_TRY(make_batch(p, err));

    for (int64_t i = 0; i < p->images.n; i++)
        REEL_TRY(add_image_file(p, p->images.paths[i], false, err));
    REEL_TRY(predict_batch(p, err));
    return p->reads_stdin ? predict_stdin(p, err) : REEL_OK;
}

static void say_copies(const predictor *p)
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

static void predictor_free(predictor *p)
{
    forget_batch(p);
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
    return REEL_OK;
}

static int predict_run(reel_options *options)
{
    reel_error err;
    if (check_options(options, &err))
        return reel_complain_usage("predict", &err);

    predictor p = {.options = options, .show = {.form = choose_form(options)}};
    p.show.card = &p.card;
    if (p.show.form == REEL_SHOW_OBJECT)
        p.show.rows = json_array();

    const reel_status status = predict_all(&p, &err);
    int code = p.show.failed ? REEL_EXIT_FAILED : REEL_EXIT_OK;
    if (status != REEL_OK)
        code = reel_complain("predict", &err);

    /* Without a network there is nothing to print, unless no image was readable. */
    if (p.net || p.images.n == 0) {
        const int printed = reel_show_end(&p.show);
        if (!code)
            code = printed;
    }
    say_copies(&p);
    predictor_free(&p);
    return code;
}

const reel_command reel_command_predict = REEL_COMMAND(
    options_table, .name = "predict", .arguments = "IMAGE...", .group = REEL_COMMAND_USING,
    .run = predict_run, .summary = "Name the likeliest classes of images, with probabilities",
    .notes = "IMAGE: a file, a folder of images, or - for stdin: a list of files, one a line, or "
             "the bytes of one image. Each line on stdin is answered when it comes, by one line: "
             "the file, percentages and classes between tabs, or with --json one object.\n"
             "--copy-into replaces no file: a second cat.jpg becomes cat-2.jpg.\n"
             "Unreadable files are named on stderr and skipped; the exit code then is 1.",
    .examples = {{"reel predict -w run photo.jpg", "The five likeliest classes of one image."},
                 {"reel predict -w torchvision/alexnet photo.jpg",
                  "The same with ImageNet's 1,000 classes; downloads the weights once."},
                 {"find . -name '*.jpg' | reel predict -w run --json -",
                  "Many images, as JSON, a line for each."},
                 {"cat photo.jpg | reel predict -w run -", "The bytes of an image."},
                 {"reel predict -w run photos --copy-into sorted --min-probability 0.8",
                  "Sorts pictures into sorted/CLASS, as copies; unsure ones stay out."}});
