/* The rate falls after each epoch: lr gamma^epoch. PyTorch's ExponentialLR. */
#include "core/elementary.h"
#include "optim/schedules/falls.h"

enum { GAMMA };

static const reel_optim_option options[] = {
    [GAMMA] = GAMMA_OPTION,
};

static double exponential_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    return s->lr * reel_math_pow(s->values.at[GAMMA], (double)time->epoch);
}

const reel_schedule_kind reel_schedule_exponential =
    REEL_OPTIM_KIND(options, .name = "exponential", .torch = "ExponentialLR",
                    .about = "falls by a factor after each epoch", .rate = exponential_rate);
