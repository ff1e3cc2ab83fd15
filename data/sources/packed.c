/* Packed shards: what `reel pack` wrote (data/pack.h). The index files say where images lie, so
 * that nothing is searched; each image's CRC-32 is checked at its first read. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "data/sources/common/opened.h"
#include "data/sources/common/pack_index.h"
#include "data/sources/common/paths.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/common/text.h"

/* Writes the name of pack.json to path, or of pack.json.part, which says that shards may be
 * missing. False: there is neither. */
static bool find_pack_file(const char *data, char *path, bool *whole)
{
    *whole =
        snprintf(path, REEL_DATA_PATH, "%s/pack.json", data) < REEL_DATA_PATH && reel_is_file(path);
    return *whole || (snprintf(path, REEL_DATA_PATH, "%s/pack.json.part", data) < REEL_DATA_PATH &&
                      reel_is_file(path));
}

/* Shards of the split as pack.json has it; 0 = there is no such split, -1 = there is no valid
 * pack.json. Where JSON is missing, jansson's functions take the NULL and pass it on. */
static int64_t count_packed_shards(const char *data, const char *split)
{
    char path[REEL_DATA_PATH];
    bool whole;
    if (!find_pack_file(data, path, &whole))
        return -1;

    json_t *o = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    const char *format = json_string_value(json_object_get(o, "format"));
    const json_t *part = json_object_get(json_object_get(o, "splits"), split),
                 *n = json_object_get(part, "shards");
    const json_int_t count = json_integer_value(n); /* 0 where it is no number */
    int64_t shards = -1;
    if (format && strcmp(format, "reel-pack") == 0) {
        if (!part)
            shards = 0;
        else if (count > 0 && count < UINT32_MAX) /* files are numbered in 32 bits */
            shards = count;
    }
    json_decref(o);
    return shards;
}

static reel_sniff packed_sniff(const char *data, const char *split, char *path)
{
    bool whole;
    if (!find_pack_file(data, path, &whole))
        return REEL_SNIFF_OTHER;
    const int64_t n = count_packed_shards(data, split ? split : "train");
    snprintf(path, REEL_DATA_PATH, "%s", data);
    return n == 0 ? REEL_SNIFF_NO_SPLIT : REEL_SNIFF_FOUND;
}

/* The records of one index, as parts of a file that is still to be added. */
static reel_status add_records(reel_opened *out, const reel_pack_index *index, const char *data,
                               reel_error *err)
{
    reel_piece_list *p = out->self;
    reel_names *classes = &out->classes;
    if (reel_names_count(classes) == 0)
        REEL_TRY(reel_number_names(classes, data, index->classes, err));
    if (reel_names_count(classes) != (int64_t)index->classes)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: classes.txt has %" PRId64 " names, expected %u",
                         data, reel_names_count(classes), index->classes);

    for (size_t i = 0; i < index->records.n; i++) {
        reel_piece r = ((const reel_piece *)index->records.items)[i];
        const char *name = index->names.text + r.name;
        r.file = (uint32_t)p->files.n;
        REEL_TRY(reel_pieces_add(p, &r, name, err));
    }
    return REEL_OK;
}

static reel_status add_packed_shard(reel_opened *out, const char *data, const char *split,
                                    int64_t k, reel_error *err)
{
    reel_pack_index index = {0};
    reel_status status = reel_pack_index_open(&index, data, split, k, err);
    if (status == REEL_OK)
        status = add_records(out, &index, data, err);
    reel_pack_index_free(&index);
    REEL_TRY(status);

    char path[REEL_DATA_PATH];
    reel_pack_path(path, data, split, k, "tar");
    int tar;
    uint64_t size;
    REEL_TRY(reel_open_plain(&tar, &size, path, err));
    return reel_pieces_add_file(out->self, path, tar, err);
}

static reel_status packed_open(reel_opened *out, const char *data, const char *split,
                               const char *path, reel_error *err)
{
    (void)path;
    char plan[REEL_DATA_PATH];
    bool whole;
    if (find_pack_file(data, plan, &whole) && !whole)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s: this pack is not complete (`reel pack` with the same arguments "
                         "completes it)",
                         data);
    if (!split)
        split = "train";
    const int64_t shards = count_packed_shards(data, split);
    if (shards < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: pack.json is damaged", data);

    reel_piece_list *p;
    REEL_TRY(reel_pieces_new(&p, err));
    out->self = p;
    for (int64_t k = 0; k < shards; k++) {
        /* A shard without an index was not completed: the message tells how to. */
        reel_error why = {0};
        const reel_status status = add_packed_shard(out, data, split, k, &why);
        if (status != REEL_OK)
            return reel_fail(
                err, status,
                "%.700s (`reel pack` with the same arguments completes what was interrupted)",
                why.message);
    }
    return reel_pieces_check(p, err);
}

const reel_source reel_source_packed =
    REEL_SOURCE(packed, .name = "packed shards", .rank = REEL_RANK_MARKER, .encoded_again = true,
                REEL_SAMPLES_ARE_PIECES);
