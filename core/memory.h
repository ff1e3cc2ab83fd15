/* Where memory comes from. Three lifetimes and no reference counts:
 *   run   reel_pages: whole pages from the system, zeroed, on huge pages where granted; untouched
 * pages cost nothing step  reel_arena: blocks that die at reset (or earlier), reused each step
 * without a system call call  a scratch block of the arena, given to an operator for one forward or
 * backward */
#ifndef REEL_CORE_MEMORY_H
#define REEL_CORE_MEMORY_H

#include "core/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { REEL_ALIGNMENT = 64 }; /* bytes: a cache line, and one AVX-512 register */

/* Reserves and zeroes at least bytes; NULL with err set where the system refuses. Freed with the
 * same size. */
REEL_API void *reel_pages_alloc(size_t bytes, reel_error *err);
REEL_API void reel_pages_free(void *pages, size_t bytes);
/* Gives the physical memory behind the range back; its contents become zero. */
REEL_API void reel_pages_release(void *pages, size_t bytes);

typedef struct reel_arena reel_arena;

/* limit: most bytes the arena may hand out at a time; 0 = the machine's physical memory, or half of
 * what the process may have (ulimit -v) where that is less. Address space only is reserved. */
REEL_API reel_status reel_arena_create(reel_arena **out, size_t limit, reel_error *err);
REEL_API void reel_arena_destroy(reel_arena *arena);

/* First fit from the lowest address, so the same sequence of calls gets the same addresses each
 * step. NULL = over the limit. Blocks are aligned to REEL_ALIGNMENT and not zeroed. */
REEL_API void *reel_arena_alloc(reel_arena *arena, size_t bytes);
REEL_API void reel_arena_free(reel_arena *arena, void *block); /* NULL is fine */
REEL_API void reel_arena_reset(reel_arena *arena);             /* frees every block */
REEL_API size_t
reel_arena_peak(const reel_arena *arena); /* highest address ever in use, in bytes from the start */
REEL_API size_t reel_arena_used(const reel_arena *arena); /* bytes in live blocks */

#ifdef __cplusplus
}
#endif
#endif
