/* Criterion's parameterized tests: one body, run once for each value of an array. */
#ifndef REEL_TESTS_SUPPORT_PLAIN_PARAMETERIZED_H
#define REEL_TESTS_SUPPORT_PLAIN_PARAMETERIZED_H

#include <criterion/criterion.h>

#define ParameterizedTestParameters(suite_name, test_name)                                         \
    static struct criterion_test_params suite_name##_##test_name##_params(void)
#define ParameterizedTest(parameter, suite_name, test_name, ...)                                   \
    static void suite_name##_##test_name##_body(parameter);                                        \
    static void suite_name##_##test_name##_body_of(void *value)                                    \
    {                                                                                              \
        suite_name##_##test_name##_body(value);                                                    \
    }                                                                                              \
    PLAIN_ENTRY(suite_name##_##test_name##_test, .suite = #suite_name, .name = #test_name,         \
                .body_of = suite_name##_##test_name##_body_of,                                     \
                .params = suite_name##_##test_name##_params, .hooks = {__VA_ARGS__})               \
    static void suite_name##_##test_name##_body(parameter)

#define cr_make_param_array(type, array, count, free_array)                                        \
    ((struct criterion_test_params){sizeof(type), array, count, free_array})

#endif
