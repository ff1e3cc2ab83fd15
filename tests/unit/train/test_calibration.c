/* Expected calibration error on cases that can be counted by hand. */
#include "train/run/calibration.h"

#include <criterion/criterion.h>
#include <math.h>

Test(calibration, bins_are_open_below_and_closed_above)
{
    reel_calibration c = {0};
    static const struct {
        double confidence;
        int bin;
    } cases[] = {{0, 0},     {1e-9, 0},       {1.0 / 15, 0},  {1.0 / 15 + 1e-9, 1},
                 {0.2, 2},   {0.2 + 1e-9, 3}, {0.5, 7},       {0.6, 8},
                 {0.99, 14}, {1, 14},         {1 + 1e-12, 14}};
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        c = (reel_calibration){0};
        reel_calibration_add(&c, cases[i].confidence, true);
        for (int m = 0; m < REEL_CALIBRATION_BINS; m++)
            cr_expect_eq(c.bin[m].images, m == cases[i].bin, "%.17g, bin %d", cases[i].confidence,
                         m);
    }
}

Test(calibration, error_is_the_weighted_gap_of_the_bins)
{
    /* Bin 12 of 15 (0.7333 to 0.8): four images of 0.75 and 0.79, of which three are right: mean
     * 0.77, accuracy 0.75. Bin 15: six of 0.95, all right. ECE = 0.4 0.02 + 0.6 0.05 = 0.038. */
    reel_calibration c = {0};
    for (int i = 0; i < 4; i++)
        reel_calibration_add(&c, i % 2 ? 0.75 : 0.79, i > 0);
    for (int i = 0; i < 6; i++)
        reel_calibration_add(&c, 0.95, true);
    cr_expect(fabs(reel_calibration_error(&c) - 0.038) < 1e-12, "%.15g",
              reel_calibration_error(&c));
    const reel_calibration_bin sum = reel_calibration_sum(&c);
    cr_expect(sum.images == 10 && sum.right == 9 && fabs(sum.confidence - 8.78) < 1e-12);

    char text[120];
    cr_expect_str_eq(reel_calibration_text(&c, text, sizeof text),
                     "calibration error 3.8 % (mean confidence 87.8 %, accuracy 90.0 %)");
    json_t *json = reel_calibration_json(&c);
    const json_t *bins = json_object_get(json, "bins"), *bin = json_array_get(bins, 11);
    cr_assert_eq(json_array_size(bins), 15);
    cr_expect_eq(json_integer_value(json_object_get(bin, "images")), 4);
    cr_expect(fabs(json_number_value(json_object_get(bin, "confidence")) - 0.77) < 1e-12);
    cr_expect(fabs(json_number_value(json_object_get(bin, "accuracy")) - 0.75) < 1e-12);
    cr_expect(json_is_null(json_object_get(json_array_get(bins, 0), "accuracy")));
    json_decref(json);
}

Test(calibration, gaps_of_one_bin_do_not_hide_those_of_another)
{
    /* Sure and wrong, unsure and right: the means agree, and the error is 0.9. */
    reel_calibration c = {0};
    reel_calibration_add(&c, 0.9, false);
    reel_calibration_add(&c, 0.1, true);
    cr_expect(fabs(reel_calibration_error(&c) - 0.9) < 1e-12);
    reel_calibration_add(&c, NAN, true);
    cr_expect_eq(reel_calibration_sum(&c).images, 2, "NaN was counted");
    cr_expect_eq(reel_calibration_error(&(reel_calibration){0}), 0);
}
