/* Comma-separated values by RFC 4180, as spreadsheets and pandas write them.
 *
 * A quote that is never closed must not swallow the lines behind it: a record whose quotes do not
 * fit is one damaged line, and reading goes on with the next line. */
#include "data/sources/common/csv.h"

#include <stdlib.h>
#include <string.h>

/* How far a quoted field may reach: what goes further is a quote that was not closed. */
enum { MOST_QUOTED_LINES = 64, MOST_QUOTED_BYTES = 1 << 16 };

static const char *line_end(const char *at, const char *end)
{
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    return stop ? stop : end;
}

static bool is_blank(const reel_csv *csv, char c)
{
    return c == ' ' || (c == '\t' && csv->separator != '\t');
}

static reel_status add_csv_field(reel_csv *csv, const char *text, size_t length, reel_error *err)
{
    reel_csv_field *field = reel_list_add(&csv->fields, sizeof *field);
    if (!field)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the columns of a list");
    *field = (reel_csv_field){text, length};
    return REEL_OK;
}

/* Memory for the texts of a record's quoted fields, which are shorter than the record. It must not
 * move while the record is read. */
static reel_status reserve_unquoted(reel_csv *csv, size_t size, reel_error *err)
{
    if (csv->room >= size)
        return REEL_OK;
    char *grown = realloc(csv->unquoted, size);
    if (!grown)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for a line of %zu bytes", size);
    csv->unquoted = grown;
    csv->room = size;
    return REEL_OK;
}

/* A record that is being read. */
struct record {
    const char *at, *limit; /* no field reaches beyond the limit */
    const char *line_end;   /* of the line that `at` is in, once it was looked for */
    int64_t lines;          /* line breaks within quotes */
    char *to;               /* where the next quoted text goes */
    bool good, done;
};

/* The quoted field at r->at, which is a quote. */
static void read_quoted(const reel_csv *csv, struct record *r, reel_csv_field *field)
{
    const char *at = r->at + 1;
    field->text = r->to;
    for (;; at++) {
        if (at >= r->limit || r->lines > MOST_QUOTED_LINES) {
            r->good = false;
            return;
        }
        if (*at == '"' && (at + 1 >= r->limit || at[1] != '"'))
            break;
        at += *at == '"'; /* a doubled quote stands for one */
        r->lines += *at == '\n';
        *r->to++ = *at;
    }
    field->length = (size_t)(r->to - field->text);

    /* Behind the closing quote: a separator, or the end of the line. */
    at++;
    while (at < r->limit && (is_blank(csv, *at) || *at == '\r'))
        at++;
    r->good = at >= csv->end || *at == '\n' || *at == csv->separator;
    r->at = at;
}

static void read_plain_field(const reel_csv *csv, struct record *r, reel_csv_field *field)
{
    /* Each line's end is looked for once: a line may have millions of fields. */
    if (!r->line_end || r->line_end < r->at)
        r->line_end = line_end(r->at, csv->end);
    const char *begin = r->at, *stop = r->line_end;
    const char *cut = memchr(begin, csv->separator, (size_t)(stop - begin));
    if (cut)
        stop = cut;
    r->at = stop;
    while (stop > begin && (is_blank(csv, stop[-1]) || (!cut && stop[-1] == '\r')))
        stop--;
    *field = (reel_csv_field){begin, (size_t)(stop - begin)};
}

static reel_status read_csv_record(reel_csv *csv, struct record *r, reel_error *err)
{
    while (r->good && !r->done) {
        reel_csv_field field = {0};
        while (r->at < csv->end && is_blank(csv, *r->at))
            r->at++;
        if (r->at < csv->end && *r->at == '"')
            read_quoted(csv, r, &field);
        else
            read_plain_field(csv, r, &field);
        if (!r->good)
            return REEL_OK;
        REEL_TRY(add_csv_field(csv, field.text, field.length, err));
        r->done = r->at >= csv->end || *r->at != csv->separator;
        r->at += !r->done;
    }
    return REEL_OK;
}

/* Nothing but empty fields: what a spreadsheet writes for an empty row. */
static bool holds_text(const reel_csv *csv)
{
    for (int64_t i = 0; i < reel_csv_count(csv); i++)
        if (reel_csv_at(csv, i).length)
            return true;
    return !csv->good;
}

reel_status reel_csv_next(reel_csv *csv, bool *more, reel_error *err)
{
    if (csv->lines == 0 && csv->end - csv->at >= 3 && memcmp(csv->at, "\xef\xbb\xbf", 3) == 0)
        csv->at += 3;
    do {
        *more = csv->at < csv->end;
        if (!*more)
            return REEL_OK;

        const char *begin = csv->at, *first_end = line_end(begin, csv->end);
        const size_t left = (size_t)(csv->end - begin);
        const size_t reach = (size_t)(first_end - begin) + MOST_QUOTED_BYTES;
        const size_t most = left < reach ? left : reach;
        if (memchr(begin, '"', (size_t)(first_end - begin)))
            REEL_TRY(reserve_unquoted(csv, most, err));

        struct record r = {.at = begin, .limit = begin + most, .to = csv->unquoted, .good = true};
        csv->fields.n = 0;
        csv->line = csv->lines + 1;
        REEL_TRY(read_csv_record(csv, &r, err));

        /* A damaged record ends with its first line. */
        csv->good = r.good;
        csv->raw = begin;
        const char *end = r.good ? r.at : first_end;
        csv->raw_length = (size_t)(end - begin);
        while (csv->raw_length && begin[csv->raw_length - 1] == '\r')
            csv->raw_length--;
        csv->lines += 1 + (r.good ? r.lines : 0);
        csv->at = end < csv->end ? end + 1 : end;
    } while (!holds_text(csv));
    return REEL_OK;
}

void reel_csv_free(reel_csv *csv)
{
    free(csv->fields.items);
    free(csv->unquoted);
    *csv = (reel_csv){0};
}

char reel_csv_separator(const char *text, size_t size)
{
    int64_t tabs = 0, commas = 0, semicolons = 0;
    bool quoted = false, begun = false;
    for (size_t i = 0; i < size && !(begun && !quoted && text[i] == '\n'); i++) {
        const char c = text[i];
        begun |= c != '\n' && c != '\r' && c != ' ';
        quoted ^= c == '"';
        tabs += !quoted && c == '\t';
        commas += !quoted && c == ',';
        semicolons += !quoted && c == ';';
    }
    if (tabs)
        return '\t';
    if (commas || semicolons)
        return (char)(commas >= semicolons ? ',' : ';');
    return 0;
}
