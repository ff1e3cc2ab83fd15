/* FNV-1a with 64 bits (Fowler, Noll, Vo): a number that stands for many bytes. It goes on where it
 * ended, so several texts make one number:
 *
 *     uint64_t hash = REEL_HASH_BEGIN;
 *     hash = reel_hash_more(hash, name, strlen(name) + 1);   the end tells "a", "bc" from "ab", "c"
 *
 * Files hold such numbers: the function never changes. */
#ifndef REEL_CORE_HASH_H
#define REEL_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define REEL_HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static inline uint64_t reel_hash_more(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
