/* Members of a zip archive, by name and in any order: what a .pth file is. Private to the readers
 * of weight files.
 *
 * Sizes and places come from the central directory alone: PyTorch writes local headers with data
 * descriptors, and readers that trust both have been fooled. Format: PKWARE's APPNOTE.TXT 6.3,
 * sections 4.3.7 (local header), 4.3.12 (directory), 4.3.14 to 4.3.16 (end records), 4.5.3 (zip64).
 * Stored and deflated members; no encryption, no volumes. */
#ifndef REEL_CORE_ZIP_H
#define REEL_CORE_ZIP_H

#include "core/files/byte_source.h"

typedef struct reel_zip_member {
    const char *name; /* in the directory's memory, not terminated */
    uint32_t name_length, crc;
    uint16_t method, flags;
    uint64_t packed, size,
        header; /* bytes in the file, bytes unpacked, position of the local header */
} reel_zip_member;

typedef struct reel_zip {
    const reel_byte_source *source;
    char *directory;
    reel_zip_member *list; /* sorted by name, no name twice */
    int count;
    uint64_t directory_at; /* members end here at the latest */
} reel_zip;

/* Reads the directory and checks it. REEL_ERR_FORMAT names the field. The source must outlive the
 * zip. */
reel_status reel_zip_open(reel_zip *zip, const reel_byte_source *source, reel_error *err);
void reel_zip_close(reel_zip *zip);

/* The member called name, or NULL. */
const reel_zip_member *reel_zip_find(const reel_zip *zip, const char *name, size_t length);

/* Whether the member can be there and have the size it states: its bytes lie before the directory,
 * and no deflate stream grows beyond 1032 times its size. Nothing is allocated for it before this.
 */
reel_status reel_zip_check(const reel_zip *zip, const reel_zip_member *member, reel_error *err);
/* Writes member->size bytes. The CRC-32 is compared, unless it is 0: PyTorch can be told to write
 * none. */
reel_status reel_zip_extract(const reel_zip *zip, const reel_zip_member *member, void *into,
                             reel_error *err);

#endif
