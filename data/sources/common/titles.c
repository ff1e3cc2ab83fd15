/* Spreadsheets put lines above the table: "sep=;" for Excel, and titles for people. */
#include "data/sources/common/titles.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/codecs/codec.h"
#include "data/sources/common/columns.h"

enum { MOST_TITLES = 5 };

/* Passes over a first line "sep=;"; the separator that it names, 0 = there is no such line. */
static char take_separator_line(reel_csv *csv)
{
    const char *at = csv->at;
    if (csv->end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    if (csv->end - at < 6 || strncasecmp(at, "sep=", 4) != 0 || !strchr(",;\t|", at[4]) ||
        (at[5] != '\r' && at[5] != '\n'))
        return 0;
    const char *stop = memchr(at, '\n', (size_t)(csv->end - at));
    csv->at = stop ? stop + 1 : csv->end;
    csv->lines = 1;
    return at[4];
}

/* Is it "a.jpg cat"? */
static bool is_pair_of_image(const char *line, size_t length)
{
    char path[300];
    const char *cut = memrchr(line, ' ', length);
    const size_t n = cut ? (size_t)(cut - line) : 0;
    snprintf(path, sizeof path, "%.*s", (int)(n < 299 ? n : 299), line);
    return reel_is_image_name(path);
}

/* A title above a table has no separators; the lines below have. */
static char separator_below_titles(const reel_csv *csv)
{
    const char *at = csv->at;
    for (int i = 0; i < MOST_TITLES; i++) {
        const char *stop = memchr(at, '\n', (size_t)(csv->end - at));
        if (!stop || is_pair_of_image(at, (size_t)(stop - at)))
            return 0;
        at = stop + 1;
        const char found = reel_csv_separator(at, (size_t)(csv->end - at));
        if (found)
            return found;
    }
    return 0;
}

static bool has_picture(const reel_csv *csv)
{
    for (int64_t c = 0; c < reel_csv_count(csv); c++)
        if (reel_cell_is_picture(reel_csv_at(csv, c)))
            return true;
    return false;
}

/* A text in the first cell alone. */
static bool is_lone(const reel_csv *csv)
{
    for (int64_t c = 0; c < reel_csv_count(csv); c++)
        if ((reel_csv_at(csv, c).length > 0) != (c == 0))
            return false;
    return true;
}

/* How many records are titles: texts in the first cell above fuller records, or whatever stands
 * above a record that names an image's and a label's column. */
static reel_status count_titles(const reel_csv *begin, int *titles, reel_error *err)
{
    reel_csv csv = {
        .at = begin->at, .end = begin->end, .separator = begin->separator, .lines = begin->lines};
    reel_status status = REEL_OK;
    bool lone = true;
    *titles = 0;
    for (int r = 0; r <= MOST_TITLES; r++) {
        bool more;
        REEL_TRY_GOTO(reel_csv_next(&csv, &more, err), done);
        if (!more || !csv.good)
            break;
        const bool named = reel_columns_are_named(&csv), picture = has_picture(&csv);
        if (named || picture || (lone && !is_lone(&csv))) {
            *titles = named || lone ? r : 0;
            if (named || picture || r > 0)
                break;
        }
        lone &= is_lone(&csv);
    }
done:
    reel_csv_free(&csv);
    return status;
}

reel_status reel_csv_begin(reel_csv *csv, const reel_bytes *text, bool table, reel_title *title,
                           reel_error *err)
{
    const char *begin = (const char *)text->data;
    *csv = (reel_csv){.at = begin, .end = begin + text->size};
    *title = (reel_title){0};
    if (text->size == 0)
        return REEL_OK;
    const char told = table ? take_separator_line(csv) : 0;
    csv->separator = told ? told : reel_csv_separator(csv->at, (size_t)(csv->end - csv->at));
    if (table && !csv->separator)
        csv->separator = separator_below_titles(csv);
    if (!table || !csv->separator)
        return REEL_OK;

    int titles;
    REEL_TRY(count_titles(csv, &titles, err));
    for (int i = 0; i < titles; i++) {
        bool more;
        REEL_TRY(reel_csv_next(csv, &more, err));
        if (i == 0)
            snprintf(title->text, sizeof title->text, "%.*s",
                     (int)(csv->raw_length < 79 ? csv->raw_length : 79), csv->raw);
        title->line = csv->lines + 1;
    }
    return REEL_OK;
}
