/* Arbitrary bytes as a pair of idx files: the first two say where the one ends. What is accepted
 * can be read to the last image.
 */
#include <stdlib.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/sources/idx.h"
#include "tests/fuzz/opened.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 2)
        return 0;
    const size_t cut = ((size_t)bytes[0] << 8 | bytes[1]) % (size - 1);
    const reel_span images = {.memory = bytes + 2, .size = cut},
                    labels = {.memory = bytes + 2 + cut, .size = size - 2 - cut};
    reel_opened opened;
    reel_error err = {0};
    const reel_status status = reel_idx_memory(&opened, &images, &labels, "fuzz", &err);
    reel_dataset *d = dataset_or_refusal(status, &opened, &err);
    if (!d)
        return 0;

    reel_bytes sample = {0};
    const int64_t n = reel_dataset_count(d), step = n / 64 + 1;
    for (int64_t i = 0; i < n; i += step) {
        int64_t width, height;
        if (reel_dataset_label(d, i) >= reel_dataset_classes(d))
            abort();
        if (reel_dataset_read(d, i, &sample, &err) != REEL_OK)
            abort();
        if (reel_image_size(sample.data, sample.size, &width, &height, &err) != REEL_OK)
            abort();
    }
    reel_bytes_free(&sample);
    reel_dataset_destroy(d);
    return 0;
}
