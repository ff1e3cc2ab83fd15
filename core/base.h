/* Status codes, error messages, version and visibility: what every other header needs.
 *
 * A call that can fail because of its user or the environment returns a reel_status and explains
 * itself in a reel_error: what, where, expected, got. REEL_ASSERT is for what the library itself
 * must have right.
 *
 * A library does not end the program that uses it. This holds for every public function:
 * - With an `err`: REEL_ERR_INVALID and the argument's name answer a NULL handle, another pointer
 *   that is needed and NULL, an index out of range, and a setting that cannot work. What the
 *   function makes (`out`) is then NULL, so that your clean-up may destroy it.
 * - Without an `err`: the function does nothing then, and returns 0, NULL, "", a zeroed struct,
 *   NAN, or what its comment says.
 * - With values of a tape: the result is an invalid value, and the tape keeps the error.
 *
 * Not detected: a pointer to something else, to freed memory, or to less memory than was stated. */
#ifndef REEL_CORE_BASE_H
#define REEL_CORE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REEL_VERSION_MAJOR 0
#define REEL_VERSION_MINOR 1
#define REEL_VERSION_PATCH 0
#define REEL_VERSION_STRING "0.1.0"

#define REEL_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    REEL_OK = 0,
    REEL_ERR_INVALID,   /* an argument, a flag or a shape that cannot work */
    REEL_ERR_IO,        /* the operating system refused: message holds strerror */
    REEL_ERR_FORMAT,    /* a file is not what it should be */
    REEL_ERR_MEMORY,    /* memory, descriptors or threads ran out, or a stated limit is too small */
    REEL_ERR_NONFINITE, /* NaN or infinity where a number was due */
    REEL_ERR_BAD_DATA,  /* more unreadable samples than the caller allows */
    REEL_ERR_STOPPED    /* interrupted on request */
} reel_status;

/* The first failure's explanation, one line. Callers own it; NULL is accepted everywhere. */
typedef struct reel_error {
    reel_status status;
    char message[1000];
} reel_error;

/* Stores the status and the formatted line in err (if not NULL), and returns the status. */
REEL_API reel_status reel_fail(reel_error *err, reel_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __clang_analyzer__ /* it sees one file at a time, and would go on behind a failure as if    \
                             that could be REEL_OK */
static inline reel_status reel_failed(reel_status status)
{
    if (status == REEL_OK)
        __builtin_unreachable();
    return status;
}
#define reel_fail(...) reel_failed(reel_fail(__VA_ARGS__))
#endif

/* The version of the library that is running, "major.minor.patch". */
REEL_API const char *reel_version(void);

/* Returns from the function with the call's status if the call failed. For functions that own
 * nothing at this point. */
#define REEL_TRY(call)                                                                             \
    do {                                                                                           \
        const reel_status status_ = (call);                                                        \
        if (status_ != REEL_OK)                                                                    \
            return status_;                                                                        \
    } while (0)

/* The same for a function that must release something: stores the call's status in the local
 * variable `status` and jumps to the clean-up label if the call failed.
 *
 *     reel_status status;
 *     reel_buffer buffer = {0};
 *     REEL_TRY_GOTO(fill(&buffer, err), done);
 *     REEL_TRY_GOTO(use(&buffer, err), done);
 * done:
 *     release(&buffer);
 *     return status;
 */
#define REEL_TRY_GOTO(call, label)                                                                 \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != REEL_OK)                                                                     \
            goto label;                                                                            \
    } while (0)

/* Returns REEL_ERR_INVALID from the function if the argument is NULL, and names both. */
#define REEL_NEED(argument, err)                                                                   \
    do {                                                                                           \
        if (!(argument))                                                                           \
            return reel_fail((err), REEL_ERR_INVALID, "%s: %s is NULL", __func__, #argument);      \
    } while (0)

REEL_API void reel_assert_failed(const char *condition, const char *file, int line)
    __attribute__((noreturn));

/* For programmer errors only: says where, then aborts. Active in every build: none stands in an
 * inner loop. */
#define REEL_ASSERT(condition)                                                                     \
    ((condition) ? (void)0 : reel_assert_failed(#condition, __FILE__, __LINE__))

#define REEL_COUNT(array) ((int64_t)(sizeof(array) / sizeof(*(array))))

#ifdef __cplusplus
}
#endif
#endif
