/* Building a run: data, net, optimizer, schedule, folder. Everything is looked at before the folder
 * is made, so that a mistake on the command line leaves no trace. */
#include "train/run/trainer.h"

#include "train/run/data_dir.h"
#include "train/run/finetune.h"
#include "train/run/init_caffe.h"
#include "train/run/memory_limit.h"
#include "train/run/say.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

reel_checkpoint reel_trainer_checkpoint(reel_trainer *t)
{
    const reel_settings *s = t->settings;
    const int64_t every = s->checkpoint_every ? s->checkpoint_every : t->steps_per_epoch;
    return (reel_checkpoint){.params = reel_net_params(t->net),
                             .opt = t->opt,
                             .card = &t->card,
                             .schedule = &t->schedule,
                             .state = &t->state,
                             .config = t->config,
                             .rollback_every = s->nan_action == REEL_ON_NAN_ROLLBACK ? every : 0};
}

static reel_status open_data(reel_trainer *t, const char *data, reel_error *err)
{
    char path[REEL_PATH_MAX];
    if (t->settings->val_share > 0 && !reel_data_has_val(data)) {
        REEL_TRY(reel_finetune_split(t, data, err));
    } else {
        REEL_TRY(reel_data_open(&t->train, data, "train", path, sizeof path, err));
        REEL_TRY(reel_data_open(&t->val, data, "val", path, sizeof path, err));
    }
    REEL_TRY(reel_dataset_align(t->train, t->val, err));
    REEL_TRY(reel_dataset_same_classes(t->train, t->val, err));
    reel_doubt doubts[8];
    const int n = reel_dataset_doubts(t->train, t->val, doubts, 8);
    for (int i = 0; i < n; i++)
        reel_say("reel: warning: %s: %s", data, doubts[i]);
    const int64_t classes = reel_dataset_classes(t->train), expected = t->settings->net.classes;
    if (expected && expected != classes)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: expected %" PRId64 " classes (--num-classes), got %" PRId64
                         " folders",
                         data, expected, classes);
    return REEL_OK;
}

static reel_status start_from(reel_trainer *t, const char *path, reel_error *err)
{
    reel_weights *weights;
    REEL_TRY(reel_weights_read(&weights, path, err));
    reel_model_card card;
    reel_error why = {0};
    reel_status status = reel_weights_verify(weights, err);
    if (status == REEL_OK) {
        status = reel_model_read_card(&card, weights, t->settings->model->name, path, err);
        if (status == REEL_OK && t->settings->replace_head)
            status = reel_finetune_start(t, weights, &card, path, err);
        reel_model_card_free(&card);
    }
    if (status == REEL_OK && !t->settings->replace_head &&
        (status = reel_params_load(reel_net_params(t->net), weights, &why)) != REEL_OK)
        reel_fail(err, status, "%s: %s", path, why.message);
    reel_weights_destroy(weights);
    return status;
}

static bool fits_to_data(const reel_trainer *t)
{
    return t->settings->fit_to_data && !t->settings->weights;
}

static reel_status make_net(reel_trainer *t, bool resumed, reel_error *err)
{
    const reel_settings *s = t->settings;
    const reel_ctx_config config = {
        .threads = s->threads, .seed = s->seed, .log = reel_log_to_stderr};
    REEL_TRY(reel_ctx_create(&t->ctx, &config, err));
    reel_model_config net = s->net;
    net.classes = reel_dataset_classes(t->train);
    REEL_TRY(reel_model_create(&t->net, s->model, &net, t->ctx, REEL_F32, err));
    REEL_TRY(reel_memory_check(t, !resumed && fits_to_data(t), err));
    if (s->weights)
        REEL_TRY(start_from(t, s->weights, err));
    else if (!resumed && !strcmp(s->init, "caffe"))
        reel_init_caffe(t->net);
    REEL_TRY(reel_optimizer_create(&t->opt, reel_net_params(t->net), t->ctx, &s->optimizer, err));
    REEL_TRY(reel_trainer_tune(t, err));
    t->card = (reel_model_card){.image_size = net.image_size,
                                .preprocessing = reel_preprocessing_of(&s->val)};
    snprintf(t->card.arch, sizeof t->card.arch, "%s", s->model->name);
    snprintf(t->card.head, sizeof t->card.head, "%s", reel_head_name(s->net.head));
    return reel_model_card_set_classes(&t->card, t->train, err);
}

int64_t reel_trainer_fit_images(const reel_trainer *t)
{
    const int64_t images = reel_dataset_count(t->train), most = 64;
    return images < most ? images : most;
}

/* Fits the initial weights to 64 training images as the first epoch begins with them: a function of
 * the seed and the images alone. Bad files are passed over here; the training loader counts and
 * names them. */
static reel_status fit_to_data(reel_trainer *t, reel_error *err)
{
    const double output_scale = 0.1; /* logits of near 0: the first loss is ln(classes) */
    const reel_settings *s = t->settings;
    const reel_loader_config config = {.batch = reel_trainer_fit_images(t),
                                       .workers = s->workers,
                                       .prefetch = 1,
                                       .seed = s->seed,
                                       .shuffle = true,
                                       .class_balanced = s->class_balanced,
                                       .epochs = 1,
                                       .max_bad = 1,
                                       .on_slow = reel_trainer_on_slow,
                                       .slow_seconds = s->slow_read,
                                       .user = t};
    reel_loader *loader;
    reel_batch batch;
    REEL_TRY(reel_loader_create(&loader, t->train, &s->train, &config, err));
    reel_status status = reel_loader_next(loader, &batch, err);
    if (status == REEL_OK)
        status = reel_net_calibrate(t->net, &batch.images, output_scale, err);
    reel_loader_destroy(loader);
    return status;
}

static reel_status make_schedule(reel_trainer *t, reel_error *err)
{
    const reel_settings *s = t->settings;
    const int64_t images = reel_dataset_count(t->train);
    /* An incomplete last batch is left out, as torch's reference scripts do; fewer images than a
     * batch are one batch. */
    t->batches_per_epoch = images < s->batch_size ? 1 : images / s->batch_size;
    t->steps_per_epoch = (t->batches_per_epoch + s->accumulate - 1) / s->accumulate;
    t->schedule = s->schedule;
    t->schedule.steps_per_epoch = t->steps_per_epoch;
    return reel_schedule_check(&t->schedule, err);
}

static reel_status restore(reel_trainer *t, const reel_weights *checkpoint, const char *path,
                           reel_error *err)
{
    const reel_checkpoint c = reel_trainer_checkpoint(t);
    REEL_TRY(reel_checkpoint_restore(&c, checkpoint, path, err));
    if (t->state.batch > t->batches_per_epoch)
        return reel_fail(err, REEL_ERR_INVALID,
                         "%s: stands at batch %" PRId64 " of an epoch, which has %" PRId64
                         " now: the training "
                         "images or --batch-size have changed",
                         path, t->state.batch, t->batches_per_epoch);
    return REEL_OK;
}

reel_status reel_trainer_open(reel_trainer *t, const char *data, const reel_settings *settings,
                              json_t *config, const reel_weights *checkpoint,
                              const char *checkpoint_path, reel_error *err)
{
    *t = (reel_trainer){.settings = settings,
                        .config = config,
                        .workers = settings->workers,
                        .run = {.lock = -1, .folder = -1},
                        .state = reel_run_beginning()};
    t->began = t->last_checkpoint = reel_seconds_now();
    reel_progress_open(&t->progress, settings->quiet);
    REEL_TRY(open_data(t, data, err));
    REEL_TRY(make_net(t, checkpoint != NULL, err));
    REEL_TRY(make_schedule(t, err));
    if (!checkpoint)
        return REEL_OK;
    REEL_TRY(restore(t, checkpoint, checkpoint_path, err));
    return reel_tape_create(&t->tape, t->ctx, NULL, err);
}

/* The epoch of best.safetensors, which lies beside a checkpoint, not in it; 0 = none that holds. */
static int64_t epoch_of_best(const reel_trainer *t)
{
    char path[REEL_PATH_MAX];
    reel_weights *weights;
    if (reel_weights_read(&weights,
                          reel_run_dir_file(&t->run, "best.safetensors", path, sizeof path),
                          NULL) != REEL_OK)
        return 0;
    const char *text = reel_weights_metadata(weights, "epoch");
    const int64_t epoch =
        reel_weights_verify(weights, NULL) == REEL_OK && text ? strtoll(text, NULL, 10) : 0;
    reel_weights_destroy(weights);
    return epoch;
}

reel_status reel_trainer_begin(reel_trainer *t, reel_error *err)
{
    const reel_settings *settings = t->settings;
    const bool resumed = t->tape != NULL;
    json_t *names = json_array();
    for (int64_t c = 0; c < t->card.classes; c++)
        json_array_append_new(names, json_string(t->card.class_names[c]));
    json_object_set_new(t->config, "classes", names);
    json_object_set_new(t->config, "train_images", json_integer(reel_dataset_count(t->train)));
    json_object_set_new(t->config, "val_images", json_integer(reel_dataset_count(t->val)));
    REEL_TRY(reel_run_dir_open(&t->run, settings->output_dir, t->config, settings->locked, err));
    const bool evaluates = t->state.batch == t->batches_per_epoch;
    if (settings->resume)
        REEL_TRY(reel_run_dir_rewind(&t->run, t->state.step, evaluates, err));
    if (!resumed) {
        if (fits_to_data(t))
            REEL_TRY(fit_to_data(t, err));
        REEL_TRY(
            reel_tape_create(&t->tape, t->ctx, NULL, err)); /* now: fitting had one of its own */
    }
    t->best_there = epoch_of_best(t);
    if (reel_trainer_best_is_lost(t))
        reel_progress_warn(
            &t->progress,
            "reel train: warning: %s/best.safetensors: expected the weights of epoch %" PRId64
            ", got none: the best of the epochs to come are kept",
            t->run.path, t->state.best_epoch);
    if (t->whole)
        REEL_TRY(reel_finetune_record(t, err));
    t->first_step = t->state.step;
    reel_trainer_log_start(t);
    const reel_checkpoint whole = reel_trainer_checkpoint(t);
    reel_error why;
    /* The first checkpoint of a new run will also hold a state that has not formed yet. */
    const size_t values = reel_checkpoint_bytes(&whole),
                 state =
                     resumed ? 0 : reel_optimizer_config_bytes(&settings->optimizer, values / 2);
    if (reel_run_dir_room(&t->run, values + state, &why))
        reel_progress_warn(&t->progress, "reel train: warning: a checkpoint will not fit: %s",
                           why.message);
    return REEL_OK;
}

void reel_trainer_close(reel_trainer *t)
{
    reel_loader_destroy(t->loader);
    reel_events_close(t->events);
    reel_evaluation_free(&t->last);
    reel_model_card_free(&t->card);
    reel_run_dir_close(&t->run);
    reel_optimizer_destroy(t->opt);
    reel_tape_destroy(t->tape);
    reel_net_destroy(t->net);
    reel_dataset_destroy(t->train);
    reel_dataset_destroy(t->val);
    reel_dataset_destroy(t->whole);
    reel_ctx_destroy(t->ctx);
    json_decref(t->config);
    *t = (reel_trainer){0};
}
