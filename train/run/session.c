/* Making a session, and what a step asks of it. */
#include "train/run/session.h"

#include "train/run/say.h"

#include <stdio.h>
#include <stdlib.h>

reel_status reel_session_create(reel_session *s, const reel_session_config *c, reel_error *err)
{
    const reel_ctx_config ctx = {.threads = c->threads,
                                 .seed = c->seed,
                                 .isa = c->isa,
                                 .log = reel_log_to_stderr,
                                 .precision = c->precision,
                                 .widen_bf16 = c->widen_bf16};
    *s = (reel_session){.state = reel_run_beginning(), .pieces = 1, .own = {0, 1}, .held = {0, 1}};
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
    free(s->mixed);
    reel_piece_sum_destroy(s->sum);
    reel_statistics_destroy(s->statistics);
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

reel_status reel_session_divide(reel_session *s, int64_t pieces, reel_pieces own, bool in_turn,
                                reel_error *err)
{
    reel_params *params = reel_net_params(s->net);
    s->pieces = pieces;
    s->own = own;
    s->in_turn = in_turn && own.count > 1;
    s->held = (reel_pieces){0, s->in_turn ? 1 : own.count};
    reel_piece_sum_destroy(s->sum);
    reel_statistics_destroy(s->statistics);
    s->sum = NULL;
    s->statistics = NULL;
    if (s->in_turn)
        REEL_TRY(reel_piece_sum_create(&s->sum, params, s->ctx, err));
    return pieces > 1 ? reel_statistics_create(&s->statistics, params, pieces, err) : REEL_OK;
}

/* ---- a step ---- */

/* Images of a piece. */
static int64_t piece_images(const reel_session *s, const reel_batch *b)
{
    return b->n / s->held.count;
}

/* Rows [first, first + n) of a tensor of images. */
static reel_tensor rows_of_images(reel_tensor images, int64_t first, int64_t n)
{
    const size_t row = reel_tensor_bytes(&images) / (size_t)images.shape[0];
    images.shape[0] = n;
    images.data = (char *)images.data + (size_t)first * row;
    return images;
}

reel_var reel_session_forward(reel_session *s, const reel_batch *batch, reel_pieces part)
{
    const int64_t n = piece_images(s, batch);
    const reel_tensor images =
        rows_of_images(batch->images, (part.first - s->held.first) * n, part.count * n);
    reel_tape_set_step(s->tape, s->state.epoch * s->batches_per_epoch + batch->index);
    reel_tape_set_first_row(s->tape, (s->own.first + part.first) * n);
    reel_tape_set_statistics(s->tape, s->statistics, s->own.first + part.first);

    reel_tape_set_pieces(s->tape, part.count);
    const reel_var logits = reel_net_forward(s->net, s->tape, reel_input(s->tape, &images));
    reel_tape_set_pieces(s->tape, 1);
    reel_tape_set_statistics(s->tape, NULL, 0);
    return logits;
}

reel_var reel_session_loss(const reel_session *s, reel_var logits, const reel_batch *batch,
                           int64_t piece)
{
    const int64_t n = piece_images(s, batch), first = (piece - s->held.first) * n;
    const reel_cross_entropy_attrs attrs = {.label_smoothing = s->label_smoothing,
                                            .class_weights = s->class_weights};
    if (!s->targets)
        return reel_cross_entropy(logits, batch->labels + first, n, &attrs);
    const int64_t shape[2] = {n, s->card.classes};
    const reel_tensor targets =
        reel_tensor_of(s->targets + first * s->card.classes, REEL_F32, 2, shape);
    return reel_cross_entropy_soft(logits, &targets, &attrs);
}

/* ---- mixing ---- */

reel_status reel_session_mix_with(reel_session *s, const reel_mix_config *mix, int64_t batch,
                                  reel_error *err)
{
    s->mix = *mix;
    free(s->targets);
    free(s->mixed);
    s->targets = NULL;
    s->mixed = NULL;
    if (mix->mixup_alpha == 0 && mix->cutmix_alpha == 0)
        return REEL_OK;
    s->targets = calloc((size_t)batch * (size_t)s->card.classes + 1, sizeof *s->targets);
    s->mixed = calloc((size_t)s->own.count, sizeof *s->mixed);
    return s->targets && s->mixed ? REEL_OK
                                  : reel_fail(err, REEL_ERR_MEMORY, "mixed targets: out of memory");
}

/* Pieces are numbered through the epoch. */
void reel_session_mix(reel_session *s, const reel_batch *b)
{
    const int64_t n = piece_images(s, b), classes = s->card.classes;
    for (int64_t p = 0; s->targets && p < s->held.count; p++) {
        const reel_tensor images = rows_of_images(b->images, p * n, n);
        reel_mix *mix = &s->mixed[p];
        *mix = reel_mix_draw(&s->mix, images.shape[2], images.shape[3], reel_ctx_seed(s->ctx),
                             b->epoch, b->index * s->pieces + s->own.first + s->held.first + p);
        reel_mix_images(&images, mix, reel_ctx_threads(s->ctx));
        reel_mix_targets(s->targets + p * n * classes, b->labels + p * n, n, classes, mix);
    }
}

int64_t reel_session_label(const reel_session *s, const reel_batch *b, int64_t i)
{
    const int64_t n = piece_images(s, b), p = i / n;
    return s->targets ? reel_mix_label(b->labels + p * n, n, i - p * n, &s->mixed[p])
                      : b->labels[i];
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
