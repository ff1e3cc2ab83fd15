/* The verdicts on a loss or gradient that is not finite, and on a run that stands still. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/base.h"
#include "train/run/guard.h"
#include "train/run/stall.h"

static const reel_incident incident = {.step = 9,
                                       .what = "loss",
                                       .value = -NAN,
                                       .samples = "a.jpg, b.jpg and 6 more",
                                       .origin = "first the output of conv1 (Conv2d) is inf"};
static const reel_guard_past nothing = {.lr_scale = 1};

static void expect_verdict(reel_on_nan on_nan, const reel_incident *i, const reel_guard_past *past,
                           reel_action action)
{
    const reel_verdict v = reel_guard_judge(on_nan, i, past);
    cr_expect_eq(v.action, action, "--on-nan %d: expected action %d, got %d: %s", (int)on_nan,
                 (int)action, (int)v.action, v.reason);
}

Test(guard, does_what_was_asked_for)
{
    expect_verdict(REEL_ON_NAN_STOP, &incident, &nothing, REEL_STOP);
    expect_verdict(REEL_ON_NAN_SKIP, &incident, &nothing, REEL_SKIP);
    expect_verdict(REEL_ON_NAN_ROLLBACK, &incident, &nothing, REEL_ROLL_BACK);
}

Test(guard, weights_that_are_lost_need_a_rollback)
{
    reel_incident lost = incident;
    lost.lost = true;
    expect_verdict(REEL_ON_NAN_SKIP, &lost, &nothing, REEL_STOP);
    expect_verdict(REEL_ON_NAN_ROLLBACK, &lost, &nothing, REEL_ROLL_BACK);
}

Test(guard, stops_where_nothing_helps)
{
    const reel_guard_past skipped = {.skipped = REEL_MOST_SKIPPED, .lr_scale = 1},
                          rolled = {.rollbacks = REEL_MOST_ROLLBACKS, .lr_scale = 1.0 / 1024};
    expect_verdict(REEL_ON_NAN_SKIP, &incident, &skipped, REEL_STOP);
    expect_verdict(REEL_ON_NAN_ROLLBACK, &incident, &rolled, REEL_STOP);
    expect_verdict(REEL_ON_NAN_ROLLBACK, &incident, &skipped, REEL_ROLL_BACK);

    const reel_verdict v = reel_guard_judge(REEL_ON_NAN_ROLLBACK, &incident, &rolled);
    cr_expect(strstr(v.reason, "; 5 rollbacks, the learning rate divided by 1024, did not help"),
              "%s", v.reason);
}

Test(guard, the_reason_names_step_figure_origin_and_samples)
{
    const reel_verdict v = reel_guard_judge(REEL_ON_NAN_STOP, &incident, &nothing);
    cr_expect_str_eq(v.reason, "step 9: the loss is nan, weights were not updated; first the "
                               "output of conv1 (Conv2d) is inf; samples: a.jpg, b.jpg and 6 more");
}

Test(guard, a_loss_beyond_all_sense_counts_as_diverged)
{
    static const double sane[] = {0, 0.7, 6.9, 1000, 1e6, -3};
    static const double diverged[] = {1.0001e6, 6.6e29, INFINITY, -NAN, NAN};
    for (int64_t i = 0; i < REEL_COUNT(sane); i++)
        cr_expect_not(reel_loss_is_diverged(sane[i]), "%g", sane[i]);
    for (int64_t i = 0; i < REEL_COUNT(diverged); i++)
        cr_expect(reel_loss_is_diverged(diverged[i]), "%g", diverged[i]);
}

Test(guard, a_large_loss_is_a_power_of_ten)
{
    char text[32];
    cr_expect_str_eq(reel_loss_text(2.30259, text, sizeof text), "2.3026");
    cr_expect_str_eq(reel_loss_text(99999.5, text, sizeof text), "99999.5000");
    cr_expect_str_eq(reel_loss_text(6.6e29, text, sizeof text), "6.600e+29");
    cr_expect_str_eq(reel_loss_text(INFINITY, text, sizeof text), "inf");
}

/* Feeds the same loss n times; returns the step at which the watch spoke last, 0 = never. */
static int feed_stall(reel_stall *stall, double loss, int n, double *mean)
{
    const reel_guess guess = {.loss = 1.3863, .classes = 4};
    int spoke = 0;
    for (int step = 1; step <= n; step++) {
        const reel_verdict v = reel_stall_watch(stall, loss, &guess, mean);
        cr_expect_eq(v.action, REEL_GO_ON);
        if (v.reason[0])
            spoke = step;
    }
    return spoke;
}

Test(stall, speaks_after_200_steps_at_the_loss_of_a_guess_and_then_less_often)
{
    reel_stall stall = {0};
    double mean = 0;
    cr_expect_eq(feed_stall(&stall, 1.39, 199, &mean), 0);
    cr_expect_eq(feed_stall(&stall, 1.39, 1, &mean), 1);
    cr_expect_float_eq(mean, 1.39, 1e-9);
    cr_expect_eq(feed_stall(&stall, 1.39, 999, &mean), 0);
    cr_expect_eq(feed_stall(&stall, 1.39, 1, &mean), 1);
    cr_expect_eq(stall.length, 5000);
}

Test(stall, a_run_that_learns_begins_anew)
{
    reel_stall stall = {.length = 1000, .n = 999, .sum = 1.39 * 999};
    double mean;
    cr_expect_eq(feed_stall(&stall, -500, 1, &mean), 0);
    cr_expect(stall.length == 200 && stall.n == 0 && stall.sum == 0);
    cr_expect_eq(feed_stall(&stall, 0.9, 1000, &mean), 0);
}
