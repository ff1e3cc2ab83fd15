/* Datasets and loaders of a run. */
#include "train/run/feed.h"

#include "core/number.h"
#include "train/run/held_out.h"
#include "train/run/notes.h"
#include "train/run/say.h"
#include "train/run/share.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FEED_PATH = 4200 };

/* ---- datasets ---- */

/* The known classes as C strings; NULL = none, or no memory. free() it. */
static const char **known_names(const reel_feed_config *c)
{
    const size_t n = json_array_size(c->known_classes);
    const char **names = n ? calloc(n, sizeof *names) : NULL;
    for (size_t i = 0; names && i < n; i++) {
        const char *name = json_string_value(json_array_get(c->known_classes, i));
        names[i] = name ? name : "";
    }
    return names;
}

/* Opens a split, with the classes in the order of those that are known. like: the training data,
 * for validation data. path: FEED_PATH bytes, receives where the split was found. */
static reel_status open_part(reel_feed *f, reel_dataset **out, const char *split,
                             const reel_dataset *like, char *path, reel_error *err)
{
    const reel_feed_config *c = &f->config;
    const char **names = known_names(c);
    const int64_t n = (int64_t)json_array_size(c->known_classes);
    reel_status status = REEL_OK;
    bool changed = false;
    reel_data_request request = {.data = c->data,
                                 .split = split,
                                 .image_column = c->image_column,
                                 .label_column = c->label_column,
                                 .output_dir = c->output_dir,
                                 .names_only = c->names_only,
                                 .classes = c->classes};
    if (like)
        reel_data_request_follow(&request, like);
    else if (names && c->labels_are_theirs) {
        request.classes = n;
        request.class_names = names;
    }
    REEL_TRY_GOTO(reel_dataset_open_as(out, &request, path, FEED_PATH, err), done);

    const char *const *order = like ? request.class_names : names;
    const int64_t classes = like ? request.classes : n;
    if (order)
        REEL_TRY_GOTO(reel_dataset_order_as(*out, order, classes, &changed, err), done);
    if (changed)
        reel_say("reel: warning: %s: its classes are matched by name: they are sorted otherwise "
                 "than those of the %s",
                 path, like ? "training data" : "weights");
done:
    free(names);
    return status;
}

static bool is_plain_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* DATA with both parts. */
static reel_status open_both(reel_feed *f, reel_error *err)
{
    char train[FEED_PATH], val[FEED_PATH];
    REEL_TRY(open_part(f, &f->train, "train", NULL, train, err));
    reel_notes_say(f->config.data, f->train, NULL);
    REEL_TRY(open_part(f, &f->val, "val", f->train, val, err));
    reel_notes_say(f->config.data, f->val, f->train);

    if (!is_plain_file(train) || !is_plain_file(val))
        return REEL_OK;
    const char *slash = strrchr(val, '/'), *name = slash ? slash + 1 : val;
    snprintf(f->val_list, sizeof f->val_list, "%.255s", strcmp(train, val) != 0 ? name : ".");
    return REEL_OK;
}

/* The words for a list of the validation images. */
static const char *list_words(const char *list)
{
    return strcmp(list, ".") != 0 ? list : "a column of the training list";
}

reel_status reel_feed_check_list(const reel_feed *f, const char *then, int64_t images_then,
                                 reel_error *err)
{
    const char *now = f->val_list;
    const int64_t images = reel_dataset_count(f->val);
    if (then && *then && *now && strcmp(then, now) != 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected the validation images of %s, which the run began with, got "
                         "those of %s: put the lists back as they were, or begin another run",
                         f->config.data, list_words(then), list_words(now));
    if (!then && images_then && *now && strcmp(now, ".") != 0 && images_then != images)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected the %" PRId64 " validation images that the run began with, "
                         "got the %" PRId64 " of %s: put the lists back as they were, or begin "
                         "another run",
                         f->config.data, images_then, images, now);
    return REEL_OK;
}

/* The part that the run held back before. Another one would hold images that were trained on. */
static reel_status hold_back_again(reel_feed *f, reel_error *err)
{
    const json_t *names = f->config.held_back;
    REEL_TRY(reel_held_out_split(&f->train, &f->val, f->whole, names, err));
    if (f->val)
        return REEL_OK;
    if (reel_held_out_count(f->whole, names) > 0)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected images to train on, got none but the validation images in %s",
                         f->config.held_list);

    const char *told = f->config.run_data;
    const bool other = told && strcmp(told, f->config.data) != 0;
    return reel_fail(err, REEL_ERR_INVALID,
                     "not the data of this run: none of the %zu validation images in %s is "
                     "there%s%s",
                     json_object_size(names), f->config.held_list, other ? "; expected " : "",
                     other ? told : "");
}

static reel_status hold_back_fold(reel_feed *f, reel_error *err)
{
    const reel_feed_config *c = &f->config;
    const int64_t images = reel_dataset_count(f->whole);
    if (c->fold_images && c->fold_images != images)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected the %" PRId64 " images that fold 1 was begun with, got %" PRId64
                         ": the folds would overlap",
                         c->fold_images, images);
    return reel_dataset_fold(&f->train, &f->val, f->whole, c->folds, c->fold - 1, c->seed, err);
}

/* DATA without val/, or folds: a part of each class is held back. */
static reel_status hold_back(reel_feed *f, const char *split, reel_error *err)
{
    const reel_feed_config *c = &f->config;
    reel_error why;
    reel_status status;
    char path[FEED_PATH];
    REEL_TRY(open_part(f, &f->whole, split, NULL, path, err));

    if (c->held_back)
        status = hold_back_again(f, &why);
    else if (c->folds)
        status = hold_back_fold(f, &why);
    else
        status = reel_dataset_split(&f->train, &f->val, f->whole, c->val_share, c->seed, &why);
    return status ? reel_fail(err, status, "%s: %s", c->data, why.message) : REEL_OK;
}

static void warn_of_doubts(const reel_feed *f)
{
    reel_doubt doubts[8];
    const int n = reel_dataset_doubts(f->train, f->val, doubts, 8);
    for (int i = 0; i < n; i++)
        reel_say("reel: warning: %s: %s", f->config.data, doubts[i]);
}

/* Fewer images than folds: some fold validates without the class. Said once. */
static void warn_of_small_classes(const reel_feed *f)
{
    const int64_t classes = reel_dataset_classes(f->whole), folds = f->config.folds;
    int64_t *count = calloc((size_t)classes + 1, sizeof *count), small = 0, first = -1;
    for (int64_t i = 0; count && i < reel_dataset_count(f->whole); i++)
        count[reel_dataset_label(f->whole, i)]++;
    for (int64_t c = classes - 1; count && c >= 0; c--)
        if (count[c] < folds) {
            small++;
            first = c;
        }
    if (small && f->config.fold == 1)
        reel_say("reel: warning: %s: %s with fewer images than --k-fold %" PRId64
                 ", such as %s with %" PRId64 ": some folds validate without it",
                 f->config.data, reel_count_of(small, "class").text, folds,
                 reel_dataset_class_name(f->whole, first), count[first]);
    free(count);
}

reel_status reel_feed_check_lone_images(const reel_feed *f, reel_error *err)
{
    const reel_dataset *whole = f->whole;
    const int64_t classes = reel_dataset_classes(whole);
    int64_t *count = calloc((size_t)classes + 1, sizeof *count);
    if (!count)
        return reel_fail(err, REEL_ERR_MEMORY, "--class-weights: out of memory");
    for (int64_t i = 0; i < reel_dataset_count(whole); i++)
        count[reel_dataset_label(whole, i)]++;
    int64_t c = 0;
    while (c < classes && count[c] != 1)
        c++;
    free(count);
    if (c == classes)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "--class-weights balanced: expected 2 images or more of each class with "
                     "--k-fold, got 1 of \"%s\"",
                     reel_dataset_class_name(whole, c));
}

reel_status reel_feed_open(reel_feed *f, const reel_feed_config *config, reel_error *err)
{
    const char *data = config->data;
    const reel_data_request val = {.data = data,
                                   .split = "val",
                                   .image_column = config->image_column,
                                   .label_column = config->label_column};
    *f = (reel_feed){.config = *config};
    if (f->config.pieces == 0) { /* until the batch is divided */
        f->config.pieces = 1;
        f->config.own = (reel_pieces){0, 1};
    }
    if (config->folds) {
        /* Where DATA has validation images, they stay out of it. */
        REEL_TRY(hold_back(f, reel_dataset_has_as(&val) ? "train" : NULL, err));
        reel_notes_say(data, f->whole, NULL);
        warn_of_small_classes(f);
    } else if (config->val_share > 0 && (config->held_back || !reel_dataset_has_as(&val))) {
        REEL_TRY(hold_back(f, NULL, err));
        reel_notes_say(data, f->whole, NULL);
    } else {
        REEL_TRY(open_both(f, err));
    }
    f->config.held_back = NULL; /* the caller frees it */
    f->config.held_list = NULL;
    f->config.known_classes = NULL;

    REEL_TRY(reel_dataset_align(f->train, f->val, err));
    REEL_TRY(reel_dataset_same_classes(f->train, f->val, err));
    warn_of_doubts(f);

    const int64_t classes = reel_dataset_classes(f->train);
    if (config->classes && config->classes != classes)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected %" PRId64 " classes (--num-classes), got %" PRId64
                         " folders",
                         data, config->classes, classes);
    return REEL_OK;
}

void reel_feed_close(reel_feed *f)
{
    reel_loader_destroy(f->loader);
    reel_dataset_destroy(f->train);
    reel_dataset_destroy(f->val);
    reel_dataset_destroy(f->whole);
    *f = (reel_feed){0};
}

int64_t reel_feed_batches_per_epoch(const reel_feed *f)
{
    return reel_dataset_count(f->train) / reel_feed_batch_images(f);
}

int64_t reel_feed_batch_images(const reel_feed *f)
{
    const int64_t images = reel_dataset_count(f->train), batch = f->config.batch;
    return images < 1 ? 1 : images < batch ? images : batch;
}

/* ---- loaders ---- */

bool reel_feed_in_turns(const reel_feed *f)
{
    return reel_share_in_turns(f->config.threads, f->config.workers);
}

/* Batches that the loader makes of this process's part of a batch. */
static int64_t parts_of_batch(const reel_feed *f)
{
    return f->config.in_turn ? f->config.own.count : 1;
}

static reel_loader_config training_loader(const reel_feed *f, int64_t epoch, int64_t first)
{
    const reel_feed_config *c = &f->config;
    const int64_t whole = reel_feed_batch_images(f), piece = whole / c->pieces;
    const int64_t parts = parts_of_batch(f);
    return (reel_loader_config){.batch = piece * c->own.count / parts,
                                .whole = whole,
                                .part = piece * c->own.first,
                                .parts = parts,
                                .workers = c->workers,
                                .prefetch = c->prefetch,
                                .in_turns = reel_feed_in_turns(f),
                                .seed = c->seed,
                                .shuffle = true,
                                .class_balanced = c->class_balanced,
                                .drop_last = true,
                                .epoch = epoch,
                                .first = first * parts,
                                .epochs = c->epochs,
                                .on_slow = c->on_slow,
                                .slow_seconds = c->slow_read,
                                .user = c->user};
}

reel_status reel_feed_start(reel_feed *f, int64_t epoch, int64_t first, reel_error *err)
{
    reel_loader_config config = training_loader(f, epoch, first);
    /* A part of a batch is not judged by itself. */
    config.max_bad = f->config.own.count < f->config.pieces ? 1 : f->config.max_bad;
    config.on_bad = f->config.on_bad;
    reel_feed_stop(f);
    return reel_loader_create(&f->loader, f->train, f->config.transform, &config, err);
}

reel_status reel_feed_next(reel_feed *f, reel_batch *batch, reel_error *err)
{
    return reel_feed_next_aside(f, f->loader, batch, err);
}

reel_status reel_feed_next_aside(const reel_feed *f, reel_loader *loader, reel_batch *batch,
                                 reel_error *err)
{
    REEL_TRY(reel_loader_next(loader, batch, err));
    batch->index /= parts_of_batch(f);
    return REEL_OK;
}

void reel_feed_stop(reel_feed *f)
{
    f->waited_before = reel_feed_waited(f);
    reel_loader_destroy(f->loader);
    f->loader = NULL;
}

double reel_feed_waited(const reel_feed *f)
{
    return f->waited_before + (f->loader ? reel_loader_wait_seconds(f->loader) : 0);
}

reel_status reel_feed_start_aside(const reel_feed *f, reel_loader **out, int64_t epoch,
                                  int64_t first, reel_error *err)
{
    reel_loader_config config = training_loader(f, epoch, first);
    config.max_bad = 1;
    return reel_loader_create(out, f->train, f->config.transform, &config, err);
}

reel_status reel_feed_peek(const reel_feed *f, reel_loader **out, reel_batch *batch, int64_t epoch,
                           int64_t n, reel_error *err)
{
    const reel_feed_config *c = &f->config;
    const int64_t images = reel_dataset_count(f->train), few = 8;

    /* A few images are loaded sooner than several threads are started. */
    const reel_loader_config config = {.batch = images < n ? images : n,
                                       .workers = n <= few ? 1 : c->workers,
                                       .prefetch = 1,
                                       .seed = c->seed,
                                       .shuffle = true,
                                       .class_balanced = c->class_balanced,
                                       .epoch = epoch,
                                       .epochs = epoch + 1,
                                       .max_bad = 1,
                                       .on_slow = c->on_slow,
                                       .slow_seconds = c->slow_read,
                                       .user = c->user};
    REEL_TRY(reel_loader_create(out, f->train, c->transform, &config, err));
    return reel_loader_next(*out, batch, err);
}
