/* The rate falls when the validation loss stops falling: lr gamma^reductions, and at least the
 * minimum. PyTorch's ReduceLROnPlateau with mode "min" and a relative threshold.
 *
 * A loss counts as progress if it is below best (1 - threshold). More than `patience` observations
 * in a row without progress reduce the rate once. */
#include "core/elementary.h"
#include "optim/schedules/falls.h"

#include <float.h>
#include <math.h>

enum { PATIENCE, GAMMA, MIN, THRESHOLD };
enum { BEST, BAD, REDUCTIONS }; /* state; best 0: no loss yet */

static const reel_optim_option options[] = {
    [PATIENCE] =
        REEL_OPTIM_OPTION(INT, .name = "lr-patience", .initial = 5, .most = 1e9, .rare = true,
                          .help = "epochs without a lower validation loss before a fall"),
    [GAMMA] = GAMMA_OPTION,
    [MIN] = MIN_OPTION,
    [THRESHOLD] =
        REEL_OPTIM_OPTION(REAL, .name = "lr-threshold", .initial = 1e-4, .most = 1, .rare = true,
                          .help = "share by which a validation loss must be lower to count"),
};

static reel_status plateau_check(const reel_schedule *s, reel_error *err)
{
    const double *option = s->values.at;
    if (option[MIN] > s->lr)
        return reel_fail(err, REEL_ERR_INVALID,
                         "lr-min: expected at most the learning rate %g, got %g", s->lr,
                         option[MIN]);
    if (option[GAMMA] == 1)
        return reel_fail(err, REEL_ERR_INVALID, "lr-gamma: expected less than 1, got 1");
    if (option[THRESHOLD] == 1)
        return reel_fail(err, REEL_ERR_INVALID, "lr-threshold: expected less than 1, got 1");
    return REEL_OK;
}

static double plateau_rate(const reel_schedule *s, const reel_schedule_time *time)
{
    (void)time;
    const double *option = s->values.at;
    return fmax(s->lr * reel_math_pow(option[GAMMA], s->state[REDUCTIONS]), option[MIN]);
}

static void plateau_observe(reel_schedule *s, double loss)
{
    const double *option = s->values.at;
    double *state = s->state;

    /* A loss of exactly 0 is kept as a tiny number, since best 0 means that there is none yet. */
    const bool first = state[BEST] == 0;
    if (isfinite(loss) && (first || loss < state[BEST] * (1 - option[THRESHOLD]))) {
        state[BEST] = loss == 0 ? DBL_MIN : loss;
        state[BAD] = 0;
        return;
    }

    if (++state[BAD] > option[PATIENCE]) {
        state[REDUCTIONS]++;
        state[BAD] = 0;
    }
}

const reel_schedule_kind reel_schedule_plateau = REEL_OPTIM_KIND(
    options, .name = "plateau", .torch = "ReduceLROnPlateau",
    .about = "falls when the validation loss stops falling",
    .states =
        {[BEST] = {"best", false}, [BAD] = {"bad", true}, [REDUCTIONS] = {"reductions", true}},
    .check = plateau_check, .rate = plateau_rate, .observe = plateau_observe);
