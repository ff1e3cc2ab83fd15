/* The beginning of a run that is built: initial weights, ranks, the run's folder. */
#include "train/run/held_out.h"
#include "train/run/loop_internal.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Fits the initial weights to the training images that the first epoch begins with: a function of
 * the seed and the images alone. Unreadable images are passed over here; the training loader counts
 * and names them. */
static reel_status fit_to_data(reel_loop *loop, reel_error *err)
{
    const double output_scale = 0.1; /* logits near 0: the first loss is ln(classes) */
    reel_loader *loader = NULL;
    reel_batch batch;
    reel_status status =
        reel_feed_peek(&loop->feed, &loader, &batch, 0, reel_loop_fit_images(loop), err);
    if (status == REEL_OK)
        status = reel_net_calibrate(loop->session.net, &batch.images, output_scale, err);
    reel_loader_destroy(loader);
    return status;
}

reel_status reel_loop_make_ready(reel_loop *loop, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_status status = REEL_OK;
    if (reel_loop_fit_images(loop) > 0 && reel_ranks_leads(loop->ranks))
        status = fit_to_data(loop, err);
    if (status == REEL_OK)
        status = reel_session_ready(s, err);
    REEL_TRY(reel_ranks_agree(loop->ranks, status, err, "fitting the initial weights"));
    REEL_TRY(reel_ranks_join(loop->ranks, s, err)); /* weights become those of rank 0 */
    if (s->ema)
        reel_ema_update(s->ema, true);
    return REEL_OK;
}

/* What config.json holds besides the options. */
static void describe_data(reel_loop *loop)
{
    const reel_model_card *card = &loop->session.card;
    json_t *names = json_array(), *config = loop->journal.config;
    for (int64_t c = 0; c < card->classes; c++)
        json_array_append_new(names, json_string(card->class_names[c]));
    json_object_set_new(config, "classes", names);
    if (loop->session.class_weights) {
        json_t *weights = json_array();
        for (int64_t c = 0; c < card->classes; c++)
            json_array_append_new(weights, json_real(loop->session.class_weights[c]));
        json_object_set_new(config, "class_weights", weights);
    }
    json_object_set_new(config, "train_images", json_integer(reel_dataset_count(loop->feed.train)));
    json_object_set_new(config, "val_list", json_string(loop->feed.val_list));
    json_object_set_new(config, "val_images", json_integer(reel_dataset_count(loop->feed.val)));
}

/* What the optimizer keeps state for: all but what stays frozen, and buffers. */
static size_t moving_bytes(const reel_loop *loop)
{
    const reel_params *params = reel_net_params(loop->session.net);
    const unsigned rests =
        REEL_PARAM_BUFFER | (loop->settings->unfreeze_after > 0 ? 0u : REEL_PARAM_FROZEN);
    size_t bytes = 0;
    for (int i = 0; i < reel_params_count(params); i++) {
        const reel_param *p = reel_params_at(params, i);
        bytes += p->flags & rests ? 0 : reel_tensor_bytes(&p->value);
    }
    return bytes;
}

reel_disk_need reel_loop_disk_need(reel_loop *loop)
{
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    const size_t model = reel_checkpoint_model_bytes(&c);
    /* The first checkpoint of a new run will also hold a state that has not formed yet. */
    const bool formed = loop->session.state.step > 0;
    const size_t one =
        reel_checkpoint_bytes(&c) +
        (formed ? 0 : reel_optimizer_config_bytes(&loop->settings->optimizer, moving_bytes(loop)));
    const size_t kinds = loop->session.ema ? 2 : 1; /* each with the last and the best weights */
    return (reel_disk_need){.checkpoint = one,
                            .least = one + 2 * kinds * model,
                            .most =
                                (size_t)(loop->settings->keep + 1) * one + (2 * kinds + 1) * model};
}

/* What cannot be saved is not trained. Where only --keep asks for more than fits, a warning says
 * so, since other files may go. What the folder of a resumed run holds is replaced, and a run that
 * is at its end asks for nothing. */
static reel_status check_disk(reel_loop *loop, reel_error *err)
{
    const reel_run_dir *dir = &loop->journal.dir;
    const reel_disk_need need = reel_loop_disk_need(loop);
    const int64_t keep = loop->settings->keep;
    const size_t there = reel_run_dir_bytes(dir);
    const reel_checkpoint c = reel_loop_checkpoint(loop);
    reel_error why;
    if (c.state->epoch >= loop->settings->epochs)
        return REEL_OK;
    if (c.state->step == 0)
        REEL_TRY(reel_run_dir_room(dir, need.least > there ? need.least - there : 0, err));
    else
        REEL_TRY(reel_checkpoint_room(&c, dir, keep, err));
    if (need.most > there && reel_run_dir_room(dir, need.most - there, &why))
        reel_journal_warn(&loop->journal, "%s (for --keep %" PRId64 ")", why.message, keep);
    return REEL_OK;
}

/* The epoch of a file of weights that lies beside a checkpoint, not in it; 0 = there is no valid
 * one. */
static int64_t epoch_of_file(const reel_run_dir *dir, const char *name)
{
    char path[REEL_PATH_MAX];
    return reel_model_file_number(reel_run_dir_file(dir, name, path, sizeof path), "epoch");
}

static void find_best(reel_loop *loop)
{
    static const char lost[] = "%s/%s: expected the %s of epoch %" PRId64
                               ", got none: the best of the epochs to come are kept";
    reel_journal *journal = &loop->journal;
    reel_run_state *state = &loop->session.state;
    loop->best_there = epoch_of_file(&journal->dir, "best.safetensors");
    if (reel_loop_best_is_lost(loop))
        reel_journal_warn(journal, lost, journal->dir.path, "best.safetensors", "weights",
                          state->best_epoch);

    const int64_t average = state->best_ema.epoch;
    if (average == 0 || epoch_of_file(&journal->dir, "best_ema.safetensors") >= average)
        return;
    state->best_ema = (reel_best){0};
    if (loop->session.ema)
        reel_journal_warn(journal, lost, journal->dir.path, "best_ema.safetensors",
                          "averaged weights", average);
}

/* Rank 0's folder, ready for what follows. */
static reel_status open_folder(reel_loop *loop, reel_error *err)
{
    const reel_settings *settings = loop->settings;
    reel_session *s = &loop->session;
    reel_journal *journal = &loop->journal;

    /* What cannot be saved is not trained. */
    const reel_checkpoint first = reel_loop_checkpoint(loop);
    REEL_TRY(reel_checkpoint_check(&first, err));
    REEL_TRY(reel_journal_open(journal, settings->output_dir, settings->locked, err));

    /* Lines of steps that come again; and of the evaluation, where that comes first. */
    const bool evaluates = s->state.batch == s->batches_per_epoch;
    return settings->resume ? reel_run_dir_rewind(&journal->dir, s->state.step, evaluates, err)
                            : REEL_OK;
}

static reel_status prepare_folder(reel_loop *loop, reel_error *err)
{
    find_best(loop);
    REEL_TRY(check_disk(loop, err));
    return reel_loop_record_split(loop, err);
}

reel_status reel_loop_begin(reel_loop *loop, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_ranks *r = loop->ranks;
    const bool resumed = s->tape != NULL;
    describe_data(loop);

    reel_status status = reel_ranks_leads(r) ? open_folder(loop, err) : REEL_OK;
    REEL_TRY(reel_ranks_agree(r, status, err, "the run's folder"));
    if (!resumed)
        REEL_TRY(reel_loop_make_ready(loop, err));
    status = reel_ranks_leads(r) ? prepare_folder(loop, err) : REEL_OK;
    REEL_TRY(reel_ranks_agree(r, status, err, "the run's folder"));
    REEL_TRY(reel_loop_tell_best(loop, err));

    loop->first_step = s->state.step;
    reel_journal_start(&loop->journal, s->state.step, reel_isa_name(reel_ctx_isa(s->ctx)),
                       reel_ctx_threads(s->ctx), loop->feed.config.workers);
    return REEL_OK;
}
