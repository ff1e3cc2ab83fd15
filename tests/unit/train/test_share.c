/* The choice between taking turns and cores of one's own. */
#include <criterion/criterion.h>
#include <string.h>

#include "train/run/share.h"

Test(share, two_cores_take_turns_whatever_loading_costs)
{
    for (double sample = 1e-5; sample < 1; sample *= 3) {
        const reel_share s = reel_share_cores(2, 32, 0.2, sample);
        if (sample < 0.01)
            cr_expect(s.in_turns && s.threads == 2 && s.workers == 2, "sample %g", sample);
        cr_expect(s.rate >= s.other_rate, "sample %g: %g images/s chosen, %g refused", sample,
                  s.rate, s.other_rate);
    }
}

Test(share, the_expected_rate_in_turns_is_that_of_both_one_after_the_other)
{
    const reel_share s = reel_share_cores(2, 32, 0.2, 0.001);
    cr_expect_float_eq(s.rate, 32 / (0.2 + 16 * 0.001), 1e-9);
    cr_expect(s.other_workers == 1);
    cr_expect_float_eq(s.other_rate, 32 / 0.4, 1e-9);
}

Test(share, many_cores_and_small_batches_give_loading_cores_of_its_own)
{
    const reel_share s =
        reel_share_cores(64, 32, 0.01, 0.005); /* in turns half of the cores would have no image */
    cr_expect(!s.in_turns && s.threads + s.workers == 64, "%d threads, %d workers", s.threads,
              s.workers);
    cr_expect(s.rate > s.other_rate);
}

Test(share, one_core_takes_turns_with_itself)
{
    const reel_share s = reel_share_cores(1, 8, 0.1, 0.01);
    cr_expect(s.in_turns && s.threads == 1 && s.workers == 1 && s.other_workers == 0);
    cr_expect_float_eq(s.rate, 8 / 0.18, 1e-9);
}

Test(share, the_reason_is_one_line_with_all_figures)
{
    char text[300];
    reel_share s = reel_share_cores(2, 32, 0.2, 0.001);
    cr_expect_str_eq(reel_share_text(&s, text, sizeof text),
                     "expected: 148 images/s (loading 1.0 ms an image, a step 200 ms)");
    const reel_share apart = {.threads = 3, .workers = 1, .rate = 900, .sample = 0.02, .step = 0.1};
    cr_expect_str_eq(reel_share_text(&apart, text, sizeof text),
                     "expected: 900 images/s (loading 20 ms an image, a step 100 ms); from here on "
                     "3 compute threads, 1 for loading");
    for (size_t size = 1; size < 200; size += 7)
        cr_expect(strlen(reel_share_text(&s, text, size)) < size);
}
