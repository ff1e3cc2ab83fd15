/* The rate falls every few epochs: lr gamma^floor(epoch / step size). PyTorch's StepLR. */
#include "core/elementary.h"
#include "optim/schedules/falls.h"

enum { STEP_SIZE, GAMMA };

static const reel_optim_option options[] = {
    [STEP_SIZE] =
        REEL_OPTIM_OPTION(INT, .name = "lr-step-size", .initial = 30, .least = 1, .most = 1e9,
                          .implies_kind = true, .help = "epochs between two falls"),
    [GAMMA] = GAMMA_OPTION,
};

static double step_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    const int64_t falls = time->epoch / (int64_t)s->values.at[STEP_SIZE];
    return s->lr * reel_math_pow(s->values.at[GAMMA], (double)falls);
}

const reel_schedule_kind reel_schedule_step =
    REEL_OPTIM_KIND(options, .name = "step", .torch = "StepLR",
                    .about = "falls by a factor every few epochs", .rate = step_rate);
