/* Encoded bytes in memory that is kept: one buffer serves sample after sample without malloc. */
#ifndef REEL_DATA_BYTES_H
#define REEL_DATA_BYTES_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `size` bytes at `data`, in memory of `capacity` bytes that the buffer owns. Zero-initialise;
 * whoever fills the buffer makes it grow; free it at the end. A buffer belongs to one thread. */
typedef struct reel_bytes {
    uint8_t *data;
    size_t size, capacity;
} reel_bytes;

REEL_API void reel_bytes_free(reel_bytes *bytes);

/* Makes room for `capacity` bytes and keeps the first `size`. REEL_ERR_MEMORY. */
REEL_API reel_status reel_bytes_reserve(reel_bytes *bytes, size_t capacity, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
