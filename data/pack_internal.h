/* Shared by the writer and the reader of packed shards. */
#ifndef REEL_DATA_PACK_INTERNAL_H
#define REEL_DATA_PACK_INTERNAL_H

#include "data/pack.h"
#include "data/sources/sources.h"

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
reel_status reel_pack_index_parse(reel_pack_index *index, const uint8_t *bytes, size_t size,
                                  reel_error *err); /* without the CRC */
/* The index of shard k, whose tar must have the size it says. */
reel_status reel_pack_index_open(reel_pack_index *index, const char *folder, const char *split,
                                 int64_t k, reel_error *err);
/* FOLDER/SPLIT-0000k.END */
void reel_pack_path(char *path, const char *folder, const char *split, int64_t k, const char *end);

#endif
