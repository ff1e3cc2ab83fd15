/* The rate stays as it is. */
#include "optim/schedule.h"

static double constant_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    (void)time;
    return s->lr;
}

const reel_schedule_kind reel_schedule_constant = {
    .name = "constant",
    .about = "the learning rate stays as it is",
    .rate = constant_rate,
};
