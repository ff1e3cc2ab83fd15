/* The report: sections in order, and those that need the net and the images. */
#include "train/report/report.h"

#include "core/files/atomic_file.h"
#include "data/codecs/write_image.h"
#include "data/dataset.h"
#include "train/report/gradcam.h"
#include "train/report/html.h"
#include "train/report/insight.h"
#include "train/report/page.h"
#include "train/report/reliability.h"
#include "train/report/report_json.h"
#include "train/report/tables.h"
#include "train/run/held_out.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"
#include "train/run/run_dir.h"
#include "train/run/say.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXAMPLES = 8, QUALITY = 85 };

typedef struct {
    reel_record record;
    reel_ctx *ctx;
    reel_net *net;
    reel_model_card card;
    reel_transform look;
    reel_dataset *dataset; /* validation images */
    reel_dataset *whole;   /* that they were held out of, or NULL */
    reel_bytes bytes;
    reel_transform_scratch scratch;
    float *images;             /* of the examples, and behind them one mistake in turn */
    int64_t example[EXAMPLES]; /* samples of the data set */
    int64_t n_examples;        /* that were judged */
    reel_saliency saliency;    /* of the examples */
    reel_gradcam cam;          /* of the examples */
    reel_record_state state;
    FILE *to;
} report;

/* Of all images those that the run held out. Where none of them is there any more, no image is
 * shown: the run has learned the others. */
static reel_status take_held_out(report *r, const json_t *names, reel_error *err)
{
    reel_dataset *learned;
    r->whole = r->dataset;
    r->dataset = NULL;
    REEL_TRY(reel_held_out_split(&learned, &r->dataset, r->whole, names, err));
    reel_dataset_destroy(learned);
    if (!r->dataset)
        return reel_fail(err, REEL_ERR_INVALID,
                         "the images that split.json holds out are not there");
    return REEL_OK;
}

/* The validation images: a folder of their own, or those that the run held out. */
static reel_status open_images(report *r, const char *folder, const char *data, reel_error *err)
{
    char path[REEL_PATH_MAX], stored[REEL_PATH_MAX], split[REEL_PATH_MAX + 20];
    const char *from =
        data ? data : reel_json_path(r->record.config, "data", stored, sizeof stored);
    if (!from)
        return reel_fail(err, REEL_ERR_FORMAT, "config.json does not say where the images are");
    json_t *names;
    snprintf(split, sizeof split, "%s/split.json", folder);
    REEL_TRY(reel_held_out_read(&names, split, NULL, err));

    const json_t *options = json_object_get(r->record.config, "options");
    reel_data_request request = {
        .data = from,
        .split = "val",
        .output_dir = folder,
        .image_column = json_string_value(json_object_get(options, "image-column")),
        .label_column = json_string_value(json_object_get(options, "label-column"))};
    /* A fold of --k-fold is held out of the training images, also where DATA has others. */
    const char *folds = json_string_value(json_object_get(options, "k-fold"));
    const bool has_val = reel_dataset_has_as(&request);
    if (names || !has_val)
        request.split = names && has_val && folds && strcmp(folds, "0") != 0 ? "train" : NULL;
    reel_status status;
    REEL_TRY_GOTO(reel_model_card_dataset(&r->card, &r->dataset, &request, path, err), done);
    REEL_TRY_GOTO(reel_model_card_matches(&r->card, r->dataset, path, err), done);
    if (names)
        REEL_TRY_GOTO(take_held_out(r, names, err), done);
done:
    json_decref(names);
    return status;
}

static int64_t image_side(const report *r)
{
    return r->look.size ? r->look.size : 224;
}

static int64_t image_channels(const report *r)
{
    return r->look.channels == 1 ? 1 : 3;
}

/* Values of one image. */
static int64_t image_values(const report *r)
{
    return image_channels(r) * image_side(r) * image_side(r);
}

static float *image_at(const report *r, int64_t i)
{
    return r->images + i * image_values(r);
}

static reel_status load_sample(report *r, int64_t index, int64_t place, reel_error *err)
{
    const reel_rng none = reel_rng_at(0, REEL_STREAM_AUGMENT, 0, 0);
    REEL_TRY(reel_dataset_read(r->dataset, index, &r->bytes, err));
    return reel_transform_bytes(&r->look, r->bytes.data, r->bytes.size, none, &r->scratch,
                                image_at(r, place), err);
}

static void put_picture(report *r, const reel_image *image, const char *alt)
{
    reel_error err;
    if (reel_image_encode_jpeg(image, &r->bytes, QUALITY, true, &err))
        return;
    reel_html_picture(r->to, "jpeg", r->bytes.data, r->bytes.size, alt);
}

static void put_crop(report *r, int64_t place, const char *alt)
{
    reel_image image = {0};
    reel_error err;
    if (reel_pixels_of(&image, image_at(r, place), &r->look, &err) == REEL_OK)
        put_picture(r, &image, alt);
    reel_image_free(&image);
}

/* The crop, coloured where the class is found. */
static void put_cam(report *r, int64_t place)
{
    reel_image image = {0};
    reel_error err;
    if (reel_pixels_of(&image, image_at(r, place), &r->look, &err) == REEL_OK) {
        reel_gradcam_paint(&image, &r->cam, place);
        put_picture(r, &image, "Grad-CAM");
    }
    reel_image_free(&image);
}

static void put_grey_map(report *r, const uint8_t *map, const char *alt)
{
    reel_image image = {0};
    reel_error err;
    const int64_t size = image_side(r);
    if (reel_image_resize_buffer(&image, size, size, &err))
        return;
    for (int64_t i = 0; i < size * size * 3; i++)
        image.rgb[i] = map[i / 3];
    put_picture(r, &image, alt);
    reel_image_free(&image);
}

/* The sample of that name: at the place where the run met it, or anywhere. */
static int64_t find_sample(const report *r, const char *name, int64_t near)
{
    char text[1100];
    const int64_t n = reel_dataset_count(r->dataset);

    for (int64_t i = -1; i < n; i++) {
        const int64_t at = i < 0 ? near : i;
        if (at < 0 || at >= n)
            continue;
        reel_dataset_sample_name(r->dataset, at, text, sizeof text);
        if (!strcmp(text, name))
            return at;
    }
    return -1;
}

static void put_mistake(report *r, const json_t *m, const char *file)
{
    const json_t *index = json_object_get(m, "index");
    const char *truth = reel_record_text(m, "truth", NULL);
    fprintf(r->to, "<figure>");

    /* The images may have moved: then the name alone is shown. */
    const int64_t at =
        r->dataset ? find_sample(r, file, index ? json_integer_value(index) : -1) : -1;
    reel_error why;
    if (at >= 0 && load_sample(r, at, EXAMPLES, &why) == REEL_OK)
        put_crop(r, EXAMPLES, file);

    fprintf(r->to, "<figcaption>");
    reel_html_text(r->to, file);
    fprintf(r->to, "<br>");
    if (truth) {
        reel_html_text(r->to, truth);
        fprintf(r->to, " ");
    }
    fprintf(r->to, "taken for <b>");
    reel_html_text(r->to, reel_record_text(m, "predicted", "?"));
    fprintf(r->to, "</b>, %.1f %%</figcaption></figure>\n",
            100 * json_number_value(json_object_get(m, "probability")));
}

static void put_mistakes(report *r)
{
    size_t i;
    json_t *m;
    const json_t *worst = json_object_get(r->record.evaluation, "worst");
    if (json_array_size(worst) == 0)
        return;

    fprintf(r->to, "<h2 id=\"mistakes\">Worst mistakes</h2>\n<p class=\"soft\">With the "
                   "probability of the wrong class.</p>\n<div class=\"pictures\">\n");
    json_array_foreach(worst, i, m)
    {
        const char *file = reel_record_text(m, "file", NULL);
        if (file)
            put_mistake(r, m, file);
    }
    fprintf(r->to, "</div>\n");
}

static void put_filters(report *r)
{
    reel_image image = {0};
    reel_error err;
    if (reel_filters_image(&image, r->net, &err) == REEL_OK &&
        reel_image_encode_png(&image, &r->bytes, &err) == REEL_OK) {
        fprintf(
            r->to,
            "<h2 id=\"filters\">What the first layer looks for</h2>\n<div class=\"box filters\">");
        reel_html_picture(r->to, "png", r->bytes.data, r->bytes.size,
                          "filters of the first convolution");
        fprintf(r->to,
                "</div>\n<p class=\"soft\">Each filter by itself: grey is a weight of 0.</p>\n");
    }
    reel_image_free(&image);
}

/* One image each of classes that lie evenly among all. *n: how many could be read. */
static reel_status load_examples(report *r, int64_t *n, reel_error *err)
{
    const int64_t images = reel_dataset_count(r->dataset),
                  classes = reel_dataset_classes(r->dataset);
    const int64_t wanted = classes < EXAMPLES ? classes : EXAMPLES;
    *n = 0;
    for (int64_t i = 0; i < wanted; i++) {
        const int64_t label = i * classes / wanted;
        for (int64_t s = 0; s < images; s++) {
            if (reel_dataset_label(r->dataset, s) != label)
                continue;

            /* After an image that is damaged, the next of its class is tried. */
            const reel_status status = load_sample(r, s, *n, err);
            if (status == REEL_ERR_MEMORY)
                return status;
            if (status == REEL_OK) {
                r->example[(*n)++] = s;
                break;
            }
        }
    }
    return REEL_OK;
}

/* What the net says of the examples. */
static reel_status judge_examples(report *r, reel_error *err)
{
    int64_t n;
    REEL_TRY(load_examples(r, &n, err));
    if (n > 0) {
        const int64_t side = image_side(r), shape[4] = {n, image_channels(r), side, side};
        const reel_tensor images = reel_tensor_of(r->images, REEL_F32, 4, shape);
        REEL_TRY(reel_saliency_of(&r->saliency, r->net, &images, err));
        REEL_TRY(reel_gradcam_of(&r->cam, r->net, &images, r->saliency.predicted, err));
    }
    r->n_examples = n;
    return REEL_OK;
}

static void put_example(report *r, int64_t i)
{
    char name[1100], truth[1100], predicted[1100];
    const int64_t side = image_side(r), label = reel_dataset_label(r->dataset, r->example[i]);
    const char *mark = r->saliency.predicted[i] == label ? "right" : "wrong";
    reel_dataset_sample_name(r->dataset, r->example[i], name, sizeof name);

    fprintf(r->to, "<figure class=\"%s\"><div class=\"pair\">", mark);
    put_crop(r, i, name);
    put_grey_map(r, r->saliency.map + i * side * side, "saliency map");
    if (r->cam.map)
        put_cam(r, i);

    fprintf(r->to, "</div><figcaption>");
    reel_html_text(r->to, name);
    fprintf(r->to, "<br><b class=\"%s\">%s</b>: ", mark, mark);
    reel_html_text(r->to, reel_model_card_class(&r->card, label, truth, sizeof truth));
    if (r->saliency.predicted[i] != label) {
        fprintf(r->to, " taken for ");
        reel_html_text(r->to, reel_model_card_class(&r->card, r->saliency.predicted[i], predicted,
                                                    sizeof predicted));
    }
    fprintf(r->to, ", %.1f %%</figcaption></figure>\n", 100 * r->saliency.probability[i]);
}

static void put_saliency(report *r)
{
    if (r->n_examples == 0)
        return;
    fprintf(r->to,
            "<h2 id=\"saliency\">What speaks for the class</h2>\n<p class=\"soft\">Beside each "
            "picture, how much the score of the predicted class changes with each pixel (largest "
            "over the three channels), and the probability of that class.");

    if (r->cam.map) {
        fprintf(r->to, " In colour, where layer ");
        reel_html_text(r->to, r->cam.layer);
        fprintf(r->to,
                " finds that class (Grad-CAM): its %" PRId64 " by %" PRId64 " maps, weighted by "
                "their mean gradient.",
                r->cam.h, r->cam.w);
    }
    fprintf(r->to, "</p>\n<div class=\"pictures%s\">\n", r->cam.map ? " triples" : "");

    for (int64_t i = 0; i < r->n_examples; i++)
        put_example(r, i);
    fprintf(r->to, "</div>\n");
}

/* Opens what needs weights and images. The page is written without what is missing. */
static reel_status open_insights(report *r, const reel_report_request *request, reel_error *err)
{
    const char *folder = request->folder;
    const reel_ctx_config config = {.log = request->quiet ? reel_log_warnings : reel_log_to_stderr};
    REEL_TRY(reel_ctx_create(&r->ctx, &config, err));

    reel_status status = reel_model_open(&r->net, &r->card, folder, NULL, r->ctx, REEL_F32, err);
    if (status == REEL_OK) {
        r->look = reel_transform_of(&r->card.preprocessing);
        status = open_images(r, folder, request->data, err);
    }
    if (status == REEL_OK) {
        r->images = malloc((size_t)((EXAMPLES + 1) * image_values(r)) * sizeof *r->images);
        if (!r->images)
            status = reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
    }

    /* Without images the sections that show weights remain. */
    if (status != REEL_OK) {
        reel_dataset_destroy(r->dataset);
        reel_dataset_destroy(r->whole);
        r->dataset = r->whole = NULL;
    }
    return status;
}

static void write_page(report *r, const char *folder, const char *left_out)
{
    const char *title = json_string_value(json_object_get(r->record.config, "data"));

    reel_html_begin(r->to, title ? title : folder);
    reel_page_head(r->to, &r->record, &r->state, folder);
    reel_page_curves(r->to, &r->record);
    reel_page_time(r->to, &r->record);
    reel_page_classes(r->to, &r->record);
    reel_page_calibration(r->to, &r->record);
    put_mistakes(r);

    /* What could not be opened is told on the page. */
    if (left_out) {
        fprintf(r->to, "<p class=\"soft\">Some pictures are left out: ");
        reel_html_text(r->to, left_out);
        fprintf(r->to, "</p>\n");
    }

    if (r->net)
        put_filters(r);
    put_saliency(r);
    reel_page_settings(r->to, &r->record);
    reel_html_end(r->to);
}

/* Reads the run and judges the examples. *why: what could not be opened; OK otherwise. */
static reel_status open_report(report *r, const reel_report_request *request, reel_status *insights,
                               reel_error *why, reel_error *err)
{
    REEL_TRY(reel_record_read(&r->record, request->folder, err));
    r->state = reel_record_state_of(&r->record, request->folder);
    *insights = open_insights(r, request, why);
    if (*insights == REEL_OK)
        *insights = judge_examples(r, why);
    return REEL_OK;
}

static void close_report(report *r)
{
    free(r->images);
    reel_saliency_free(&r->saliency);
    reel_gradcam_free(&r->cam);
    reel_bytes_free(&r->bytes);
    reel_transform_scratch_free(&r->scratch);
    reel_dataset_destroy(r->dataset);
    reel_dataset_destroy(r->whole);
    reel_model_card_free(&r->card);
    reel_net_destroy(r->net);
    reel_ctx_destroy(r->ctx);
    reel_record_free(&r->record);
}

reel_status reel_report_write(const reel_report_request *request, const char *path, reel_error *err)
{
    report r = {0};
    reel_error why;
    char *text = NULL;
    size_t size = 0;
    reel_status insights;
    REEL_TRY(open_report(&r, request, &insights, &why, err));

    /* The page is made in memory and written whole. */
    r.to = open_memstream(&text, &size);
    reel_status status =
        r.to ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "report: %s", strerror(errno));
    if (r.to)
        write_page(&r, request->folder, insights == REEL_OK ? NULL : why.message);
    if (r.to && fclose(r.to) != 0)
        status = reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");

    if (status == REEL_OK)
        status = reel_atomic_write(path, text, size, err);

    free(text);
    close_report(&r);
    return status;
}

static json_t *example_json(const report *r, int64_t i)
{
    char name[1100], truth[1100], predicted[1100];
    const int64_t label = reel_dataset_label(r->dataset, r->example[i]),
                  said = r->saliency.predicted[i];
    reel_dataset_sample_name(r->dataset, r->example[i], name, sizeof name);
    return json_pack(
        "{s:o, s:o, s:o, s:b, s:o}", "file", reel_json_text(name), "truth",
        reel_json_text(reel_model_card_class(&r->card, label, truth, sizeof truth)), "predicted",
        reel_json_text(reel_model_card_class(&r->card, said, predicted, sizeof predicted)), "right",
        said == label, "probability", reel_json_number(r->saliency.probability[i]));
}

/* Adds what the net says of the examples, as on the page, and why pictures are left out (NULL: none
 * is). False: no memory. */
static bool add_examples(json_t *data, const report *r, const char *left_out)
{
    json_t *examples = json_array();
    bool added = json_object_set_new(data, "examples", examples) == 0;
    for (int64_t i = 0; added && i < r->n_examples; i++)
        added = json_array_append_new(examples, example_json(r, i)) == 0;
    return added && json_object_set_new(data, "left_out",
                                        left_out ? reel_json_text(left_out) : json_null()) == 0;
}

reel_status reel_report_json(json_t **out, const reel_report_request *request, reel_error *err)
{
    report r = {0};
    reel_error why;
    reel_status insights;
    REEL_TRY(open_report(&r, request, &insights, &why, err));

    /* A program that reads the object cannot tell an image that is damaged from memory that ran
     * out: then there is no object. */
    json_t *data =
        insights == REEL_ERR_MEMORY ? NULL : reel_record_json(&r.record, &r.state, request->folder);
    if (!add_examples(data, &r, insights == REEL_OK ? NULL : why.message)) {
        json_decref(data);
        data = NULL;
    }
    close_report(&r);
    *out = data;
    return data ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "report: out of memory");
}
