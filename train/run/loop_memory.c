/* The memory of a run, planned before anything large is touched, with the parameters that will
 * learn. */
#include "train/run/loop_internal.h"
#include "train/run/memory_limit.h"

int64_t reel_loop_fit_images(const reel_loop *loop)
{
    const int64_t images = reel_dataset_count(loop->feed.train), most = 64;
    if (!loop->settings->fit_to_data || loop->settings->weights)
        return 0;
    return images < most ? images : most;
}

/* Ranks of this rank's host. */
static int ranks_here(const reel_comm *comm)
{
    const int host = reel_comm_host_of(comm, reel_comm_rank(comm));
    int here = 0;
    for (int r = 0; r < reel_comm_ranks(comm); r++)
        here += reel_comm_host_of(comm, r) == host;
    return here;
}

static reel_memory_demand memory_demand(const reel_loop *loop, bool resumed)
{
    const reel_settings *s = loop->settings;
    const reel_session *session = &loop->session;
    const int64_t piece = reel_feed_batch_images(&loop->feed) / session->pieces;
    const reel_comm *comm = loop->ranks ? loop->ranks->comm : NULL;
    const bool mixed = s->mixup_alpha > 0 || s->cutmix_alpha > 0;
    return (reel_memory_demand){.optimizer = &s->optimizer,
                                .batch = piece * session->held.count,
                                .pieces = session->held.count,
                                .turns = session->in_turn ? session->own.count : 1,
                                .channels = s->net.channels,
                                .train_size = s->train.size,
                                .val_size = s->val.size,
                                .average = s->model_ema,
                                .mixed_classes = mixed ? reel_dataset_classes(loop->feed.train) : 0,
                                .fit_images = resumed ? 0 : reel_loop_fit_images(loop),
                                .workers = (int)s->workers,
                                .ranks = ranks_here(comm),
                                .arrays = reel_parallel_arrays(comm, session->pieces),
                                .limit = s->memory,
                                .gradients_stay = session->in_turn};
}

/* Whether an epoch of this run lets frozen parameters learn. */
static bool unfreezes(const reel_settings *s)
{
    return s->freeze && s->unfreeze_after > 0 && s->unfreeze_after < s->epochs;
}

/* With the pieces that the session takes together now. */
static reel_status check_memory(reel_loop *loop, bool resumed, reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_net *net = loop->session.net;
    reel_params *params = reel_net_params(net);
    const reel_memory_demand demand = memory_demand(loop, resumed);

    /* The epochs with frozen parameters have a choice of their own: see reel_loop_tune. */
    int frozen_prefetch = 0, *prefetch = &loop->feed.config.prefetch;
    REEL_TRY(reel_groups_freeze(s->freeze, params, err));
    if (unfreezes(s)) {
        if (s->memory > 0)
            REEL_TRY(reel_memory_fit(&loop->memory, &frozen_prefetch, net, &demand, err));
        REEL_TRY(reel_groups_freeze(NULL, params, err));
    }
    loop->fitted_frozen = false;
    if (s->memory <= 0)
        return reel_memory_check(net, &demand, err);
    REEL_TRY(reel_memory_fit(&loop->memory, prefetch, net, &demand, err));
    if (*prefetch == 0)
        *prefetch = frozen_prefetch;
    return REEL_OK;
}

/* Pieces go through the net together as long as there is memory for that, else in turn: the bits
 * are the same. --accumulate asks for turns. */
reel_status reel_loop_check_memory(reel_loop *loop, bool resumed, reel_error *err)
{
    reel_session *s = &loop->session;
    reel_error why;
    for (bool in_turn = loop->settings->accumulate > 1;; in_turn = true) {
        REEL_TRY(reel_session_divide(s, s->pieces, s->own, in_turn, err));
        reel_net_plan_pieces(s->net, s->held.count);
        loop->feed.config.in_turn = s->in_turn;
        const reel_status status = check_memory(loop, resumed, &why);
        if (status == REEL_ERR_MEMORY && s->held.count > 1)
            continue;
        if (status)
            *err = why;
        return status;
    }
}

static reel_status tune_alone(reel_loop *loop, reel_error *err)
{
    const reel_settings *s = loop->settings;
    REEL_TRY(reel_session_tune(&loop->session, err));
    const bool frozen = unfreezes(s) && loop->session.state.epoch < s->unfreeze_after;
    if (s->memory <= 0 || frozen == loop->fitted_frozen)
        return REEL_OK;
    loop->fitted_frozen = frozen;
    const reel_memory_demand demand = memory_demand(loop, true);
    return reel_memory_refit(loop->session.net, &demand, loop->feed.config.prefetch, err);
}

reel_status reel_loop_tune(reel_loop *loop, reel_error *err)
{
    return reel_ranks_agree(loop->ranks, tune_alone(loop, err), err, "the layers that learn");
}
