/* Making and destroying what a training step needs, and taking one. */
#include "train/cli/trainee.h"

#include "train/cli/command.h"
#include "train/cli/optim_options.h"
#include "train/cli/rank_talk.h"
#include "train/run/divide.h"

#include <stdlib.h>
#include <string.h>

int reel_trainee_begin(reel_trainee *t, reel_options *options, const char *command)
{
    reel_error err;
    *t = (reel_trainee){.session = {.pieces = 1, .own = {0, 1}, .held = {0, 1}}};
    if (reel_optimizer_read(&t->optimizer, options, &err))
        return reel_complain_usage(command, &err);
    if (reel_comm_is_launched()) {
        if (reel_rank_talk_connect(&t->ranks_memory.comm, command, 0, &err))
            return reel_complain(command, &err);
        t->ranks = &t->ranks_memory;
    }
    if (reel_command_ctx(&t->session.ctx, options, &err))
        return reel_complain(command, &err);
    return REEL_EXIT_OK;
}

reel_status reel_trainee_build(reel_trainee *t, const reel_options *options,
                               const reel_model_config *config, const reel_tape_config *tape,
                               reel_error *err)
{
    reel_session *s = &t->session;
    reel_model *model;
    REEL_TRY(reel_command_arch(&model, options, err));
    const reel_status status = reel_model_create(&s->net, model, config, s->ctx, tape->dtype, err);
    reel_model_free(model);
    REEL_TRY(status);
    REEL_TRY(reel_tape_create(&s->tape, s->ctx, tape, err));
    return reel_optimizer_create(&s->opt, reel_net_params(s->net), s->ctx, &t->optimizer, err);
}

reel_status reel_trainee_divide(reel_trainee *t, const int64_t batch[4], int64_t pieces,
                                reel_error *err)
{
    reel_session *s = &t->session;
    const reel_comm *comm = t->ranks ? t->ranks->comm : NULL;
    REEL_TRY(reel_check_pieces(batch[0], pieces, reel_ranks_count(t->ranks), err));
    t->results = calloc((size_t)pieces, sizeof *t->results);
    if (!t->results)
        return reel_fail(err, REEL_ERR_MEMORY, "pieces of a batch: out of memory");

    const reel_pieces own =
        comm ? reel_comm_pieces(comm, pieces, reel_comm_rank(comm)) : (reel_pieces){0, pieces};
    REEL_TRY(reel_session_divide(s, pieces, own, false, err));
    reel_net_plan_pieces(s->net, own.count);
    const int64_t piece[4] = {batch[0] / pieces, batch[1], batch[2], batch[3]};
    return reel_ranks_join(t->ranks, s, piece, err);
}

static reel_status own_images(void *user, reel_batch *batch, reel_error *err)
{
    (void)err;
    *batch = *(const reel_batch *)user;
    return REEL_OK;
}

reel_status reel_trainee_gradient(reel_trainee *t, const reel_batch *own,
                                  reel_step_seconds *seconds, reel_error *err)
{
    reel_session *s = &t->session;
    reel_gradient_job job = {.next = own_images,
                             .user = (void *)own,
                             .results = t->results + s->own.first,
                             .seconds = *seconds};
    reel_part_report report = {.status = reel_session_gradient(s, &job, err)};
    *seconds = job.seconds;
    REEL_TRY(reel_ranks_results(t->ranks, s, t->results, &report, err));
    return s->parallel ? reel_parallel_sum(s->parallel, err) : REEL_OK;
}

reel_status reel_trainee_update(reel_trainee *t, double lr, reel_error *err)
{
    reel_session *s = &t->session;
    reel_statistics_apply(s->statistics);
    REEL_TRY(reel_optimizer_step(s->opt, lr, err));
    return s->parallel ? reel_parallel_publish(s->parallel, err) : REEL_OK;
}

void reel_trainee_end(reel_trainee *t)
{
    reel_ranks_leave(t->ranks, &t->session);
    free(t->results);
    reel_session_close(&t->session);
    if (t->ranks)
        reel_rank_talk_close(t->ranks->comm);
}
