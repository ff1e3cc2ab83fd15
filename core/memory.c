/* Pages from the system, and a first-fit arena on top of them.
 *
 * The arena reserves address space once and never moves. First fit from the bottom makes addresses
 * a function of the sequence of calls, so every step touches the same pages. Its blocks are a
 * treap: a search tree by address and a heap by random priorities, so its depth stays logarithmic.
 * Each node knows the widest gap below it; the lowest gap that fits is found on one way down. */
#include "core/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
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

int reel_pages_reserve(int file, size_t begin, size_t bytes)
{
    int code;
    if (bytes == 0)
        return 0;
    do {
        code = posix_fallocate(file, (off_t)begin, (off_t)bytes);
    } while (code == EINTR);
    return code == ENOSPC ? ENOMEM : code; /* a file in memory has no other space */
}

size_t reel_machine_memory(void)
{
    return (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
}

/* A live block, and a node of the tree of blocks. */
typedef struct arena_block {
    size_t begin, end;
    size_t gap;        /* free bytes right before it */
    size_t widest;     /* the largest gap in its subtree */
    int left, right;   /* places in the array; -1 = none */
    uint32_t priority; /* higher than those of its subtree */
} arena_block;

struct reel_arena {
    char *base;
    size_t reserved, peak, used, top; /* top: where the last block ends */
    size_t touched;
    bool trimmed; /* since reset: free memory below the top is not touched */
    arena_block *blocks;
    int root, unused;    /* unused: the first of a list of free places, by `left` */
    int count, capacity; /* places that have ever been in use since reset; places */
};

/* As much as the machine has. Where less than that is promised (ulimit -v, or several arenas at
 * once under a tool that watches memory), half of what can be had: as much again stays for weights
 * and for the next arena. Other threads may take of it meanwhile: then half of that. */
static char *reserve_all(size_t *reserved, reel_error *err)
{
    const size_t exact = 2 * huge_page;
    *reserved = reel_machine_memory();
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
    REEL_NEED(out, err);
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
    reel_arena_reset(arena);
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

/* ---- the tree of blocks ---- */

static size_t widest_gap(const reel_arena *a, int node)
{
    return node < 0 ? 0 : a->blocks[node].widest;
}

/* The subtree's widest gap, after a child or the own gap changed. */
static void renew_widest(reel_arena *a, int node)
{
    arena_block *b = &a->blocks[node];
    const size_t left = widest_gap(a, b->left), right = widest_gap(a, b->right);
    b->widest = b->gap;
    if (left > b->widest)
        b->widest = left;
    if (right > b->widest)
        b->widest = right;
}

/* Parts a tree: *low gets the blocks that begin below `at`, *high the others. */
static void split_blocks(reel_arena *a, int node, size_t at, int *low, int *high)
{
    if (node < 0) {
        *low = *high = -1;
        return;
    }
    arena_block *b = &a->blocks[node];
    if (b->begin < at) {
        split_blocks(a, b->right, at, &b->right, high);
        *low = node;
    } else {
        split_blocks(a, b->left, at, low, &b->left);
        *high = node;
    }
    renew_widest(a, node);
}

/* One tree of two; all blocks of low lie below those of high. */
static int join_blocks(reel_arena *a, int low, int high)
{
    if (low < 0 || high < 0)
        return low < 0 ? high : low;
    const bool low_above = a->blocks[low].priority > a->blocks[high].priority;
    const int above = low_above ? low : high;
    arena_block *b = &a->blocks[above];
    if (low_above)
        b->right = join_blocks(a, b->right, high);
    else
        b->left = join_blocks(a, low, b->left);
    renew_widest(a, above);
    return above;
}

/* The lowest block of a tree gets `by` more free bytes before it, or fewer. */
static void widen_first_gap(reel_arena *a, int node, ptrdiff_t by)
{
    arena_block *b = &a->blocks[node];
    if (b->left < 0)
        b->gap += (size_t)by;
    else
        widen_first_gap(a, b->left, by);
    renew_widest(a, node);
}

/* Where the lowest gap of so many bytes begins; the top where none below it has so many. */
static size_t lowest_gap(const reel_arena *a, size_t need)
{
    int node = a->root;
    if (widest_gap(a, node) < need)
        return a->top;
    for (;;) {
        const arena_block *b = &a->blocks[node];
        if (widest_gap(a, b->left) >= need)
            node = b->left;
        else if (b->gap >= need)
            return b->begin - b->gap;
        else
            node = b->right;
    }
}

/* A place for one more node; -1 = no memory. */
static int take_place_of_block(reel_arena *a)
{
    if (a->unused >= 0) {
        const int place = a->unused;
        a->unused = a->blocks[place].left;
        return place;
    }
    if (a->count == a->capacity) {
        const int capacity = a->capacity ? a->capacity * 2 : 64;
        arena_block *blocks = realloc(a->blocks, (size_t)capacity * sizeof *blocks);
        if (!blocks)
            return -1;
        a->blocks = blocks;
        a->capacity = capacity;
    }
    return a->count++;
}

/* A hash of the place's number: the tree's shape is a function of the sequence of calls, too. */
static uint32_t place_priority(uint32_t place)
{
    uint32_t h = (place + 1) * 0x9e3779b9u;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    return h ^ h >> 16;
}

void *reel_arena_alloc(reel_arena *arena, size_t bytes)
{
    if (!arena || bytes > arena->reserved)
        return NULL;
    size_t need = (bytes + REEL_ALIGNMENT - 1) / REEL_ALIGNMENT * REEL_ALIGNMENT;
    if (need == 0)
        need = REEL_ALIGNMENT;

    /* The lowest gap that fits: the same addresses in every step. */
    const size_t begin = lowest_gap(arena, need);
    if (begin == arena->top && arena->reserved - begin < need)
        return NULL;
    const int place = take_place_of_block(arena);
    if (place < 0)
        return NULL;

    arena->blocks[place] = (arena_block){.begin = begin,
                                         .end = begin + need,
                                         .left = -1,
                                         .right = -1,
                                         .priority = place_priority((uint32_t)place)};
    int low = arena->root, high = -1;
    if (begin == arena->top) {
        arena->top = begin + need;
    } else {
        split_blocks(arena, arena->root, begin, &low, &high);
        widen_first_gap(arena, high, -(ptrdiff_t)need);
    }
    arena->root = join_blocks(arena, join_blocks(arena, low, place), high);

    arena->used += need;
    if (begin + need > arena->peak)
        arena->peak = begin + need;
    const size_t reached = arena->trimmed ? arena->used : begin + need;
    if (reached > arena->touched)
        arena->touched = reached;
    return arena->base + begin;
}

void reel_arena_free(reel_arena *arena, void *pointer)
{
    if (!arena || !pointer)
        return;
    const size_t begin = (size_t)((char *)pointer - arena->base);
    int low, own, high;
    split_blocks(arena, arena->root, begin, &low, &high);
    split_blocks(arena, high, begin + 1, &own, &high);
    if (own < 0) { /* no block of this arena: nothing is freed */
        arena->root = join_blocks(arena, low, high);
        return;
    }

    arena_block *b = &arena->blocks[own];
    const size_t size = b->end - b->begin;
    if (high >= 0)
        widen_first_gap(arena, high, (ptrdiff_t)(size + b->gap));
    else
        arena->top = b->begin - b->gap;
    arena->root = join_blocks(arena, low, high);
    arena->used -= size;
    b->left = arena->unused;
    arena->unused = own;
}

void reel_arena_reset(reel_arena *arena)
{
    if (!arena)
        return;
    arena->count = 0;
    arena->used = arena->top = 0;
    arena->trimmed = false;
    arena->root = arena->unused = -1;
}

/* Whole pages of a free stretch. */
static void release_stretch(reel_arena *a, size_t begin, size_t end)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    if (begin < end)
        reel_pages_release(a->base + begin, end - begin);
}

static void release_gaps(reel_arena *a, int node)
{
    if (node < 0)
        return;
    const arena_block *b = &a->blocks[node];
    release_gaps(a, b->left);
    release_stretch(a, b->begin - b->gap, b->begin);
    release_gaps(a, b->right);
}

void reel_arena_trim(reel_arena *arena)
{
    if (!arena)
        return;
    release_gaps(arena, arena->root);
    release_stretch(arena, arena->top, arena->peak);
    arena->touched = arena->used;
    arena->trimmed = true;
}

size_t reel_arena_touched(const reel_arena *arena)
{
    return arena ? arena->touched : 0;
}

size_t reel_arena_peak(const reel_arena *arena)
{
    return arena ? arena->peak : 0;
}

size_t reel_arena_used(const reel_arena *arena)
{
    return arena ? arena->used : 0;
}
