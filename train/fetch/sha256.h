/* SHA-256 (FIPS 180-4), for comparing a file with the digits in its name. */
#ifndef REEL_TRAIN_SHA256_H
#define REEL_TRAIN_SHA256_H

#include "core/base.h"

enum { REEL_SHA256_HEX = 65 }; /* 64 digits and the end */

typedef struct reel_sha256 {
    uint32_t state[8];
    uint64_t bytes;    /* added so far */
    uint8_t block[64]; /* the last, incomplete one */
} reel_sha256;

void reel_sha256_begin(reel_sha256 *s);
void reel_sha256_add(reel_sha256 *s, const void *bytes, size_t size);
/* The digest of all bytes so far; more may be added afterwards. */
void reel_sha256_hex(const reel_sha256 *s, char hex[REEL_SHA256_HEX]);

/* Does the digest begin with these hex digits? */
bool reel_sha256_begins(const reel_sha256 *s, const char *digits);

/* Adds what is left to read from the descriptor; path is for messages. */
reel_status reel_sha256_add_file(reel_sha256 *s, int fd, const char *path, reel_error *err);
/* Of a whole file. REEL_ERR_IO: it cannot be read, or is a folder, pipe or device; REEL_ERR_MEMORY:
 * no descriptor is left, which says nothing about the file. */
reel_status reel_sha256_of_path(reel_sha256 *s, const char *path, reel_error *err);

#endif
