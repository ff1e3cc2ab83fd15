/* Arbitrary bytes as a CIFAR file; the first says which. What is accepted can be read. */
#include <stdlib.h>

#include "data/sources/cifar.h"
#include "tests/fuzz/opened.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1)
        return 0;
    reel_opened opened;
    reel_error err = {0};
    const reel_status status = reel_cifar_memory(&opened, bytes + 1, size - 1, bytes[0] & 1, &err);
    reel_dataset *d = dataset_or_refusal(status, &opened, &err);
    if (!d)
        return 0;

    reel_bytes sample = {0};
    for (int64_t i = 0; i < reel_dataset_count(d); i++) {
        if (reel_dataset_label(d, i) >= reel_dataset_classes(d))
            abort();
        if (reel_dataset_read(d, i, &sample, &err) != REEL_OK || sample.size < 3072)
            abort();
    }
    reel_bytes_free(&sample);
    reel_dataset_destroy(d);
    return 0;
}
