/* Building a run: data, network, optimizer, schedule, folder. Everything is checked before the
 * folder is made. */
#include "data/class_weights.h"
#include "train/run/divide.h"
#include "train/run/finetune.h"
#include "train/run/held_out.h"
#include "train/run/init_caffe.h"
#include "train/run/loop_internal.h"
#include "train/run/model_card.h"
#include "train/run/plateau.h"
#include "train/run/precision.h"
#include "train/run/rank_isa.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- data ---- */

static void on_bad_train(void *user, int64_t index, const char *name, const char *reason)
{
    (void)index;
    reel_loop_note_bad(user, name, reason);
}

static void on_slow_read(void *user, int64_t index, const char *name, double seconds)
{
    reel_loop *loop = user;
    (void)index;
    reel_journal_warn(&loop->journal,
                      "%s has not been read after %.3g s: the run waits for its disk or server",
                      name, seconds);
}

/* The validation images of the run to resume, from the folder where it lies. path: of the list; ""
 * = none is needed: nothing was trained yet. */
static reel_status held_back_before(json_t **names, const reel_settings *s, bool resumed,
                                    char path[REEL_PATH_MAX], reel_error *err)
{
    *names = NULL;
    path[0] = 0;
    if (!s->resume || !resumed)
        return REEL_OK;
    const char *slash = strrchr(s->resume, '/');
    if (!strcmp(s->resume, "auto"))
        snprintf(path, REEL_PATH_MAX, "%s/split.json", s->output_dir);
    else
        snprintf(path, REEL_PATH_MAX, "%.*ssplit.json", slash ? (int)(slash - s->resume) + 1 : 0,
                 s->resume);
    const reel_held_out_draw draw = {
        .seed = (uint64_t)s->seed, .share = s->val_share, .folds = s->k_fold, .fold = s->fold};
    return reel_held_out_read(names, path, &draw, err);
}

/* A resumed run without a list of its validation images may draw them again, but not others: the
 * new ones were trained on. list: the path where the list was looked for; "" = none is needed. */
static reel_status check_drawn(const reel_loop *loop, const char *data, const char *list,
                               reel_error *err)
{
    const reel_settings *s = loop->settings;
    if (!loop->feed.whole || !*list || access(list, F_OK) == 0 || s->val_images == 0)
        return REEL_OK;
    const int64_t train = reel_dataset_count(loop->feed.train);
    const int64_t val = reel_dataset_count(loop->feed.val);
    if (train == s->train_images && val == s->val_images)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: expected the %" PRId64 " training and %" PRId64
                     " validation images that the run began with, got no validation images and no "
                     "%s: a part held out now would hold images that were trained on",
                     data, s->train_images, s->val_images, list);
}

/* The same, read by rank 0 for all. */
static reel_status held_back_for_all(json_t **names, const reel_loop *loop, bool resumed,
                                     char path[REEL_PATH_MAX], reel_error *err)
{
    reel_ranks *r = loop->ranks;
    const char *what = "the list of validation images";
    *names = NULL;
    path[0] = 0;
    reel_status status = REEL_OK;
    if (reel_ranks_leads(r))
        status = held_back_before(names, loop->settings, resumed, path, err);
    REEL_TRY(reel_ranks_agree(r, status, err, what));
    if (!r)
        return REEL_OK;

    char *text = *names ? json_dumps(*names, JSON_COMPACT) : NULL;
    status = reel_ranks_tell_text(r, &text, 0, what, err);
    if (status == REEL_OK && text && !reel_ranks_leads(r))
        *names = json_loads(text, 0, NULL);
    free(text);
    return status;
}

static reel_status open_feed(reel_loop *loop, const char *data, bool resumed, reel_error *err)
{
    const reel_settings *s = loop->settings;
    json_t *held_back;
    char list[REEL_PATH_MAX];
    REEL_TRY(held_back_for_all(&held_back, loop, resumed, list, err));

    const reel_feed_config config = {.data = data,
                                     .val_share = s->val_share,
                                     .held_back = held_back,
                                     .held_list = list,
                                     .run_data = s->run_data,
                                     .folds = s->k_fold,
                                     .fold = s->fold,
                                     .fold_images = s->fold_images,
                                     .classes = s->net.classes,
                                     .image_column = s->image_column,
                                     .label_column = s->label_column,
                                     .known_classes = s->known_classes,
                                     .output_dir = s->output_dir,
                                     .names_only = s->names_only,
                                     .labels_are_theirs = s->labels_are_theirs,
                                     .batch = s->batch_size,
                                     .epochs = s->epochs,
                                     .seed = (uint64_t)s->seed,
                                     .class_balanced = s->class_balanced,
                                     .max_bad = s->max_bad,
                                     .slow_read = s->slow_read,
                                     .threads = (int)s->threads,
                                     .workers = (int)s->workers,
                                     .transform = &s->train,
                                     .on_bad = on_bad_train,
                                     .on_slow = on_slow_read,
                                     .user = loop};
    const reel_status status = reel_feed_open(&loop->feed, &config, err);
    json_decref(held_back);
    REEL_TRY(status);
    if (resumed)
        REEL_TRY(reel_feed_check_list(&loop->feed, s->val_list, s->val_images, err));
    return check_drawn(loop, data, list, err);
}

/* ---- session ---- */

/* One line for each thing that the user may not expect of the file. */
static reel_status tell_about_weights(const reel_params *params, const reel_weights *weights,
                                      const char *path, reel_error *err)
{
    char rule[600];
    for (int i = 0; reel_weights_note(weights, i); i++)
        reel_say("%s: %s", path, reel_weights_note(weights, i));
    REEL_TRY(reel_params_name_rule(params, weights, rule, sizeof rule, err));
    if (*rule)
        reel_say("%s: left out of the names: %s", path, rule);
    return REEL_OK;
}

static reel_status load_weights(reel_loop *loop, const reel_weights *weights, const char *path,
                                reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_net *net = loop->session.net;
    reel_model_card card;
    reel_status status;
    REEL_TRY_GOTO(reel_model_read_card(&card, weights, s->arch, path, err), done);
    if (!s->quiet)
        REEL_TRY_GOTO(tell_about_weights(reel_net_params(net), weights, path, err), done);

    const reel_finetune_source source = {.weights = weights,
                                         .card = &card,
                                         .path = path,
                                         .arch = s->model->name,
                                         .whole = !s->replace_head};
    status = reel_finetune_load(net, loop->feed.train, &source, s->quiet, err);
done:
    reel_model_card_free(&card);
    return status;
}

static reel_status start_from(reel_loop *loop, const char *path, reel_error *err)
{
    reel_weights *weights;
    REEL_TRY(reel_weights_read(&weights, path, err));
    reel_status status = reel_weights_verify(weights, err);
    if (status == REEL_OK)
        status = load_weights(loop, weights, path, err);
    reel_weights_destroy(weights);
    return status;
}

/* torchvision's decay: adjusted to the images between two updates and the epochs of the run. */
static reel_status make_average(reel_loop *loop, reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_session *session = &loop->session;
    if (!s->model_ema)
        return REEL_OK;
    const double images = (double)s->batch_size * (double)s->model_ema_steps;
    const double decay = reel_ema_decay(s->model_ema_decay, images, (double)s->epochs);
    return reel_ema_create(&session->ema, reel_net_params(session->net), session->ctx, decay, err);
}

/* The class weights of a resumed run are those that it began with, in the order of its classes. */
static reel_status weigh_classes(reel_loop *loop, reel_error *err)
{
    const reel_settings *s = loop->settings;
    const reel_dataset *train = loop->feed.train;
    const int64_t classes = reel_dataset_classes(train);
    if (!s->class_weights)
        return REEL_OK;
    double *weights = loop->session.class_weights = calloc((size_t)classes + 1, sizeof *weights);
    if (!weights)
        return reel_fail(err, REEL_ERR_MEMORY, "--class-weights: out of memory");
    if (!s->known_weights && !strcmp(s->class_weights, "balanced") && s->fold == 1)
        REEL_TRY(reel_feed_check_lone_images(&loop->feed, err));
    if (!s->known_weights && !strcmp(s->class_weights, "balanced"))
        return reel_class_weights_balance(weights, train, err);
    if (!s->known_weights)
        return reel_class_weights_read(weights, s->class_weights, train, err);

    const int64_t known = (int64_t)json_array_size(s->known_weights);
    if (known != classes)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "config.json: class_weights: expected %" PRId64 " numbers, got %" PRId64,
                         classes, known);
    for (int64_t c = 0; c < classes; c++) {
        weights[c] = json_number_value(json_array_get(s->known_weights, (size_t)c));
        if (!(weights[c] > 0 && weights[c] <= 1e6))
            return reel_fail(err, REEL_ERR_FORMAT,
                             "config.json: class_weights: expected numbers above 0, got %g",
                             weights[c]);
    }
    return REEL_OK;
}

static reel_status make_loss(reel_loop *loop, reel_error *err)
{
    const reel_settings *s = loop->settings;
    const reel_session *session = &loop->session;
    const int64_t piece = reel_feed_batch_images(&loop->feed) / session->pieces;
    const reel_mix_config mix = {s->mixup_alpha, s->cutmix_alpha};
    loop->session.label_smoothing = s->label_smoothing;
    REEL_TRY(weigh_classes(loop, err));
    return reel_session_mix_with(&loop->session, &mix, piece * session->held.count, err);
}

/* The pieces of a batch, and room for what each of them says. */
static reel_status divide_batch(reel_loop *loop, reel_error *err)
{
    reel_ranks *r = loop->ranks;
    const int64_t batch = reel_feed_batch_images(&loop->feed);
    const int64_t pieces = loop->settings->batch_pieces;
    REEL_TRY(reel_check_pieces(batch, pieces, reel_ranks_count(r), err));

    const reel_pieces own =
        r ? reel_comm_pieces(r->comm, pieces, reel_comm_rank(r->comm)) : (reel_pieces){0, pieces};
    loop->feed.config.pieces = pieces;
    loop->feed.config.own = own;
    loop->results = calloc((size_t)pieces, sizeof *loop->results);
    if (!loop->results)
        return reel_fail(err, REEL_ERR_MEMORY, "--batch-pieces: out of memory");
    return reel_session_divide(&loop->session, pieces, own, false, err);
}

static reel_status make_session(reel_loop *loop, bool resumed, reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_session *session = &loop->session;
    reel_session_config config = {.model = s->model,
                                  .net = s->net,
                                  .preprocessing = &s->val,
                                  .threads = (int)s->threads,
                                  .isa = loop->ranks ? reel_isa_name(loop->kernels.isa) : NULL,
                                  .precision = reel_precision_of(s->precision),
                                  .widen_bf16 = loop->kernels.widen_bf16,
                                  .seed = (uint64_t)s->seed};
    config.net.classes = reel_dataset_classes(loop->feed.train);
    REEL_TRY(reel_session_create(session, &config, err));
    loop->feed.config.threads = reel_ctx_threads(session->ctx);
    REEL_TRY(divide_batch(loop, err));
    REEL_TRY(
        reel_loop_check_memory(loop, resumed, err)); /* before the first large piece is touched */
    reel_net_init(session->net);

    if (s->weights)
        REEL_TRY(start_from(loop, s->weights, err));
    else if (!resumed && !strcmp(s->init, "caffe"))
        reel_init_caffe(session->net);

    REEL_TRY(reel_model_card_set_classes(&session->card, loop->feed.train, err));
    REEL_TRY(make_loss(loop, err));
    session->groups = (reel_groups){.bias_lr_mult = s->bias_lr_mult,
                                    .bias_decay_mult = s->bias_decay_mult,
                                    .head_lr_mult = s->head_lr_mult,
                                    .freeze = s->freeze,
                                    .unfreeze_after = s->unfreeze_after};
    REEL_TRY(reel_session_optimize(session, &s->optimizer, err));
    REEL_TRY(reel_groups_set_decays(session->opt, s->norm_weight_decay, s->bias_weight_decay, err));
    return make_average(loop, err);
}

static reel_status make_schedule(reel_loop *loop, reel_error *err)
{
    reel_session *s = &loop->session;
    s->batches_per_epoch = reel_feed_batches_per_epoch(&loop->feed);
    s->schedule = loop->settings->schedule;
    s->schedule.steps_per_epoch = s->batches_per_epoch;
    return reel_schedule_check(&s->schedule, err);
}

/* Version 0.1.0 counted each batch of --accumulate, and added up their gradients one after the
 * other. */
static void convert_accumulated(reel_loop *loop, const char *path)
{
    reel_session *s = &loop->session;
    const int64_t accumulate = loop->settings->accumulate;
    const bool before = s->state.pieces == 0 && s->state.step > 0;
    s->state.pieces = s->pieces;
    if (accumulate == 1 || !before)
        return;
    s->state.batch = (s->state.batch + accumulate - 1) / accumulate;
    if (s->state.batch > s->batches_per_epoch)
        s->state.batch = s->batches_per_epoch;
    reel_say("reel: warning: %s: --accumulate %" PRId64 " adds up gradients along a tree since "
             "this was saved: the run does not end with the bits that it would have had",
             path, accumulate);
}

static reel_status restore(reel_loop *loop, const reel_loop_start *start, reel_error *err)
{
    reel_session *s = &loop->session;
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    REEL_TRY(reel_checkpoint_restore(&c, start->checkpoint, start->checkpoint_path, err));
    convert_accumulated(loop, start->checkpoint_path);
    if (s->state.batch > s->batches_per_epoch)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: stands at batch %" PRId64 " of an epoch, which has %" PRId64
                         " now: the training images or --batch-size have changed",
                         start->checkpoint_path, s->state.batch, s->batches_per_epoch);
    return reel_session_ready(s, err);
}

/* Ranks that train on different images, or were told different things, are refused. */
static reel_status compare_with_others(reel_loop *loop, const reel_loop_start *start,
                                       reel_error *err)
{
    if (!loop->ranks)
        return REEL_OK;
    char train[24], val[24];
    snprintf(train, sizeof train, "%016" PRIx64, reel_dataset_fingerprint(loop->feed.train));
    snprintf(val, sizeof val, "%016" PRIx64, reel_dataset_fingerprint(loop->feed.val));
    json_t *told = json_deep_copy(json_object_get(start->config, "options"));
    json_t *data = json_pack(
        "{s:I, s:s, s:I, s:s}", "training images", (json_int_t)reel_dataset_count(loop->feed.train),
        "index of the training images", train, "validation images",
        (json_int_t)reel_dataset_count(loop->feed.val), "index of the validation images", val);
    reel_status status = reel_ranks_compare(loop->ranks, data, start->data, err);
    if (status == REEL_OK)
        status = reel_ranks_compare(loop->ranks, told, "options", err);
    json_decref(told);
    json_decref(data);
    if (status == REEL_OK)
        status = reel_rank_isa(&loop->kernels, loop->ranks ? loop->ranks->comm : NULL,
                               reel_precision_of(loop->settings->precision), err);
    return status;
}

/* Each rank has a session of its own; then they join. */
static reel_status make_all(reel_loop *loop, const reel_loop_start *start, reel_error *err)
{
    REEL_TRY(make_session(loop, start->checkpoint != NULL, err));
    REEL_TRY(make_schedule(loop, err));
    loop->session.state.pieces = loop->session.pieces;
    loop->guess = reel_plateau_guess(&loop->feed, &loop->session);
    return start->checkpoint ? restore(loop, start, err) : REEL_OK;
}

reel_status reel_loop_open(reel_loop *loop, const reel_settings *settings,
                           const reel_loop_start *start, reel_error *err)
{
    *loop = (reel_loop){.settings = settings, .ranks = start->ranks};
    loop->began = loop->last_checkpoint = reel_seconds_now();
    reel_journal_create(&loop->journal, start->config, settings->quiet,
                        !reel_ranks_leads(loop->ranks));
    reel_status status = open_feed(loop, start->data, start->checkpoint != NULL, err);
    REEL_TRY(reel_ranks_agree(loop->ranks, status, err, "opening DATA"));
    REEL_TRY(compare_with_others(loop, start, err));

    status = make_all(loop, start, err);
    REEL_TRY(reel_ranks_agree(loop->ranks, status, err, "making the network"));
    int64_t piece[4];
    reel_loop_piece(loop, piece);
    return start->checkpoint ? reel_ranks_join(loop->ranks, &loop->session, piece, err) : REEL_OK;
}

void reel_loop_close(reel_loop *loop)
{
    reel_feed_close(&loop->feed);
    free(loop->results);
    json_decref(loop->new_bad);
    reel_ranks_leave(loop->ranks, &loop->session);
    reel_evaluation_free(&loop->last);
    reel_evaluation_free(&loop->last_ema);
    reel_session_close(&loop->session);
    reel_journal_close(&loop->journal);
    *loop = (reel_loop){0};
}
