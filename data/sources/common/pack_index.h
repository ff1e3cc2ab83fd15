/* The index of a packed shard: for the source that reads packs and for the writer. */
#ifndef REEL_DATA_SOURCES_COMMON_PACK_INDEX_H
#define REEL_DATA_SOURCES_COMMON_PACK_INDEX_H

#include "data/sources/common/pieces.h"

/* Zero-initialise; free at the end. */
typedef struct reel_pack_index {
    reel_list records; /* reel_piece; file is 0 */
    reel_pool names;
    uint64_t tar_size;
    uint32_t classes;
} reel_pack_index;

void reel_pack_index_free(reel_pack_index *index);
reel_status reel_pack_index_add(reel_pack_index *index, const reel_piece *record, const char *name,
                                reel_error *err);
reel_status reel_pack_index_write(const reel_pack_index *index, reel_bytes *bytes, reel_error *err);
/* Checks the CRC-32, then every field against the tar's size. */
reel_status reel_pack_index_read(reel_pack_index *index, const uint8_t *bytes, size_t size,
                                 reel_error *err);
/* The same without the CRC-32: for fuzzers. What was added stays, also on failure. */
reel_status reel_pack_index_parse(reel_pack_index *index, const uint8_t *bytes, size_t size,
                                  reel_error *err);
/* The index of shard k, whose tar must have the size that the index says. */
reel_status reel_pack_index_open(reel_pack_index *index, const char *folder, const char *split,
                                 int64_t k, reel_error *err);
/* FOLDER/SPLIT-0000k.END, into REEL_DATA_PATH bytes; "" where that is too long. */
void reel_pack_path(char *path, const char *folder, const char *split, int64_t k, const char *end);

#endif
