/* Parts of a range of the flat arrays: each element in one part, cut at multiples of 16. */
#include <criterion/criterion.h>

#include "core/comm/share.h"

enum { ALIGN = 16, MOST_PARTS = 7, MOST_UNITS = 9 };

static void check_parts(reel_range range, int n)
{
    const int64_t size = range.end - range.begin;
    int64_t next = range.begin;
    for (int k = 0; k < n; k++) {
        const reel_range part = reel_range_part(range, k, n);
        cr_assert_eq(part.begin, next, "part %d of %d of %lld elements begins at %lld, not %lld", k,
                     n, (long long)size, (long long)part.begin, (long long)next);
        cr_assert_geq(part.end, part.begin);
        cr_assert_leq(part.end - part.begin, size / n + 2 * ALIGN, "part %d of %d", k, n);
        cr_assert((part.end - range.begin) % ALIGN == 0 || part.end == range.end);
        next = part.end;
    }
    cr_assert_eq(next, range.end, "%d parts of %lld elements end at %lld", n, (long long)size,
                 (long long)next);
}

Test(range_parts, hold_each_element_once)
{
    for (int n = 1; n <= MOST_PARTS; n++)
        for (int64_t size = 0; size <= MOST_UNITS * ALIGN; size++)
            check_parts((reel_range){48, 48 + size}, n);
    check_parts((reel_range){0, INT64_C(61100840)}, 3);
    check_parts((reel_range){INT64_C(1) << 40, (INT64_C(1) << 40) + INT64_C(10000000007)}, 64);
}
