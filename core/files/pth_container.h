/* The two containers of .pth files: the pickle of the object, and where the bytes of its storages
 * are. Private to the readers of weight files. */
#ifndef REEL_CORE_PTH_CONTAINER_H
#define REEL_CORE_PTH_CONTAINER_H

#include "core/files/byte_source.h"
#include "core/files/pickle.h"
#include "core/files/zip.h"

/* A storage of the legacy stream. */
typedef struct reel_pth_storage {
    const char *key;
    uint32_t key_length;
    const reel_pickle_storage_type *type;
    int64_t numel;
    uint64_t at; /* of its elements in the file; 0 = not met yet */
} reel_pth_storage;

typedef struct reel_pth {
    const reel_byte_source *source;
    unsigned char *bytes; /* the pickle's: values point into them */
    reel_pickle pickle;   /* of the object that was saved */
    /* zip container */
    reel_zip zip;
    const char *base; /* "archive/", in the directory's memory */
    size_t base_length;
    /* legacy stream */
    bool legacy;
    reel_pth_storage *storages; /* by key */
    int64_t n_storages;
} reel_pth;

/* The bytes of one storage in the file. */
typedef struct reel_pth_block {
    const reel_zip_member *member; /* zip */
    uint64_t at, size;             /* legacy: position; unpacked size */
} reel_pth_block;

enum {
    REEL_PTH_PICKLE_MAX = 12 << 20
}; /* bytes of a pickle; that of a thousand tensors has 0.2 million */

/* What a storage's persistent id says: ('storage', type, key, location, numel). REEL_ERR_FORMAT:
 * other kinds of values. */
typedef struct reel_pth_id {
    const reel_pickle_storage_type *type;
    const char *key;
    uint32_t key_length;
    int64_t numel;
    int64_t view_offset,
        view_numel; /* the part that is meant: in old files storages can be windows of others */
} reel_pth_id;
reel_status reel_pth_read_id(const reel_pth *pth, const reel_pickle_value *storage, reel_pth_id *id,
                             reel_error *err);

/* Each reads the pickle and what belongs to it; reel_pth_close frees, also after a failure. */
reel_status reel_pth_open_zip(reel_pth *pth, reel_error *err); /* pth->zip is open already */
reel_status reel_pth_open_legacy(reel_pth *pth, reel_error *err);
void reel_pth_close(reel_pth *pth);

/* Where a storage's bytes are; that they are there and as many as its elements need has been
 * checked. */
reel_status reel_pth_find(const reel_pth *pth, const reel_pth_id *id, reel_pth_block *block,
                          reel_error *err);
reel_status reel_pth_load(const reel_pth *pth, const reel_pth_block *block, void *into,
                          reel_error *err);

#endif
