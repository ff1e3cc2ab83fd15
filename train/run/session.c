/* Making a session, and what a step asks of it. */
#include "train/run/session.h"

#include "train/run/say.h"

#include <stdio.h>
#include <stdlib.h>

reel_status reel_session_create(reel_session *s, const reel_session_config *c, reel_error *err)
{
    const reel_ctx_config ctx = {.threads = c->threads, .seed = c->seed, .log = reel_log_to_stderr};
    *s = (reel_session){.state = reel_run_beginning()};
    REEL_TRY(reel_ctx_create(&s->ctx, &ctx, err));
    REEL_TRY(reel_model_build(&s->net, c->model, &c->net, s->ctx, REEL_F32, err));

    s->card = (reel_model_card){.image_size = c->net.image_size,
                                .preprocessing = reel_preprocessing_of(c->preprocessing)};
    snprintf(s->card.arch, sizeof s->card.arch, "%s", c->model->name);
    snprintf(s->card.head, sizeof s->card.head, "%s", reel_head_name(c->net.head));
    if (c->model->add)
        return REEL_OK;

    /* A network that is a text travels with its weights. */
    const int64_t input[3] = {c->net.channels, c->net.image_size, c->net.image_size};
    return reel_net_print(s->net, input, &s->card.network, err);
}

reel_status reel_session_optimize(reel_session *s, const reel_optimizer_config *config,
                                  reel_error *err)
{
    REEL_TRY(reel_optimizer_create(&s->opt, reel_net_params(s->net), s->ctx, config, err));
    return reel_session_tune(s, err);
}

reel_status reel_session_ready(reel_session *s, reel_error *err)
{
    return reel_tape_create(&s->tape, s->ctx, NULL, err);
}

void reel_session_close(reel_session *s)
{
    free(s->class_weights);
    free(s->targets);
    reel_model_card_free(&s->card);
    reel_ema_destroy(s->ema);
    reel_optimizer_destroy(s->opt);
    reel_tape_destroy(s->tape);
    reel_net_destroy(s->net);
    reel_ctx_destroy(s->ctx);
    *s = (reel_session){0};
}

reel_status reel_session_tune(reel_session *s, reel_error *err)
{
    return reel_groups_apply(&s->groups, s->opt, reel_net_params(s->net), s->state.epoch, err);
}

double reel_session_lr(const reel_session *s)
{
    return reel_schedule_at(&s->schedule, s->state.step) * s->state.lr_scale;
}

reel_var reel_session_forward(reel_session *s, const reel_batch *batch)
{
    reel_tape_set_step(s->tape, s->state.epoch * s->batches_per_epoch + batch->index);
    return reel_net_forward(s->net, s->tape, reel_input(s->tape, &batch->images));
}

reel_var reel_session_loss(const reel_session *s, reel_var logits, const reel_batch *batch)
{
    const reel_cross_entropy_attrs attrs = {.label_smoothing = s->label_smoothing,
                                            .class_weights = s->class_weights};
    if (!s->targets)
        return reel_cross_entropy(logits, batch->labels, batch->n, &attrs);
    const int64_t shape[2] = {batch->n, s->card.classes};
    const reel_tensor targets = reel_tensor_of(s->targets, REEL_F32, 2, shape);
    return reel_cross_entropy_soft(logits, &targets, &attrs);
}

reel_status reel_session_mix_with(reel_session *s, const reel_mix_config *mix, int64_t batch,
                                  reel_error *err)
{
    s->mix = *mix;
    free(s->targets);
    s->targets = NULL;
    if (mix->mixup_alpha == 0 && mix->cutmix_alpha == 0)
        return REEL_OK;
    s->targets = calloc((size_t)batch * (size_t)s->card.classes + 1, sizeof *s->targets);
    return s->targets ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "mixed targets: out of memory");
}

void reel_session_mix(reel_session *s, const reel_batch *b)
{
    if (!s->targets)
        return;
    s->mixed = reel_mix_draw(&s->mix, b->images.shape[2], b->images.shape[3], reel_ctx_seed(s->ctx),
                             b->epoch, b->index);
    reel_mix_images(&b->images, &s->mixed, reel_ctx_threads(s->ctx));
    reel_mix_targets(s->targets, b->labels, b->n, s->card.classes, &s->mixed);
}

int64_t reel_session_label(const reel_session *s, const reel_batch *b, int64_t i)
{
    return s->targets ? reel_mix_label(b->labels, b->n, i, &s->mixed) : b->labels[i];
}

reel_checkpoint reel_session_checkpoint(reel_session *s)
{
    return (reel_checkpoint){.params = reel_net_params(s->net),
                             .opt = s->opt,
                             .ema = s->ema,
                             .card = &s->card,
                             .schedule = &s->schedule,
                             .state = &s->state};
}
