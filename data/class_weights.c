/* Reading weights of classes, and balancing them. */
#include "data/class_weights.h"

#include "core/nearest.h"
#include "core/number.h"
#include "data/sources/common/csv.h"
#include "data/sources/common/plain_file.h"

#include <stdlib.h>
#include <string.h>

static const double LARGEST_WEIGHT = 1e6;

typedef struct weights_table {
    const char *file;
    const char *const *names;
    int64_t classes;
    double *weights;
    int64_t *lines; /* where each class stands; 0 = nowhere yet */
} weights_table;

enum { SHOWN = 120 };

/* A field as a terminated text, cut to size. */
static const char *field_text(reel_csv_field field, char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)(field.length < size ? field.length : size - 1), field.text);
    return text;
}

static int64_t find_class(const weights_table *t, reel_csv_field field)
{
    for (int64_t c = 0; c < t->classes; c++)
        if (strlen(t->names[c]) == field.length &&
            memcmp(t->names[c], field.text, field.length) == 0)
            return c;
    return -1;
}

static reel_status refuse_class(const weights_table *t, int64_t line, reel_csv_field field,
                                reel_error *err)
{
    char typed[SHOWN], shown[2 * SHOWN], near[SHOWN + 20] = "";
    field_text(field, typed, sizeof typed);
    reel_escape(shown, sizeof shown, typed);
    reel_nearest nearest = reel_nearest_to(typed);
    for (int64_t c = 0; c < t->classes; c++)
        reel_nearest_offer(&nearest, t->names[c]);
    if (*nearest.word)
        snprintf(near, sizeof near, "; did you mean \"%s\"?", nearest.word);
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s:%" PRId64 ": class: expected one of the %s of the data, got \"%s\"%s",
                     t->file, line, reel_count_of(t->classes, "class").text, shown, near);
}

static reel_status read_weight(double *weight, const weights_table *t, int64_t line,
                               reel_csv_field field, reel_error *err)
{
    char text[64], shown[SHOWN], *end = text;
    field_text(field, text, sizeof text);
    *weight = reel_begins_number(text) ? strtod(text, &end) : 0;
    const bool whole = end != text && *end == '\0' && field.length < sizeof text;
    if (whole && *weight > 0 && *weight <= LARGEST_WEIGHT)
        return REEL_OK;
    reel_escape(shown, sizeof shown, text);
    return reel_fail(err, REEL_ERR_FORMAT,
                     "%s:%" PRId64
                     ": weight: expected a number above 0 and at most 1e6, got \"%s\"",
                     t->file, line, shown);
}

static reel_status weigh_record(weights_table *t, const reel_csv *csv, reel_error *err)
{
    const int64_t fields = reel_csv_count(csv);
    if (!csv->good)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s:%" PRId64
                         ": expected a class and a weight, got quotes that do not fit",
                         t->file, csv->line);
    if (fields != 2)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s:%" PRId64
                         ": expected a class and a weight with a comma between, got %s",
                         t->file, csv->line, reel_count_of(fields, "field").text);

    const int64_t c = find_class(t, reel_csv_at(csv, 0));
    if (c < 0)
        return refuse_class(t, csv->line, reel_csv_at(csv, 0), err);
    if (t->lines[c])
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s:%" PRId64
                         ": class \"%s\": expected once, also stands in line %" PRId64,
                         t->file, csv->line, t->names[c], t->lines[c]);
    t->lines[c] = csv->line;
    return read_weight(&t->weights[c], t, csv->line, reel_csv_at(csv, 1), err);
}

static bool field_is(reel_csv_field field, const char *word)
{
    return field.length == strlen(word) && memcmp(field.text, word, field.length) == 0;
}

static bool is_heading(const reel_csv *csv)
{
    return reel_csv_count(csv) == 2 && field_is(reel_csv_at(csv, 0), "class") &&
           field_is(reel_csv_at(csv, 1), "weight");
}

static reel_status read_records(weights_table *t, reel_csv *csv, reel_error *err)
{
    bool more, first = true;
    for (;;) {
        REEL_TRY(reel_csv_next(csv, &more, err));
        if (!more)
            break;
        if (!first || !is_heading(csv))
            REEL_TRY(weigh_record(t, csv, err));
        first = false;
    }

    for (int64_t c = 0; c < t->classes; c++)
        if (!t->lines[c])
            return reel_fail(err, REEL_ERR_FORMAT,
                             "%s: expected a weight for each of the %s, got none for \"%s\"",
                             t->file, reel_count_of(t->classes, "class").text, t->names[c]);
    return REEL_OK;
}

reel_status reel_class_weights_parse(double *weights, const reel_weights_csv *csv,
                                     const char *const *names, int64_t classes, reel_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* what spreadsheets begin UTF-8 with */
    const size_t skip = csv->size >= 3 && memcmp(csv->text, mark, 3) == 0 ? 3 : 0;
    weights_table t = {.file = csv->name, .names = names, .classes = classes, .weights = weights};
    t.lines = calloc((size_t)classes + 1, sizeof *t.lines);
    if (!t.lines)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", csv->name);

    reel_csv records = {.at = csv->text + skip, .end = csv->text + csv->size, .separator = ','};
    const reel_status status = read_records(&t, &records, err);
    reel_csv_free(&records);
    free(t.lines);
    return status;
}

reel_status reel_class_weights_read(double *weights, const char *path, const reel_dataset *d,
                                    reel_error *err)
{
    const size_t most = (size_t)16 << 20; /* a larger file is something else */
    const int64_t classes = reel_dataset_classes(d);
    const char **names = calloc((size_t)classes + 1, sizeof *names);
    reel_bytes text = {0};
    reel_status status = REEL_OK;
    if (!names)
        return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory", path);
    for (int64_t c = 0; c < classes; c++)
        names[c] = reel_dataset_class_name(d, c);

    REEL_TRY_GOTO(reel_read_plain(&text, path, most, err), done);
    const reel_weights_csv csv = {(const char *)text.data, text.size, path};
    REEL_TRY_GOTO(reel_class_weights_parse(weights, &csv, names, classes, err), done);
done:
    reel_bytes_free(&text);
    free(names);
    return status;
}

reel_status reel_class_weights_balance(double *weights, const reel_dataset *d, reel_error *err)
{
    const int64_t classes = reel_dataset_classes(d), n = reel_dataset_count(d);
    for (int64_t c = 0; c < classes; c++)
        weights[c] = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t label = reel_dataset_label(d, i);
        if (label < 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "balanced class weights: the label of a sample is none of the "
                             "dataset's classes");
        weights[label]++;
    }

    for (int64_t c = 0; c < classes; c++) {
        if (weights[c] == 0)
            return reel_fail(err, REEL_ERR_INVALID,
                             "balanced class weights: expected images of each class, got none of "
                             "\"%s\"",
                             reel_dataset_class_name(d, c));
        weights[c] = (double)n / ((double)classes * weights[c]);
    }
    return REEL_OK;
}
