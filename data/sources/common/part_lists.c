/* Which lists hold the parts of a data set. A name says what a list may be, its first lines whether
 * it is. */
#include "data/sources/common/part_lists.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/bytes_internal.h"
#include "data/sources/common/locate.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/rows.h"
#include "data/sources/common/text.h"

enum { HEAD = 16384 }; /* bytes that are looked at */

static const char *const list_ends[] = {".txt", ".csv", ".tsv", ".lst"};

const char *reel_list_end(int64_t i)
{
    return i >= 0 && i < REEL_COUNT(list_ends) ? list_ends[i] : NULL;
}

bool reel_is_list_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (int64_t i = 0; dot && i < REEL_COUNT(list_ends); i++)
        if (strcasecmp(dot, list_ends[i]) == 0)
            return true;
    return false;
}

bool reel_is_test_list(const char *path)
{
    return reel_part_of_folder(reel_base_name(path)) == REEL_TEST_PART;
}

/* ---- the first lines ---- */

/* The rows of a list's first lines, as its reader sees them; none where it would refuse them. */
static void read_first_rows(reel_rows *rows, const char *list, const reel_data_request *request)
{
    uint8_t head[HEAD + 1];
    reel_error ignored;
    *rows = (reel_rows){0};
    reel_bytes text = {.data = head, .size = reel_read_head(list, head, HEAD)};
    reel_mend_line_ends(&text);

    /* The last line may be cut. */
    const char *end = text.size == HEAD ? memrchr(head, '\n', text.size) : NULL;
    if (end)
        text.size = (size_t)(end - (const char *)head) + 1;
    head[text.size] = 0;
    if (reel_rows_read(rows, &text, list, request, &ignored) == REEL_OK)
        return;
    reel_rows_free(rows);
}

/* Does one of the first lines name an image that is there? A wrong --image-column does not matter:
 * the reader will name it. */
static bool names_existing_images(const char *list, const reel_data_request *request)
{
    const reel_data_request free_choice = {.data = request->data};
    const reel_data_request *const asked[] = {request, &free_choice};
    char folder[REEL_DATA_PATH];
    bool found = false;
    reel_folder_of(list, folder);
    for (int i = 0; i < 2 && !found; i++) {
        reel_rows rows;
        read_first_rows(&rows, list, asked[i]);
        found = reel_rows_are_there(&rows, folder, list);
        reel_rows_free(&rows);
    }
    return found;
}

/* Are image and label in columns of the same names, or where lines have no header, in as many
 * columns? */
static bool has_same_columns(const reel_rows *test, const reel_rows *training)
{
    if (*training->label_column && *test->label_column)
        return strcasecmp(test->image_column, training->image_column) == 0 &&
               strcasecmp(test->label_column, training->label_column) == 0;
    if (*test->label_column) /* lines of the training list need no header to be understood */
        return test->label_is_usual;
    return test->columns == training->columns || !*training->label_column;
}

/* Have most of the first lines of a list for tests labels that mean what those of the training list
 * do? */
static bool has_labels(const char *list, const reel_list_beside *beside)
{
    reel_rows rows, training = {0};
    read_first_rows(&rows, list, beside->request);
    if (beside->training)
        read_first_rows(&training, beside->training, beside->request);

    bool labelled = rows.rows.n > rows.bad.n;
    const bool asked = reel_part_of_split(beside->request->split) == REEL_TEST_PART;
    const bool usual = rows.label_is_usual && (asked || !beside->training);
    if (labelled && !usual)
        labelled = has_same_columns(&rows, &training);
    reel_rows_free(&rows);
    reel_rows_free(&training);
    return labelled;
}

/* ---- finding lists ---- */

/* Is it called train.csv, val.csv, validation.csv, valid.csv or test.csv? */
static bool has_plain_name(const char *path)
{
    static const char *const splits[] = {"train", "val", "test"};
    const char *base = reel_base_name(path), *dot = strrchr(base, '.');
    for (int64_t i = 0; i < REEL_COUNT(splits); i++) {
        const reel_split_names names = reel_names_of_split(splits[i]);
        for (int k = 0; k < names.n; k++)
            if (dot && strlen(names.at[k]) == (size_t)(dot - base) &&
                strncmp(names.at[k], base, (size_t)(dot - base)) == 0)
                return true;
    }
    return false;
}

bool reel_list_counts(const char *path, const void *user)
{
    const reel_list_beside *beside = user;
    const bool tests = reel_is_test_list(path);
    const reel_part asked = reel_part_of_split(beside->request->split);
    if (!reel_is_file(path))
        return false;

    /* Where a list is asked for by its name, missing images are worth a message. */
    const bool plain = has_plain_name(path) && (!tests || asked == REEL_TEST_PART);
    if (!plain && asked != REEL_NO_PART && !names_existing_images(path, beside->request))
        return false;
    return !tests || has_labels(path, beside);
}

static bool is_unlabelled_list(const char *path, const void *user)
{
    return reel_is_file(path) && !reel_list_counts(path, user);
}

static bool is_any_list(const char *path, const void *user)
{
    (void)user;
    return reel_is_file(path);
}

/* The list in the folder that is called after the part, as "dev.csv", and is wanted. */
static bool find_in_folder(const char *data, reel_part part, const reel_part_wanted *wanted,
                           char *path)
{
    for (int64_t i = 0; i < REEL_COUNT(list_ends); i++)
        if (reel_find_part(data, part, list_ends[i], wanted, path))
            return true;
    return false;
}

bool reel_find_list_of(const reel_list_beside *beside, reel_part part, char *path)
{
    const reel_part_wanted counts = {reel_list_counts, beside};
    const char *data = beside->request->data;
    return reel_is_file(data) ? reel_find_part_beside(data, REEL_TRAIN_PART, part, &counts, path)
                              : find_in_folder(data, part, &counts, path);
}

bool reel_find_unlabelled_list(const reel_list_beside *beside, char *path)
{
    const reel_part_wanted other = {is_unlabelled_list, beside};
    const char *data = beside->request->data;
    return reel_is_file(data)
               ? reel_find_part_beside(data, REEL_TRAIN_PART, REEL_TEST_PART, &other, path)
               : find_in_folder(data, REEL_TEST_PART, &other, path);
}

bool reel_find_training_list(const reel_data_request *request, char *path)
{
    char other[REEL_DATA_PATH];
    const reel_list_beside beside = {.request = request};
    const reel_part_wanted any = {is_any_list, NULL}, counts = {reel_list_counts, &beside};
    for (int64_t i = 0; i < REEL_COUNT(list_ends); i++)
        if (snprintf(path, REEL_DATA_PATH, "%s/train%s", request->data, list_ends[i]) <
                REEL_DATA_PATH &&
            reel_is_file(path))
            return true;
    return (find_in_folder(request->data, REEL_VAL_PART, &any, other) ||
            find_in_folder(request->data, REEL_TEST_PART, &any, other)) &&
           find_in_folder(request->data, REEL_TRAIN_PART, &counts, path);
}

bool reel_lists_hold_both(const reel_data_request *request)
{
    char training[REEL_DATA_PATH], validation[REEL_DATA_PATH];
    if (!reel_find_training_list(request, training))
        return false;
    const reel_list_beside beside = {.request = request, .training = training};
    return reel_find_list_of(&beside, REEL_VAL_PART, validation) &&
           names_existing_images(training, request) && names_existing_images(validation, request);
}
