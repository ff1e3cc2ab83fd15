/* A confusion matrix in JSON, whole or as its cells. */
#include "train/run/confusion.h"

static bool append_number(json_t *to, int64_t number)
{
    return json_array_append_new(to, json_integer(number)) == 0;
}

/* Adds all rows; false: no memory. */
static bool put_rows(json_t *object, const int64_t *counts, int64_t classes)
{
    json_t *rows = json_array();
    bool good = json_object_set_new(object, "confusion", rows) == 0;
    for (int64_t t = 0; good && t < classes; t++) {
        json_t *row = json_array();
        good = json_array_append_new(rows, row) == 0;
        for (int64_t p = 0; good && p < classes; p++)
            good = append_number(row, counts[t * classes + p]);
    }
    return good;
}

/* Adds the cells that are not 0; false: no memory. */
static bool put_cells_of(json_t *object, const int64_t *counts, int64_t classes)
{
    json_t *truth = json_array(), *predicted = json_array(), *count = json_array();
    json_t *cells =
        json_pack("{s:o, s:o, s:o}", "truth", truth, "predicted", predicted, "count", count);
    bool good = json_object_set_new(object, "confusion_cells", cells) == 0;
    for (int64_t i = 0; good && i < classes * classes; i++)
        if (counts[i])
            good = append_number(truth, i / classes) && append_number(predicted, i % classes) &&
                   append_number(count, counts[i]);
    return good;
}

bool reel_confusion_to_json(json_t *object, const int64_t *counts, int64_t classes)
{
    return classes <= REEL_CONFUSION_WHOLE ? put_rows(object, counts, classes)
                                           : put_cells_of(object, counts, classes);
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
