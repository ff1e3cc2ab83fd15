/* Learning rate schedules against PyTorch's and hand-derived numbers. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optim/optim.h"

/* PyTorch 1.13: o = torch.optim.SGD([torch.zeros(1)], lr=0.1); s = SCHEDULER(o, ...);
 *   for i in range(n): print(o.param_groups[0]['lr']); o.step(); s.step() */
static const struct {
    const char *label;
    reel_schedule schedule;
    int n;
    double want[12];
} cases[] = {
    {"ConstantLR", {.kind = REEL_SCHEDULE_CONSTANT}, 3, {0.1, 0.1, 0.1}},
    {"StepLR(o, 3, 0.5)",
     {.kind = REEL_SCHEDULE_STEP, .step_size = 3, .gamma = 0.5, .epochs = 10},
     10,
     {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125}},
    {"StepLR(o, 2), gamma 0.1 by default",
     {.kind = REEL_SCHEDULE_STEP, .step_size = 2, .epochs = 10},
     6,
     {0.1, 0.1, 0.01, 0.01, 0.001, 0.001}},
    {"MultiStepLR(o, [2, 5], 0.1)",
     {.kind = REEL_SCHEDULE_MULTISTEP,
      .milestones = {2, 5},
      .n_milestones = 2,
      .gamma = 0.1,
      .epochs = 8},
     8,
     {0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001}},
    {"CosineAnnealingLR(o, 8, 0.001)",
     {.kind = REEL_SCHEDULE_COSINE, .min_lr = 0.001, .epochs = 8},
     8,
     {0.1, 0.096232036859308701, 0.085501785668734107, 0.069442829902071956, 0.050500000000000003,
      0.031557170097928057, 0.0154982143312659, 0.0047679631406913059}},
    {"PolynomialLR(o, 8, 2.0)",
     {.kind = REEL_SCHEDULE_POLY, .power = 2, .epochs = 8},
     8,
     {0.1, 0.0765625, 0.05625, 0.0390625, 0.025, 0.0140625, 0.00625, 0.0015625}},
    {"PolynomialLR(o, 4), power 1 by default",
     {.kind = REEL_SCHEDULE_POLY, .epochs = 4},
     4,
     {0.1, 0.075, 0.05, 0.025}},
    {"SequentialLR(o, [LinearLR(o, 0.01, total_iters=4), CosineAnnealingLR(o, 8, 0)], [4])",
     {.kind = REEL_SCHEDULE_COSINE, .epochs = 12, .warmup_epochs = 4},
     12,
     {0.001, 0.02575, 0.0505, 0.07525, 0.1, 0.096193976625564337, 0.085355339059327379,
      0.069134171618254497, 0.05, 0.030865828381745515, 0.014644660940672627,
      0.0038060233744356634}},
};

Test(schedule, equals_pytorch_with_one_step_per_epoch)
{
    for (int c = 0; c < REEL_COUNT(cases); c++) {
        reel_schedule s = cases[c].schedule;
        reel_error err = {0};
        s.lr = 0.1;
        s.steps_per_epoch = 1;
        if (s.epochs == 0)
            s.epochs = 3;
        cr_assert_eq(reel_schedule_check(&s, &err), REEL_OK, "%s: %s", cases[c].label, err.message);
        for (int i = 0; i < cases[c].n; i++) {
            const double got = reel_schedule_at(&s, i);
            cr_assert(fabs(got - cases[c].want[i]) < 1e-15, "%s: step %d: %.17g, expected %.17g",
                      cases[c].label, i, got, cases[c].want[i]);
        }
    }
}

Test(schedule, step_schedules_change_between_epochs_and_cosine_within)
{
    reel_schedule s = {.kind = REEL_SCHEDULE_STEP,
                       .lr = 1,
                       .gamma = 0.5,
                       .step_size = 2,
                       .epochs = 4,
                       .steps_per_epoch = 10};
    cr_assert_eq(reel_schedule_at(&s, 19), 1.0);
    cr_assert_eq(reel_schedule_at(&s, 20), 0.5);
    s.kind = REEL_SCHEDULE_COSINE;
    cr_assert(reel_schedule_at(&s, 20) > reel_schedule_at(&s, 21));
    cr_assert(fabs(reel_schedule_at(&s, 20) - 0.5) < 1e-15);
    cr_assert(fabs(reel_schedule_at(&s, 40)) < 1e-15, "one past the end: %g",
              reel_schedule_at(&s, 40));
    cr_assert(fabs(reel_schedule_at(&s, 1000)) < 1e-15, "far past the end: %g",
              reel_schedule_at(&s, 1000));
}

/* 1.5 epochs of 4 steps = 6 steps from 0.5 to 1 by 1/12; the first epoch of the schedule then is
 * steps 6 to 9. */
Test(schedule, a_warm_up_of_part_of_an_epoch_stands_in_front)
{
    const reel_schedule s = {.kind = REEL_SCHEDULE_STEP,
                             .lr = 1,
                             .gamma = 0.1,
                             .step_size = 1,
                             .epochs = 4,
                             .steps_per_epoch = 4,
                             .warmup_epochs = 1.5,
                             .warmup_start = 0.5};
    for (int i = 0; i < 6; i++)
        cr_assert(fabs(reel_schedule_at(&s, i) - (0.5 + i / 12.0)) < 1e-15, "step %d: %g", i,
                  reel_schedule_at(&s, i));
    for (int i = 6; i < 10; i++)
        cr_assert_eq(reel_schedule_at(&s, i), 1.0, "step %d: %g", i, reel_schedule_at(&s, i));
    cr_assert(fabs(reel_schedule_at(&s, 10) - 0.1) < 1e-15);
}

Test(schedule, a_warm_up_may_fill_the_whole_run)
{
    const reel_schedule s = {.kind = REEL_SCHEDULE_COSINE,
                             .lr = 1,
                             .epochs = 1,
                             .steps_per_epoch = 2,
                             .warmup_epochs = 1};
    cr_assert_eq(reel_schedule_at(&s, 1), 0.505);
    cr_assert(isfinite(reel_schedule_at(&s, 2)));
}

/* PyTorch 1.13: s = ReduceLROnPlateau(o, factor=0.1, patience=2, threshold=0.01, min_lr=1e-4); lr
 * after each s.step(loss). */
Test(schedule, plateau_equals_pytorch)
{
    static const double losses[] = {2.0,  1.5, 1.499, 1.49, 1.486, 1.4, 1.4, 1.4, 1.395,
                                    1.39, NAN, 1.38,  1.5,  1.5,   1.5, 1.5, 1.5, 1.5};
    static const double want[] = {0.1,   0.1,   0.1,   0.1,   0.01,  0.01, 0.01, 0.01, 0.001,
                                  0.001, 0.001, 0.001, 0.001, 0.001, 1e-4, 1e-4, 1e-4, 1e-4};
    reel_schedule s = {.kind = REEL_SCHEDULE_PLATEAU,
                       .lr = 0.1,
                       .gamma = 0.1,
                       .patience = 2,
                       .threshold = 0.01,
                       .min_lr = 1e-4,
                       .epochs = 20,
                       .steps_per_epoch = 1};
    for (int i = 0; i < REEL_COUNT(losses); i++) {
        reel_schedule_observe(&s, losses[i]);
        const double got = reel_schedule_at(&s, i);
        cr_assert(fabs(got / want[i] - 1) < 1e-12, "observation %d: %.17g, expected %.17g", i, got,
                  want[i]);
    }
}

Test(schedule, a_loss_of_zero_cannot_be_improved_upon)
{
    reel_schedule s = {
        .kind = REEL_SCHEDULE_PLATEAU, .lr = 1, .patience = 1, .epochs = 9, .steps_per_epoch = 1};
    reel_schedule_observe(&s, 0);
    reel_schedule_observe(&s, 0.5);
    reel_schedule_observe(&s, 0.4);
    cr_assert_eq(s.reductions, 1, "%lld", (long long)s.reductions);
}

Test(schedule, a_loss_that_is_not_finite_is_no_best)
{
    reel_schedule s = {
        .kind = REEL_SCHEDULE_PLATEAU, .lr = 1, .patience = 1, .epochs = 9, .steps_per_epoch = 1};
    reel_schedule_observe(&s, INFINITY);
    cr_expect(isfinite(s.best), "%g", s.best); /* it is written as JSON */
    reel_schedule_observe(&s, 0.5);
    cr_expect_eq(s.best, 0.5, "%g", s.best);
}

Test(schedule, settings_that_cannot_work_are_refused)
{
    const reel_schedule good = {.kind = REEL_SCHEDULE_STEP,
                                .lr = 0.1,
                                .step_size = 1,
                                .n_milestones = 1,
                                .epochs = 3,
                                .steps_per_epoch = 2};
    reel_schedule bad[14];
    for (int i = 0; i < REEL_COUNT(bad); i++)
        bad[i] = good;
    bad[0].lr = NAN;
    bad[1].lr = -1;
    bad[2].gamma = -1;
    bad[3].min_lr = 0.2;
    bad[4].epochs = 0;
    bad[5].steps_per_epoch = 0;
    bad[6].warmup_epochs = 4;
    bad[7].warmup_start = 2;
    bad[8].step_size = 0;
    bad[9].kind = REEL_SCHEDULE_MULTISTEP, bad[9].n_milestones = 17;
    bad[10].kind = REEL_SCHEDULE_MULTISTEP, bad[10].n_milestones = 2, bad[10].milestones[0] = 5;
    bad[11].kind = REEL_SCHEDULE_POLY, bad[11].power = -1;
    bad[12].kind = REEL_SCHEDULE_PLATEAU, bad[12].gamma = 1;
    bad[13].kind = (reel_schedule_kind)99;
    cr_assert_eq(reel_schedule_check(&good, NULL), REEL_OK);
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        cr_assert_eq(reel_schedule_check(&bad[i], &err), REEL_ERR_INVALID,
                     "setting %d was accepted", i);
        cr_assert(strncmp(err.message, "schedule: ", 10) == 0, "setting %d: %s", i, err.message);
    }
}
