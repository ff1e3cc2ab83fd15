/* Datasets out of DATA: the source that knows it is found and opened (data/sources/). */
#include <stdio.h>
#include <string.h>

#include "core/shortage.h"
#include "data/dataset_internal.h"
#include "data/sources/folder.h"

/* Sources add names of files to DATA within REEL_DATA_PATH bytes. */
enum { MOST_DATA = REEL_DATA_PATH - 200 };

reel_status reel_dataset_of(reel_dataset **out, reel_opened *opened, reel_error *err)
{
    const reel_status status =
        reel_dataset_create(out, opened->source, opened->self, opened->classes.list.items,
                            reel_names_count(&opened->classes), err);
    opened->self = NULL; /* the dataset's now, or destroyed */
    if (status == REEL_OK)
        reel_dataset_take_notes(*out, opened);
    reel_opened_free(opened);
    return status;
}

/* What was found may be wrong where memory was short: then that is what is said. */
static reel_status say_shortage(const char *data, reel_status status, long before, reel_error *err)
{
    if (status == REEL_ERR_MEMORY || reel_memory_shortages() == before)
        return status;
    return reel_fail(err, REEL_ERR_MEMORY, "%s: out of memory while looking at what it holds",
                     data);
}

reel_status reel_dataset_open_as(reel_dataset **out, const reel_data_request *request, char *path,
                                 size_t size, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(request, err);

    for (int64_t c = 0; request->class_names && c < request->classes; c++)
        REEL_NEED(request->class_names[c], err);

    const char *data = request->data;
    char where[REEL_DATA_PATH] = "";
    if (path && size)
        path[0] = 0;
    if (!data)
        return reel_fail(err, REEL_ERR_INVALID, "dataset: expected a path, got NULL");
    if (strlen(data) > MOST_DATA)
        return reel_fail(err, REEL_ERR_INVALID, "the path of the data is too long");

    const long before = reel_memory_shortages();
    const reel_source *without;
    const reel_source *source = reel_source_find(request, where, &without);
    REEL_TRY(say_shortage(data, REEL_OK, before, err));
    if (!source)
        return reel_source_refuse(request, without, err);
    if (path && size)
        snprintf(path, size, "%s", where);

    reel_opened opened;
    const reel_status status = reel_opened_make(&opened, source, request, where, err);
    if (status != REEL_OK)
        return say_shortage(data, status, before, err);
    return reel_dataset_of(out, &opened, err);
}

reel_status reel_dataset_open(reel_dataset **out, const char *data, const char *split, char *path,
                              size_t size, reel_error *err)
{
    const reel_data_request request = {.data = data, .split = split};
    return reel_dataset_open_as(out, &request, path, size, err);
}

bool reel_dataset_has_as(const reel_data_request *request)
{
    char where[REEL_DATA_PATH];
    const reel_source *without;
    if (!request || !request->data || strlen(request->data) > MOST_DATA)
        return false;

    /* Where memory is short twice, opening is left to say so. */
    for (int tries = 0; tries < 2; tries++) {
        const long before = reel_memory_shortages();
        if (reel_source_find(request, where, &without))
            return true;
        if (reel_memory_shortages() == before)
            return false;
    }
    return true;
}

bool reel_dataset_has(const char *data, const char *split)
{
    const reel_data_request request = {.data = data, .split = split};
    return reel_dataset_has_as(&request);
}

static reel_status open_folder(reel_dataset **out, const char *root, bool empty, reel_error *err)
{
    *out = NULL;
    const reel_data_request request = {.data = root};
    reel_opened opened = {.source = &reel_source_folder, .request = &request};
    const reel_status status = reel_folder_scan(&opened, root, empty, err);
    if (status != REEL_OK) {
        reel_opened_free(&opened);
        return status;
    }
    return reel_dataset_of(out, &opened, err);
}

reel_status reel_dataset_folder(reel_dataset **out, const char *root, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(root, err);
    const bool empty = false;
    return open_folder(out, root, empty, err);
}

reel_status reel_dataset_folder_as_is(reel_dataset **out, const char *root, reel_error *err)
{
    REEL_NEED(out, err);
    *out = NULL;
    REEL_NEED(root, err);
    const bool empty = true;
    return open_folder(out, root, empty, err);
}
