/* Canaries: each of these must turn its ctest entry red, or the other tests' green means nothing.
 * ctest inverts their results.
 */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdlib.h>

/* volatile: the compiler must not see through the mistakes. */
static void *volatile kept;
static volatile int one = 1, ten = 10, most = INT_MAX;

static void assert_at_the_end(void)
{
    cr_assert_eq(one, 2, "an assertion in .fini");
}

Test(canary, nothing_is_wrong)
{
    cr_assert_eq(one, 1);
}

Test(canary, a_failed_assertion)
{
    cr_assert_eq(one, 2);
}

Test(canary, a_failed_assertion_in_fini, .fini = assert_at_the_end)
{
}

Test(canary, a_crash)
{
    abort();
}

Test(canary, a_leak)
{
    kept = malloc(1000);
    kept = NULL;
}

Test(canary, a_read_past_the_end)
{
    char *block = calloc((size_t)ten, 1);
    kept = block;
    one = block[ten];
    free(block);
}

Test(canary, an_overflow)
{
    most = most + one;
}
