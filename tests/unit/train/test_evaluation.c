/* Scores of several views of an image. */
#include <criterion/criterion.h>
#include <math.h>

#include "train/run/evaluation.h"

Test(evaluate, views_are_averaged_as_probabilities)
{
    enum { N = 3, VIEWS = 10, CLASSES = 4 };
    float logits[N * VIEWS * CLASSES], out[N * CLASSES];
    for (int i = 0; i < N * VIEWS * CLASSES; i++)
        logits[i] = (float)((i * 7919) % 97) / 9 - (i % 5 == 0 ? 200 : 0);
    reel_average_views(out, logits, N, VIEWS, CLASSES);
    for (int i = 0; i < N; i++) {
        double mean[CLASSES] = {0};
        for (int v = 0; v < VIEWS; v++) {
            const float *row = logits + (i * VIEWS + v) * CLASSES;
            double sum = 0;
            for (int c = 0; c < CLASSES; c++)
                sum += exp((double)row[c]);
            for (int c = 0; c < CLASSES; c++)
                mean[c] += exp((double)row[c]) / sum / VIEWS;
        }
        for (int c = 0; c < CLASSES; c++)
            cr_expect(fabs(exp((double)out[i * CLASSES + c]) - mean[c]) < 1e-6,
                      "image %d, class %d: %g, expected %g", i, c,
                      exp((double)out[i * CLASSES + c]), mean[c]);
    }
}

Test(evaluate, views_may_be_averaged_in_place_and_an_impossible_class_stays_finite)
{
    float logits[] = {0, -3000, 0, -3000, 1, 2, 3, 4};
    reel_average_views(logits, logits, 2, 2, 2);
    cr_expect(logits[0] == 0 && isfinite(logits[1]) && logits[1] < -1e20f, "%g, %g",
              (double)logits[0], (double)logits[1]);
    cr_expect(fabs(exp((double)logits[2]) + exp((double)logits[3]) - 1) < 1e-6, "%g, %g",
              (double)logits[2], (double)logits[3]);
}

Test(evaluate, views_that_are_no_numbers_average_to_none)
{
    float logits[] = {0, NAN, 3, 0, 1, INFINITY, 0, 0}, out[4];
    reel_average_views(out, logits, 2, 2, 2);
    for (int i = 0; i < 4; i++)
        cr_expect(isnan(out[i]), "score %d: expected NaN, got %g", i, (double)out[i]);
    cr_expect(reel_label_rank(out, 2, 0) == INT64_MAX, "an image without scores counts as right");
}
