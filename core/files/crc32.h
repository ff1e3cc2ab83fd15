/* CRC-32 as zip, PNG and zlib compute it, with the CPU's carry-less multiplication where it has
 * one. Private to core. */
#ifndef REEL_CORE_FILES_CRC32_H
#define REEL_CORE_FILES_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Continues the CRC-32 `crc` of what came before (0: nothing) with `size` bytes: the value of
 * zlib's crc32_z. Pieces computed apart are joined by zlib's crc32_combine. */
uint32_t reel_crc32(uint32_t crc, const void *bytes, size_t size);

#endif
