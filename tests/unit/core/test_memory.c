/* The arena: blocks do not overlap, addresses repeat from step to step, the limit holds. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/memory.h"
#include "core/rng.h"
#include "tests/support/built_as.h"

static reel_arena *arena_of(size_t limit)
{
    reel_arena *arena;
    reel_error err;
    cr_assert_eq(reel_arena_create(&arena, limit, &err), REEL_OK, "%s", err.message);
    return arena;
}

Test(memory, blocks_are_aligned_and_keep_what_is_written_through_random_use)
{
    enum { SLOTS = 40 };
    reel_arena *arena = arena_of(1 << 20);
    reel_rng rng = reel_rng_at(1, REEL_STREAM_CHECK, 0, 0);
    unsigned char *block[SLOTS] = {0};
    size_t size[SLOTS] = {0};
    for (int round = 0; round < 4000; round++) {
        const int i = (int)reel_rng_below(&rng, SLOTS);
        for (size_t b = 0; block[i] && b < size[i]; b++)
            cr_assert_eq(block[i][b], i + 1, "round %d: byte %zu of block %d is %d", round, b, i,
                         block[i][b]);
        reel_arena_free(arena, block[i]);
        block[i] = NULL;
        if (reel_rng_u32(&rng) & 1)
            continue;
        size[i] = (size_t)reel_rng_below(&rng, 3000);
        block[i] = reel_arena_alloc(arena, size[i]);
        cr_assert_not_null(block[i], "round %d: no room for %zu bytes", round, size[i]);
        cr_assert_eq((uintptr_t)block[i] % REEL_ALIGNMENT, 0, "block %d is not aligned", i);
        memset(block[i], i + 1, size[i]);
    }
    cr_expect_leq(reel_arena_used(arena), reel_arena_peak(arena));
    reel_arena_destroy(arena);
}

Test(memory, the_same_calls_get_the_same_addresses_after_reset)
{
    reel_arena *arena = arena_of(1 << 20);
    void *first[8], *second[8];
    for (int pass = 0; pass < 2; pass++) {
        void **at = pass ? second : first;
        for (int i = 0; i < 8; i++) {
            at[i] = reel_arena_alloc(arena, (size_t)(i * 100 + 1));
            if (i % 3 == 2)
                reel_arena_free(arena, at[i - 1]);
        }
        reel_arena_reset(arena);
    }
    for (int i = 0; i < 8; i++)
        cr_expect_eq(first[i], second[i], "block %d: %p, then %p", i, first[i], second[i]);
    reel_arena_destroy(arena);
}

/* The lowest gap of `need` bytes among the blocks of a plain list: what the arena must find. */
static size_t first_fit(const size_t (*blocks)[2], int n, size_t need)
{
    size_t begin = 0;
    for (int i = 0; i < n && blocks[i][0] - begin < need; i++)
        begin = blocks[i][1];
    return begin;
}

Test(memory, every_block_lies_in_the_lowest_gap_that_fits)
{
    enum { MOST = 3000, ROUNDS = 20000, UNIT = REEL_ALIGNMENT };
    static size_t blocks[MOST][2]; /* begin, end; by address */
    reel_arena *arena = arena_of((size_t)1 << 30);
    reel_rng rng = reel_rng_at(2, REEL_STREAM_CHECK, 0, 0);
    char *base = reel_arena_alloc(arena, 1);
    reel_arena_reset(arena);
    int n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        /* Grows, then shrinks, then grows again. */
        const bool add =
            n == 0 || (n < MOST && reel_rng_below(&rng, 100) < (round / 5000 % 2 ? 30 : 75));
        if (!add) {
            const int i = (int)reel_rng_below(&rng, (uint64_t)n--);
            reel_arena_free(arena, base + blocks[i][0]);
            memmove(blocks + i, blocks + i + 1, (size_t)(n - i) * sizeof *blocks);
            continue;
        }
        const size_t need = (1 + (size_t)reel_rng_below(&rng, 20)) * UNIT;
        const size_t want = first_fit((const size_t(*)[2])blocks, n, need);
        const char *got = reel_arena_alloc(arena, need - (size_t)reel_rng_below(&rng, UNIT));
        cr_assert_eq(got, base + want, "round %d: %td, expected %zu", round, got - base, want);
        int i = 0;
        while (i < n && blocks[i][0] < want)
            i++;
        memmove(blocks + i + 1, blocks + i, (size_t)(n++ - i) * sizeof *blocks);
        blocks[i][0] = want;
        blocks[i][1] = want + need;
    }
    const size_t used = reel_arena_used(arena);
    reel_arena_free(arena, base + 1); /* no block: nothing is freed */
    cr_expect_eq(reel_arena_used(arena), used);
    reel_arena_destroy(arena);
}

Test(memory, a_gap_is_used_again)
{
    reel_arena *arena = arena_of(1 << 20);
    void *a = reel_arena_alloc(arena, 1000);
    reel_arena_alloc(arena, 1000);
    reel_arena_free(arena, a);
    cr_expect_eq(reel_arena_alloc(arena, 900), a);
    reel_arena_destroy(arena);
}

Test(memory, the_limit_holds_and_the_arena_goes_on)
{
    reel_arena *arena = arena_of(4096);
    cr_expect_null(reel_arena_alloc(arena, 4097));
    cr_expect_null(reel_arena_alloc(arena, SIZE_MAX));
    void *all = reel_arena_alloc(arena, 4096);
    cr_expect_not_null(all);
    cr_expect_null(reel_arena_alloc(arena, 1));
    reel_arena_free(arena, all);
    cr_expect_eq(reel_arena_used(arena), 0);
    cr_expect_not_null(reel_arena_alloc(arena, 64));
    cr_expect_eq(reel_arena_peak(arena), 4096);
    reel_arena_destroy(arena);
}

Test(memory, pages_are_zero_and_zero_again_after_release)
{
    const size_t bytes = (size_t)3 << 20;
    reel_error err;
    unsigned char *pages = reel_pages_alloc(bytes, &err);
    cr_assert_not_null(pages, "%s", err.message);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < bytes; i += 1021)
            cr_assert_eq(pages[i], 0, "pass %d: byte %zu is %d", pass, i, pages[i]);
        memset(pages, 0xa5, bytes);
        reel_pages_release(pages, bytes);
    }
    reel_pages_free(pages, bytes);
}

Test(memory, more_than_the_system_has_is_refused_with_a_message)
{
    reel_error err = {0};
    cr_expect_null(reel_pages_alloc((size_t)1 << 62, &err));
    cr_expect_eq(err.status, REEL_ERR_MEMORY);
    cr_expect_not_null(strstr(err.message, "cannot reserve"), "%s", err.message);
}

Test(memory, a_limit_near_the_end_of_the_numbers_is_refused_and_not_wrapped_round)
{
    reel_arena *arena;
    for (size_t below = 0; below < 3; below++) {
        reel_error err = {0};
        cr_expect_eq(reel_arena_create(&arena, SIZE_MAX - below * (1 << 20), &err),
                     REEL_ERR_MEMORY);
        cr_expect_not_null(strstr(err.message, "cannot reserve"), "%s", err.message);
    }
}

Test(memory, a_process_that_may_have_less_than_the_machine_gets_half_of_it_and_can_have_another)
{
    if (BUILT_WITH_SANITIZER)
        cr_skip("sanitizers take more address space than that");
    const size_t all = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    const struct rlimit limit = {all / 2, all / 2};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        cr_skip("the address space cannot be limited here");
    reel_arena *one = arena_of(0), *other = arena_of(0);
    void *block = reel_arena_alloc(one, 1 << 20);
    cr_assert_not_null(block);
    memset(block, 1, 1 << 20);
    cr_expect_not_null(reel_arena_alloc(other, 1 << 20));
    cr_expect_null(reel_arena_alloc(other, all / 2));
    reel_arena_destroy(one);
    reel_arena_destroy(other);
}
