/* A batch of images through the network, and the answers: see predict.h. */
#include "train/cli/predict.h"

#include "data/codecs/codec.h"
#include "train/cli/image_file.h"
#include "train/run/evaluation.h"
#include "train/run/json_util.h"
#include "train/run/model_card.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An unreadable image is reported in its place; the others go on. Lack of memory says nothing about
 * the image, and ends the command. */
static reel_status note_unreadable(reel_predictor *p, const char *path, const reel_error *why,
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

/* The bytes of an image once more, for the batch holds pixels. Those on stdin are still there. *ok:
 * whether they can be read; if not, the image has been named. */
static reel_status bytes_again(reel_predictor *p, const char *name, const reel_bytes **bytes,
                               bool *ok, reel_error *err)
{
    reel_error why;
    const bool from_stdin = p->stdin_images.is_image && !strcmp(name, "-");
    *bytes = from_stdin ? &p->stdin_images.bytes : &p->bytes;
    *ok = from_stdin || reel_image_file_read(&p->bytes, name, &why) == REEL_OK;
    return *ok ? REEL_OK : note_unreadable(p, name, &why, err);
}

/* The copy of --copy-into, unless the network is too unsure. Sets shown->copy. */
static reel_status copy_picture(reel_predictor *p, const char *file, const reel_bytes *bytes,
                                reel_prediction *shown, reel_error *err)
{
    const int64_t class = shown->order[0];
    if ((double)shown->probability[class] < reel_options_real(p->options, "min-probability")) {
        p->unsure++;
        return REEL_OK;
    }
    REEL_TRY(reel_sorted_copy_add(&p->copies, &p->card, class, file, bytes, err));
    shown->copy = p->copies.last;
    p->copied++;
    return REEL_OK;
}

/* The files that the options ask for. Sets the paths of the prediction that is to be shown. */
static reel_status write_files(reel_predictor *p, reel_prediction *shown, reel_error *err)
{
    char own_name[40], text[1100];
    const reel_bytes *bytes;
    bool ok;
    if (!p->copies.folder && !p->pictures.folder)
        return REEL_OK;
    REEL_TRY(bytes_again(p, shown->name, &bytes, &ok, err));
    if (!ok)
        return REEL_OK;

    const bool from_stdin = bytes == &p->stdin_images.bytes;
    const char *file = from_stdin ? name_for_bytes(bytes, own_name, sizeof own_name) : shown->name;
    if (p->copies.folder)
        REEL_TRY(copy_picture(p, file, bytes, shown, err));
    if (!p->pictures.folder)
        return REEL_OK;

    reel_error why;
    const int64_t class = shown->order[0];
    const reel_annotation what = {.source = file,
                                  .bytes = bytes,
                                  .class =
                                      reel_model_card_class(&p->card, class, text, sizeof text),
                                  .probability = (double)shown->probability[class]};
    const reel_status status = reel_annotate_add(&p->pictures, &what, &shown->picture, &why);
    /* A file may have changed since it was read. */
    if (status == REEL_ERR_FORMAT)
        return note_unreadable(p, shown->name, &why, err);
    return status == REEL_OK ? REEL_OK : reel_fail(err, status, "%s", why.message);
}

static reel_status answer(reel_predictor *p, const char *name, const float *probability,
                          reel_error *err)
{
    const int64_t classes = p->card.classes, wanted = reel_options_int(p->options, "top"),
                  top = wanted < classes ? wanted : classes;
    rank_classes(p->order, probability, classes, top);
    reel_prediction shown = {
        .name = name, .probability = probability, .order = p->order, .top = top};
    REEL_TRY(write_files(p, &shown, err));
    reel_show_prediction(&p->show, &shown);
    return REEL_OK;
}

void reel_predict_forget(reel_predictor *p)
{
    for (int64_t i = 0; i < p->n; i++)
        free(p->names[i]);
    p->n = 0;
}

/* The images gathered so far through the net. */
reel_status reel_predict_batch(reel_predictor *p, reel_error *err)
{
    if (p->n == 0)
        return REEL_OK;
    const int64_t size = p->card.preprocessing.size,
                  shape[4] = {p->n * p->views, p->channels, size, size};
    const reel_tensor images = reel_tensor_of(p->batch, REEL_F32, 4, shape);

    reel_predict_time_mark(&p->time);
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
    reel_predict_time_add(&p->time, REEL_PREDICT_NETWORK);
    p->predicted += p->n;

    if (p->features)
        REEL_TRY(reel_feature_file_add(p->features, p->names, p->n, err));
    for (int64_t i = 0; i < p->n; i++)
        REEL_TRY(
            answer(p, p->names[i], (const float *)probability.data + i * p->card.classes, err));

    reel_tape_reset(p->tape);
    reel_predict_forget(p);
    return REEL_OK;
}

/* ---- image after image ---- */
/* Adds the image to the batch, which runs when it is full. */
reel_status reel_predict_add(reel_predictor *p, const char *name, const reel_bytes *bytes,
                             reel_error *err)
{
    reel_error why;
    const int64_t size = p->card.preprocessing.size;
    const reel_rng none = reel_rng_at(0, REEL_STREAM_AUGMENT, 0, 0);
    float *out = p->batch + p->n * p->views * p->channels * size * size;
    reel_predict_time_mark(&p->time);
    if (reel_transform_bytes(&p->look, bytes->data, bytes->size, none, &p->scratch, out, &why)) {
        return note_unreadable(p, name, &why, err);
    }
    reel_predict_time_add(&p->time, REEL_PREDICT_DECODE);

    p->names[p->n] = strdup(name);
    if (!p->names[p->n])
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", name);
    p->n++;
    return p->n == p->most ? reel_predict_batch(p, err) : REEL_OK;
}

reel_status reel_predict_add_file(reel_predictor *p, const char *path, bool from_stdin,
                                  reel_error *err)
{
    reel_error why;
    reel_predict_time_mark(&p->time);
    if ((from_stdin && reel_image_file_check(path, &why)) ||
        reel_image_file_read(&p->bytes, path, &why)) {
        return note_unreadable(p, path, &why, err);
    }
    reel_predict_time_add(&p->time, REEL_PREDICT_DECODE);
    return reel_predict_add(p, path, &p->bytes, err);
}
