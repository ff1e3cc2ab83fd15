/* Packed shards: a dataset decoded and resized once, for fast reading.
 *
 * A folder with SPLIT-00000.tar, ... and beside each its index SPLIT-00000.idx (offset, size,
 * CRC-32, label and name of every image), classes.txt and pack.json. The tars are plain ones in
 * WebDataset's convention: NUMBER.jpg or NUMBER.ppm, and NUMBER.cls. Until all shards are written
 * and read back, pack.json is called pack.json.part, and the folder is refused as DATA. */
#ifndef REEL_DATA_PACK_H
#define REEL_DATA_PACK_H

#include "data/codecs/codec.h"
#include "data/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Start from reel_pack_config_default: size and max_bad are meaningful at 0. */
typedef struct reel_pack_config {
    int64_t size;      /* larger images get this shorter side, in pixels; 0 = none is resized */
    bool raw;          /* pixels (PPM) instead of JPEG */
    int quality;       /* of JPEGs, 1 to 100; JPEGs that need no change are taken as they are */
    int64_t per_shard; /* images */
    int threads;
    double max_bad; /* share of images that may be unreadable; they are left out. A few always may
                       (reel_bad_allowed) */
    /* APPLY: images are turned upright first, and none is kept as it is that has to be turned. */
    reel_exif exif;
    /* All may be NULL; called by the thread that calls reel_pack_split. */
    void (*on_bad)(void *user, int64_t index, const char *name, const char *reason);
    void (*progress)(void *user, int64_t done, int64_t total);
    bool (*stop)(void *user); /* true: end with REEL_ERR_STOPPED; what is complete stays */
    void *user;
} reel_pack_config;

/* JPEGs of quality 90 with a shorter side of 256 pixels, 4,000 a shard, one thread; 1 % may be bad.
 */
REEL_API reel_pack_config reel_pack_config_default(void);

typedef struct reel_pack_result {
    int64_t images, bad;
    int64_t resumed; /* images of shards that were complete already; part of `images` */
    uint64_t bytes;  /* of the tars */
} reel_pack_result;

/* How many shards hold so many samples. */
REEL_API int64_t reel_pack_shards(int64_t samples, int64_t per_shard);
/* CRC-32 of the samples' labels and names: is this the dataset that a folder was begun with? */
REEL_API uint32_t reel_pack_fingerprint(const reel_dataset *dataset);

/* Is any tar or index of these shards there? path (may be NULL) receives the first that is. false
 * for fewer than 1 shard, or more than 2^30. */
REEL_API bool reel_pack_has_any(const char *folder, const char *split, int64_t shards, char *path,
                                size_t size);
/* Are the tars and indices of all shards there? Their bytes are not looked at. false as above. */
REEL_API bool reel_pack_is_there(const char *folder, const char *split, int64_t shards);

/* Writes the shards of one split that are not complete yet. A shard is complete once its index is
 * there; the bytes depend on dataset and configuration alone, so a pack that was interrupted goes
 * on to the same files. REEL_ERR_BAD_DATA: more than max_bad of the images; REEL_ERR_IO, which on a
 * full disk says how much is missing; REEL_ERR_STOPPED. Splits of different names may be written at
 * the same time. */
REEL_API reel_status reel_pack_split(reel_pack_result *result, const reel_dataset *dataset,
                                     const char *folder, const char *split,
                                     const reel_pack_config *config, reel_error *err);
/* Reads everything back: tar headers against the index, every image against its CRC-32. Of config
 * only progress, stop and user count. REEL_ERR_FORMAT names the damaged shard. */
REEL_API reel_status reel_pack_verify(const char *folder, const char *split, int64_t shards,
                                      const reel_pack_config *config, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
