/* EXIF's orientation out of TIFF bytes: for the codecs of formats that carry EXIF. */
#ifndef REEL_DATA_CODECS_COMMON_ORIENTATION_H
#define REEL_DATA_CODECS_COMMON_ORIENTATION_H

#include "core/base.h"

/* An entry of the first directory (IFD) of TIFF bytes. */
typedef struct reel_tiff_entry {
    uint32_t tag, values; /* values: how many */
    uint32_t value;       /* the first, where it is an integer that lies in the entry; else 0 */
} reel_tiff_entry;

/* Calls visit for each entry that lies within the bytes; for none where they are no TIFF. */
void reel_tiff_entries(const uint8_t *tiff, size_t length,
                       void (*visit)(void *self, const reel_tiff_entry *entry), void *self);

/* tiff: `length` bytes from the header with the byte order on ("II*" or "MM*"). The orientation of
 * the first IFD, 1 to 8; 0 = none, or damaged. */
int reel_tiff_orientation(const uint8_t *tiff, size_t length);

#endif
