/* Where memory comes from. Three lifetimes and no reference counts:
 *
 *   run    reel_pages: whole pages from the system, zeroed, on huge pages where the system grants
 *          them; untouched pages cost nothing
 *   step   reel_arena: blocks that die at reset or earlier; the next step reuses them without a
 *          system call
 *   call   a scratch block of the arena, given to an operator for one forward or backward
 *
 * Sizes are bytes. Pages may be allocated and freed from any thread; an arena belongs to one thread
 * at a time. */
#ifndef REEL_CORE_MEMORY_H
#define REEL_CORE_MEMORY_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REEL_ALIGNMENT = 64 }; /* bytes: a cache line, and one AVX-512 register */

/* `bytes` rounded up to whole cache lines. */
static inline size_t reel_whole_lines(size_t bytes)
{
    return (bytes + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT * REEL_ALIGNMENT;
}

/* Zeroed memory of at least `bytes`, aligned to a page (2 MiB where that large); NULL with
 * REEL_ERR_MEMORY in err where the system refuses. reel_pages_free takes the same size. */
REEL_API void *reel_pages_alloc(size_t bytes, reel_error *err);
REEL_API void reel_pages_free(void *pages, size_t bytes);
/* Gives the physical memory behind the range back; its contents become zero. */
REEL_API void reel_pages_release(void *pages, size_t bytes);
/* Makes memory for part of a file in memory (memfd_create), so that no later touch can lack it;
 * signals do not interrupt. Returns 0 or errno's code: ENOMEM where there is none. */
REEL_API int reel_pages_reserve(int file, size_t begin, size_t bytes);
/* Bytes of memory that this machine has, whatever is in use. */
REEL_API size_t reel_machine_memory(void);

typedef struct reel_arena reel_arena;

/* limit: most bytes the arena may hand out at a time; 0 = the machine's physical memory, or half of
 * what the process may have (ulimit -v) where that is less. Address space only is reserved. */
REEL_API reel_status reel_arena_create(reel_arena **out, size_t limit, reel_error *err);
REEL_API void reel_arena_destroy(reel_arena *arena);

/* First fit from the lowest address, so the same sequence of calls gets the same addresses each
 * step. NULL = over the limit. Blocks are aligned to REEL_ALIGNMENT and not zeroed. */
REEL_API void *reel_arena_alloc(reel_arena *arena, size_t bytes);
/* NULL, or what is no block of this arena, changes nothing. */
REEL_API void reel_arena_free(reel_arena *arena, void *block);
REEL_API void reel_arena_reset(reel_arena *arena); /* frees every block */
/* The highest end of a block so far, from the arena's start. */
REEL_API size_t reel_arena_peak(const reel_arena *arena);
/* Bytes in live blocks. */
REEL_API size_t reel_arena_used(const reel_arena *arena);
/* Gives the physical memory of everything that is free back to the system. */
REEL_API void reel_arena_trim(reel_arena *arena);
/* Bytes that the arena has touched and not given back, whole pages not counted: after a trim the
 * most that blocks have held since, before it the highest end of a block. */
REEL_API size_t reel_arena_touched(const reel_arena *arena);

#ifdef __cplusplus
}
#endif
#endif
