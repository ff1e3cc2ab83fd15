/* Packed shards: what `reel pack` wrote (data/pack.h). The index files say where images lie, so
 * that nothing is searched; each image's CRC-32 is checked at its first read. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/pack_internal.h"

static bool pack_file(const char *data, char *path)
{
    return snprintf(path, REEL_DATA_PATH, "%s/pack.json", data) < REEL_DATA_PATH &&
           reel_is_file(path);
}

/* Shards of the split as pack.json has it; 0 = there is no such split, -1 = the file is damaged. */
static int64_t count_shards(const char *data, const char *split)
{
    char path[REEL_DATA_PATH];
    if (!pack_file(data, path))
        return -1;
    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(o, "format"));
    const json_t *part = json_object_get(json_object_get(o, "splits"), split),
                 *n = json_object_get(part, "shards");
    int64_t shards = -1;
    if (format && strcmp(format, "reel-pack") == 0)
        shards =
            !part ? 0
            : json_is_integer(n) && json_integer_value(n) > 0 && json_integer_value(n) < UINT32_MAX
                ? json_integer_value(n)
                : -1;
    json_decref(o);
    return shards;
}

static reel_look look(const char *data, const char *split, char *path)
{
    if (!pack_file(data, path))
        return REEL_LOOK_OTHER;
    const int64_t n = count_shards(data, split ? split : "train");
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return n == 0 ? REEL_LOOK_NO_SPLIT : REEL_LOOK_FOUND;
}

static reel_status add_shard(reel_pieces *p, reel_names *classes, const char *data,
                             const char *split, int64_t k, reel_error *err)
{
    char path[REEL_DATA_PATH];
    reel_pack_index index = {0};
    const uint32_t file = (uint32_t)p->files.n;
    reel_status status = reel_pack_index_open(&index, data, split, k, err);
    if (status == REEL_OK && reel_names_count(classes) == 0)
        status = reel_number_names(classes, data, index.classes, err);
    if (status == REEL_OK && reel_names_count(classes) != (int64_t)index.classes)
        status =
            reel_fail(err, REEL_ERR_FORMAT, "%s: classes.txt has %" PRId64 " names, expected %u",
                      data, reel_names_count(classes), index.classes);
    for (size_t i = 0; status == REEL_OK && i < index.records.n; i++) {
        reel_piece r = ((const reel_piece *)index.records.items)[i];
        const char *name = index.names.text + r.name;
        r.file = file;
        status = reel_pieces_add(p, &r, name, err);
    }
    reel_pack_index_free(&index);
    if (status != REEL_OK)
        return status;
    reel_pack_path(path, data, split, k, "tar");
    const int tar = open(path, O_RDONLY | O_CLOEXEC);
    if (tar < 0)
        return reel_fail(err, REEL_ERR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    return reel_pieces_add_file(p, path, tar, err);
}

static reel_status open_packed(reel_dataset **out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    (void)path;
    if (!split)
        split = "train";
    const int64_t shards = count_shards(data, split);
    reel_pieces *p;
    reel_names classes = {0};
    reel_error why = {0};
    if (shards < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: pack.json is damaged", data);
    REEL_TRY(reel_pieces_new(&p, err));
    reel_status status = REEL_OK;
    for (int64_t k = 0; status == REEL_OK && k < shards; k++) {
        status = add_shard(p, &classes, data, split, k, &why);
        if (status != REEL_OK)
            reel_fail(err, status,
                      "%.700s (`reel pack` with the same arguments completes what was interrupted)",
                      why.message);
    }
    if (status == REEL_OK)
        status = reel_pieces_check(p, err);
    if (status == REEL_OK)
        return reel_create_named(out, &reel_pieces_source, p, &classes, err);
    reel_names_free(&classes);
    reel_pieces_destroy(p);
    return status;
}

const reel_kind reel_kind_pack = {.name = "packed shards", .look = look, .open = open_packed};
