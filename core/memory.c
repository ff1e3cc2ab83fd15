/* Pages from the system, and a first-fit arena on top of them.
 *
 * The arena reserves address space once and never moves. Its blocks are kept in an array sorted by
 * address; with the few dozen blocks that a training step holds, linear search costs nothing beside
 * the kernels. First fit from the bottom makes addresses a function of the sequence of calls, so
 * every step touches the same pages. */
#include "core/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const size_t huge_page = (size_t)2 << 20;

void *reel_pages_alloc(size_t bytes, reel_error *err)
{
    /* Room to begin on a huge page boundary: the kernel then backs whole 2 MiB runs from the first
     * touch. */
    const size_t size = bytes + huge_page;
    char *raw = MAP_FAILED;
    if (bytes > PTRDIFF_MAX - huge_page) /* size, or its rounding up to pages, would wrap round */
        errno = ENOMEM;
    else
        raw = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    if (raw == MAP_FAILED) {
        reel_fail(err, REEL_ERR_MEMORY, "memory: cannot reserve %zu bytes: %s", bytes,
                  strerror(errno));
        return NULL;
    }

    /* Give back what lies before that boundary and behind the last page. */
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = (char *)(((uintptr_t)raw + huge_page - 1) / huge_page * huge_page);
    char *end = start + (bytes + page - 1) / page * page;
    if (start > raw)
        munmap(raw, (size_t)(start - raw));
    if (raw + size > end)
        munmap(end, (size_t)(raw + (size + page - 1) / page * page - end));

    if (bytes >= huge_page)
        madvise(start, bytes, MADV_HUGEPAGE); /* only advice: failing is fine */
    return start;
}

void reel_pages_free(void *pages, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (pages)
        munmap(pages, (bytes + page - 1) / page * page);
}

void reel_pages_release(void *pages, size_t bytes)
{
    if (pages)
        madvise(pages, bytes, MADV_DONTNEED);
}

typedef struct arena_block {
    size_t begin, end;
} arena_block;

struct reel_arena {
    char *base;
    size_t reserved, peak, used;
    arena_block *blocks; /* live, by address */
    int count, capacity;
};

/* As much as the machine has. Where less than that is promised (ulimit -v, or several arenas at
 * once under a tool that watches memory), half of what can be had: as much again stays for weights
 * and for the next arena. Other threads may take of it meanwhile: then half of that. */
static char *reserve_all(size_t *reserved, reel_error *err)
{
    const size_t exact = 2 * huge_page;
    *reserved = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    char *base = reel_pages_alloc(*reserved, err);
    if (base)
        return base;
    size_t can = 0, cannot = *reserved;
    while (cannot - can > exact) {
        const size_t middle = can + (cannot - can) / 2;
        void *pages = reel_pages_alloc(middle, err);
        reel_pages_free(pages, middle);
        *(pages ? &can : &cannot) = middle;
    }
    for (*reserved = can / 2; *reserved >= huge_page; *reserved /= 2)
        if ((base = reel_pages_alloc(*reserved, err)))
            return base;
    return NULL;
}

reel_status reel_arena_create(reel_arena **out, size_t limit, reel_error *err)
{
    *out = NULL;
    reel_arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        return reel_fail(err, REEL_ERR_MEMORY, "arena: out of memory");
    arena->reserved = limit;
    arena->base = limit ? reel_pages_alloc(limit, err) : reserve_all(&arena->reserved, err);
    if (!arena->base) {
        free(arena);
        return REEL_ERR_MEMORY;
    }
    *out = arena;
    return REEL_OK;
}

void reel_arena_destroy(reel_arena *arena)
{
    if (!arena)
        return;
    reel_pages_free(arena->base, arena->reserved);
    free(arena->blocks);
    free(arena);
}

void *reel_arena_alloc(reel_arena *arena, size_t bytes)
{
    if (bytes > arena->reserved)
        return NULL;
    size_t need = (bytes + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT * REEL_ALIGNMENT;
    if (need == 0)
        need = REEL_ALIGNMENT;

    if (arena->count == arena->capacity) {
        const int capacity = arena->capacity ? arena->capacity * 2 : 64;
        arena_block *blocks = realloc(arena->blocks, (size_t)capacity * sizeof *blocks);
        if (!blocks)
            return NULL;
        arena->blocks = blocks;
        arena->capacity = capacity;
    }

    /* The lowest gap that fits: the same addresses in every step. */
    size_t begin = 0;
    int i = 0;
    while (i < arena->count && arena->blocks[i].begin - begin < need)
        begin = arena->blocks[i++].end;
    if (i == arena->count && arena->reserved - begin < need)
        return NULL;

    memmove(arena->blocks + i + 1, arena->blocks + i,
            (size_t)(arena->count - i) * sizeof *arena->blocks);
    arena->blocks[i] = (arena_block){begin, begin + need};
    arena->count++;
    arena->used += need;
    if (begin + need > arena->peak)
        arena->peak = begin + need;
    return arena->base + begin;
}

void reel_arena_free(reel_arena *arena, void *pointer)
{
    if (!pointer)
        return;
    const size_t begin = (size_t)((char *)pointer - arena->base);
    for (int i = 0; i < arena->count; i++) {
        if (arena->blocks[i].begin != begin)
            continue;
        arena->used -= arena->blocks[i].end - begin;
        arena->count--;
        memmove(arena->blocks + i, arena->blocks + i + 1,
                (size_t)(arena->count - i) * sizeof *arena->blocks);
        return;
    }
    REEL_ASSERT(!"block of this arena");
}

void reel_arena_reset(reel_arena *arena)
{
    arena->count = 0;
    arena->used = 0;
}

size_t reel_arena_peak(const reel_arena *arena)
{
    return arena->peak;
}

size_t reel_arena_used(const reel_arena *arena)
{
    return arena->used;
}
