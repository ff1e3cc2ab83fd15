/* Compute threads and workers of a run for which neither was given. */
#include "train/run/loop_internal.h"

enum { TRIAL_STEPS = 3 };

reel_status reel_loop_settle_threads(reel_loop *loop, double computed, reel_error *err)
{
    const reel_settings *s = loop->settings;
    reel_share_trial *trial = &loop->trial;
    if (trial->settled || !s->choose_workers || loop->ranks)
        return REEL_OK;
    if (trial->steps++ > 0)
        trial->compute_seconds += computed; /* the first step touches memory for the first time */
    if (trial->steps <= TRIAL_STEPS)
        return REEL_OK;

    trial->settled = true;
    const int64_t images = s->batch_size;
    const reel_share share =
        reel_share_cores(reel_available_cpus(), images, trial->compute_seconds / TRIAL_STEPS,
                         reel_loader_sample_seconds(loop->feed.loader));
    char text[300];
    reel_progress_note(&loop->journal.progress, false, "%s",
                       reel_share_text(&share, text, sizeof text));

    /* Batches are the same for any number of workers: the loader can be replaced on the way. */
    reel_feed_config *feed = &loop->feed.config;
    if (share.threads == feed->threads && share.workers == feed->workers)
        return REEL_OK;
    reel_ctx_set_threads(loop->session.ctx, share.threads);
    feed->threads = reel_ctx_threads(loop->session.ctx);
    feed->workers = share.workers;
    return reel_feed_start(&loop->feed, loop->session.state.epoch, loop->session.state.batch, err);
}
