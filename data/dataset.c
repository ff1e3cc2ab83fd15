/* The dataset object: a source, its class names, and checks that every source would otherwise
 * repeat. */
#include "data/dataset.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/dataset_internal.h"

static void free_names(char **names, int64_t n)
{
    for (int64_t c = 0; names && c < n; c++)
        free(names[c]);
    free(names);
}

/* Copies; NULL when there is no memory. */
static char **copy_names(const char *const *names, int64_t n)
{
    char **copies = calloc((size_t)(n > 0 ? n : 1), sizeof *copies);
    for (int64_t c = 0; copies && c < n; c++) {
        copies[c] = strdup(names[c]);
        if (copies[c])
            continue;
        free_names(copies, n);
        return NULL;
    }
    return copies;
}

reel_status reel_dataset_create(reel_dataset **out, const reel_source *source, void *self,
                                const char *const *classes, int64_t n_classes, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;

    if (!source || !source->size || !source->label || !source->sample || !source->sample_name)
        return reel_fail(err, REEL_ERR_INVALID,
                         "dataset: expected a source with size, label, sample and sample_name");
    bool named = n_classes < 1 || classes;
    for (int64_t c = 0; named && c < n_classes; c++)
        named = classes[c] != NULL;
    if (!named) {
        if (source->destroy)
            source->destroy(self);
        return reel_fail(err, REEL_ERR_INVALID, "dataset: classes, or one of them, is NULL");
    }
    reel_dataset *d = calloc(1, sizeof *d);
    char **names = copy_names(classes, n_classes);
    if (!d || !names) {
        free_names(names, n_classes);
        free(d);
        if (source->destroy)
            source->destroy(self);
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a dataset of %" PRId64 " classes",
                         n_classes);
    }
    *d = (reel_dataset){.source = *source, .self = self, .n_classes = n_classes, .classes = names};

    /* Random streams are keyed by 32 bits of a sample's index. */
    const int64_t count = reel_dataset_count(d);
    if (n_classes < 1 || count < 0 || count > UINT32_MAX) {
        reel_dataset_destroy(d);
        return reel_fail(
            err, REEL_ERR_INVALID,
            "%s dataset: expected at least one class and at most 4294967295 samples, got %" PRId64
            " classes and %" PRId64 " samples",
            source->name, n_classes, count);
    }
    *out = d;
    return REEL_OK;
}

void reel_dataset_destroy(reel_dataset *d)
{
    if (!d)
        return;
    if (d->source.destroy)
        d->source.destroy(d->self);
    free_names(d->classes, d->n_classes);
    reel_names_free(&d->notes);
    free(d->order);
    free(d);
}

void reel_dataset_take_notes(reel_dataset *d, reel_opened *opened)
{
    d->notes = opened->notes;
    d->indices = opened->indices;
    d->left_out = opened->left_out;
    reel_left_out_add(&d->left_out, "hidden", NULL, reel_dataset_hidden(d));
    opened->notes = (reel_names){0};
}

const reel_left_out *reel_dataset_left_out(const reel_dataset *d)
{
    return d ? &d->left_out : NULL;
}

int64_t reel_dataset_notes(const reel_dataset *d)
{
    return d ? reel_names_count(&d->notes) : 0;
}

const char *reel_dataset_note(const reel_dataset *d, int64_t i)
{
    if (i < 0 || i >= reel_dataset_notes(d))
        return NULL;
    return reel_names_at(&d->notes, i);
}

void reel_data_request_follow(reel_data_request *request, const reel_dataset *train)
{
    if (!request || !train)
        return;
    request->classes = train->n_classes;
    request->class_names = (const char *const *)train->classes;
    request->indices = train->indices;
}

int64_t reel_dataset_count(const reel_dataset *d)
{
    return d ? d->source.size(d->self) : 0;
}

int64_t reel_dataset_classes(const reel_dataset *d)
{
    return d ? d->n_classes : 0;
}

int64_t reel_dataset_hidden(const reel_dataset *d)
{
    return d && d->source.hidden ? d->source.hidden(d->self) : 0;
}

bool reel_dataset_names_tell_format(const reel_dataset *d)
{
    return d && !d->source.encoded_again;
}

const char *reel_dataset_class_name(const reel_dataset *d, int64_t c)
{
    return d && c >= 0 && c < d->n_classes ? d->classes[c] : NULL;
}

int64_t reel_dataset_label(const reel_dataset *d, int64_t index)
{
    if (index < 0 || index >= reel_dataset_count(d))
        return -1;
    int64_t label = d->source.label(d->self, index);
    if (label < 0 || label >= d->n_classes)
        return -1; /* a source of one's own that breaks its promise */
    return d->order ? d->order[label] : label;
}

reel_status reel_dataset_read(const reel_dataset *d, int64_t index, reel_bytes *bytes,
                              reel_error *err)
{
    if (!d || index < 0 || index >= reel_dataset_count(d))
        return reel_fail(err, REEL_ERR_INVALID, "dataset: no sample %" PRId64, index);
    REEL_NEED(bytes, err);
    bytes->size = 0;
    return d->source.sample(d->self, index, bytes, err);
}

void reel_dataset_sample_name(const reel_dataset *d, int64_t index, char *text, size_t size)
{
    if (!text || size == 0)
        return;
    text[0] = 0;
    if (index < 0 || index >= reel_dataset_count(d))
        return;
    d->source.sample_name(d->self, index, text, size);
}

static bool is_numbered(const reel_dataset *d)
{
    for (int64_t c = 0; c < d->n_classes; c++) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, c);
        if (strcmp(d->classes[c], text) != 0)
            return false;
    }
    return true;
}

reel_status reel_dataset_widen(reel_dataset *d, int64_t classes, reel_error *err)
{
    REEL_NEED(d, err);

    if (classes <= d->n_classes || !is_numbered(d))
        return REEL_OK;
    const bool possible = classes <= PTRDIFF_MAX / (int64_t)sizeof(char *);
    char **grown = possible ? realloc(d->classes, (size_t)classes * sizeof *grown) : NULL;
    if (grown)
        d->classes = grown;
    while (grown && d->n_classes < classes) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, d->n_classes);
        if (!(grown[d->n_classes] = strdup(text)))
            break;
        d->n_classes++;
    }
    return d->n_classes == classes
               ? REEL_OK
               : reel_fail(err, REEL_ERR_MEMORY, "no memory for %" PRId64 " classes", classes);
}

reel_status reel_dataset_align(reel_dataset *train, reel_dataset *val, reel_error *err)
{
    REEL_NEED(train, err);
    REEL_NEED(val, err);
    if (!is_numbered(train) || !is_numbered(val))
        return REEL_OK;
    REEL_TRY(reel_dataset_widen(train, val->n_classes, err));
    return reel_dataset_widen(val, train->n_classes, err);
}

static bool has_class(const reel_dataset *d, const char *name)
{
    for (int64_t c = 0; c < d->n_classes; c++)
        if (strcmp(d->classes[c], name) == 0)
            return true;
    return false;
}

/* Appends the classes of a that b lacks; at most ten by name, then how many more. Returns how many
 * there are. */
static int64_t list_missing(char *text, size_t size, const reel_dataset *a, const reel_dataset *b)
{
    int64_t missing = 0;
    size_t used = 0;
    text[0] = 0;
    for (int64_t c = 0; c < a->n_classes; c++) {
        if (has_class(b, a->classes[c]) || ++missing > 10)
            continue;
        char name[40];
        reel_escape(name, sizeof name, a->classes[c]);
        used += (size_t)snprintf(text + used, size - used, "%s%s", missing > 1 ? ", " : "", name);
    }
    if (missing > 10)
        snprintf(text + used, size - used, " and %" PRId64 " more", missing - 10);
    return missing;
}

/* Is a class of b missing in a because its folder there holds no images? */
static bool lacks_images(const reel_dataset *a, const reel_dataset *b)
{
    for (int i = 0; i < a->left_out.named_folders; i++)
        if (a->left_out.folders[i].images == 0 && has_class(b, a->left_out.folders[i].name))
            return true;
    return false;
}

reel_status reel_dataset_same_classes(const reel_dataset *train, const reel_dataset *val,
                                      reel_error *err)
{
    REEL_NEED(train, err);
    REEL_NEED(val, err);

    bool same = train->n_classes == val->n_classes;
    for (int64_t c = 0; same && c < train->n_classes; c++)
        same = strcmp(train->classes[c], val->classes[c]) == 0;
    if (same)
        return REEL_OK;
    char only_train[450], only_val[450];
    const int64_t a = list_missing(only_train, sizeof only_train, train, val);
    const int64_t b = list_missing(only_val, sizeof only_val, val, train);
    if (a + b == 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "training and validation data have the same classes in another order");
    const bool hollow = lacks_images(train, val) || lacks_images(val, train);
    return reel_fail(err, REEL_ERR_INVALID, "classes differ: %s%s%s%s%s%s",
                     a ? "only in the training data: " : "", only_train, a && b ? "; " : "",
                     b ? "only in the validation data: " : "", only_val,
                     hollow ? " (a folder without images is no class)" : "");
}
