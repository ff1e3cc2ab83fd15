/* The way of a batch through the net: all pieces together, or one after the other. */
#include "train/run/session_gradient.h"

#include "layers/recompute.h"
#include "train/run/evaluation.h"
#include "train/run/guard.h"
#include "train/run/piece_loss.h"
#include "train/run/progress.h"

/* A step on its way through the pieces. */
typedef struct piece_step {
    reel_session *session;
    reel_gradient_job *job;
} piece_step;

/* Images recognised of a piece, whose first image is number `first` of the batch; in float64, which
 * is for comparing losses, none is counted. */
static int64_t count_right(const reel_session *s, const reel_tensor *rows, const reel_batch *b,
                           int64_t first)
{
    const int64_t classes = rows->shape[1];
    int64_t right = 0;
    if (rows->dtype != REEL_F32)
        return 0;
    for (int64_t i = 0; i < rows->shape[0]; i++)
        right += reel_label_rank((const float *)rows->data + i * classes, classes,
                                 reel_session_label(s, b, first + i)) == 0;
    return right;
}

/* The sum of the losses of `part`, each looked at before any gradient is computed. */
static reel_status sum_losses(const piece_step *step, reel_var logits, reel_pieces part,
                              reel_var *sum, reel_error *err)
{
    reel_session *s = step->session;
    reel_gradient_job *job = step->job;
    const int64_t n = job->batch.n / s->held.count; /* images of a piece */
    *sum = (reel_var){s->tape, -1};
    for (int64_t p = part.first; p < part.first + part.count; p++) {
        const reel_var rows = reel_piece_rows(logits, part.count, p - part.first);
        const reel_var loss = reel_session_loss(s, rows, &job->batch, p);
        *sum = p == part.first ? loss : reel_add(*sum, loss);
        REEL_TRY(reel_tape_status(s->tape, err));

        const reel_tensor mean = reel_value(loss), values = reel_value(rows);
        reel_piece_result *result = &job->results[p];
        result->loss = reel_tensor_get(&mean, (const int64_t[REEL_MAX_DIMS]){0});
        result->n = n;
        result->right = count_right(s, &values, &job->batch, (p - s->held.first) * n);
        job->done = p + 1;
        if (reel_loss_is_diverged(result->loss))
            return reel_fail(err, REEL_ERR_NONFINITE, "the loss is %g", result->loss);
    }
    return REEL_OK;
}

static reel_status take_images(const piece_step *step, reel_pieces held, reel_error *err)
{
    reel_gradient_job *job = step->job;
    REEL_TRY(job->next(job->user, &job->batch, err));
    REEL_ASSERT(job->batch.n > 0);
    step->session->held = held;
    reel_session_mix(step->session, &job->batch);
    return REEL_OK;
}

/* Forward and backward of `part`, together on the tape. */
static reel_status compute_part(void *user, reel_pieces part, reel_error *err)
{
    const piece_step *step = user;
    reel_session *s = step->session;
    if (s->in_turn)
        REEL_TRY(take_images(step, part, err));

    /* images (n, 3, h, w) -> logits (n, classes) -> a mean loss for each piece */
    reel_var sum;
    const double began = reel_seconds_now();
    const reel_var logits = reel_session_forward(s, &step->job->batch, part);
    REEL_TRY(sum_losses(step, logits, part, &sum, err));

    const double forward = reel_seconds_now();
    REEL_TRY(reel_backward_scaled(sum, 1.0 / (double)s->pieces, err));
    reel_tape_reset(s->tape);
    step->job->seconds.forward += forward - began;
    step->job->seconds.backward += reel_seconds_now() - forward;
    return REEL_OK;
}

/* The sum over `part`, in the gradients that the store is bound to. */
static reel_status sum_part(piece_step *step, reel_pieces part, reel_error *err)
{
    reel_session *s = step->session;
    if (!s->in_turn)
        return compute_part(step, part, err);
    void *grads = reel_params_at(reel_net_params(s->net), 0)->grad.data; /* it has offset 0 */
    return reel_piece_sum_run(s->sum, part, 1, grads, compute_part, step, err);
}

static reel_status need_weights(void *user, reel_params *params, int index, reel_error *err)
{
    (void)params;
    return reel_parallel_need(user, index, err);
}

static void send_gradient(void *user, reel_params *params, int index)
{
    (void)params;
    reel_parallel_ready(user, index);
}

static reel_status place_factors(void *user, const reel_weight_product *product, reel_factors *to,
                                 reel_error *err)
{
    return reel_parallel_factors(user, product, to, err);
}

/* The subtrees of this process. Forward waits for the weights of each layer, which another host may
 * still send. In the last subtree a gradient that is final may be sent, unless the sum over pieces
 * in turn is still to be added up. */
static reel_status sum_subtrees(piece_step *step, reel_error *err)
{
    reel_session *s = step->session;
    const reel_pieces *trees;
    const int count = reel_parallel_subtrees(s->parallel, &trees);
    for (int k = 0; k < count; k++) {
        const reel_pieces part = {trees[k].first - s->own.first, trees[k].count};
        const bool is_final = k == count - 1 && (!s->in_turn || part.count == 1);
        const reel_param_hooks hooks = {.need = s->overlaps ? need_weights : NULL,
                                        .ready = s->overlaps && is_final ? send_gradient : NULL,
                                        .factors = place_factors,
                                        .user = s->parallel};
        reel_parallel_subtree(s->parallel, k);
        reel_tape_set_param_hooks(s->tape, &hooks);
        REEL_TRY(sum_part(step, part, err));
    }
    return REEL_OK;
}

reel_status reel_session_gradient(reel_session *s, reel_gradient_job *job, reel_error *err)
{
    piece_step step = {s, job};
    const reel_pieces all = {0, s->own.count};
    job->done = 0;
    reel_net_forget_gradients(s->net);
    if (!s->in_turn)
        REEL_TRY(take_images(&step, all, err));
    if (!s->parallel)
        return sum_part(&step, all, err);

    const reel_status status = sum_subtrees(&step, err);
    reel_tape_set_param_hooks(s->tape, NULL);
    return status;
}
