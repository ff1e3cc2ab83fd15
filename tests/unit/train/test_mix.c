/* Mixup and CutMix: torchvision's bits for given lambdas and boxes, the distribution of lambda, the
 * same bits for any number of threads. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/train/mix_cases.h"
#include "train/run/mix.h"

enum { MIX_IMAGE = MIX_C * MIX_H * MIX_W };

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* The stored case's images before they are mixed, channels last. */
static reel_tensor unmixed(float *data)
{
    const reel_tensor t =
        reel_tensor_of(data, REEL_F32, 4, (const int64_t[]){MIX_N, MIX_C, MIX_H, MIX_W});
    int64_t i = 0;
    for (int64_t n = 0; n < MIX_N; n++)
        for (int64_t c = 0; c < MIX_C; c++)
            for (int64_t y = 0; y < MIX_H; y++)
                for (int64_t x = 0; x < MIX_W; x++, i++)
                    reel_tensor_set(&t, (const int64_t[REEL_MAX_DIMS]){n, c, y, x},
                                    (double)(i * 37 % 101) / 16 - 3);
    return t;
}

static void compare_images(const reel_tensor *got, const mix_case *want, int number)
{
    for (int64_t i = 0; i < MIX_N * MIX_IMAGE; i++) {
        const int64_t at[REEL_MAX_DIMS] = {i / MIX_IMAGE, i / (MIX_H * MIX_W) % MIX_C,
                                           i / MIX_W % MIX_H, i % MIX_W};
        const float value = (float)reel_tensor_get(got, at);
        cr_assert(bits_of(value) == want->images[i], "case %d, element %lld: %.9g", number,
                  (long long)i, (double)value);
    }
}

Test(mix, batches_have_torchvisions_bits)
{
    for (int k = 0; k < REEL_COUNT(mix_cases); k++) {
        const mix_case *want = &mix_cases[k];
        float data[MIX_N * MIX_IMAGE], targets[MIX_N * MIX_CLASSES];
        const reel_tensor images = unmixed(data);
        reel_mix m = {.lambda = want->lambda};
        if (want->cut)
            m = reel_mix_box(want->lambda, want->x, want->y, MIX_H, MIX_W);

        reel_mix_images(&images, &m, 3);
        compare_images(&images, want, k);
        reel_mix_targets(targets, mix_labels, MIX_N, MIX_CLASSES, &m);
        for (int i = 0; i < REEL_COUNT(targets); i++)
            cr_assert(bits_of(targets[i]) == want->targets[i], "case %d, target %d: %.9g", k, i,
                      (double)targets[i]);
    }
}

/* torchvision's accuracy compares with the argmax of a target. */
Test(mix, the_label_is_the_class_with_the_largest_share)
{
    for (int k = 0; k < REEL_COUNT(mix_cases); k++) {
        const mix_case *c = &mix_cases[k];
        reel_mix m = {.lambda = c->lambda};
        float targets[MIX_N * MIX_CLASSES];
        if (c->cut)
            m = reel_mix_box(c->lambda, c->x, c->y, MIX_H, MIX_W);
        reel_mix_targets(targets, mix_labels, MIX_N, MIX_CLASSES, &m);
        for (int64_t i = 0; i < MIX_N; i++) {
            const float *row = targets + i * MIX_CLASSES;
            int64_t largest = 0;
            for (int64_t j = 1; j < MIX_CLASSES; j++)
                if (row[j] > row[largest])
                    largest = j;
            cr_expect_eq(reel_mix_label(mix_labels, MIX_N, i, &m), largest, "case %d, image %lld",
                         k, (long long)i);
        }
    }
}

/* ---- the distribution ---- */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double uniform_below(double x)
{
    return x;
}

static double arcsine_below(double x)
{
    return 2 / 3.14159265358979323846 * asin(sqrt(x));
}

static double parabola_below(double x)
{
    return x * x * (3 - 2 * x);
}

/* The largest distance between the draws' distribution and the one they follow (Kolmogorov and
 * Smirnov) is under 1.95 / sqrt(n) but once in a thousand seeds. */
Test(mix, lambda_follows_the_beta_distribution)
{
    enum { DRAWS = 40000 };
    static const struct {
        double alpha, (*below)(double x);
    } kinds[] = {{1, uniform_below}, {0.5, arcsine_below}, {2, parabola_below}};
    static double drawn[DRAWS];
    for (int k = 0; k < REEL_COUNT(kinds); k++) {
        for (int i = 0; i < DRAWS; i++) {
            reel_rng rng = reel_rng_at(1, REEL_STREAM_MIX, (uint32_t)k, (uint32_t)i);
            drawn[i] = reel_beta_draw(&rng, kinds[k].alpha);
        }
        qsort(drawn, DRAWS, sizeof *drawn, by_value);
        double most = 0;
        for (int i = 0; i < DRAWS; i++)
            most = fmax(most, fabs(kinds[k].below(drawn[i]) - (i + 0.5) / DRAWS));
        cr_expect(most < 1.95 / sqrt(DRAWS), "alpha %g: off by %g", kinds[k].alpha, most);
    }
}

/* Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)), also where the draws underflow. */
Test(mix, lambda_has_its_mean_and_variance_for_small_and_large_alphas)
{
    enum { DRAWS = 40000 };
    static const double alphas[] = {5e-324, 1e-310, 1e-6, 0.01, 0.2, 0.8, 1, 8, 1000, 1e6};
    for (int k = 0; k < REEL_COUNT(alphas); k++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < DRAWS; i++) {
            reel_rng rng = reel_rng_at(2, REEL_STREAM_MIX, (uint32_t)k, (uint32_t)i);
            const double lambda = reel_beta_draw(&rng, alphas[k]);
            cr_assert(lambda >= 0 && lambda <= 1, "alpha %g gave %g", alphas[k], lambda);
            sum += lambda;
            squares += (lambda - 0.5) * (lambda - 0.5);
        }
        const double variance = 1 / (4 * (2 * alphas[k] + 1));
        cr_expect(fabs(sum / DRAWS - 0.5) < 4 * sqrt(variance / DRAWS), "alpha %g: mean %g",
                  alphas[k], sum / DRAWS);
        cr_expect(fabs(squares / DRAWS / variance - 1) < 0.04, "alpha %g: variance %g, expected %g",
                  alphas[k], squares / DRAWS, variance);
    }
}

Test(mix, one_of_the_two_is_drawn_for_each_batch)
{
    const reel_mix_config both = {.mixup_alpha = 0.2, .cutmix_alpha = 1};
    int cut = 0;
    for (int64_t i = 0; i < 1000; i++) {
        const reel_mix m = reel_mix_draw(&both, 32, 24, 5, 3, i),
                       again = reel_mix_draw(&both, 32, 24, 5, 3, i);
        cr_assert(m.lambda == again.lambda && m.x1 == again.x1 && m.cut == again.cut);
        cr_assert(m.x1 >= 0 && m.x1 <= m.x2 && m.x2 <= 24 && m.y1 >= 0 && m.y1 <= m.y2 &&
                  m.y2 <= 32);
        cut += m.cut;
    }
    cr_expect(cut > 430 && cut < 570, "%d of 1000 batches were CutMix", cut);
    cr_expect(reel_mix_draw(&(const reel_mix_config){.cutmix_alpha = 1}, 9, 9, 1, 1, 1).cut);
    cr_expect(!reel_mix_draw(&(const reel_mix_config){.mixup_alpha = 1}, 9, 9, 1, 1, 1).cut);
}

Test(mix, any_number_of_threads_gives_the_same_bits)
{
    enum { SIDE = 61, N = 5, SIZE = N * 3 * SIDE * SIDE };
    static float one[SIZE], many[SIZE];
    const int64_t shape[] = {N, 3, SIDE, SIDE};
    for (int k = 0; k < 2; k++) {
        const reel_mix m = k ? reel_mix_box(0.2, 30, 20, SIDE, SIDE) : (reel_mix){.lambda = 0.37};
        for (int i = 0; i < SIZE; i++)
            one[i] = many[i] = (float)sin(i);
        const reel_tensor a = reel_tensor_of(one, REEL_F32, 4, shape),
                          b = reel_tensor_of(many, REEL_F32, 4, shape);
        reel_mix_images(&a, &m, 1);
        reel_mix_images(&b, &m, 7);
        cr_expect(memcmp(one, many, sizeof one) == 0, "case %d", k);
        cr_expect(one[SIZE / 2] != (float)sin(SIZE / 2), "case %d: nothing was mixed", k);
    }
}
