/* Packed shards: a dataset decoded and resized once, for fast reading.
 *
 * A folder with SPLIT-00000.tar, ... and beside each its index SPLIT-00000.idx (offset, size,
 * CRC-32, label and name of every image), classes.txt and pack.json. The tars are plain ones in
 * WebDataset's convention: NUMBER.jpg or NUMBER.ppm, and NUMBER.cls. */
#ifndef REEL_DATA_PACK_H
#define REEL_DATA_PACK_H

#include "data/codecs/codec.h"
#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct reel_pack_config {
    int64_t size;      /* larger images are resized to this shorter side; 0 = none is */
    bool raw;          /* pixels (PPM) instead of JPEG */
    int quality;       /* of JPEGs; those that need no resizing are taken as they are */
    int64_t per_shard; /* images */
    int threads;
    double max_bad; /* share of images that may be unreadable; they are left out */
    reel_exif exif; /* APPLY: images are turned upright first, and none is kept as it is that has to
                       be turned */
    /* All may be NULL; called by the thread that calls reel_pack_split. */
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void (*progress)(void *user, int64_t done, int64_t total);
    bool (*stop)(void *user); /* true: end with REEL_ERR_STOPPED; what is complete stays */
    void *user;
} reel_pack_config;

typedef struct reel_pack_result {
    int64_t images, bad, resumed; /* resumed: images of shards that were complete already */
    uint64_t bytes;               /* of the tars */
} reel_pack_result;

REEL_API int64_t reel_pack_shards(int64_t samples, int64_t per_shard);
/* CRC-32 of the samples' labels and names: is this the dataset that a folder was begun with? */
REEL_API uint32_t reel_pack_fingerprint(const reel_dataset *dataset);
/* Writes the shards of one split that are not complete yet. A shard is complete once its index is
 * there; the bytes depend on dataset and configuration alone. REEL_ERR_BAD_DATA beyond max_bad. */
REEL_API reel_status reel_pack_split(reel_pack_result *result, const reel_dataset *dataset,
                                     const char *folder, const char *split,
                                     const reel_pack_config *config, reel_error *err);
/* Reads everything back: tar headers against the index, every image against its CRC-32. */
REEL_API reel_status reel_pack_verify(const char *folder, const char *split, int64_t shards,
                                      const reel_pack_config *config, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
