/* Arbitrary bytes as a CIFAR file; the first says which. What is accepted can be read. */
#include <stdlib.h>

#include "data/dataset_internal.h"
#include "data/sources/cifar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 1)
        return 0;
    reel_dataset *d = NULL;
    reel_opened opened;
    reel_error err = {0};
    if (reel_cifar_memory(&opened, bytes + 1, size - 1, bytes[0] & 1, &err) != REEL_OK) {
        if (opened.self || !err.message[0])
            abort();
        return 0;
    }
    if (reel_dataset_of(&d, &opened, &err) != REEL_OK)
        abort();
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
