/* Learning rate schedules: closed formulas of the step number, so that a resumed run needs no
 * state. Only reduce-on-plateau has some: three numbers in the schedule itself.
 *
 * The schedule proper begins where the warm-up ends: epochs are counted from there, as when
 * torchvision's recipes put a warm-up in front. */
#include <float.h>
#include <math.h>

#include "core/elementary.h"
#include "optim/optim.h"

static double gamma_of(const reel_schedule *s)
{
    return s->gamma == 0 ? 0.1 : s->gamma;
}

static double power_of(const reel_schedule *s)
{
    return s->power == 0 ? 1 : s->power;
}

static double warmup_start_of(const reel_schedule *s)
{
    return s->warmup_start == 0 ? 0.01 : s->warmup_start;
}

static reel_status check_kind(const reel_schedule *s, reel_error *err)
{
    switch (s->kind) {
    case REEL_SCHEDULE_CONSTANT:
    case REEL_SCHEDULE_COSINE:
        return REEL_OK;
    case REEL_SCHEDULE_STEP:
        if (s->step_size < 1)
            return reel_fail(err, REEL_ERR_INVALID,
                             "schedule: step size: expected 1 epoch or more, got %lld",
                             (long long)s->step_size);
        return REEL_OK;
    case REEL_SCHEDULE_MULTISTEP:
        if (s->n_milestones < 1 || s->n_milestones > REEL_COUNT(s->milestones))
            return reel_fail(err, REEL_ERR_INVALID,
                             "schedule: milestones: expected 1 to %d, got %d",
                             (int)REEL_COUNT(s->milestones), s->n_milestones);
        for (int i = 0; i < s->n_milestones; i++)
            if (s->milestones[i] < 0 || (i > 0 && s->milestones[i] < s->milestones[i - 1]))
                return reel_fail(
                    err, REEL_ERR_INVALID,
                    "schedule: milestones: expected epochs in rising order, got %lld after %lld",
                    (long long)s->milestones[i], (long long)(i > 0 ? s->milestones[i - 1] : 0));
        return REEL_OK;
    case REEL_SCHEDULE_POLY:
        if (!(s->power >= 0 && isfinite(s->power)))
            return reel_fail(err, REEL_ERR_INVALID, "schedule: power: expected more than 0, got %g",
                             s->power);
        return REEL_OK;
    case REEL_SCHEDULE_PLATEAU:
        if (s->patience < 0 || !(s->threshold >= 0 && s->threshold < 1) || gamma_of(s) >= 1)
            return reel_fail(err, REEL_ERR_INVALID,
                             "schedule: plateau: expected patience >= 0, 0 <= threshold < 1, gamma "
                             "< 1, got %lld, %g, %g",
                             (long long)s->patience, s->threshold, gamma_of(s));
        return REEL_OK;
    }
    return reel_fail(err, REEL_ERR_INVALID, "schedule: kind %d is unknown", (int)s->kind);
}

reel_status reel_schedule_check(const reel_schedule *s, reel_error *err)
{
    if (!(s->lr >= 0 && isfinite(s->lr)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "schedule: learning rate: expected a finite number, 0 or more, got %g",
                         s->lr);
    if (!(s->gamma >= 0 && isfinite(s->gamma)))
        return reel_fail(err, REEL_ERR_INVALID, "schedule: gamma: expected more than 0, got %g",
                         s->gamma);
    if (!(s->min_lr >= 0 && s->min_lr <= s->lr))
        return reel_fail(err, REEL_ERR_INVALID,
                         "schedule: least learning rate: expected 0 to %g, got %g", s->lr,
                         s->min_lr);
    if (s->epochs < 1 || s->steps_per_epoch < 1 || s->epochs > INT64_MAX / s->steps_per_epoch)
        return reel_fail(
            err, REEL_ERR_INVALID,
            "schedule: expected 1 epoch and 1 step per epoch or more, got %lld and %lld",
            (long long)s->epochs, (long long)s->steps_per_epoch);
    if (!(s->warmup_epochs >= 0 && s->warmup_epochs <= (double)s->epochs))
        return reel_fail(err, REEL_ERR_INVALID,
                         "schedule: warm-up: expected 0 to %lld epochs, got %g",
                         (long long)s->epochs, s->warmup_epochs);
    if (!(s->warmup_start >= 0 && s->warmup_start <= 1))
        return reel_fail(err, REEL_ERR_INVALID,
                         "schedule: start of the warm-up: expected 0 to 1, got %g",
                         s->warmup_start);
    return check_kind(s, err);
}

double reel_schedule_at(const reel_schedule *s, int64_t step)
{
    const double warmup = s->warmup_epochs * (double)s->steps_per_epoch;
    if ((double)step < warmup) {
        const double start = warmup_start_of(s);
        return s->lr * (start + (1 - start) * (double)step / warmup);
    }
    const int64_t since = step - (int64_t)ceil(warmup), epoch = since / s->steps_per_epoch;
    const double span = (double)(s->epochs * s->steps_per_epoch) - ceil(warmup);
    const double t = span > 0 ? fmin((double)since / span, 1) : 1;
    switch (s->kind) {
    case REEL_SCHEDULE_CONSTANT:
        break;
    case REEL_SCHEDULE_STEP: {
        const int64_t drops = epoch / s->step_size;
        return s->lr * reel_math_pow(gamma_of(s), (double)drops);
    }
    case REEL_SCHEDULE_MULTISTEP: {
        int passed = 0;
        while (passed < s->n_milestones && s->milestones[passed] <= epoch)
            passed++;
        return s->lr * reel_math_pow(gamma_of(s), passed);
    }
    case REEL_SCHEDULE_COSINE:
        return s->min_lr + (s->lr - s->min_lr) * (1 + reel_math_cos(M_PI * t)) / 2;
    case REEL_SCHEDULE_POLY:
        return s->lr * reel_math_pow(1 - t, power_of(s));
    case REEL_SCHEDULE_PLATEAU:
        return fmax(s->lr * reel_math_pow(gamma_of(s), (double)s->reductions), s->min_lr);
    }
    return s->lr;
}

void reel_schedule_observe(reel_schedule *s, double validation_loss)
{
    if (s->kind != REEL_SCHEDULE_PLATEAU)
        return;
    /* best 0 stands for "none yet", so that a zeroed schedule is ready to use; a loss of exactly 0
     * is kept just above it. */
    if (isfinite(validation_loss) &&
        (s->best == 0 || validation_loss < s->best * (1 - s->threshold))) {
        s->best = validation_loss == 0 ? DBL_MIN : validation_loss;
        s->bad = 0;
        return;
    }
    if (++s->bad > s->patience) {
        s->reductions++;
        s->bad = 0;
    }
}
