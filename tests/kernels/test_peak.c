/* The two measures of a machine, in every instruction set that this CPU has: chains of
 * multiply-adds and the triad compute what their contract says, so their time is that of the work
 * they claim. */
#include <criterion/criterion.h>

#include "core/ctx_internal.h"
#include "core/kernels/kernels.h"

enum { CHAINS = 12 }; /* CHAINS, which only the templates can see */

/* Chain c holds c in all its lanes. After r rounds of s = s / 2 + 1 it holds c / 2^r + 2 (1 - 1 /
 * 2^r), exact in float for these numbers, and so is the sum. */
Test(peak, every_chain_takes_part_in_every_round)
{
    enum { ROUNDS = 10 };
    const double left = 1.0 / (1 << ROUNDS);
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        if (!reel_isa_runs(isa))
            continue;
        const reel_kernels *kernels = reel_kernels_at(isa);
        const int64_t lanes = kernels->peak_flop / (2 * CHAINS);
        cr_assert_eq(2 * CHAINS * lanes, kernels->peak_flop, "%s: %lld operations",
                     reel_isa_name(isa), (long long)kernels->peak_flop);

        double expected = 0;
        for (int chain = 0; chain < CHAINS; chain++)
            expected += (double)lanes * (chain * left + 2 * (1 - left));
        const double got = (double)kernels->peak_multiply_add(ROUNDS, 0.5f, 1);
        cr_expect_eq(got, expected, "%s: %.9g, expected %.9g", reel_isa_name(isa), got, expected);
    }
}

Test(peak, the_triad_writes_every_element_and_none_behind_them)
{
    enum { MOST = 70 };
    float a[MOST + 1], b[MOST], c[MOST];
    for (int i = 0; i < MOST; i++) {
        b[i] = (float)i;
        c[i] = (float)(1000 - 7 * i);
    }
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        if (!reel_isa_runs(isa))
            continue;
        for (int n = 0; n <= MOST; n++) {
            for (int i = 0; i <= MOST; i++)
                a[i] = -1;
            reel_kernels_at(isa)->triad(n, a, b, c, 3);
            for (int i = 0; i <= MOST; i++) {
                const float expected = i < n ? b[i] + 3 * c[i] : -1;
                cr_assert_eq(a[i], expected, "%s: element %d of %d: %g, expected %g",
                             reel_isa_name(isa), i, n, (double)a[i], (double)expected);
            }
        }
    }
}
