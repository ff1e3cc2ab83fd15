/* Fine-tuning: the head is replaced by shape, the rest keeps what it learned elsewhere (Yosinski et
 * al. 2014, "How transferable are features in deep neural networks?"). */
#include "train/run/finetune.h"

#include "train/run/say.h"
#include "train/run/data_dir.h"
#include "train/run/json_util.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t reel_finetune_epochs(int64_t images)
{
    const int64_t epochs = (24000 + images / 2) / (images > 0 ? images : 1);
    return epochs < 5 ? 5 : epochs > 40 ? 40 : epochs;
}

/* ---- starting weights ---- */
typedef struct {
    bool quiet;
    int64_t values; /* loaded */
    char last[200]; /* name of the layer that no tensor filled */
} telling;

static void tell(void *user, reel_match match, const reel_param *p, const reel_weight *w)
{
    telling *t = user;
    REEL_ASSERT((match == REEL_MATCH_SKIPPED || p) && (match == REEL_MATCH_MISSING || w));
    char a[128], b[128];
    if (match == REEL_MATCH_LOADED)
        t->values += reel_tensor_numel(&p->value);
    if (t->quiet || match == REEL_MATCH_LOADED)
        return;
    if (p)
        reel_shape_text(a, sizeof a, p->value.ndim, p->value.shape);
    if (w)
        reel_shape_text(b, sizeof b, w->ndim, w->shape);
    if (match == REEL_MATCH_OTHER_SHAPE)
        reel_say("  replaced  %s: %s here, %s in the file; starts anew", p->name, a, b);
    else if (match == REEL_MATCH_MISSING)
        reel_say("  missing   %s %s: not in the file; starts anew", p->name, a);
    else
        reel_say("  left out  %s %s: not in this network", w->name, b);
}

/* The last layer: all parameters that share the name of the store's last one up to its last dot. */
static const char *head_pattern(const reel_params *params, char *pattern, size_t size)
{
    snprintf(pattern, size, "%s", reel_params_at(params, reel_params_count(params) - 1)->name);
    char *dot = strrchr(pattern, '.');
    if (dot)
        snprintf(dot + 1, size - (size_t)(dot + 1 - pattern), "*");
    return pattern;
}

static bool in_head(const reel_params *params, int i)
{
    char pattern[300];
    const size_t length = strcspn(head_pattern(params, pattern, sizeof pattern), "*");
    return strncmp(reel_params_at(params, i)->name, pattern, length) == 0;
}

/* As many classes with known names, but not these. */
static bool other_classes(const reel_model_card *card, const reel_dataset *data)
{
    if (!card->class_names || card->classes != reel_dataset_classes(data))
        return false;
    for (int64_t c = 0; c < card->classes; c++)
        if (strcmp(card->class_names[c], reel_dataset_class_name(data, c)) != 0)
            return true;
    return false;
}

/* The head as it was made: copied out (back: false) and in again. A buffer for each parameter. */
static reel_status keep_head(reel_params *params, void **kept, bool back, reel_error *err)
{
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_tensor *value = &reel_params_at(params, i)->value;
        const size_t bytes = reel_tensor_bytes(value);
        if (back ? !kept[i] : !in_head(params, i))
            continue;
        if (!back && !(kept[i] = malloc(bytes)))
            return reel_fail(err, REEL_ERR_MEMORY, "head: out of memory");
        memcpy(back ? value->data : kept[i], back ? kept[i] : value->data, bytes);
    }
    return REEL_OK;
}

static reel_status load(reel_trainer *t, const reel_weights *weights, telling *how, int *loaded,
                        bool anew, reel_error *err)
{
    reel_params *params = reel_net_params(t->net);
    const int n = reel_params_count(params);
    if (!anew)
        return reel_params_load_matching(params, weights, tell, how, loaded, err);
    void **kept = calloc((size_t)n, sizeof *kept);
    reel_status status = kept ? keep_head(params, kept, false, err)
                              : reel_fail(err, REEL_ERR_MEMORY, "head: out of memory");
    if (status == REEL_OK)
        status = reel_params_load_matching(params, weights, tell, how, loaded, err);
    if (status == REEL_OK)
        status = keep_head(params, kept, true, err);
    for (int i = 0; kept && i < n; i++) {
        if (status == REEL_OK && kept[i]) {
            how->values -= reel_tensor_numel(&reel_params_at(params, i)->value);
            --*loaded;
        }
        free(kept[i]);
    }
    free(kept);
    char pattern[300];
    if (status == REEL_OK && !how->quiet)
        reel_say("  replaced  %s: as many classes, but with other names; starts anew",
                 head_pattern(params, pattern, sizeof pattern));
    return status;
}

reel_status reel_finetune_start(reel_trainer *t, const reel_weights *weights,
                                const reel_model_card *card, const char *path, reel_error *err)
{
    telling how = {.quiet = t->settings->quiet};
    int loaded;
    if (!how.quiet)
        reel_say("weights from %s:", path);
    REEL_TRY(load(t, weights, &how, &loaded, other_classes(card, t->train), err));
    if (loaded == 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected weights for %s, got no tensor that fits by name and shape",
                         path, t->settings->model->name);
    if (!how.quiet)
        reel_say("  loaded    %d tensors, %" PRId64 " values", loaded, how.values);
    if (!how.quiet && !card->class_names && card->classes == reel_dataset_classes(t->train))
        reel_say("  the file has as many classes as DATA and does not name them: its last layer "
                 "was taken for theirs");
    return REEL_OK;
}

/* ---- groups ---- */
static reel_status freeze(reel_trainer *t, const char *patterns, reel_error *err)
{
    char pattern[200];
    for (const char *p = patterns; *p;) {
        const size_t length = strcspn(p, ",");
        snprintf(pattern, sizeof pattern, "%.*s",
                 (int)(length < sizeof pattern ? length : sizeof pattern - 1), p);
        p += length + (p[length] == ',');
        if (!*pattern)
            continue;
        const reel_group group = {
            .pattern = pattern, .lr_mult = 1, .decay_mult = 1, .frozen = true};
        reel_error why;
        if (reel_optimizer_group(t->opt, &group, &why))
            return reel_fail(err, why.status, "--freeze: %s", why.message);
    }
    return REEL_OK;
}

static reel_status quicken_head(reel_trainer *t, reel_error *err)
{
    const reel_params *params = reel_net_params(t->net);
    const reel_settings *s = t->settings;
    char pattern[300];
    head_pattern(params, pattern, sizeof pattern);
    char *dot = strrchr(pattern, '.');
    const reel_group weights = {.pattern = pattern, .lr_mult = s->head_lr_mult, .decay_mult = 1};
    REEL_TRY(reel_optimizer_group(t->opt, &weights, err));
    if (!dot || (s->bias_lr_mult == 1 && s->bias_decay_mult == 1))
        return REEL_OK;
    snprintf(dot + 1, sizeof pattern - (size_t)(dot + 1 - pattern), "bias");
    const reel_group bias = {.pattern = pattern,
                             .lr_mult = s->head_lr_mult * s->bias_lr_mult,
                             .decay_mult = s->bias_decay_mult};
    return reel_optimizer_group(t->opt, &bias, err);
}

reel_status reel_trainer_tune(reel_trainer *t, reel_error *err)
{
    const reel_settings *s = t->settings;
    const bool freezes =
        s->freeze && *s->freeze && (s->unfreeze_after == 0 || t->state.epoch < s->unfreeze_after);
    const reel_group all = {.pattern = "*", .lr_mult = 1, .decay_mult = 1};
    const reel_group biases = {
        .pattern = "*.bias", .lr_mult = s->bias_lr_mult, .decay_mult = s->bias_decay_mult};
    REEL_TRY(reel_optimizer_group(t->opt, &all, err));
    if (s->bias_lr_mult != 1 || s->bias_decay_mult != 1)
        REEL_TRY(reel_optimizer_group(t->opt, &biases, err));
    if (s->head_lr_mult != 1)
        REEL_TRY(quicken_head(t, err));
    if (freezes)
        REEL_TRY(freeze(t, s->freeze, err));
    for (int i = 0; i < reel_params_count(reel_net_params(t->net)); i++) {
        const unsigned flags = reel_params_at(reel_net_params(t->net), i)->flags;
        if (!(flags & (REEL_PARAM_FROZEN | REEL_PARAM_BUFFER)))
            return REEL_OK;
    }
    return reel_fail(err, REEL_ERR_INVALID, "--freeze: '%s' leaves nothing to train", s->freeze);
}

/* ---- images held back ---- */
/* The names that a resumed run holds back, as keys; NULL where none are known, or others are asked
 * for. */
static json_t *held_before(const reel_settings *s)
{
    char path[REEL_PATH_MAX];
    const char *slash = s->resume ? strrchr(s->resume, '/') : NULL;
    if (!s->resume)
        return NULL;
    if (!strcmp(s->resume, "auto"))
        snprintf(path, sizeof path, "%s/split.json", s->output_dir);
    else
        snprintf(path, sizeof path, "%.*ssplit.json", slash ? (int)(slash - s->resume) + 1 : 0,
                 s->resume);
    json_t *o, *held = NULL, *name;
    size_t i;
    if (reel_json_load(&o, path, NULL) != REEL_OK)
        return NULL;
    if (json_integer_value(json_object_get(o, "seed")) == (json_int_t)s->seed &&
        fabs(json_number_value(json_object_get(o, "share")) - s->val_share) < 1e-9) {
        held = json_object();
        json_array_foreach(json_object_get(o, "validation"), i, name) if (json_is_string(name))
            json_object_set_new(held, json_string_value(name), json_true());
    }
    json_decref(o);
    return held;
}

/* An image that came or went since must not move others: what was trained on would be validated on.
 */
static reel_status split_as_before(reel_trainer *t, const json_t *names, bool *done,
                                   reel_error *err)
{
    const int64_t count = reel_dataset_count(t->whole);
    int64_t *train = calloc(2 * (size_t)count + 1, sizeof *train), n_train = 0, n_held = 0;
    char name[1024];
    *done = false;
    if (!train)
        return reel_fail(err, REEL_ERR_MEMORY, "split: out of memory");
    int64_t *held = train + count;
    for (int64_t i = 0; i < count; i++) {
        reel_dataset_sample_name(t->whole, i, name, sizeof name);
        json_t *text = reel_json_text(name);
        if (json_object_get(names, json_string_value(text)))
            held[n_held++] = i;
        else
            train[n_train++] = i;
        json_decref(text);
    }
    const int64_t gone = (int64_t)json_object_size(names) - n_held;
    if (gone > 0)
        reel_say("reel finetune: warning: %" PRId64
                 " of the %zu images that split.json holds back are not there",
                 gone, json_object_size(names));
    reel_status status = REEL_OK;
    if (n_train > 0 && n_held > 0) {
        status = reel_dataset_subset(&t->train, t->whole, train, n_train, err);
        if (status == REEL_OK)
            status = reel_dataset_subset(&t->val, t->whole, held, n_held, err);
        *done = true;
    }
    free(train);
    return status;
}

reel_status reel_finetune_split(reel_trainer *t, const char *data, reel_error *err)
{
    char path[REEL_PATH_MAX];
    REEL_TRY(reel_data_open_whole(&t->whole, data, path, sizeof path, err));
    json_t *names = held_before(t->settings);
    bool done = false;
    reel_error why;
    reel_status status = names ? split_as_before(t, names, &done, &why) : REEL_OK;
    json_decref(names);
    if (status == REEL_OK && !done)
        status = reel_dataset_split(&t->train, &t->val, t->whole, t->settings->val_share,
                                    t->settings->seed, &why);
    return status ? reel_fail(err, status, "%s: %s", path, why.message) : REEL_OK;
}

reel_status reel_finetune_record(const reel_trainer *t, reel_error *err)
{
    char path[REEL_PATH_MAX], name[1024];
    json_t *names = json_array();
    for (int64_t i = 0; i < reel_dataset_count(t->val); i++) {
        reel_dataset_sample_name(t->val, i, name, sizeof name);
        json_array_append_new(names, reel_json_text(name));
    }
    json_t *o = json_pack("{s:I, s:f, s:o}", "seed", (json_int_t)t->settings->seed, "share",
                          t->settings->val_share, "validation", names);
    reel_run_dir_file(&t->run, "split.json", path, sizeof path);
    const reel_status status = reel_json_save(o, path, err);
    json_decref(o);
    return status;
}
