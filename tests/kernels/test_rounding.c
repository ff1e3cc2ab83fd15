/* Products and sums are rounded as they are written: no compiler contracts a b + c into a fused
 * multiply-add, in the kernels of any instruction set or anywhere else (-ffp-contract=off). */
#include <criterion/criterion.h>

#include "core/ctx_internal.h"
#include "core/kernels/kernels.h"

/* (1 + E)(1 - E) = 1 - E^2 rounds to 1 in float, so adding -1 gives 0. A fused multiply-add rounds
 * once and gives -E^2. */
static const float E = 0x1p-13f;

Test(rounding, kernels_round_a_product_before_they_add)
{
    for (int isa = 0; isa < reel_isa_count(); isa++) {
        if (!reel_isa_runs(isa))
            continue;
        const float got = reel_kernels_at(isa)->plain_muladd(1 + E, 1 - E, -1);
        cr_expect(got == 0.0f, "%s: a b + c came out as %a: compiled without -ffp-contract=off?",
                  reel_isa_name(isa), (double)got);
    }
}

Test(rounding, a_fused_multiply_add_is_one_that_is_called_by_name)
{
    cr_expect_eq(__builtin_fmaf(1 + E, 1 - E, -1), -E * E); /* what a contraction would give */
}
