/* What the learning rate range test concludes from losses that are known. */
#include <criterion/criterion.h>
#include <math.h>

#include "train/run/find_lr.h"

enum { STEPS = 81 };

typedef double loss_at(double exponent);

/* Steps of a tenth of a power of ten, from 1e-7 to 10. */
static reel_find_lr judged(loss_at *loss, int64_t done)
{
    static double rate[STEPS], losses[STEPS], smoothed[STEPS];
    reel_find_lr f = {.from = 1e-7,
                      .to = 10,
                      .steps = STEPS,
                      .done = done,
                      .rate = rate,
                      .loss = losses,
                      .smoothed = smoothed};
    for (int64_t i = 0; i < done; i++) {
        const double exponent = -7 + 0.1 * (double)i;
        rate[i] = pow(10, exponent);
        losses[i] = loss(exponent);
    }
    reel_find_lr_judge(&f);
    return f;
}

/* Stands at 2, falls from 1e-4 to 1 at 1e-1, then grows. */
static double valley(double exponent)
{
    if (exponent < -4)
        return 2;
    if (exponent < -1)
        return 2 - (exponent + 4) / 3;
    return 1 + 40 * (exponent + 1) * (exponent + 1);
}

Test(find_lr, proposes_a_tenth_of_the_rate_with_the_lowest_loss)
{
    const reel_find_lr f = judged(valley, 62);
    const double lowest = f.rate[f.lowest], steepest = f.rate[f.steepest];
    cr_expect(lowest >= 0.09 && lowest < 0.3, "lowest at %g", lowest);
    cr_expect(fabs(f.proposal / (lowest / 10) - 1) < 0.05, "proposal %g", f.proposal);
    cr_expect(steepest > 1e-4 && steepest < lowest, "steepest at %g", steepest);
    cr_expect_not(f.diverged);
}

Test(find_lr, ends_where_the_loss_passes_four_times_its_lowest)
{
    int64_t done = 1;
    while (done < STEPS && !judged(valley, done).diverged)
        done++;
    cr_expect_lt(done, STEPS);
    const reel_find_lr f = judged(valley, done);
    cr_expect_gt(f.loss[done - 1], 4 * f.smoothed[f.lowest]);
    cr_expect_leq(f.loss[done - 2], 4 * f.smoothed[f.lowest]);
}

static double flat(double exponent)
{
    return 2 + 0.001 * sin(50 * exponent);
}

static double rising(double exponent)
{
    return 9 + exponent;
}

static double infinite(double exponent)
{
    return exponent > -2 ? INFINITY : 2;
}

Test(find_lr, without_a_fall_there_is_no_proposal)
{
    cr_expect_eq(judged(flat, STEPS).proposal, 0);
    cr_expect_eq(judged(rising, STEPS).proposal, 0);
    cr_expect_eq(judged(flat, 1).proposal, 0);
    cr_expect_eq(judged(flat, 0).proposal, 0);
}

Test(find_lr, a_loss_that_is_not_finite_has_diverged)
{
    const reel_find_lr f = judged(infinite, 60);
    cr_expect(f.diverged);
    cr_expect_eq(f.proposal, 0);
}
