/* How many samples may be unreadable: the share that is allowed, or a few of a small set. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "data/bad_verdict.h"

Test(bad_verdict, a_few_samples_of_a_small_set_may_be_unreadable)
{
    static const struct {
        int64_t count;
        double max_bad;
        int64_t allowed;
    } cases[] = {{1, 0.01, 1},   {19, 0.01, 1},  {20, 0.01, 2},    {63, 0.01, 5},
                 {500, 0.01, 5}, {600, 0.01, 6}, {60, 0, 1},       {60, 0.5, 30},
                 {10000, 0, 1},  {60, 1, 60},    {1000, 0.001, 5}, {1281167, 0.01, 12811},
                 {0, 0.01, 1}};
    for (int i = 0; i < REEL_COUNT(cases); i++) {
        const int64_t allowed = reel_bad_allowed(cases[i].count, cases[i].max_bad);
        cr_expect(allowed == cases[i].allowed,
                  "%" PRId64 " of %" PRId64 " with %g, expected %" PRId64, allowed, cases[i].count,
                  cases[i].max_bad, cases[i].allowed);
    }
}

Test(bad_verdict, one_more_is_an_error_that_names_the_last)
{
    reel_error err;
    cr_expect(reel_bad_verdict(5, 63, 0.01, "a.jpg", "cut", &err) == REEL_OK);
    cr_expect(reel_bad_verdict(6, 63, 0.01, "a.jpg", "cut", &err) == REEL_ERR_BAD_DATA);
    cr_expect_str_eq(err.message, "6 of 63 samples are unreadable, more than the 5 allowed; the "
                                  "last: a.jpg: cut");
}
