/* A column such as "split" puts the parts of a data set into one list. */
#include "data/sources/common/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bytes_internal.h"
#include "data/sources/common/columns.h"
#include "data/sources/common/part_files.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/text.h"
#include "data/sources/common/titles.h"

/* ---- rows of one part ---- */

/* The part that a split means where these parts have rows; REEL_NO_PART = all rows. */
static int part_with_rows(const char *split, const int64_t *rows_of)
{
    const reel_part part = reel_part_of_split(split);
    return part == REEL_VAL_PART && !rows_of[part] ? REEL_TEST_PART : part;
}

static reel_status note_parts(const reel_rows *rows, const int64_t *rows_of, reel_opened *out,
                              const char *list, reel_error *err)
{
    static const char *const names[] = {
        [REEL_TRAIN_PART] = "train",
        [REEL_VAL_PART] = "validation",
        [REEL_TEST_PART] = "test",
        [REEL_OTHER_PART] = "unlabeled",
    };
    char text[200] = "";
    size_t used = 0;
    for (int part = REEL_TRAIN_PART; part <= REEL_OTHER_PART; part++)
        if (rows_of[part])
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%" PRId64 " %s",
                                     used ? ", " : "", rows_of[part], names[part]);
    return reel_opened_note(out, err, "%s: its column '%s' divides the images: %s",
                            reel_base_name(list), rows->part_column, text);
}

reel_status reel_rows_take_part(reel_rows *rows, reel_opened *out, const char *list,
                                reel_error *err)
{
    int64_t rows_of[REEL_OTHER_PART + 1] = {0};
    const int64_t n = reel_rows_count(rows);
    /* A run that version 0.1.0 began took all rows. */
    if (!rows->has_parts || out->request->names_only)
        return REEL_OK;
    for (int64_t i = 0; i < n; i++)
        rows_of[reel_rows_at(rows, i)->part]++;
    REEL_TRY(note_parts(rows, rows_of, out, list, err));

    const int part = part_with_rows(out->request->split, rows_of);
    if (part == REEL_NO_PART || rows_of[part] == 0)
        return REEL_OK;
    bool *drop = calloc((size_t)n + 1, sizeof *drop);
    if (!drop)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the lines of a list");
    for (int64_t i = 0; i < n; i++)
        drop[i] = reel_rows_at(rows, i)->part != part;
    reel_rows_drop(rows, drop);
    free(drop);
    return REEL_OK;
}

/* ---- which parts a list has, before it is opened ---- */

/* Counts the rows of each part; all 0 where no column divides them, as reel_rows_read sees it. */
static reel_status count_table_parts(int64_t *rows_of, const reel_bytes *text,
                                     const reel_data_request *request, reel_error *err)
{
    reel_columns columns = {.part = -1};
    reel_csv csv = {0};
    reel_title title;
    bool more = true;
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_csv_begin(&csv, text, true, &title, err), done);

    if (csv.separator)
        REEL_TRY_GOTO(reel_columns_find(&columns, &csv, request, "", err), done);
    if (columns.part >= 0)
        REEL_TRY_GOTO(reel_csv_next(&csv, &more, err), done); /* the header */

    while (columns.part >= 0 && more) {
        REEL_TRY_GOTO(reel_csv_next(&csv, &more, err), done);
        if (more && csv.good && reel_csv_count(&csv) > columns.part)
            rows_of[reel_part_of_cell(reel_csv_at(&csv, columns.part))]++;
    }
done:
    reel_csv_free(&csv);
    return status;
}

/* May a column of the table divide it? Only the head is looked at, since most lists have none: a
 * column is called so in the header, or below a title. */
static bool may_have_parts(const char *path)
{
    uint8_t head[4096];
    reel_bytes text = {.data = head, .size = reel_read_head(path, head, sizeof head)};
    reel_csv csv = {0};
    reel_title title;
    reel_error ignored;
    bool more = true, found = false;

    reel_mend_line_ends(&text);
    if (reel_csv_begin(&csv, &text, true, &title, &ignored) == REEL_OK && csv.separator &&
        reel_csv_next(&csv, &more, &ignored) == REEL_OK && more)
        for (int64_t c = 0; !found && c < reel_csv_count(&csv); c++) {
            const reel_csv_field cell = reel_csv_at(&csv, c);
            char name[80];
            snprintf(name, sizeof name, "%.*s", (int)(cell.length < 79 ? cell.length : 79),
                     cell.text);
            found = reel_is_part_column(name);
        }

    reel_csv_free(&csv);
    return found;
}

reel_sniff reel_sniff_parts(const char *path, const reel_data_request *request)
{
    int64_t rows_of[REEL_OTHER_PART + 1] = {0}, parts = 0;
    reel_bytes text = {0};
    reel_error ignored;
    if (!may_have_parts(path))
        return REEL_SNIFF_OTHER;

    /* As it will be read: the first lines alone may say otherwise. */
    reel_status status = reel_read_plain(&text, path, REEL_MAX_FILE, &ignored);
    reel_mend_line_ends(&text);
    if (status == REEL_OK)
        status = count_table_parts(rows_of, &text, request, &ignored);
    reel_bytes_free(&text);
    for (int part = REEL_TRAIN_PART; part <= REEL_OTHER_PART; part++)
        parts += rows_of[part];
    if (status != REEL_OK || parts == 0)
        return REEL_SNIFF_OTHER;

    const int part = part_with_rows(request->split, rows_of);
    return part != REEL_NO_PART && rows_of[part] ? REEL_SNIFF_FOUND : REEL_SNIFF_NO_SPLIT;
}
