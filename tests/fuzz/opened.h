/* What the fuzzers of data sources share: a source that was opened, or refused, becomes a data set.
 */
#ifndef REEL_TESTS_FUZZ_OPENED_H
#define REEL_TESTS_FUZZ_OPENED_H

#include <stdlib.h>

#include "data/dataset_internal.h"

/* NULL where the bytes were refused; a refusal opens nothing and has a message. */
static inline reel_dataset *dataset_or_refusal(reel_status status, reel_opened *opened,
                                               const reel_error *why)
{
    reel_dataset *d = NULL;
    reel_error err = {0};
    if (status != REEL_OK) {
        if (opened->self || !why->message[0])
            abort();
        return NULL;
    }
    if (reel_dataset_of(&d, opened, &err) != REEL_OK)
        abort();
    return d;
}

#endif
