/* Deciding what the labels of a list are.
 *
 * Numbers are the numbers of classes where something says how many classes there are: classes.txt,
 * or the request. Else at least half of 0 to the highest must occur: 0, 1 and 1,000,000 are three
 * names, not a million classes. */
#include "data/sources/common/labels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/text.h"

static bool parse_label(const char *text, uint64_t *number)
{
    return reel_parse_number(text, strlen(text), REEL_MOST_LABEL, number);
}

static const char *label_of(const reel_rows *rows, int64_t i)
{
    return reel_row_text(rows, reel_rows_at(rows, i)->label);
}

/* What the labels look like. */
struct survey {
    int64_t numbers, highest, distinct;
};

static void find_highest(struct survey *s, const reel_rows *rows)
{
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        uint64_t number;
        if (!parse_label(label_of(rows, i), &number))
            continue;
        s->numbers++;
        s->highest = (int64_t)number > s->highest ? (int64_t)number : s->highest;
    }
}

static reel_status survey_labels(struct survey *s, const reel_rows *rows, reel_error *err)
{
    *s = (struct survey){.highest = -1};
    find_highest(s, rows);
    uint8_t *seen = calloc((size_t)(s->highest + 1) / 8 + 1, 1); /* a bit a number */
    if (!seen)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the labels of a list");
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        uint64_t number;
        if (!parse_label(label_of(rows, i), &number))
            continue;
        s->distinct += !(seen[number / 8] >> (number % 8) & 1);
        seen[number / 8] |= (uint8_t)(1 << number % 8);
    }
    free(seen);
    return REEL_OK;
}

/* ---- lines that are wrong ---- */

/* So few lines without a number that they are mistakes, not names. */
static bool are_mistakes(int64_t odd, int64_t lines)
{
    return odd * 100 <= lines || (odd == 1 && lines >= 4);
}

/* Lines whose label is no number go to the bad ones. */
static reel_status drop_odd_labels(reel_rows *rows, reel_error *err)
{
    bool *drop = calloc((size_t)reel_rows_count(rows) + 1, sizeof *drop);
    reel_status status = REEL_OK;
    if (!drop)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the lines of a list");
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        uint64_t number;
        drop[i] = !parse_label(label_of(rows, i), &number);
        if (drop[i])
            REEL_TRY_GOTO(reel_rows_note_bad(rows, reel_rows_at(rows, i)->line,
                                             "its label is no number, those of other lines are",
                                             err),
                          done);
    }
    reel_rows_drop(rows, drop);
done:
    free(drop);
    return status;
}

/* ---- 3.0 is 3 ---- */

/* How many digits stand before ".0"; 0 = it is no such number. */
static size_t whole_digits(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    const size_t zeros = n && text[n] == '.' ? strspn(text + n + 1, "0") : 0;
    return zeros && text[n + 1 + zeros] == 0 ? n : 0;
}

/* "3.1" */
static bool is_fraction(const char *text)
{
    const size_t n = strspn(text, "0123456789");
    return n && text[n] == '.' && text[n + 1] &&
           text[n + 1 + strspn(text + n + 1, "0123456789")] == 0;
}

/* Does the request know classes by such names? A run that began with them keeps them. */
static bool knows_decimals(const reel_data_request *r)
{
    for (int64_t c = 0; r->class_names && c < r->classes; c++)
        if (whole_digits(r->class_names[c]))
            return true;
    return false;
}

/* pandas writes whole numbers as 3.0 where a column has gaps: all labels are written as 3. Versions
 * such as 3.0 and 3.1 stay. */
static reel_status write_whole(reel_opened *out, reel_rows *rows, reel_error *err)
{
    const int64_t lines = reel_rows_count(rows);
    int64_t decimals = 0, odd = 0, fractions = 0;
    for (int64_t i = 0; i < lines; i++) {
        uint64_t number;
        const bool decimal = whole_digits(label_of(rows, i)) > 0;
        decimals += decimal;
        odd += !decimal && !parse_label(label_of(rows, i), &number);
        fractions += !decimal && is_fraction(label_of(rows, i));
    }
    if (decimals == 0 || fractions || (odd && !are_mistakes(odd, lines)) ||
        knows_decimals(out->request))
        return REEL_OK;

    char shown[40] = "";
    for (int64_t i = 0; i < lines; i++) {
        reel_row *row = (reel_row *)rows->rows.items + i;
        char text[32];
        const size_t n = whole_digits(label_of(rows, i));
        if (n == 0 || n >= sizeof text)
            continue;
        snprintf(text, sizeof text, "%.*s", (int)n, label_of(rows, i));
        if (!*shown)
            snprintf(shown, sizeof shown, "%.35s", label_of(rows, i));
        REEL_TRY(reel_pool_add(&rows->text, text, n, &row->label, err));
    }
    return reel_opened_note(out, err, "labels such as %s are taken for whole numbers", shown);
}

/* ---- names ---- */

static reel_status add_sorted_names(reel_names *names, const reel_rows *rows, reel_error *err)
{
    enum { FEW = 4096 };
    int64_t most = FEW; /* repeated ones go whenever there are so many */
    for (int64_t i = 0; i < reel_rows_count(rows); i++) {
        const char *label = label_of(rows, i);
        REEL_TRY(reel_names_add(names, label, strlen(label), err));
        if (reel_names_count(names) < most)
            continue;
        reel_names_sort(names);
        most = 2 * reel_names_count(names) + FEW;
    }
    reel_names_sort(names);
    return REEL_OK;
}

/* Are the known names "0", "1", ...? Then a number says more than a name. */
static bool knows_numbers(const reel_data_request *r)
{
    for (int64_t c = 0; r->class_names && c < r->classes; c++) {
        uint64_t number;
        if (!parse_label(r->class_names[c], &number) || (int64_t)number != c)
            return false;
    }
    return r->class_names != NULL;
}

/* Are all labels among the names that the request knows? Then out->classes holds these, sorted. */
static reel_status take_known_names(reel_opened *out, const reel_rows *rows, bool *taken,
                                    reel_error *err)
{
    const reel_data_request *r = out->request;
    *taken = false;
    for (int64_t c = 0; r->class_names && c < r->classes; c++)
        REEL_TRY(reel_names_add(&out->classes, r->class_names[c], strlen(r->class_names[c]), err));
    reel_names_sort(&out->classes);

    bool all = r->class_names && reel_names_count(&out->classes) == r->classes;
    for (int64_t i = 0; all && i < reel_rows_count(rows); i++) {
        const char *label = label_of(rows, i);
        all = reel_names_find(&out->classes, label, strlen(label)) >= 0;
    }
    if (!all)
        reel_names_free(&out->classes);
    *taken = all;
    return REEL_OK;
}

/* ---- numbers ---- */

static reel_status decide_numbers(reel_labels *labels, reel_opened *out, const reel_rows *rows,
                                  const char *folder, reel_error *err)
{
    const reel_data_request *r = out->request;
    struct survey s;
    bool named = false;
    REEL_TRY(survey_labels(&s, rows, err));
    labels->classes = s.highest + 1;
    if (!r->indices && !knows_numbers(r)) {
        REEL_TRY(take_known_names(out, rows, &named, err));
        if (named)
            return REEL_OK;
    }

    labels->indices = true;
    reel_short_names few = {0};
    REEL_TRY(reel_class_names(&out->classes, folder, labels->classes, &named, &few, err));
    if (!named && few.file)
        REEL_TRY(reel_opened_note(out, err,
                                  "%s is not used: it names %" PRId64 " classes, the labels go up "
                                  "to %" PRId64,
                                  few.file, few.names, s.highest));
    if (named)
        return REEL_OK;
    if (labels->classes <= r->classes)
        labels->classes = r->classes;
    else if (!r->indices && 2 * s.distinct < labels->classes)
        labels->indices = false;
    if (labels->indices)
        return reel_number_names(&out->classes, NULL, labels->classes, err);

    REEL_TRY(reel_opened_note(out, err,
                              "%" PRId64 " numbers from 0 to %" PRId64 " occur as labels, fewer "
                              "than half: each is the name of a class, not its number",
                              s.distinct, s.highest));
    return add_sorted_names(&out->classes, rows, err);
}

reel_status reel_labels_decide(reel_labels *labels, reel_opened *out, reel_rows *rows,
                               const char *folder, reel_error *err)
{
    const int64_t lines = reel_rows_count(rows);
    struct survey s;
    *labels = (reel_labels){0};
    REEL_TRY(write_whole(out, rows, err));
    REEL_TRY(survey_labels(&s, rows, err));

    const int64_t odd = lines - s.numbers;
    if (odd && s.numbers) {
        bool known;
        REEL_TRY(take_known_names(out, rows, &known, err));
        if (known)
            return REEL_OK;
    }
    if (odd && s.numbers && (out->request->indices || are_mistakes(odd, lines)))
        REEL_TRY(drop_odd_labels(rows, err));
    else if (odd)
        return add_sorted_names(&out->classes, rows, err);
    return decide_numbers(labels, out, rows, folder, err);
}

int64_t reel_labels_class(const reel_labels *labels, const reel_opened *out, const char *text)
{
    uint64_t number = 0;
    if (!labels->indices)
        return reel_names_find(&out->classes, text, strlen(text));
    return parse_label(text, &number) ? (int64_t)number : -1;
}
