/* Adding up. */
#include "train/run/meter.h"

void reel_meter_begin_epoch(reel_meter *m, double now, double waited)
{
    m->epoch_began = m->window.began = now;
    m->epoch_waited = m->window.waited = waited;
    m->epoch_seen = 0;
}

void reel_meter_add(reel_meter *m, int64_t n, double mean_loss, int64_t right)
{
    m->window.loss += mean_loss * (double)n;
    m->window.right += right;
    m->window.seen += n;
    m->epoch_seen += n;
}

void reel_meter_add_step(reel_meter *m, double seconds)
{
    /* The first step counts in full, later ones smooth out what disturbs a single step. */
    m->step_seconds = m->step_seconds == 0 ? seconds : 0.9 * m->step_seconds + 0.1 * seconds;
}

void reel_meter_update(reel_meter *m, double now, double waited)
{
    const double spent = now - m->epoch_began;
    m->rate = (double)m->epoch_seen / spent;
    m->wait = (waited - m->epoch_waited) / spent;
}

void reel_meter_pass(reel_meter *m, double seconds, double waited)
{
    m->epoch_began += seconds;
    m->window.began += seconds;
    m->epoch_waited += waited;
    m->window.waited += waited;
}

void reel_meter_begin_window(reel_meter *m, double now, double waited)
{
    m->window = (reel_window){.began = now, .waited = waited};
}
