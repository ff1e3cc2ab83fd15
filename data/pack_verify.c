/* Reading packed shards back: is each there, and is each image what its index says? */
#include "data/pack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "data/bytes_internal.h"
#include "data/sources/common/pack_index.h"
#include "data/sources/common/plain_file.h"
#include "data/sources/source.h"

/* More shards than this fit into no folder, and looking for them would take hours. */
static bool is_shard_count(int64_t shards)
{
    return shards > 0 && shards <= (int64_t)1 << 30;
}

/* The i-th file of a split's shards: tar and index in turn. Is it there? */
static bool file_is_there(char *path, const char *folder, const char *split, int64_t i)
{
    reel_pack_path(path, folder, split, i / 2, i % 2 ? "idx" : "tar");
    return access(path, F_OK) == 0;
}

bool reel_pack_has_any(const char *folder, const char *split, int64_t shards, char *path,
                       size_t size)
{
    char file[REEL_DATA_PATH];
    if (path && size)
        path[0] = 0;
    if (!folder || !split || !is_shard_count(shards))
        return false;
    for (int64_t i = 0; i < 2 * shards; i++)
        if (file_is_there(file, folder, split, i)) {
            if (path && size)
                snprintf(path, size, "%s", file);
            return true;
        }
    return false;
}

bool reel_pack_is_there(const char *folder, const char *split, int64_t shards)
{
    char path[REEL_DATA_PATH];
    if (!folder || !split || !is_shard_count(shards))
        return false;
    for (int64_t i = 0; i < 2 * shards; i++)
        if (!file_is_there(path, folder, split, i))
            return false;
    return true;
}

static reel_status verify_records(const reel_pack_index *x, const reel_piece_list *found,
                                  const reel_span *span, reel_bytes *bytes, reel_error *err)
{
    if (found->pieces.n != x->records.n)
        return reel_fail(err, REEL_ERR_FORMAT, "%zu images, the index has %zu", found->pieces.n,
                         x->records.n);
    for (size_t i = 0; i < x->records.n; i++) {
        const reel_piece *r = (const reel_piece *)x->records.items + i,
                         *p = (const reel_piece *)found->pieces.items + i;
        if (p->offset != r->offset || p->size != r->size || p->label != r->label)
            return reel_fail(err, REEL_ERR_FORMAT, "image %zu lies elsewhere than the index says",
                             i);
        REEL_TRY(reel_bytes_reserve(bytes, (size_t)r->size + 1, err));
        REEL_TRY(reel_span_read(span, r->offset, bytes->data, r->size, err));
        if ((uint32_t)crc32_z(0, bytes->data, r->size) != r->crc)
            return reel_fail(err, REEL_ERR_FORMAT, "image %zu is damaged: its CRC-32 differs", i);
    }
    return REEL_OK;
}

/* The tar at path against its index. */
static reel_status verify_tar(const reel_pack_index *index, const char *path, reel_bytes *bytes,
                              reel_error *err)
{
    reel_piece_list *found = NULL;
    reel_span span = {.file = -1};
    reel_status status = REEL_OK;
    REEL_TRY_GOTO(reel_open_plain(&span.file, &span.size, path, err), done);
    REEL_TRY_GOTO(reel_pieces_new(&found, err), done);
    REEL_TRY_GOTO(reel_shard_index(found, &span, 0, err), done);
    REEL_TRY_GOTO(verify_records(index, found, &span, bytes, err), done);
done:
    if (span.file >= 0)
        close(span.file);
    reel_pieces_destroy(found);
    return status;
}

static reel_status verify_shard(const char *folder, const char *split, int64_t k, reel_bytes *bytes,
                                reel_error *err)
{
    char path[REEL_DATA_PATH];
    reel_pack_index index = {0};
    reel_status status = reel_pack_index_open(&index, folder, split, k, err);
    if (status == REEL_OK) {
        reel_error why = {0};
        reel_pack_path(path, folder, split, k, "tar");
        status = verify_tar(&index, path, bytes, &why);
        if (status != REEL_OK)
            reel_fail(err, status, "%.400s: %.500s", path, why.message);
    }
    reel_pack_index_free(&index);
    return status;
}

reel_status reel_pack_verify(const char *folder, const char *split, int64_t shards,
                             const reel_pack_config *config, reel_error *err)
{
    REEL_NEED(folder, err);
    REEL_NEED(split, err);
    REEL_NEED(config, err);
    reel_bytes bytes = {0};
    reel_status status = REEL_OK;
    for (int64_t k = 0; status == REEL_OK && k < shards; k++) {
        if (config->stop && config->stop(config->user))
            status = reel_fail(err, REEL_ERR_STOPPED, "stopped");
        if (status == REEL_OK)
            status = verify_shard(folder, split, k, &bytes, err);
        if (status == REEL_OK && config->progress)
            config->progress(config->user, k + 1, shards);
    }
    reel_bytes_free(&bytes);
    return status;
}
