/* Arbitrary bytes as a .pth file of the legacy kind: as they are; then as the object inside a sound
 * stream, and as all that follows the magic number, so that every mutation reaches the pickle
 * reader. The first byte is the number of floats. */
#include "tests/fuzz/weights_fuzz.h"
#include "tests/support/build_pth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const uint8_t storage[4 * 64] = {0, 0, 128, 63, 0, 0, 0, 64, 1, 2, 3, 4, 5, 6, 7, 8};
    try_file(bytes, size, size * 16 + (16 << 20));
    if (size < 1)
        return 0;
    const size_t numel = bytes[0] & 0x3f;
    const built inside = build_pth_legacy(bytes + 1, size - 1, numel, storage, 4 * numel);
    try_file(inside.bytes, inside.size, inside.size * 16 + (16 << 20));
    free(inside.bytes);
    built behind = {0};
    built_put(&behind, PTH_LEGACY_HEAD, 15 + 6);
    built_put(&behind, bytes + 1, size - 1);
    try_file(behind.bytes, behind.size, behind.size * 16 + (16 << 20));
    free(behind.bytes);
    return 0;
}
