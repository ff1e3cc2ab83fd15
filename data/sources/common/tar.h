/* Tar headers, one after the other. */
#ifndef REEL_DATA_SOURCES_COMMON_TAR_H
#define REEL_DATA_SOURCES_COMMON_TAR_H

#include "data/sources/common/span.h"

enum { REEL_TAR_NAME = 4096, REEL_TAR_PAX = 65536, REEL_TAR_WINDOW = 4096 };

/* A walk through an archive. Large: allocate it. */
typedef struct reel_tar {
    const reel_span *span;
    uint64_t at, end;
    bool unmarked; /* the walk met the end without the block of zeros that marks it */
    uint64_t window_at;
    size_t window_size;
    uint8_t window[REEL_TAR_WINDOW];
    char extended[REEL_TAR_PAX + 1];
} reel_tar;

typedef struct reel_tar_entry {
    char name[REEL_TAR_NAME + 1];
    bool regular;          /* a file; folders, links and devices are not */
    uint64_t offset, size; /* of the content, within the span */
} reel_tar_entry;

/* A walk through the archive that lies in the span from `from` to `to`. */
void reel_tar_begin(reel_tar *tar, const reel_span *span, uint64_t from, uint64_t to);
/* The next entry; *more false = the end. REEL_ERR_FORMAT names the place of damage, of a cut, or of
 * what is not supported. */
reel_status reel_tar_next(reel_tar *tar, reel_tar_entry *entry, bool *more, reel_error *err);
/* Hands each entry between `from` and `to` to visit, in order; its first failure ends the walk. */
typedef reel_status reel_tar_visit(void *user, const reel_tar_entry *entry, reel_error *err);
reel_status reel_tar_each(const reel_span *span, uint64_t from, uint64_t to, reel_tar_visit *visit,
                          void *user, reel_error *err);
/* Through the window: small contents without a system call for each. */
reel_status reel_tar_read(reel_tar *tar, uint64_t offset, void *to, size_t n, reel_error *err);
/* Do the first 512 bytes look like a tar header? */
bool reel_tar_sniff(const uint8_t *head, size_t size);

#endif
