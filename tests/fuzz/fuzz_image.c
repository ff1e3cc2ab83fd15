/* Arbitrary bytes as an image of any format in the table: those that are added later too. */
#include "tests/fuzz/image_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    for (int i = 0; i < reel_codec_count(); i++)
        fuzz_codec(reel_codec_at(i), bytes, size);
    return 0;
}
