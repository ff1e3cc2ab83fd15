/* The card in a weights file. Keys of the metadata: reel.format, reel.kind, arch, head, image_size, classes (JSON array),
 * preprocessing (JSON object). */
#include "train/model_card.h"

#include "train/json_util.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *const head_names[] = {"flatten", "gap", "gmp"};

const char *reel_head_name(reel_head head)
{
    return head_names[head];
}

reel_head reel_head_find(const char *name)
{
    for (int i = 0; i < REEL_COUNT(head_names); i++)
        if (!strcmp(name, head_names[i])) return (reel_head)i;
    return REEL_HEAD_FLATTEN;
}

void reel_model_card_free(reel_model_card *card)
{
    for (int64_t c = 0; card->class_names && c < card->classes; c++) free(card->class_names[c]);
    free(card->class_names);
    card->class_names = NULL;
}

reel_status reel_model_card_make_names(reel_model_card *card, int64_t classes, reel_error *err)
{
    card->classes = classes;
    card->class_names = calloc((size_t)classes + 1, sizeof *card->class_names);
    return card->class_names ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "class names: out of memory");
}

reel_status reel_model_card_set_name(reel_model_card *card, int64_t c, const char *name, reel_error *err)
{
    char text[1100];
    reel_utf8_text(name, text, sizeof text);
    card->class_names[c] = strdup(text);
    return card->class_names[c] ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "class names: out of memory");
}

reel_status reel_model_card_set_classes(reel_model_card *card, const reel_dataset *dataset, reel_error *err)
{
    REEL_TRY(reel_model_card_make_names(card, reel_dataset_classes(dataset), err));
    for (int64_t c = 0; c < card->classes; c++)
        REEL_TRY(reel_model_card_set_name(card, c, reel_dataset_class_name(dataset, c), err));
    return REEL_OK;
}

const char *reel_model_card_class(const reel_model_card *card, int64_t c, char *text, size_t size)
{
    if (card->class_names) return card->class_names[c];
    snprintf(text, size, "class %" PRId64, c);
    return text;
}

/* ---- writing ---- */
static json_t *preprocessing_json(const reel_transform *t)
{
    return json_pack("{s:I, s:I, s:s, s:[f,f,f], s:[f,f,f], s:f}", "size", (json_int_t)t->size, "resize", (json_int_t)t->resize,
                     "crop", "center", "mean", t->mean[0], t->mean[1], t->mean[2], "std", t->std[0], t->std[1], t->std[2],
                     "pixel_scale", t->pixel_scale);
}

static reel_status put_json(reel_model_card_put *put, void *user, const char *key, json_t *value, reel_error *err)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(value);
    const reel_status status =
        text ? put(user, key, text, err) : reel_fail(err, REEL_ERR_MEMORY, "metadata %s: out of memory", key);
    free(text);
    return status;
}

reel_status reel_model_card_metadata(const reel_model_card *card, reel_model_card_put *put, void *user, reel_error *err)
{
    char number[32];
    snprintf(number, sizeof number, "%" PRId64, card->image_size);
    REEL_TRY(put(user, "reel.format", "1", err));
    REEL_TRY(put(user, "arch", card->model->name, err));
    REEL_TRY(put(user, "head", reel_head_name(card->head), err));
    REEL_TRY(put(user, "image_size", number, err));
    REEL_TRY(put_json(put, user, "preprocessing", preprocessing_json(&card->preprocessing), err));
    if (!card->class_names) return REEL_OK;
    json_t *names = json_array();
    for (int64_t c = 0; c < card->classes; c++) json_array_append_new(names, json_string(card->class_names[c]));
    return put_json(put, user, "classes", names, err);
}

static reel_status put_in_file(void *writer, const char *key, const char *value, reel_error *err)
{
    return reel_weights_writer_metadata(writer, key, value, err);
}

reel_status reel_model_card_write(const reel_model_card *card, reel_weights_writer *writer, reel_error *err)
{
    return reel_model_card_metadata(card, put_in_file, writer, err);
}

/* ---- reading ---- */
static reel_status read_preprocessing(reel_transform *t, const char *text, const char *path, reel_error *err)
{
    json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_int_t size = 0, resize = 0;
    const int bad = !o || json_unpack(o, "{s:I, s:I, s:[F,F,F], s:[F,F,F], s:F}", "size", &size, "resize", &resize, "mean",
                                      &t->mean[0], &t->mean[1], &t->mean[2], "std", &t->std[0], &t->std[1], &t->std[2],
                                      "pixel_scale", &t->pixel_scale) != 0;
    json_decref(o);
    if (bad || size < 1 || size > 1 << 14 || resize < 0 || resize > 1 << 14)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: metadata preprocessing: not what Reel writes", path);
    t->size = size;
    t->resize = resize;
    t->crop = REEL_CROP_CENTER;
    return REEL_OK;
}

static reel_status read_classes(reel_model_card *card, const char *text, const char *path, reel_error *err)
{
    json_t *names = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    reel_status status = REEL_OK;
    if (!json_is_array(names) || (int64_t)json_array_size(names) != card->classes) {
        status = reel_fail(err, REEL_ERR_FORMAT, "%s: metadata classes: expected an array of %" PRId64 " names", path,
                           card->classes);
    } else {
        status = reel_model_card_make_names(card, card->classes, err);
        for (int64_t c = 0; c < card->classes && status == REEL_OK; c++) {
            const char *name = json_string_value(json_array_get(names, (size_t)c));
            status = name ? reel_model_card_set_name(card, c, name, err)
                          : reel_fail(err, REEL_ERR_FORMAT, "%s: metadata classes: entry %" PRId64 " is no text", path, c);
        }
    }
    json_decref(names);
    return status;
}

/* The layer of the highest number below "classifier." ends the net: its rows are the classes, alone it is a pooled head. */
static reel_status read_shapes(reel_model_card *card, const reel_weights *weights, const char *path, reel_error *err)
{
    const reel_weight *last = NULL;
    int layers = 0, highest = -1;
    for (int i = 0; i < reel_weights_count(weights); i++) {
        const reel_weight *w = reel_weights_at(weights, i);
        int number;
        char rest[16];
        if (sscanf(w->name, "classifier.%d.%15s", &number, rest) != 2 || strcmp(rest, "weight") != 0 || w->ndim != 2) continue;
        layers++;
        if (number > highest) {
            highest = number;
            last = w;
        }
    }
    if (!last || last->shape[0] < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: holds no classifier.N.weight, so it is not one of the networks here", path);
    card->classes = last->shape[0];
    card->head = layers == 1 ? REEL_HEAD_GAP : REEL_HEAD_FLATTEN;
    return REEL_OK;
}

reel_status reel_model_card_read(reel_model_card *card, const reel_weights *weights, const char *arch, const char *path,
                                 reel_error *err)
{
    *card = (reel_model_card){0};
    const char *kind = reel_weights_metadata(weights, "reel.kind"), *version = reel_weights_metadata(weights, "reel.format");
    if (version && strcmp(version, "1") != 0)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: written by a newer Reel (format %.20s, this one reads 1)", path, version);
    if (kind && !strcmp(kind, "checkpoint"))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: is a checkpoint (for --resume); expected weights, such as model.safetensors beside it", path);
    const char *stored = reel_weights_metadata(weights, "arch"), *text;
    const char *name = stored ? stored : arch ? arch : "alexnet";
    card->model = reel_model_find(name);
    if (!card->model) return reel_fail(err, REEL_ERR_FORMAT, "%s: network '%.40s' is not known here", path, name);
    REEL_TRY(read_shapes(card, weights, path, err));
    if ((text = reel_weights_metadata(weights, "head"))) card->head = reel_head_find(text);
    card->image_size = card->model->image_size;
    if ((text = reel_weights_metadata(weights, "image_size"))) card->image_size = strtoll(text, NULL, 10);
    card->preprocessing = (reel_transform){.size = card->image_size, .crop = REEL_CROP_CENTER};
    reel_transform_imagenet_norm(&card->preprocessing);
    if ((text = reel_weights_metadata(weights, "preprocessing")))
        REEL_TRY(read_preprocessing(&card->preprocessing, text, path, err));
    if ((text = reel_weights_metadata(weights, "classes"))) REEL_TRY(read_classes(card, text, path, err));
    return REEL_OK;
}

reel_status reel_model_card_matches(const reel_model_card *card, const reel_dataset *dataset, const char *where,
                                    reel_error *err)
{
    const int64_t n = reel_dataset_classes(dataset);
    if (!card->class_names && n == card->classes) return REEL_OK;
    if (!card->class_names)
        return reel_fail(err, REEL_ERR_INVALID, "%s: holds %" PRId64 " classes, the weights are for %" PRId64, where, n,
                         card->classes);
    char names[400] = "", text[1100];
    size_t used = 0;
    int64_t a = 0, b = 0, different = 0;
    while (a < card->classes || b < n) { /* both are in bytewise order */
        if (b < n) reel_utf8_text(reel_dataset_class_name(dataset, b), text, sizeof text);
        const int order = a == card->classes ? 1 : b == n ? -1 : strcmp(card->class_names[a], text);
        const char *odd = order < 0 ? card->class_names[a] : text;
        if (order != 0 && ++different <= 8 && used < sizeof names - 1)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s'%.40s' only in the %s", different > 1 ? ", " : "",
                                     odd, order < 0 ? "weights" : "folder");
        a += order <= 0;
        b += order >= 0;
    }
    if (!different) return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "%s: classes differ from those of the weights: %s%s", where, names,
                     different > 8 ? ", ..." : "");
}

reel_status reel_model_card_resumes(const reel_model_card *card, const reel_weights *weights, const char *path, reel_error *err)
{
    const char *text = reel_weights_metadata(weights, "classes");
    json_t *names = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const int64_t n = (int64_t)json_array_size(names);
    reel_status status = REEL_OK;
    if (n != card->classes)
        status = reel_fail(err, REEL_ERR_INVALID, "%s: was trained on %" PRId64 " classes, the data has %" PRId64, path, n,
                           card->classes);
    for (int64_t c = 0; status == REEL_OK && c < n; c++) {
        const char *name = json_string_value(json_array_get(names, (size_t)c));
        if (!name || strcmp(name, card->class_names[c]) != 0)
            status = reel_fail(err, REEL_ERR_INVALID, "%s: was trained on other classes: '%.100s' where the data has '%.100s'",
                               path, name ? name : "?", card->class_names[c]);
    }
    json_decref(names);
    return status;
}

/* ---- from a path to a net ---- */
static void weights_path(char *file, size_t size, const char *path)
{
    struct stat st;
    snprintf(file, size, "%s", path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return;
    snprintf(file, size, "%s/best.safetensors", path);
    if (stat(file, &st) != 0) snprintf(file, size, "%s/model.safetensors", path);
}

reel_status reel_model_open(reel_net **net, reel_model_card *card, const char *path, const char *arch, const reel_ctx *ctx,
                            reel_dtype dtype, reel_error *err)
{
    char file[4200];
    weights_path(file, sizeof file, path);
    *net = NULL;
    *card = (reel_model_card){0};
    reel_weights *weights;
    REEL_TRY(reel_weights_read(&weights, file, err));
    reel_status status = reel_weights_verify(weights, err);
    if (status == REEL_OK) status = reel_model_card_read(card, weights, arch, file, err);
    const reel_model_config config = {
        .classes = card->classes, .head = card->head, .dropout = -1, .image_size = card->image_size};
    if (status == REEL_OK) status = reel_model_create(net, card->model, &config, ctx, dtype, err);
    reel_error why = {0};
    if (status == REEL_OK && (status = reel_params_load(reel_net_params(*net), weights, &why)) != REEL_OK)
        reel_fail(err, status, "%s: %s", file, why.message);
    reel_weights_destroy(weights);
    if (status == REEL_OK) return REEL_OK;
    reel_net_destroy(*net);
    *net = NULL;
    reel_model_card_free(card);
    return status;
}
