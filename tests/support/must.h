/* MUST: a call that has to succeed, or the test ends with its message. */
#ifndef REEL_TESTS_SUPPORT_MUST_H
#define REEL_TESTS_SUPPORT_MUST_H

#include <criterion/criterion.h>

#include "core/base.h"

#define MUST(call, err)                                                                            \
    do {                                                                                           \
        const reel_status must_ = (call);                                                          \
        cr_assert(must_ == REEL_OK, "%s: status %d: %s", #call, (int)must_, (err).message);        \
    } while (0)

#endif
