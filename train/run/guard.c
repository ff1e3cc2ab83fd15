/* What to do about a loss or gradient that is not finite, or a loss beyond all sense. */
#include "train/run/guard.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

double reel_without_sign(double value)
{
    return isnan(value) ? fabs(value) : value;
}

bool reel_loss_is_diverged(double loss)
{
    return !(loss <= REEL_DIVERGED_LOSS);
}

const char *reel_loss_text(double loss, char *text, size_t size)
{
    const bool large = fabs(loss) >= 1e5 && isfinite(loss);
    snprintf(text, size, large ? "%.3e" : "%.4f", loss);
    return text;
}

/* Cut at the end where it is too long. */
__attribute__((format(printf, 3, 4))) static void put_reason(char *text, size_t size,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(text, size, format, args);
    va_end(args);
}

reel_verdict reel_guard_judge(reel_on_nan on_nan, const reel_incident *incident,
                              const reel_guard_past *past)
{
    reel_verdict v = {.action = REEL_STOP};
    char no_help[200] = "";

    /* A rollback restores the weights, so it helps with lost ones, too. */
    if (on_nan == REEL_ON_NAN_ROLLBACK && past->rollbacks >= REEL_MOST_ROLLBACKS)
        put_reason(no_help, sizeof no_help,
                   "; %d rollbacks, the learning rate divided by %g, did not help",
                   REEL_MOST_ROLLBACKS, 1 / past->lr_scale);
    else if (on_nan == REEL_ON_NAN_ROLLBACK)
        v.action = REEL_ROLL_BACK;
    else if (on_nan == REEL_ON_NAN_SKIP && !incident->lost && past->skipped >= REEL_MOST_SKIPPED)
        put_reason(no_help, sizeof no_help,
                   "; %d steps in a row were left out, which does not help", REEL_MOST_SKIPPED);
    else if (on_nan == REEL_ON_NAN_SKIP && !incident->lost)
        v.action = REEL_SKIP;

    put_reason(v.reason, sizeof v.reason,
               "step %" PRId64 ": the %s is %g, weights were not updated; %s; samples: %s%s",
               incident->step, incident->what, reel_without_sign(incident->value), incident->origin,
               incident->samples, no_help);
    return v;
}
