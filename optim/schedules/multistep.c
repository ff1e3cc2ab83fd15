/* The rate falls at listed epochs: lr gamma^(number of milestones <= epoch). PyTorch's MultiStepLR.
 */
#include "core/elementary.h"
#include "optim/schedules/falls.h"

enum { MILESTONES, GAMMA };

static const reel_optim_option options[] = {
    [MILESTONES] = REEL_OPTIM_OPTION(LIST_OF_INTS, .name = "lr-milestones", .most = 1e9,
                                     .implies_kind = true, .help = "epochs at which it falls"),
    [GAMMA] = GAMMA_OPTION,
};

static reel_status multistep_check(const reel_schedule *s, reel_error *err)
{
    const reel_optim_values *v = &s->values;
    if (v->list_size < 1)
        return reel_fail(err, REEL_ERR_INVALID,
                         "lr-milestones: expected epochs such as 23,51,78, got none");
    for (int i = 1; i < v->list_size; i++)
        if (v->list[i] < v->list[i - 1])
            return reel_fail(err, REEL_ERR_INVALID,
                             "lr-milestones: expected epochs in rising order, got %g after %g",
                             v->list[i], v->list[i - 1]);
    return REEL_OK;
}

static double multistep_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    int passed = 0;
    while (passed < s->values.list_size && s->values.list[passed] <= (double)time->epoch)
        passed++;
    return s->lr * reel_math_pow(s->values.at[GAMMA], passed);
}

const reel_schedule_kind reel_schedule_multistep =
    REEL_OPTIM_KIND(options, .name = "multistep", .torch = "MultiStepLR",
                    .about = "falls by a factor at listed epochs", .check = multistep_check,
                    .rate = multistep_rate);
