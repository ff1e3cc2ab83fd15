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

static reel_memory_demand memory_demand(const reel_loop *loop, bool resumed)
{
    const reel_settings *s = loop->settings;
    const int64_t images = reel_dataset_count(loop->feed.train);
    const bool mixed = s->mixup_alpha > 0 || s->cutmix_alpha > 0;
    return (reel_memory_demand){.optimizer = &s->optimizer,
                                .batch = s->batch_size < images ? s->batch_size : images,
                                .channels = s->net.channels,
                                .train_size = s->train.size,
                                .val_size = s->val.size,
                                .average = s->model_ema,
                                .mixed_classes = mixed ? reel_dataset_classes(loop->feed.train) : 0,
                                .fit_images = resumed ? 0 : reel_loop_fit_images(loop),
                                .workers = (int)s->workers,
                                .limit = s->memory,
                                .gradients_stay = s->accumulate > 1};
}

/* Whether an epoch of this run lets frozen parameters learn. */
static bool unfreezes(const reel_settings *s)
{
    return s->freeze && s->unfreeze_after > 0 && s->unfreeze_after < s->epochs;
}

reel_status reel_loop_check_memory(reel_loop *loop, bool resumed, reel_error *err)
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

reel_status reel_loop_tune(reel_loop *loop, reel_error *err)
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
