/* What all schedules share: checks, and the warm-up in front. */
#include "optim/schedule.h"

#include <math.h>

reel_schedule reel_schedule_default(const reel_schedule_kind *kind)
{
    reel_schedule s = {
        .kind = kind, .lr = 0.01, .epochs = 1, .steps_per_epoch = 1, .warmup_start = 0.01};
    if (kind)
        s.values = reel_optim_values_default(kind->options, kind->n_options);
    return s;
}

reel_status reel_schedule_set(reel_schedule *s, const char *name, const char *text, reel_error *err)
{
    REEL_NEED(s, err);
    REEL_NEED(name, err);
    REEL_NEED(text, err);
    if (!s->kind)
        return reel_fail(err, REEL_ERR_INVALID, "%s: expected a schedule, got none", name);
    return reel_optim_values_set(&s->values, s->kind->options, s->kind->n_options, name, text, err);
}

/* ---- checks ---- */

reel_status reel_schedule_check_options(const reel_schedule *s, reel_error *err)
{
    REEL_NEED(s, err);
    if (!s->kind)
        return reel_fail(err, REEL_ERR_INVALID, "kind: expected a schedule, got none");
    REEL_TRY(reel_optim_values_check(&s->values, s->kind->options, s->kind->n_options, err));
    return s->kind->check ? s->kind->check(s, err) : REEL_OK;
}

static reel_status check_schedule_run(const reel_schedule *s, reel_error *err)
{
    if (!(s->lr >= 0 && isfinite(s->lr)))
        return reel_fail(err, REEL_ERR_INVALID,
                         "learning rate: expected a finite number, 0 or more, got %g", s->lr);
    if (s->epochs < 1 || s->steps_per_epoch < 1 || s->epochs > INT64_MAX / s->steps_per_epoch)
        return reel_fail(err, REEL_ERR_INVALID,
                         "expected 1 epoch and 1 step per epoch or more, got %lld and %lld",
                         (long long)s->epochs, (long long)s->steps_per_epoch);

    if (!(s->warmup_epochs >= 0 && s->warmup_epochs <= (double)s->epochs))
        return reel_fail(err, REEL_ERR_INVALID, "warm-up: expected 0 to %lld epochs, got %g",
                         (long long)s->epochs, s->warmup_epochs);
    if (s->warmup != REEL_WARMUP_LINEAR && s->warmup != REEL_WARMUP_CONSTANT)
        return reel_fail(err, REEL_ERR_INVALID, "warm-up: expected a method, got %d",
                         (int)s->warmup);
    if (!(s->warmup_start >= 0 && s->warmup_start <= 1))
        return reel_fail(err, REEL_ERR_INVALID, "start of the warm-up: expected 0 to 1, got %g",
                         s->warmup_start);
    return REEL_OK;
}

reel_status reel_schedule_check(const reel_schedule *s, reel_error *err)
{
    REEL_NEED(s, err);
    reel_error why;
    if (check_schedule_run(s, &why) || reel_schedule_check_options(s, &why))
        return reel_fail(err, why.status, "schedule: %s", why.message);
    return REEL_OK;
}

/* ---- the rate ---- */

double reel_schedule_at(const reel_schedule *s, int64_t step)
{
    if (!s || !s->kind || !s->kind->rate || s->steps_per_epoch < 1)
        return NAN;

    const double warmup = s->warmup_epochs * (double)s->steps_per_epoch;
    if (!(fabs(warmup) < 0x1p62) || step < 0)
        return NAN;

    if ((double)step < warmup && s->warmup == REEL_WARMUP_CONSTANT)
        return s->lr * s->warmup_start;
    if ((double)step < warmup)
        return s->lr * (s->warmup_start + (1 - s->warmup_start) * (double)step / warmup);

    /* A warm-up may end within a step; the schedule begins with the next one. */
    const int64_t since = step - (int64_t)ceil(warmup);
    const double span = (double)(s->epochs * s->steps_per_epoch) - ceil(warmup);
    const reel_schedule_time time = {.step = since,
                                     .epoch = since / s->steps_per_epoch,
                                     .progress = span > 0 ? fmin((double)since / span, 1) : 1};
    return s->kind->rate(s, &time);
}

void reel_schedule_observe(reel_schedule *s, double validation_loss)
{
    if (s && s->kind && s->kind->observe)
        s->kind->observe(s, validation_loss);
}

/* ---- state ---- */

const char *reel_schedule_state_name(const reel_schedule *s, int state)
{
    const bool there = s && s->kind && state >= 0 && state < REEL_SCHEDULE_STATES;
    return there ? s->kind->states[state].name : NULL;
}

bool reel_schedule_state_is_count(const reel_schedule *s, int state)
{
    return reel_schedule_state_name(s, state) && s->kind->states[state].count;
}
