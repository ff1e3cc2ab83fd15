/* Scores of several views of an image; the confusion matrix in JSON. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "train/run/confusion.h"
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

/* Whole up to 100 classes, else its cells; both read back. A file of 9,000 classes stays small. */
Test(evaluate, a_confusion_matrix_is_written_small_and_reads_back)
{
    static const int64_t sizes[] = {1, 3, 100, 101, 9000};
    for (int i = 0; i < REEL_COUNT(sizes); i++) {
        const int64_t n = sizes[i];
        int64_t *counts = calloc((size_t)(n * n), sizeof *counts),
                *back = calloc((size_t)(n * n), sizeof *back);
        cr_assert(counts && back);
        for (int64_t k = 0; k < 500; k++)
            counts[(k * k * 7919 + 3) % (n * n)] += k;
        json_t *o = json_object();
        cr_expect(reel_confusion_to_json(o, counts, n));
        cr_expect_eq(json_object_get(o, "confusion") != NULL, n <= 100, "%d", (int)n);
        cr_expect_lt(json_dumpb(o, NULL, 0, JSON_INDENT(2)), (size_t)130 << 10, "%d classes",
                     (int)n);
        cr_expect(reel_confusion_add_json(back, n, o));
        cr_expect_arr_eq(back, counts, (size_t)(n * n) * sizeof *counts);
        cr_expect(n > 100 || !reel_confusion_add_json(back, n - 1, o), "another size");
        json_decref(o);
        free(back);
        free(counts);
    }
}

/* As earlier versions wrote it: whole, with any number of classes. */
Test(evaluate, a_whole_confusion_matrix_of_many_classes_is_read)
{
    enum { N = 150 };
    static int64_t back[N * N];
    json_t *rows = json_array(), *o = json_object();
    for (int t = 0; t < N; t++) {
        json_t *row = json_array();
        for (int p = 0; p < N; p++)
            json_array_append_new(row, json_integer(t * 1000 + p));
        json_array_append_new(rows, row);
    }
    json_object_set_new(o, "confusion", rows);
    cr_expect(reel_confusion_add_json(back, N, o));
    cr_expect_eq(back[149 * N + 7], 149007);
    json_decref(o);
    o = json_pack("{s:{s:[i], s:[i], s:[i]}}", "confusion_cells", "truth", N, "predicted", 0,
                  "count", 1);
    cr_expect(!reel_confusion_add_json(back, N, o), "a class that there is not");
    json_decref(o);
}
