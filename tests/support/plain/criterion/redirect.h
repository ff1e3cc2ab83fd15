/* Criterion's redirection of stderr: into a file, which is compared with a text. */
#ifndef REEL_TESTS_SUPPORT_PLAIN_REDIRECT_H
#define REEL_TESTS_SUPPORT_PLAIN_REDIRECT_H

#include <criterion/criterion.h>

void cr_redirect_stderr(void);
/* Whether `text` is what went to stderr since it was redirected. */
bool plain_stderr_is(const char *text);

#define cr_expect_stderr_eq_str(text, ...)                                                         \
    PLAIN_EXPECT(plain_stderr_is(text), "stderr is " #text, __VA_ARGS__)
#define cr_assert_stderr_eq_str(text, ...)                                                         \
    PLAIN_ASSERT(plain_stderr_is(text), "stderr is " #text, __VA_ARGS__)

#endif
