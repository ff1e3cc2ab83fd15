/* Criterion's words, as far as the tests use them, where Criterion itself does not run (qemu-user).
 * The same test bodies are compiled with this folder first among the include paths; main.c runs
 * each of them in a process of its own. */
#ifndef REEL_TESTS_SUPPORT_PLAIN_CRITERION_H
#define REEL_TESTS_SUPPORT_PLAIN_CRITERION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parameters of a parameterized test: `length` values of `size` bytes. */
struct criterion_test_params {
    size_t size;
    void *params;
    size_t length;
    void (*cleanup)(struct criterion_test_params *);
};

typedef struct plain_hooks {
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* not heeded: an emulator is slow, and whoever runs the program limits it */
} plain_hooks;

/* A test, or what a suite says for all of its tests (body and body_of are NULL). */
typedef struct plain_test {
    const char *suite, *name;
    void (*body)(void);
    void (*body_of)(void *param);
    struct criterion_test_params (*params)(void);
    plain_hooks hooks;
    struct plain_test *next;
} plain_test;

void plain_register(plain_test *test);

/* A check failed: say so and go on, or end the test. */
__attribute__((format(printf, 4, 5))) void
plain_expect_failed(const char *file, int line, const char *what, const char *format, ...);
__attribute__((noreturn, format(printf, 4, 5))) void
plain_assert_failed(const char *file, int line, const char *what, const char *format, ...);
/* Ends the test, which counts as skipped. */
__attribute__((noreturn, format(printf, 1, 2))) void plain_skip(const char *format, ...);
bool plain_same_text(const char *a, const char *b);

#define PLAIN_ENTRY(id, ...)                                                                       \
    static plain_test id = {__VA_ARGS__};                                                          \
    __attribute__((constructor)) static void id##_register(void)                                   \
    {                                                                                              \
        plain_register(&id);                                                                       \
    }
#define TestSuite(suite_name, ...)                                                                 \
    PLAIN_ENTRY(suite_name##_suite, .suite = #suite_name, .hooks = {__VA_ARGS__})
#define Test(suite_name, test_name, ...)                                                           \
    static void suite_name##_##test_name##_body(void);                                             \
    PLAIN_ENTRY(suite_name##_##test_name##_test, .suite = #suite_name, .name = #test_name,         \
                .body = suite_name##_##test_name##_body, .hooks = {__VA_ARGS__})                   \
    static void suite_name##_##test_name##_body(void)

#define PLAIN_EXPECT(holds, what, ...)                                                             \
    ((holds) ? (void)0 : plain_expect_failed(__FILE__, __LINE__, what, " " __VA_ARGS__))
#define PLAIN_ASSERT(holds, what, ...)                                                             \
    ((holds) ? (void)0 : plain_assert_failed(__FILE__, __LINE__, what, " " __VA_ARGS__))

#define PLAIN_NEAR(a, b, most) ((a) - (b) <= (most) && (b) - (a) <= (most))

#define cr_expect(x, ...) PLAIN_EXPECT(x, #x, __VA_ARGS__)
#define cr_expect_not(x, ...) PLAIN_EXPECT(!(x), "not " #x, __VA_ARGS__)
#define cr_expect_null(x, ...) PLAIN_EXPECT((x) == NULL, #x " is NULL", __VA_ARGS__)
#define cr_expect_not_null(x, ...) PLAIN_EXPECT((x) != NULL, #x " is not NULL", __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN_EXPECT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) PLAIN_EXPECT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) PLAIN_EXPECT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN_EXPECT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) PLAIN_EXPECT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) PLAIN_EXPECT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, most, ...)                                                        \
    PLAIN_EXPECT(PLAIN_NEAR(a, b, most), #a " is near " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)                                                                \
    PLAIN_EXPECT(plain_same_text(a, b), #a " is the text " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)                                                               \
    PLAIN_EXPECT(!plain_same_text(a, b), #a " is not the text " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) PLAIN_EXPECT(!*(a), #a " is empty", __VA_ARGS__)
#define cr_expect_arr_eq(a, b, bytes, ...)                                                         \
    PLAIN_EXPECT(memcmp(a, b, bytes) == 0, #a " has the bytes of " #b, __VA_ARGS__)

#define cr_assert(x, ...) PLAIN_ASSERT(x, #x, __VA_ARGS__)
#define cr_assert_not(x, ...) PLAIN_ASSERT(!(x), "not " #x, __VA_ARGS__)
#define cr_assert_null(x, ...) PLAIN_ASSERT((x) == NULL, #x " is NULL", __VA_ARGS__)
#define cr_assert_not_null(x, ...) PLAIN_ASSERT((x) != NULL, #x " is not NULL", __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN_ASSERT((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) PLAIN_ASSERT((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) PLAIN_ASSERT((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN_ASSERT((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) PLAIN_ASSERT((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) PLAIN_ASSERT((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, most, ...)                                                        \
    PLAIN_ASSERT(PLAIN_NEAR(a, b, most), #a " is near " #b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)                                                                \
    PLAIN_ASSERT(plain_same_text(a, b), #a " is the text " #b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)                                                               \
    PLAIN_ASSERT(!plain_same_text(a, b), #a " is not the text " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, bytes, ...)                                                         \
    PLAIN_ASSERT(memcmp(a, b, bytes) == 0, #a " has the bytes of " #b, __VA_ARGS__)
#define cr_assert_fail(...) plain_assert_failed(__FILE__, __LINE__, "reached", " " __VA_ARGS__)

#define cr_skip(...) plain_skip(" " __VA_ARGS__)
#define cr_skip_test(...) plain_skip(" " __VA_ARGS__)
#define cr_log_info(...) (printf(__VA_ARGS__), (void)putchar('\n'))
#define cr_malloc malloc

#endif
