/* The rate falls as a power of the time that is left, step by step: lr (1 - t)^power, with t from 0
 * to 1 over the run. PyTorch's PolynomialLR; Caffe's "poly". */
#include "core/elementary.h"
#include "optim/schedule.h"

enum { POWER };

static const reel_optim_option options[] = {
    [POWER] = REEL_OPTIM_OPTION(REAL, .name = "lr-power", .initial = 1, .least = 1e-3, .most = 100,
                                .rare = true, .help = "exponent"),
};

static double poly_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    return s->lr * reel_math_pow(1 - time->progress, s->values.at[POWER]);
}

const reel_schedule_kind reel_schedule_poly =
    REEL_OPTIM_KIND(options, .name = "poly", .torch = "PolynomialLR",
                    .about = "a power of the time that is left", .rate = poly_rate);
