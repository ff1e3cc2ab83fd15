/* The card in a weights file, read and written. Every number is bounded where it is read: a card
 * sizes what is allocated. */
#include "core/files/model_card.h"

#include "core/files/json_text.h"
#include "core/files/weights_internal.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_SIDE = 1 << 14 };

void reel_model_card_free(reel_model_card *card)
{
    if (!card)
        return;
    for (int64_t c = 0; card->class_names && c < card->classes; c++)
        free(card->class_names[c]);
    free(card->class_names);
    card->class_names = NULL;
    free(card->network);
    card->network = NULL;
}

reel_status reel_model_card_make_names(reel_model_card *card, int64_t classes, reel_error *err)
{
    REEL_NEED(card, err);
    if (classes < 0)
        return reel_fail(err, REEL_ERR_INVALID, "class names: expected 0 or more, got %" PRId64,
                         classes);
    card->classes = classes;
    card->class_names = calloc((size_t)classes + 1, sizeof *card->class_names);
    return card->class_names ? REEL_OK
                             : reel_fail(err, REEL_ERR_MEMORY, "class names: out of memory");
}

reel_status reel_model_card_set_name(reel_model_card *card, int64_t c, const char *name,
                                     reel_error *err)
{
    REEL_NEED(card, err);
    REEL_NEED(name, err);
    if (!card->class_names || c < 0 || c >= card->classes)
        return reel_fail(err, REEL_ERR_INVALID,
                         "class %" PRId64 ": expected one of the card's %" PRId64 " classes", c,
                         card->class_names ? card->classes : 0);

    json_t *text = json_string(name); /* NULL unless UTF-8 */
    if (!text)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "class %" PRId64 ": a name of valid UTF-8 was expected, or there is no memory", c);
    json_decref(text);
    free(card->class_names[c]);
    card->class_names[c] = strdup(name);
    return card->class_names[c] ? REEL_OK
                                : reel_fail(err, REEL_ERR_MEMORY, "class names: out of memory");
}

const char *reel_model_card_class(const reel_model_card *card, int64_t c, char *text, size_t size)
{
    const bool known = card && card->class_names && c >= 0 && c < card->classes;
    if (known && card->class_names[c])
        return card->class_names[c];
    if (!text || size == 0)
        return "";
    snprintf(text, size, "class %" PRId64, c);
    return text;
}

static const char *const interpolation_names[REEL_N_INTERPOLATIONS] = {"bilinear", "bicubic",
                                                                       "nearest"};

const char *reel_interpolation_name(reel_interpolation how)
{
    return (unsigned)how < REEL_N_INTERPOLATIONS ? interpolation_names[how] : NULL;
}

reel_interpolation reel_interpolation_find(const char *name)
{
    int how = 0;
    while (how < REEL_N_INTERPOLATIONS && (!name || strcmp(name, interpolation_names[how]) != 0))
        how++;
    return (reel_interpolation)how;
}

/* ---- writing ---- */
static json_t *preprocessing_json(const reel_preprocessing *p)
{
    json_t *o = json_pack("{s:I, s:I, s:s, s:[f,f,f], s:[f,f,f], s:f}", "size", (json_int_t)p->size,
                          "resize", (json_int_t)p->resize, "crop", "center", "mean", p->mean[0],
                          p->mean[1], p->mean[2], "std", p->std[0], p->std[1], p->std[2],
                          "pixel_scale", p->pixel_scale);
    /* Only where it is not ignored: files written before there was a choice say nothing, and mean
     * that. */
    if (o && p->upright)
        json_object_set_new(o, "exif", json_string("apply"));
    /* Likewise: three channels need no word, nor does bilinear interpolation. */
    if (o && p->channels == 1)
        json_object_set_new(o, "channels", json_integer(1));
    if (o && p->interpolation != REEL_INTERPOLATION_BILINEAR)
        json_object_set_new(o, "interpolation",
                            json_string(reel_interpolation_name(p->interpolation)));
    return o;
}

static reel_status put_json(reel_model_card_put *put, void *user, const char *key, json_t *value,
                            reel_error *err)
{
    char *text = value ? reel_json_dumps(value, JSON_COMPACT) : NULL;
    json_decref(value);
    const reel_status status =
        text ? put(user, key, text, err)
             : reel_fail(err, REEL_ERR_MEMORY, "metadata %s: out of memory", key);
    free(text);
    return status;
}

reel_status reel_model_card_metadata(const reel_model_card *card, reel_model_card_put *put,
                                     void *user, reel_error *err)
{
    REEL_NEED(card, err);
    REEL_NEED(put, err);

    char number[32];
    snprintf(number, sizeof number, "%" PRId64, card->image_size);
    REEL_TRY(put(user, "reel.format", "1", err));
    REEL_TRY(put(user, "arch", card->arch, err));
    if (card->network)
        REEL_TRY(put(user, "network", card->network, err));
    REEL_TRY(put(user, "head", card->head, err));
    REEL_TRY(put(user, "image_size", number, err));
    REEL_TRY(put_json(put, user, "preprocessing", preprocessing_json(&card->preprocessing), err));
    if (!card->class_names)
        return REEL_OK;
    json_t *names = json_array();
    for (int64_t c = 0; c < card->classes; c++)
        json_array_append_new(names, json_string(card->class_names[c]));
    return put_json(put, user, "classes", names, err);
}

static reel_status put_in_file(void *writer, const char *key, const char *value, reel_error *err)
{
    return reel_weights_writer_metadata(writer, key, value, err);
}

reel_status reel_model_card_write(const reel_model_card *card, reel_weights_writer *writer,
                                  reel_error *err)
{
    REEL_NEED(card, err);
    REEL_NEED(writer, err);
    return reel_model_card_metadata(card, put_in_file, writer, err);
}

/* ---- reading ---- */
/* Is the number within its bounds? Names the field where it is not; NaN is not. */
static reel_status check_card_number(const char *name, const char *field, double value,
                                     double least, double most, reel_error *err)
{
    if (value >= least && value <= most)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s: metadata preprocessing: %s: expected a number from %g to %g, got %g",
                     name, field, least, most, value);
}

/* Reel wrote deviations of 0 for 1, where pixels are only scaled, or only lose a mean pixel. */
static void read_early_deviations(reel_preprocessing *p)
{
    const bool none = !p->std[0] && !p->std[1] && !p->std[2],
               plain = !p->mean[0] && !p->mean[1] && !p->mean[2];
    for (int k = 0; k < 3 && none && (plain || p->pixel_scale == 1); k++)
        p->std[k] = 1;
}

/* A deviation of 0 would make every pixel infinite, one of 1e30 every image the same: both look
 * like bad weights, long after the file was read. */
static reel_status check_preprocessing(const reel_preprocessing *p, const char *name,
                                       reel_error *err)
{
    const double least = 1e-6, most = 1e6;
    char field[24];
    REEL_TRY(check_card_number(name, "size", (double)p->size, 1, LARGEST_SIDE, err));
    REEL_TRY(check_card_number(name, "resize", (double)p->resize, 0, LARGEST_SIDE, err));
    if (p->pixel_scale != 0) /* 0 = 1/255 */
        REEL_TRY(check_card_number(name, "pixel_scale", p->pixel_scale, least, most, err));
    for (int k = 0; k < 3; k++) {
        snprintf(field, sizeof field, "mean[%d]", k);
        REEL_TRY(check_card_number(name, field, p->mean[k], -most, most, err));
        snprintf(field, sizeof field, "std[%d]", k);
        REEL_TRY(check_card_number(name, field, p->std[k], least, most, err));
    }
    return REEL_OK;
}

static reel_status read_preprocessing(reel_preprocessing *p, const char *text, const char *name,
                                      reel_error *err)
{
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_int_t size = 0, resize = 0, channels = 3;
    const char *exif = "ignore", *interpolation = "bilinear";
    bool bad = !o || json_unpack(o, "{s:I, s:I, s:[F,F,F], s:[F,F,F], s:F, s?s, s?I, s?s}", "size",
                                 &size, "resize", &resize, "mean", &p->mean[0], &p->mean[1],
                                 &p->mean[2], "std", &p->std[0], &p->std[1], &p->std[2],
                                 "pixel_scale", &p->pixel_scale, "exif", &exif, "channels",
                                 &channels, "interpolation", &interpolation) != 0;

    /* Files written before there was a choice say nothing about EXIF, and mean "ignore". */
    p->upright = !bad && !strcmp(exif, "apply");
    bad = bad || (!p->upright && strcmp(exif, "ignore") != 0);
    bad = bad || (channels != 1 && channels != 3);
    p->interpolation = reel_interpolation_find(bad ? NULL : interpolation);
    bad = bad || p->interpolation == REEL_N_INTERPOLATIONS;
    json_decref(o);
    if (bad)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: metadata preprocessing: not what Reel writes",
                         name);
    p->size = size;
    p->resize = resize;
    p->channels = channels;
    read_early_deviations(p);
    return check_preprocessing(p, name, err);
}

static reel_status read_classes(reel_model_card *card, const char *text, const char *file,
                                reel_error *err)
{
    json_t *names = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    reel_status status = REEL_OK;
    if (card->classes == 0)
        card->classes = (int64_t)json_array_size(names);

    if (!json_is_array(names) || card->classes < 1 ||
        (int64_t)json_array_size(names) != card->classes) {
        status = reel_fail(err, REEL_ERR_FORMAT,
                           "%s: metadata classes: expected an array of %" PRId64 " names", file,
                           card->classes);
    } else {
        status = reel_model_card_make_names(card, card->classes, err);
        for (int64_t c = 0; c < card->classes && status == REEL_OK; c++) {
            const char *name = json_string_value(json_array_get(names, (size_t)c));
            status = name
                         ? reel_model_card_set_name(card, c, name, err)
                         : reel_fail(err, REEL_ERR_FORMAT,
                                     "%s: metadata classes: entry %" PRId64 " is no text", file, c);
        }
    }

    json_decref(names);
    return status;
}

/* The classifier of a file, or of one wrapped network in it. */
typedef struct found_head {
    char before[200]; /* what stands before "classifier." */
    const reel_weight *last;
    int layers, highest;
} found_head;

/* "classifier.N.weight" at the end of a name, wrappers left out. */
static bool is_head_weight(const reel_weight *w, char *before, size_t size, int *number)
{
    char plain[256], rest[16];
    const char *word = "classifier.", *at = NULL;
    reel_name_unwrap(w->name, plain, sizeof plain);
    for (const char *p = plain; (p = strstr(p, word)); p++)
        if (p == plain || p[-1] == '.')
            at = p;
    if (!at || sscanf(at, "classifier.%d.%15s", number, rest) != 2 || strcmp(rest, "weight") != 0 ||
        w->ndim != 2)
        return false;
    snprintf(before, size, "%.*s", (int)(at - plain), plain);
    return true;
}

/* The layer of the highest number below "classifier." ends the net: its rows are the classes, alone
 * it is a pooled head. A file may hold several networks: the one whose names begin with
 * "classifier." is meant, or all have the same head. */
static reel_status read_shapes(reel_model_card *card, const reel_weights *weights, const char *file,
                               reel_error *err)
{
    enum { MOST_HEADS = 8 };
    found_head heads[MOST_HEADS];
    int n = 0, meant = 0;

    /* The classifiers in the file: one, or more where it holds several networks. */
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        char before[200];
        int number, k = 0;
        if (!is_head_weight(w, before, sizeof before, &number))
            continue;
        while (k < n && strcmp(heads[k].before, before) != 0)
            k++;
        if (k == MOST_HEADS)
            continue;
        if (k == n) {
            heads[n] = (found_head){.highest = -1};
            memcpy(heads[n++].before, before, sizeof before);
        }
        heads[k].layers++;
        if (number > heads[k].highest) {
            heads[k].highest = number;
            heads[k].last = w;
        }
    }

    snprintf(card->head, sizeof card->head, "flatten");
    if (n == 0)
        return REEL_OK; /* perhaps another network's: layers/model_file.h knows */

    /* The one whose names have nothing in front is meant. Without it all must look the same. */
    for (int k = 0; k < n; k++)
        if (*heads[k].before == '\0')
            meant = k;
    for (int k = 0; k < n && *heads[meant].before; k++)
        if (heads[k].layers != heads[meant].layers ||
            heads[k].last->shape[0] != heads[meant].last->shape[0])
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: holds several networks, below \"%.80s\" and below \"%.80s\"; "
                             "keep one of them in the file",
                             file, heads[meant].before, heads[k].before);
    if (heads[meant].last->shape[0] < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: the last layer has no classes", file);
    card->classes = heads[meant].last->shape[0];
    snprintf(card->head, sizeof card->head, "%s", heads[meant].layers == 1 ? "gap" : "flatten");
    return REEL_OK;
}

/* As the first convolution has them: its tensor is (out, in, height, width). */
static int64_t input_channels(const reel_weights *weights)
{
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        const char *name = strstr(w->name, "features.0.weight");
        if (name && !strcmp(name, "features.0.weight") && w->ndim == 4 && w->shape[1] == 1)
            return 1;
    }
    return 3;
}

/* torchvision's. */
void reel_model_card_expect(reel_model_card *card, int64_t channels)
{
    if (!card)
        return;
    card->preprocessing = (reel_preprocessing){.channels = channels,
                                               .size = card->image_size,
                                               .mean = {0.485, 0.456, 0.406},
                                               .std = {0.229, 0.224, 0.225},
                                               .pixel_scale = 0};
    for (int c = 0; c < 3 && channels == 1; c++) {
        card->preprocessing.mean[c] = 0.458971; /* 0.299 R + 0.587 G + 0.114 B */
        card->preprocessing.std[c] = 0.225609;
    }
}

/* is_text: the network is one, whatever the metadata say. */
static reel_status read_card(reel_model_card *card, const reel_weights *weights, const char *arch,
                             bool is_text, const char *file, reel_error *err)
{
    const char *kind = reel_weights_metadata(weights, "reel.kind"),
               *version = reel_weights_metadata(weights, "reel.format");
    if (version && strcmp(version, "1") != 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: written by a newer Reel (format %.20s, this one reads 1)", file,
                         version);
    if (kind && !strcmp(kind, "checkpoint"))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: is a checkpoint (for --resume); expected weights, such as "
                         "model.safetensors beside it",
                         file);

    const char *name = reel_weights_metadata(weights, "arch"), *text;
    if (!name)
        name = arch ? arch : "alexnet"; /* files of other programs do not say */
    if (strlen(name) >= sizeof card->arch)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: network '%.40s...' is not known here", file,
                         name);
    snprintf(card->arch, sizeof card->arch, "%s", name);
    if ((text = reel_weights_metadata(weights, "network")) && !(card->network = strdup(text)))
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", file);
    if (is_text || card->network)
        snprintf(card->head, sizeof card->head, "flatten"); /* its own, with any name */
    else
        REEL_TRY(read_shapes(card, weights, file, err));

    if ((text = reel_weights_metadata(weights, "head")))
        snprintf(card->head, sizeof card->head, "%s", text);
    if ((text = reel_weights_metadata(weights, "image_size"))) {
        char *end;
        card->image_size = strtoll(text, &end, 10);
        if (*end || card->image_size < 1 || card->image_size > LARGEST_SIDE)
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: metadata image_size: expected 1 to %d, got %.40s", file,
                             LARGEST_SIDE, text);
    }

    reel_model_card_expect(card, input_channels(weights));
    if ((text = reel_weights_metadata(weights, "preprocessing")))
        REEL_TRY(read_preprocessing(&card->preprocessing, text, file, err));
    if ((text = reel_weights_metadata(weights, "classes")))
        REEL_TRY(read_classes(card, text, file, err));
    return REEL_OK;
}

reel_status reel_model_card_read(reel_model_card *card, const reel_weights *weights,
                                 const char *arch, const char *file, reel_error *err)
{
    REEL_NEED(card, err);
    *card = (reel_model_card){0};
    REEL_NEED(weights, err);
    return read_card(card, weights, arch, false, file ? file : "weights", err);
}

reel_status reel_model_card_read_text(reel_model_card *card, const reel_weights *weights,
                                      const char *arch, const char *file, reel_error *err)
{
    REEL_NEED(card, err);
    *card = (reel_model_card){0};
    REEL_NEED(weights, err);
    return read_card(card, weights, arch, true, file ? file : "weights", err);
}

reel_status reel_model_card_resumes(const reel_model_card *card, const reel_weights *weights,
                                    const char *file, reel_error *err)
{
    REEL_NEED(card, err);
    REEL_NEED(weights, err);
    if (!file)
        file = "weights";

    const char *text = reel_weights_metadata(weights, "classes");
    json_t *names = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const int64_t n = (int64_t)json_array_size(names);
    reel_status status = REEL_OK;
    if (n != card->classes)
        status = reel_fail(err, REEL_ERR_INVALID,
                           "%s: was trained on %" PRId64 " classes, the data has %" PRId64, file, n,
                           card->classes);

    for (int64_t c = 0; status == REEL_OK && c < n; c++) {
        const char *name = json_string_value(json_array_get(names, (size_t)c));
        const char *own = card->class_names ? card->class_names[c] : NULL;
        if (!name || !own || strcmp(name, own) != 0)
            status =
                reel_fail(err, REEL_ERR_INVALID,
                          "%s: was trained on other classes: '%.100s' where the data has '%.100s'",
                          file, name ? name : "?", own ? own : "?");
    }
    json_decref(names);
    return status;
}
