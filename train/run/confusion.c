/* A confusion matrix in JSON, whole or as its cells. */
#include "train/run/confusion.h"

static json_t *rows_of(const int64_t *counts, int64_t classes)
{
    json_t *rows = json_array();
    for (int64_t t = 0; t < classes; t++) {
        json_t *row = json_array();
        for (int64_t p = 0; p < classes; p++)
            json_array_append_new(row, json_integer(counts[t * classes + p]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static json_t *cells_of(const int64_t *counts, int64_t classes)
{
    json_t *truth = json_array(), *predicted = json_array(), *count = json_array();
    for (int64_t i = 0; i < classes * classes; i++)
        if (counts[i]) {
            json_array_append_new(truth, json_integer(i / classes));
            json_array_append_new(predicted, json_integer(i % classes));
            json_array_append_new(count, json_integer(counts[i]));
        }
    return json_pack("{s:o, s:o, s:o}", "truth", truth, "predicted", predicted, "count", count);
}

void reel_confusion_to_json(json_t *object, const int64_t *counts, int64_t classes)
{
    if (classes <= REEL_CONFUSION_WHOLE)
        json_object_set_new(object, "confusion", rows_of(counts, classes));
    else
        json_object_set_new(object, "confusion_cells", cells_of(counts, classes));
}

static bool add_matrix_rows(int64_t *counts, int64_t classes, const json_t *rows)
{
    if ((int64_t)json_array_size(rows) != classes)
        return false;
    for (int64_t t = 0; t < classes; t++) {
        const json_t *row = json_array_get(rows, (size_t)t);
        if ((int64_t)json_array_size(row) != classes)
            return false;
        for (int64_t p = 0; p < classes; p++)
            counts[t * classes + p] += json_integer_value(json_array_get(row, (size_t)p));
    }
    return true;
}

static bool add_matrix_cells(int64_t *counts, int64_t classes, const json_t *cells)
{
    const json_t *truth = json_object_get(cells, "truth"),
                 *predicted = json_object_get(cells, "predicted"),
                 *count = json_object_get(cells, "count");
    const size_t n = json_array_size(count);
    if (!json_is_array(count) || json_array_size(truth) != n || json_array_size(predicted) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const int64_t t = json_integer_value(json_array_get(truth, i)),
                      p = json_integer_value(json_array_get(predicted, i));
        if (t < 0 || t >= classes || p < 0 || p >= classes)
            return false;
        counts[t * classes + p] += json_integer_value(json_array_get(count, i));
    }
    return true;
}

bool reel_confusion_add_json(int64_t *counts, int64_t classes, const json_t *object)
{
    const json_t *cells = json_object_get(object, "confusion_cells");
    return cells ? add_matrix_cells(counts, classes, cells)
                 : add_matrix_rows(counts, classes, json_object_get(object, "confusion"));
}
