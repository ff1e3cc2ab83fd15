/* Tables of classes: see tables.h. */
#include "train/report/tables.h"

#include "train/report/html.h"

#include <string.h>

enum {
    MATRIX_CLASSES = 40, /* a larger confusion matrix cannot be read as a table */
    MANY = 16,
    MOST = 26,       /* classes: on a phone, and on a tablet, every fifth column is numbered */
    LONG_NAME = 40,  /* bytes: the rows of a matrix with such a name have numbers alone */
    NAME_ROOM = 240, /* pixels for the names of a matrix's rows */
    CELL_ROOM = 64   /* at most, for one of its cells */
};

/* A cell with a text of the object: "<td>cat</td>". */
static void put_text_cell(FILE *to, const json_t *of, const char *key)
{
    fprintf(to, "<td class=\"name\">");
    reel_html_text(to, reel_record_text(of, key, "?"));
    fprintf(to, "</td>");
}

static void put_class_rows(FILE *to, const json_t *classes)
{
    size_t i;
    json_t *c;
    fprintf(to, "<div class=\"box\"><table class=\"stack\"><thead><tr><th>class</th><th>images</th>"
                "<th>right</th><th>precision</th><th>recall</th><th>F1</th></tr></thead><tbody>\n");

    json_array_foreach(classes, i, c)
    {
        fprintf(to, "<tr><td class=\"name\"><span class=\"soft\">%zu</span> ", i + 1);
        reel_html_text(to, reel_record_text(c, "name", "?"));
        fprintf(
            to,
            "</td><td>%.0f</td><td>%.0f</td><td>%.1f %%</td><td>%.1f %%</td><td>%.3f</td></tr>\n",
            reel_record_number(c, "images"), reel_record_number(c, "right"),
            100 * reel_record_number(c, "precision"), 100 * reel_record_number(c, "recall"),
            reel_record_number(c, "f1"));
    }
    fprintf(to, "</tbody></table></div>\n");
}

/* ---- the confusion matrix ---- */

static double largest_count(const json_t *confusion)
{
    size_t i, j;
    json_t *row, *cell;
    double most = 0;
    json_array_foreach(confusion, i, row) json_array_foreach(row, j, cell)
    {
        const double count = json_number_value(cell);
        most = count > most ? count : most;
    }
    return most;
}

/* The style shows counts only where the page is wide enough for them: fit1 everywhere, fit2 and
 * fit3 from the width of a tablet and a desk on, fit0 nowhere. The shades are there anyway. */
static int fit_of(const json_t *confusion)
{
    const int digit = 8, rim = 4, narrow = 290, medium = 480, wide = 820; /* pixels */
    int width = rim + digit;
    for (int64_t rest = (int64_t)largest_count(confusion); rest >= 10; rest /= 10)
        width += digit;
    width *= (int)json_array_size(confusion);
    if (width <= narrow)
        return 1;
    if (width <= medium)
        return 2;
    return width <= wide ? 3 : 0;
}

/* Columns have numbers alone: names would not fit beside each other. */
static void put_matrix_head(FILE *to, size_t classes)
{
    fprintf(to, "<thead><tr><th></th>");
    for (size_t i = 1; i <= classes; i++)
        fprintf(to, "<th%s><span>%zu</span></th>", i % 5 == 0 ? " class=\"five\"" : "", i);
    fprintf(to, "</tr></thead>\n");
}

/* What is in the pictures is class `truth`. Darker for more; empty cells stay empty, so that the
 * diagonal stands out. */
static void put_matrix_row(FILE *to, const json_t *classes, const json_t *row, size_t truth)
{
    const char *name = reel_record_text(json_array_get(classes, truth), "name", "?");
    double all = 0;
    size_t i;
    json_t *cell;
    json_array_foreach(row, i, cell) all += json_number_value(cell);

    fprintf(to, "<tr><th>%zu <span class=\"name\">", truth + 1);
    reel_html_text(to, name);
    fprintf(to, "</span></th>");

    json_array_foreach(row, i, cell)
    {
        const double count = json_number_value(cell);
        if (!(count > 0)) {
            fprintf(to, "<td></td>");
            continue;
        }
        fprintf(to, "<td style=\"background:rgb(var(--heat)/%.2f)\" title=\"",
                0.08 + 0.52 * count / all);
        reel_html_text(to, name);
        fprintf(to, i == truth ? " recognised: " : " taken for ");
        if (i != truth)
            reel_html_text(to, reel_record_text(json_array_get(classes, i), "name", "?"));
        fprintf(to, "%s%.0f\"><span>%.0f</span></td>", i == truth ? "" : ": ", count, count);
    }
    fprintf(to, "</tr>\n");
}

static bool has_long_names(const json_t *classes)
{
    size_t i;
    json_t *c;
    json_array_foreach(classes, i, c)
    {
        if (strlen(reel_record_text(c, "name", "?")) > LONG_NAME)
            return true;
    }
    return false;
}

static void put_matrix(FILE *to, const json_t *classes, const json_t *confusion)
{
    const size_t n = json_array_size(classes);
    size_t i;
    json_t *row;
    fprintf(to, "<h2 id=\"confusion\">Confusion</h2>\n<p class=\"soft\">Rows: what is in the "
                "picture. Columns: what it was taken for. Classes have the numbers of the table "
                "above; the darker a cell, the larger its share of the row.</p>\n");

    fprintf(to, "<div class=\"box\"><table class=\"matrix fit%d%s%s%s\" style=\"max-width:%zupx\">",
            fit_of(confusion), n >= MANY ? " many" : "", n >= MOST ? " most" : "",
            has_long_names(classes) ? " bare" : "", NAME_ROOM + CELL_ROOM * n);
    put_matrix_head(to, n);
    fprintf(to, "<tbody>\n");
    json_array_foreach(confusion, i, row) put_matrix_row(to, classes, row, i);
    fprintf(to, "</tbody></table></div>\n");
}

/* ---- pairs ---- */

static void put_confused(FILE *to, const json_t *pairs)
{
    size_t i;
    json_t *pair;
    if (json_array_size(pairs) == 0)
        return;

    fprintf(to, "<h2 id=\"confused\">Most confused</h2>\n<div class=\"box\"><table "
                "class=\"plain\"><thead><tr><th>class</th><th class=\"name\">taken "
                "for</th><th>images</th></tr>"
                "</thead><tbody>\n");

    json_array_foreach(pairs, i, pair)
    {
        fprintf(to, "<tr>");
        put_text_cell(to, pair, "truth");
        put_text_cell(to, pair, "predicted");
        fprintf(to, "<td>%.0f</td></tr>\n", reel_record_number(pair, "count"));
    }
    fprintf(to, "</tbody></table></div>\n");
}

void reel_page_classes(FILE *to, const reel_record *r)
{
    const json_t *classes = json_object_get(r->evaluation, "classes");
    const json_t *confusion = json_object_get(r->evaluation, "confusion");
    fprintf(to, "<h2 id=\"classes\">Classes</h2>\n");
    if (!classes) {
        fprintf(to, "<p class=\"soft\">The run has not been evaluated yet.</p>\n");
        return;
    }

    put_class_rows(to, classes);
    if (json_array_size(classes) > MATRIX_CLASSES)
        fprintf(to, "<p class=\"soft\">A confusion matrix is drawn for %d classes or fewer.</p>\n",
                MATRIX_CLASSES);
    else if (json_array_size(confusion) == json_array_size(classes))
        put_matrix(to, classes, confusion);
    put_confused(to, json_object_get(r->evaluation, "confused"));
}
