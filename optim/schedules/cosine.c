/* The rate follows half a cosine from lr down to a minimum, step by step:
 * min + (lr - min) (1 + cos(pi t)) / 2, with t from 0 to 1 over the run. PyTorch's
 * CosineAnnealingLR; Loshchilov and Hutter 2017, without restarts. */
#include "core/elementary.h"
#include "optim/schedules/falls.h"

#include <math.h>

enum { MIN };

static const reel_optim_option options[] = {
    [MIN] = MIN_OPTION,
};

static reel_status cosine_check(const reel_schedule *s, reel_error *err)
{
    if (s->values.at[MIN] > s->lr)
        return reel_fail(err, REEL_ERR_INVALID,
                         "lr-min: expected at most the learning rate %g, got %g", s->lr,
                         s->values.at[MIN]);
    return REEL_OK;
}

static double cosine_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    const double min = s->values.at[MIN];
    return min + (s->lr - min) * (1 + reel_math_cos(M_PI * time->progress)) / 2;
}

const reel_schedule_kind reel_schedule_cosine = REEL_OPTIM_KIND(
    options, .name = "cosine", .torch = "CosineAnnealingLR",
    .about = "half a cosine down to a minimum", .check = cosine_check, .rate = cosine_rate);
