/* Starting from weights. Fine-tuning replaces the head by shape, the rest keeps what it learned
 * elsewhere (Yosinski et al. 2014, "How transferable are features in deep neural networks?"). */
#include "train/run/finetune.h"

#include "train/run/groups.h"
#include "train/run/json_util.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

int64_t reel_finetune_epochs(int64_t images)
{
    const int64_t epochs = (24000 + images / 2) / (images > 0 ? images : 1);
    const int64_t least = 5, most = 40;
    if (epochs < least)
        return least;
    return epochs < most ? epochs : most;
}

typedef struct {
    bool quiet;
    int64_t values; /* loaded */
} load_report;

static void tell_match(void *user, reel_match match, const reel_param *p, const reel_weight *w)
{
    load_report *t = user;
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

static bool is_in_head(const reel_params *params, int i)
{
    char pattern[300];
    const size_t length = strcspn(reel_head_pattern(params, pattern, sizeof pattern), "*");
    return strncmp(reel_params_at(params, i)->name, pattern, length) == 0;
}

/* As many classes with known names, but not these. */
static bool other_classes(const reel_model_card *card, const reel_dataset *data)
{
    if (!card->class_names || card->classes != reel_dataset_classes(data))
        return false;
    for (int64_t c = 0; c < card->classes; c++) {
        char text[1100]; /* as the card has it: bytes that are not UTF-8 are escaped there */
        reel_utf8_text(reel_dataset_class_name(data, c), text, sizeof text);
        if (strcmp(card->class_names[c], text) != 0)
            return true;
    }
    return false;
}

/* Copies of the last layer's parameters, parallel to the store; NULL for all others. */
static void free_copies(void **copies, int n)
{
    for (int i = 0; copies && i < n; i++)
        free(copies[i]);
    free(copies);
}

static void **copy_head(const reel_params *params)
{
    const int n = reel_params_count(params);
    void **copies = calloc((size_t)n, sizeof *copies);
    for (int i = 0; copies && i < n; i++) {
        const reel_tensor *value = &reel_params_at(params, i)->value;
        if (!is_in_head(params, i))
            continue;
        copies[i] = malloc(reel_tensor_bytes(value));
        if (!copies[i]) {
            free_copies(copies, n);
            return NULL;
        }
        memcpy(copies[i], value->data, reel_tensor_bytes(value));
    }
    return copies;
}

static void say_source(const reel_finetune_source *source, const load_report *report)
{
    if (!report->quiet)
        reel_say("weights from %s:", source->path);
}

/* With `whole` a tensor that does not fit is an error, as for weights that are used as they are. */
static reel_status load_fitting(reel_params *params, const reel_finetune_source *source,
                                load_report *report, int *loaded, reel_error *err)
{
    if (!source->whole) {
        say_source(source, report);
        return reel_params_load_matching(params, source->weights, tell_match, report, loaded, err);
    }

    reel_error why;
    const reel_status status = reel_params_load(params, source->weights, &why);
    if (status == REEL_ERR_FORMAT)
        return reel_fail(err, status, "%s; `reel finetune` starts such layers anew", why.message);
    if (status != REEL_OK)
        return reel_fail(err, status, "%s", why.message);

    say_source(source, report); /* a refusal is one line */
    *loaded = reel_params_count(params);
    for (int i = 0; i < *loaded; i++)
        report->values += reel_tensor_numel(&reel_params_at(params, i)->value);
    return REEL_OK;
}

/* Loads everything but the last layer. */
static reel_status load_below_head(reel_params *params, const reel_finetune_source *source,
                                   load_report *report, int *loaded, reel_error *err)
{
    const int n = reel_params_count(params);
    void **head = copy_head(params);
    if (!head)
        return reel_fail(err, REEL_ERR_MEMORY, "head: out of memory");

    const reel_status status = load_fitting(params, source, report, loaded, err);
    for (int i = 0; status == REEL_OK && i < n; i++) {
        const reel_tensor *value = &reel_params_at(params, i)->value;
        if (!head[i])
            continue;
        memcpy(value->data, head[i], reel_tensor_bytes(value));
        report->values -= reel_tensor_numel(value);
        --*loaded;
    }
    free_copies(head, n);

    char pattern[300];
    if (status == REEL_OK && !report->quiet)
        reel_say("  replaced  %s: as many classes, but with other names; starts anew",
                 reel_head_pattern(params, pattern, sizeof pattern));
    return status;
}

reel_status reel_finetune_load(reel_net *net, const reel_dataset *train,
                               const reel_finetune_source *source, bool quiet, reel_error *err)
{
    reel_params *params = reel_net_params(net);
    const reel_model_card *card = source->card;
    load_report report = {.quiet = quiet};
    int loaded;
    if (other_classes(card, train))
        REEL_TRY(load_below_head(params, source, &report, &loaded, err));
    else
        REEL_TRY(load_fitting(params, source, &report, &loaded, err));

    if (loaded == 0)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: expected weights for %s, got no tensor that fits by name and shape",
                         source->path, source->arch);
    if (!quiet)
        reel_say("  loaded    %d tensors, %" PRId64 " values", loaded, report.values);
    if (!quiet && !card->class_names && card->classes == reel_dataset_classes(train))
        reel_say("  the file has as many classes as DATA and does not name them: its last layer "
                 "was taken for theirs");
    return REEL_OK;
}
