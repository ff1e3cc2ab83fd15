/* Learning rate schedules against PyTorch's and hand-derived numbers. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "optim/schedule.h"

/* A schedule by name with options such as "lr-gamma 0.5"; lr 0.1, one step per epoch. */
static reel_schedule make_schedule(const char *kind, const char *const *options)
{
    reel_error err = {0};
    cr_assert_not_null(reel_schedule_find(kind), "%s is not there", kind);
    reel_schedule s = reel_schedule_default(reel_schedule_find(kind));
    s.lr = 0.1;
    for (; *options; options += 2)
        cr_assert_eq(reel_schedule_set(&s, options[0], options[1], &err), REEL_OK, "%s: %s", kind,
                     err.message);
    return s;
}

/* The empty list is one NULL as well. */
#define OPTIONS(...) ((const char *const[13]){__VA_ARGS__})

/* PyTorch 1.13: o = torch.optim.SGD([torch.zeros(1)], lr=0.1); s = SCHEDULER(o, ...);
 *   for i in range(n): print(o.param_groups[0]['lr']); o.step(); s.step() */
static const struct {
    const char *label, *kind;
    const char *options[5];
    int64_t epochs;
    double warmup_epochs;
    int n;
    double want[12];
} cases[] = {
    {"ConstantLR", "constant", {NULL}, 3, 0, 3, {0.1, 0.1, 0.1}},
    {"StepLR(o, 3, 0.5)",
     "step",
     {"lr-step-size", "3", "lr-gamma", "0.5"},
     10,
     0,
     10,
     {0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.025, 0.0125}},
    {"StepLR(o, 2), gamma 0.1 by default",
     "step",
     {"lr-step-size", "2"},
     10,
     0,
     6,
     {0.1, 0.1, 0.01, 0.01, 0.001, 0.001}},
    {"MultiStepLR(o, [2, 5], 0.1)",
     "multistep",
     {"lr-milestones", "2,5"},
     8,
     0,
     8,
     {0.1, 0.1, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001}},
    {"CosineAnnealingLR(o, 8, 0.001)",
     "cosine",
     {"lr-min", "0.001"},
     8,
     0,
     8,
     {0.1, 0.096232036859308701, 0.085501785668734107, 0.069442829902071956, 0.050500000000000003,
      0.031557170097928057, 0.0154982143312659, 0.0047679631406913059}},
    {"PolynomialLR(o, 8, 2.0)",
     "poly",
     {"lr-power", "2"},
     8,
     0,
     8,
     {0.1, 0.0765625, 0.05625, 0.0390625, 0.025, 0.0140625, 0.00625, 0.0015625}},
    {"PolynomialLR(o, 4), power 1 by default", "poly", {NULL}, 4, 0, 4, {0.1, 0.075, 0.05, 0.025}},
    {"SequentialLR(o, [LinearLR(o, 0.01, total_iters=4), CosineAnnealingLR(o, 8, 0)], [4])",
     "cosine",
     {NULL},
     12,
     4,
     12,
     {0.001, 0.02575, 0.0505, 0.07525, 0.1, 0.096193976625564337, 0.085355339059327379,
      0.069134171618254497, 0.05, 0.030865828381745515, 0.014644660940672627,
      0.0038060233744356634}},
    {"ExponentialLR(o, 0.8)",
     "exponential",
     {"lr-gamma", "0.8"},
     6,
     0,
     6,
     {0.1, 0.08000000000000002, 0.06400000000000002, 0.051200000000000016, 0.04096000000000002,
      0.03276800000000001}},
};

Test(schedule, equals_pytorch_with_one_step_per_epoch)
{
    for (int c = 0; c < REEL_COUNT(cases); c++) {
        reel_schedule s = make_schedule(cases[c].kind, cases[c].options);
        reel_error err = {0};
        s.epochs = cases[c].epochs;
        s.warmup_epochs = cases[c].warmup_epochs;
        cr_assert_eq(reel_schedule_check(&s, &err), REEL_OK, "%s: %s", cases[c].label, err.message);
        for (int i = 0; i < cases[c].n; i++) {
            const double got = reel_schedule_at(&s, i);
            cr_assert(fabs(got - cases[c].want[i]) < 1e-15, "%s: step %d: %.17g, expected %.17g",
                      cases[c].label, i, got, cases[c].want[i]);
        }
    }
}

/* torchvision's references/classification/train.py, PyTorch 2.13: SequentialLR(o, [warm-up,
 * schedule], [warm-up epochs]); one step for each epoch, as above. */
static const struct {
    const char *label, *kind;
    const char *options[5];
    reel_warmup warmup;
    double warmup_epochs, warmup_start;
    int64_t epochs;
    double want[9];
} warm_ups[] = {
    {"LinearLR(o, 0.05, total_iters=3), ExponentialLR(o, 0.8)",
     "exponential",
     {"lr-gamma", "0.8"},
     REEL_WARMUP_LINEAR,
     3,
     0.05,
     8,
     {0.005000000000000001, 0.03666666666666667, 0.06833333333333333, 0.1, 0.08000000000000002,
      0.06400000000000002, 0.051200000000000016, 0.04096000000000002}},
    {"LinearLR(o, 0.25, total_iters=4), CosineAnnealingLR(o, 4)",
     "cosine",
     {NULL},
     REEL_WARMUP_LINEAR,
     4,
     0.25,
     8,
     {0.025, 0.043750000000000004, 0.06250000000000001, 0.08125000000000002, 0.1,
      0.08535533905932738, 0.05, 0.014644660940672627}},
    {"ConstantLR(o, 0.2, total_iters=3), StepLR(o, 2, 0.5)",
     "step",
     {"lr-step-size", "2", "lr-gamma", "0.5"},
     REEL_WARMUP_CONSTANT,
     3,
     0.2,
     9,
     {0.020000000000000004, 0.020000000000000004, 0.020000000000000004, 0.1, 0.1, 0.05, 0.05, 0.025,
      0.025}},
    {"ConstantLR(o, 0.01, total_iters=2), CosineAnnealingLR(o, 6)",
     "cosine",
     {NULL},
     REEL_WARMUP_CONSTANT,
     2,
     0.01,
     8,
     {0.001, 0.001, 0.1, 0.09330127018922195, 0.07500000000000001, 0.05, 0.025000000000000012,
      0.006698729810778065}},
};

static reel_schedule warm_up_schedule(int c, int64_t steps_per_epoch)
{
    reel_schedule s = make_schedule(warm_ups[c].kind, warm_ups[c].options);
    reel_error err = {0};
    s.epochs = warm_ups[c].epochs;
    s.steps_per_epoch = steps_per_epoch;
    s.warmup = warm_ups[c].warmup;
    s.warmup_epochs = warm_ups[c].warmup_epochs;
    s.warmup_start = warm_ups[c].warmup_start;
    cr_assert_eq(reel_schedule_check(&s, &err), REEL_OK, "%s: %s", warm_ups[c].label, err.message);
    return s;
}

/* torchvision steps once an epoch; the first step of each epoch has its rate. */
Test(schedule, warm_ups_equal_torchvision_at_the_start_of_each_epoch)
{
    for (int c = 0; c < REEL_COUNT(warm_ups); c++)
        for (int64_t steps = 1; steps <= 7; steps += 3) {
            const reel_schedule s = warm_up_schedule(c, steps);
            for (int64_t i = 0; i < warm_ups[c].epochs; i++) {
                const double got = reel_schedule_at(&s, i * steps);
                cr_assert(fabs(got - warm_ups[c].want[i]) < 1e-15,
                          "%s: epoch %lld: %.17g, expected %.17g", warm_ups[c].label, (long long)i,
                          got, warm_ups[c].want[i]);
            }
        }
}

Test(schedule, a_constant_warm_up_stays_within_its_epochs)
{
    const reel_schedule s = warm_up_schedule(2, 10);
    for (int i = 0; i < 30; i++)
        cr_assert_eq(reel_schedule_at(&s, i), 0.1 * 0.2);
    cr_assert_eq(reel_schedule_at(&s, 30), 0.1);
}

Test(schedule, step_schedules_change_between_epochs_and_cosine_within)
{
    reel_schedule s = make_schedule("step", OPTIONS("lr-step-size", "2", "lr-gamma", "0.5"));
    s.lr = 1;
    s.epochs = 4;
    s.steps_per_epoch = 10;
    cr_assert_eq(reel_schedule_at(&s, 19), 1.0);
    cr_assert_eq(reel_schedule_at(&s, 20), 0.5);

    s = make_schedule("cosine", OPTIONS(NULL));
    s.lr = 1;
    s.epochs = 4;
    s.steps_per_epoch = 10;
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
    reel_schedule s = make_schedule("step", OPTIONS("lr-step-size", "1"));
    s.lr = 1;
    s.epochs = 4;
    s.steps_per_epoch = 4;
    s.warmup_epochs = 1.5;
    s.warmup_start = 0.5;
    for (int i = 0; i < 6; i++)
        cr_assert(fabs(reel_schedule_at(&s, i) - (0.5 + i / 12.0)) < 1e-15, "step %d: %g", i,
                  reel_schedule_at(&s, i));
    for (int i = 6; i < 10; i++)
        cr_assert_eq(reel_schedule_at(&s, i), 1.0, "step %d: %g", i, reel_schedule_at(&s, i));
    cr_assert(fabs(reel_schedule_at(&s, 10) - 0.1) < 1e-15);
}

Test(schedule, a_warm_up_may_fill_the_whole_run)
{
    reel_schedule s = make_schedule("cosine", OPTIONS(NULL));
    s.lr = 1;
    s.steps_per_epoch = 2;
    s.warmup_epochs = 1;
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
    reel_schedule s = make_schedule(
        "plateau", OPTIONS("lr-patience", "2", "lr-threshold", "0.01", "lr-min", "1e-4"));
    s.epochs = 20;
    for (int i = 0; i < REEL_COUNT(losses); i++) {
        reel_schedule_observe(&s, losses[i]);
        const double got = reel_schedule_at(&s, i);
        cr_assert(fabs(got / want[i] - 1) < 1e-12, "observation %d: %.17g, expected %.17g", i, got,
                  want[i]);
    }
}

static double remembered(const reel_schedule *s, const char *name)
{
    for (int i = 0; reel_schedule_state_name(s, i); i++)
        if (!strcmp(reel_schedule_state_name(s, i), name))
            return s->state[i];
    cr_assert_fail("%s has no state %s", s->kind->name, name);
    return NAN;
}

Test(schedule, a_loss_of_zero_cannot_be_improved_upon)
{
    reel_schedule s = make_schedule("plateau", OPTIONS("lr-patience", "1"));
    reel_schedule_observe(&s, 0);
    reel_schedule_observe(&s, 0.5);
    reel_schedule_observe(&s, 0.4);
    cr_assert_eq(remembered(&s, "reductions"), 1);
}

Test(schedule, a_loss_that_is_not_finite_is_no_best)
{
    reel_schedule s = make_schedule("plateau", OPTIONS("lr-patience", "1"));
    reel_schedule_observe(&s, INFINITY);
    cr_expect(isfinite(remembered(&s, "best"))); /* it is written as JSON */
    reel_schedule_observe(&s, 0.5);
    cr_expect_eq(remembered(&s, "best"), 0.5);
}

Test(schedule, only_plateau_remembers)
{
    for (int k = 0; k < reel_schedule_kind_count(); k++) {
        reel_schedule s = reel_schedule_default(reel_schedule_kind_at(k));
        for (int i = 0; i < 9; i++)
            reel_schedule_observe(&s, 1.5);
        const bool plateau = !strcmp(s.kind->name, "plateau");
        cr_expect_eq(reel_schedule_state_name(&s, 0) != NULL, plateau, "%s", s.kind->name);
        cr_expect_eq(s.state[0] != 0, plateau, "%s", s.kind->name);
        cr_expect_eq(reel_schedule_find(s.kind->name), s.kind);
    }
    cr_expect_null(reel_schedule_find("none"));
}

static void expect_refused(const reel_schedule *s, const char *why)
{
    reel_error err = {0};
    cr_expect_eq(reel_schedule_check(s, &err), REEL_ERR_INVALID, "accepted: %s", why);
    cr_expect(strncmp(err.message, "schedule: ", 10) == 0, "%s: %s", why, err.message);
    cr_expect(strstr(err.message, why), "%s: %s", why, err.message);
}

Test(schedule, runs_that_cannot_be_are_refused)
{
    const reel_schedule good = make_schedule("constant", OPTIONS(NULL));
    cr_assert_eq(reel_schedule_check(&good, NULL), REEL_OK);
    reel_schedule s = good;
    s.lr = NAN;
    expect_refused(&s, "learning rate");
    s.lr = -1;
    expect_refused(&s, "learning rate");
    s = good, s.epochs = 0;
    expect_refused(&s, "1 epoch");
    s = good, s.steps_per_epoch = 0;
    expect_refused(&s, "step per epoch");
    s = good, s.warmup_epochs = 4;
    expect_refused(&s, "warm-up");
    s = good, s.warmup_start = 2;
    expect_refused(&s, "start of the warm-up");
    s = good, s.kind = NULL;
    expect_refused(&s, "expected a schedule");
}

Test(schedule, options_that_cannot_work_are_refused)
{
    static const char *const bad[][3] = {
        {"step", "lr-step-size", "0"},        {"step", "lr-gamma", "-1"},
        {"multistep", "lr-milestones", ""},   {"multistep", "lr-milestones", "5,3"},
        {"multistep", "lr-milestones", "-1"}, {"poly", "lr-power", "-1"},
        {"plateau", "lr-gamma", "1"},         {"plateau", "lr-threshold", "1"},
        {"plateau", "lr-patience", "-1"},     {"plateau", "lr-min", "0.2"},
        {"cosine", "lr-min", "0.2"}};
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        const reel_schedule s = make_schedule(bad[i][0], OPTIONS(bad[i][1], bad[i][2]));
        expect_refused(&s, bad[i][1]);
    }
}

Test(schedule, text_that_is_no_value_is_refused)
{
    static const char *const bad[][3] = {
        {"step", "lr-step-size", "3x"},
        {"step", "lr-gamma", ""},
        {"step", "lr-power", "1"},
        {"multistep", "lr-milestones", "3,x"},
        {"multistep", "lr-milestones", "3,"},
        {"multistep", "lr-milestones", ",3"},
        {"multistep", "lr-milestones", " 3"},
        {"multistep", "lr-milestones", "99999999999999999999"},
        {"poly", "lr-power", "0x10"},
        {"poly", "lr-power", " 1"},
        {"poly", "lr-power", "nan"},
        {"poly", "lr-power", "1e"},
        {"multistep", "lr-milestones", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17"}};
    for (int i = 0; i < REEL_COUNT(bad); i++) {
        reel_error err = {0};
        reel_schedule s = reel_schedule_default(reel_schedule_find(bad[i][0]));
        cr_expect_eq(reel_schedule_set(&s, bad[i][1], bad[i][2], &err), REEL_ERR_INVALID, "%s",
                     bad[i][1]);
        cr_expect(strncmp(err.message, bad[i][1], strlen(bad[i][1])) == 0, "%s", err.message);
    }
}
