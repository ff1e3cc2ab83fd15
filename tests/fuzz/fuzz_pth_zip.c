/* Arbitrary bytes as a .pth file of the zip kind: as they are; then as the pickle of a sound
 * archive, because a mutation never keeps a CRC-32 right. The first byte says how that archive is
 * packed and how large its storage is. */
#include "tests/fuzz/weights_fuzz.h"
#include "tests/support/build_pth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t storage[128] = {0, 0, 128, 63, 0, 0, 0, 64, 1, 2, 3, 4, 5, 6, 7, 8};
    try_file(bytes, size, size * 16 + (16 << 20));
    if (size < 1)
        return 0;
    const size_t numbers = bytes[0] & 0x7f;
    const built file = build_pth_zip(bytes + 1, size - 1, storage, numbers, bytes[0] >> 7);
    try_file(file.bytes, file.size, file.size * 16 + (16 << 20));
    free(file.bytes);
    return 0;
}
