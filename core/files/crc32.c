/* CRC-32 by folding (Gopal et al. 2009, "Fast CRC computation for generic polynomials using
 * PCLMULQDQ instruction").
 *
 * A message is a polynomial over GF(2), and its CRC the remainder modulo P. Sixteen bytes that
 * stand T bits before the end are worth (high x^(T+64) + low x^T) mod P. So they may be replaced by
 * two products that are added to the sixteen bytes at the end. Four accumulators move 64 bytes at a
 * time; zlib computes the CRC of what they leave. */
#include "core/files/crc32.h"

#include <string.h>
#include <zlib.h>

static uint32_t plain_crc32(uint32_t crc, const void *bytes, size_t size)
{
    return (uint32_t)crc32_z(crc, bytes, size);
}

#ifdef REEL_X86
#define HAS_PCLMUL __attribute__((target("pclmul,sse4.1")))
enum { LANES = 4, STEP = 64 /* bytes */, SHORT = 4 * STEP };

/* Sixteen bytes: their first eight and their last. */
typedef long long lane_pair __attribute__((vector_size(16)));
typedef long long lane_pair_unaligned __attribute__((vector_size(16), aligned(1), may_alias));

/* The constant of a distance of n bits: x^n mod P, its 32 bits reversed as CRC-32 reads them, and
 * shifted by one: a product of two reversed numbers is one bit short. */
#define X_544 0x154442bd4 /* 512 + 32 */
#define X_480 0x1c6e41596 /* 512 - 32 */
#define X_160 0x1751997d0 /* 128 + 32 */
#define X_96 0x0ccaa009e  /* 128 - 32 */

/* The accumulator, moved on by the distance of the constants, and the bytes there. */
HAS_PCLMUL static inline lane_pair fold_lane(lane_pair accumulator, lane_pair constants,
                                             lane_pair bytes)
{
    const lane_pair high = __builtin_ia32_pclmulqdq128(accumulator, constants, 0x00),
                    low = __builtin_ia32_pclmulqdq128(accumulator, constants, 0x11);
    return high ^ low ^ bytes;
}

HAS_PCLMUL static uint32_t folded_crc32(uint32_t crc, const unsigned char *from, size_t size)
{
    const lane_pair by_step = {X_544, X_480}, by_lane = {X_160, X_96};
    lane_pair lane[LANES];
    unsigned char left[sizeof(lane_pair)];

    for (int i = 0; i < LANES; i++)
        lane[i] = ((const lane_pair_unaligned *)from)[i];
    /* What came before counts as if it were added to the first four bytes. */
    lane[0] ^= (lane_pair){(long long)(uint32_t)~crc, 0};
    for (from += STEP, size -= STEP; size >= STEP; from += STEP, size -= STEP)
        for (int i = 0; i < LANES; i++)
            lane[i] = fold_lane(lane[i], by_step, ((const lane_pair_unaligned *)from)[i]);

    for (int i = 1; i < LANES; i++)
        lane[i] = fold_lane(lane[i - 1], by_lane, lane[i]);
    memcpy(left, &lane[LANES - 1], sizeof left);
    /* zlib inverts what it begins with: all ones are a start from 0. */
    crc = plain_crc32(0xffffffff, left, sizeof left);
    return plain_crc32(crc, from, size);
}

uint32_t reel_crc32(uint32_t crc, const void *bytes, size_t size)
{
    if (size < SHORT || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
        return plain_crc32(crc, bytes, size);
    return folded_crc32(crc, bytes, size);
}
#else
uint32_t reel_crc32(uint32_t crc, const void *bytes, size_t size)
{
    return plain_crc32(crc, bytes, size);
}
#endif
