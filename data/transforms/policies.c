/* The policies of auto-augmentation: one table, and how each draws its numbers. Definitions and
 * numbers are torchvision's (torchvision.transforms.autoaugment, references/classification):
 *
 *     ta_wide   TrivialAugment (Mueller and Hutter, ICCV 2021): one operation, any magnitude
 *     ra        RandAugment (Cubuk et al., 2019): two operations of one magnitude
 *     imagenet  AutoAugment (Cubuk et al., CVPR 2019): one of 25 pairs that were searched for
 *     augmix    AugMix (Hendrycks et al., ICLR 2020): the image and three chains of one to three
 *               operations, added with random weights */
#include <math.h>
#include <string.h>

#include "core/elementary.h"
#include "data/transforms/augment.h"

/* ---- magnitudes ---- */

typedef enum {
    NO_MAGNITUDE,
    STEPS_BETWEEN, /* from first to last in equal steps */
    SHARE_OF_SIDE, /* the same, times the width or height */
    WHOLE_BITS     /* the same, rounded to whole numbers */
} magnitude_kind;

/* An operation and the magnitudes that it may have. */
typedef struct magnitude_range {
    reel_operation operation;
    magnitude_kind kind;
    double first, last;
    bool either_sign;
} magnitude_range;

/* Magnitude `bin` of `bins`: torch.linspace's, which computes in single precision, each half from
 * its own end. */
static double between(double first, double last, int bin, int bins)
{
    const float from = (float)first, to = (float)last, step = (to - from) / (float)(bins - 1);
    const double place =
        bin < bins / 2 ? from + (double)step * bin : to - (double)step * (bins - 1 - bin);
    return (double)(float)place;
}

static double magnitude_at(const magnitude_range *r, int bin, int bins, int64_t width,
                           int64_t height)
{
    const int64_t side = r->operation == REEL_OPERATION_TRANSLATE_X ? width : height;
    switch (r->kind) {
    case STEPS_BETWEEN:
        return between(r->first, r->last, bin, bins);
    case SHARE_OF_SIDE:
        return between(r->first, r->last * (double)side, bin, bins);
    case WHOLE_BITS:
        return r->first - rint(bin / ((bins - 1) / (r->first - r->last)));
    default:
        return 0;
    }
}

/* ---- spaces: in torchvision's order ---- */

#define SAME_FOR_ALL(OPERATION) {REEL_OPERATION_##OPERATION, NO_MAGNITUDE, 0, 0, false}

static const magnitude_range wide_space[] = {
    SAME_FOR_ALL(IDENTITY),
    {REEL_OPERATION_SHEAR_X, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_SHEAR_Y, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_TRANSLATE_X, STEPS_BETWEEN, 0, 32, true},
    {REEL_OPERATION_TRANSLATE_Y, STEPS_BETWEEN, 0, 32, true},
    {REEL_OPERATION_ROTATE, STEPS_BETWEEN, 0, 135, true},
    {REEL_OPERATION_BRIGHTNESS, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_COLOR, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_CONTRAST, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_SHARPNESS, STEPS_BETWEEN, 0, 0.99, true},
    {REEL_OPERATION_POSTERIZE, WHOLE_BITS, 8, 2, false},
    {REEL_OPERATION_SOLARIZE, STEPS_BETWEEN, 255, 0, false},
    SAME_FOR_ALL(AUTO_CONTRAST),
    SAME_FOR_ALL(EQUALIZE),
};

/* RandAugment takes all but the last; AutoAugment's pairs name operations of both. */
static const magnitude_range usual_space[] = {
    SAME_FOR_ALL(IDENTITY),
    {REEL_OPERATION_SHEAR_X, STEPS_BETWEEN, 0, 0.3, true},
    {REEL_OPERATION_SHEAR_Y, STEPS_BETWEEN, 0, 0.3, true},
    {REEL_OPERATION_TRANSLATE_X, SHARE_OF_SIDE, 0, 150.0 / 331.0, true},
    {REEL_OPERATION_TRANSLATE_Y, SHARE_OF_SIDE, 0, 150.0 / 331.0, true},
    {REEL_OPERATION_ROTATE, STEPS_BETWEEN, 0, 30, true},
    {REEL_OPERATION_BRIGHTNESS, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_COLOR, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_CONTRAST, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_SHARPNESS, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_POSTERIZE, WHOLE_BITS, 8, 4, false},
    {REEL_OPERATION_SOLARIZE, STEPS_BETWEEN, 255, 0, false},
    SAME_FOR_ALL(AUTO_CONTRAST),
    SAME_FOR_ALL(EQUALIZE),
    SAME_FOR_ALL(INVERT),
};

static const magnitude_range mix_space[] = {
    {REEL_OPERATION_SHEAR_X, STEPS_BETWEEN, 0, 0.3, true},
    {REEL_OPERATION_SHEAR_Y, STEPS_BETWEEN, 0, 0.3, true},
    {REEL_OPERATION_TRANSLATE_X, SHARE_OF_SIDE, 0, 1.0 / 3.0, true},
    {REEL_OPERATION_TRANSLATE_Y, SHARE_OF_SIDE, 0, 1.0 / 3.0, true},
    {REEL_OPERATION_ROTATE, STEPS_BETWEEN, 0, 30, true},
    {REEL_OPERATION_POSTERIZE, WHOLE_BITS, 4, 0, false},
    {REEL_OPERATION_SOLARIZE, STEPS_BETWEEN, 255, 0, false},
    SAME_FOR_ALL(AUTO_CONTRAST),
    SAME_FOR_ALL(EQUALIZE),
    {REEL_OPERATION_BRIGHTNESS, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_COLOR, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_CONTRAST, STEPS_BETWEEN, 0, 0.9, true},
    {REEL_OPERATION_SHARPNESS, STEPS_BETWEEN, 0, 0.9, true},
};

/* ---- AutoAugment's pairs: operation, probability, bin of its magnitude; -1 = none ---- */

enum { PAIR_BINS = 10, PAIR = 2 };

typedef struct pair_step {
    reel_operation operation;
    double probability;
    int bin;
} pair_step;

#define STEP(OPERATION, probability, bin) {REEL_OPERATION_##OPERATION, probability, bin}

static const pair_step imagenet_pairs[][PAIR] = {
    {STEP(POSTERIZE, 0.4, 8), STEP(ROTATE, 0.6, 9)},
    {STEP(SOLARIZE, 0.6, 5), STEP(AUTO_CONTRAST, 0.6, -1)},
    {STEP(EQUALIZE, 0.8, -1), STEP(EQUALIZE, 0.6, -1)},
    {STEP(POSTERIZE, 0.6, 7), STEP(POSTERIZE, 0.6, 6)},
    {STEP(EQUALIZE, 0.4, -1), STEP(SOLARIZE, 0.2, 4)},
    {STEP(EQUALIZE, 0.4, -1), STEP(ROTATE, 0.8, 8)},
    {STEP(SOLARIZE, 0.6, 3), STEP(EQUALIZE, 0.6, -1)},
    {STEP(POSTERIZE, 0.8, 5), STEP(EQUALIZE, 1.0, -1)},
    {STEP(ROTATE, 0.2, 3), STEP(SOLARIZE, 0.6, 8)},
    {STEP(EQUALIZE, 0.6, -1), STEP(POSTERIZE, 0.4, 6)},
    {STEP(ROTATE, 0.8, 8), STEP(COLOR, 0.4, 0)},
    {STEP(ROTATE, 0.4, 9), STEP(EQUALIZE, 0.6, -1)},
    {STEP(EQUALIZE, 0.0, -1), STEP(EQUALIZE, 0.8, -1)},
    {STEP(INVERT, 0.6, -1), STEP(EQUALIZE, 1.0, -1)},
    {STEP(COLOR, 0.6, 4), STEP(CONTRAST, 1.0, 8)},
    {STEP(ROTATE, 0.8, 8), STEP(COLOR, 1.0, 2)},
    {STEP(COLOR, 0.8, 8), STEP(SOLARIZE, 0.8, 7)},
    {STEP(SHARPNESS, 0.4, 7), STEP(INVERT, 0.6, -1)},
    {STEP(SHEAR_X, 0.6, 5), STEP(EQUALIZE, 1.0, -1)},
    {STEP(COLOR, 0.4, 0), STEP(EQUALIZE, 0.6, -1)},
    {STEP(EQUALIZE, 0.4, -1), STEP(SOLARIZE, 0.2, 4)},
    {STEP(SOLARIZE, 0.6, 5), STEP(AUTO_CONTRAST, 0.6, -1)},
    {STEP(INVERT, 0.6, -1), STEP(EQUALIZE, 1.0, -1)},
    {STEP(COLOR, 0.6, 4), STEP(CONTRAST, 1.0, 8)},
    {STEP(EQUALIZE, 0.8, -1), STEP(EQUALIZE, 0.6, -1)},
};

/* ---- choices ---- */

struct reel_augment_policy {
    const char *name;
    const magnitude_range *space;
    int n, bins;
    void (*choose)(reel_augment_choice *choice, const reel_transform *t, int64_t width,
                   int64_t height, reel_rng *rng);
};

static double signed_at_random(double magnitude, reel_rng *rng)
{
    return reel_rng_below(rng, 2) ? -magnitude : magnitude;
}

/* An operation of the policy's space, with magnitude `first` + one of the next `bins`. */
static reel_augment_step any_step(const reel_augment_policy *policy, int first, int bins,
                                  int64_t width, int64_t height, reel_rng *rng)
{
    const magnitude_range *r = &policy->space[reel_rng_below(rng, (uint64_t)policy->n)];
    reel_augment_step step = {.operation = r->operation};
    if (r->kind == NO_MAGNITUDE)
        return step;
    const int bin = first + (int)reel_rng_below(rng, (uint64_t)bins);
    step.magnitude = magnitude_at(r, bin, policy->bins, width, height);
    if (r->either_sign)
        step.magnitude = signed_at_random(step.magnitude, rng);
    return step;
}

static void choose_trivial(reel_augment_choice *choice, const reel_transform *t, int64_t width,
                           int64_t height, reel_rng *rng)
{
    choice->chain[0].n = 1;
    choice->chain[0].step[0] =
        any_step(t->auto_augment, 0, t->auto_augment->bins, width, height, rng);
}

static void choose_rand(reel_augment_choice *choice, const reel_transform *t, int64_t width,
                        int64_t height, reel_rng *rng)
{
    enum { OPERATIONS = 2 };
    choice->chain[0].n = OPERATIONS;
    for (int i = 0; i < OPERATIONS; i++)
        choice->chain[0].step[i] =
            any_step(t->auto_augment, (int)t->ra_magnitude, 1, width, height, rng);
}

static const magnitude_range *range_of(const reel_augment_policy *policy, reel_operation operation)
{
    const magnitude_range *r = policy->space;
    while (r->operation != operation)
        r++;
    return r;
}

static void choose_pair(reel_augment_choice *choice, const reel_transform *t, int64_t width,
                        int64_t height, reel_rng *rng)
{
    const pair_step *pair = imagenet_pairs[reel_rng_below(rng, REEL_COUNT(imagenet_pairs))];
    reel_augment_chain *chain = &choice->chain[0];
    for (int i = 0; i < PAIR; i++) {
        const bool taken = reel_rng_uniform(rng) < pair[i].probability;
        const magnitude_range *r = range_of(t->auto_augment, pair[i].operation);
        const double magnitude =
            pair[i].bin < 0 ? 0 : magnitude_at(r, pair[i].bin, PAIR_BINS, width, height);
        const double either = signed_at_random(magnitude, rng);
        if (taken)
            chain->step[chain->n++] =
                (reel_augment_step){pair[i].operation, r->either_sign ? either : magnitude};
    }
}

/* n shares that add up to 1, all divisions equally likely: Dirichlet(1, ..., 1), as exponential
 * variates over their sum. */
static void draw_shares(double *share, int n, reel_rng *rng)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        share[i] = -reel_math_log(1 - reel_rng_uniform(rng));
        sum += share[i];
    }
    for (int i = 0; i < n; i++)
        share[i] = sum > 0 ? share[i] / sum : 1.0 / n;
}

static void choose_mix(reel_augment_choice *choice, const reel_transform *t, int64_t width,
                       int64_t height, reel_rng *rng)
{
    double of_both[2], of_chains[REEL_AUGMENT_CHAINS];
    draw_shares(of_both, 2, rng);
    draw_shares(of_chains, REEL_AUGMENT_CHAINS, rng);

    choice->mixed = true;
    choice->own = (float)of_both[0];
    for (int c = 0; c < REEL_AUGMENT_CHAINS; c++) {
        reel_augment_chain *chain = &choice->chain[c];
        choice->share[c] = (float)(of_chains[c] * of_both[1]);
        chain->n = 1 + (int)reel_rng_below(rng, REEL_AUGMENT_STEPS);
        for (int i = 0; i < chain->n; i++)
            chain->step[i] =
                any_step(t->auto_augment, 0, (int)t->augmix_severity, width, height, rng);
    }
}

static const reel_augment_policy policies[] = {
    {"ta_wide", wide_space, REEL_COUNT(wide_space), REEL_RA_MAGNITUDES, choose_trivial},
    {"ra", usual_space, REEL_COUNT(usual_space) - 1, REEL_RA_MAGNITUDES, choose_rand},
    {"imagenet", usual_space, REEL_COUNT(usual_space), PAIR_BINS, choose_pair},
    {"augmix", mix_space, REEL_COUNT(mix_space), REEL_AUGMIX_SEVERITIES, choose_mix},
};

const char *reel_augment_policy_name(int index)
{
    return index >= 0 && index < REEL_COUNT(policies) ? policies[index].name : NULL;
}

const reel_augment_policy *reel_augment_policy_find(const char *name)
{
    for (int i = 0; name && i < REEL_COUNT(policies); i++)
        if (!strcmp(policies[i].name, name))
            return &policies[i];
    return NULL;
}

reel_augment_choice reel_augment_choose(const reel_transform *t, int64_t width, int64_t height,
                                        reel_rng *rng)
{
    reel_augment_choice choice = {0};
    t->auto_augment->choose(&choice, t, width, height, rng);
    return choice;
}
