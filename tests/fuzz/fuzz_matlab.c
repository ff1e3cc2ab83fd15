/* Arbitrary bytes as a MAT-file: behind a right header, as an element, compressed or not. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/matlab.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t *file = calloc(1, 128 + size);
    reel_names wnids = {0};
    reel_error err = {0};
    if (!file)
        return 0;
    memcpy(file + 124, "\0\1IM", 4);
    memcpy(file + 128, bytes, size);
    const reel_status status = reel_matlab_synsets(&wnids, file, 128 + size, &err);
    if (status != REEL_OK && !err.message[0])
        abort();
    for (int64_t i = 0; i < reel_names_count(&wnids); i++)
        if (strlen(reel_names_at(&wnids, i)) > 31)
            abort();
    reel_names_free(&wnids);
    free(file);
    return 0;
}
