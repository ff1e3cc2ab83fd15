/* Arbitrary bytes as a weight file. What is refused must be refused with a message; what is
 * accepted must describe memory that can be read, converted, loaded and verified without a fault.
 */
#include "tests/fuzz/weights_fuzz.h"

/* The bytes as they are; then framed, because a mutation seldom keeps a length right: the first
 * byte is the size of the data, the rest the header. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    try_file(bytes, size, size);
    if (size < 2)
        return 0;
    const uint64_t header = size - 1;
    const size_t data = bytes[0];
    uint8_t *file = malloc(8 + header + data);
    if (!file)
        return 0;
    memcpy(file, &header, 8);
    memcpy(file + 8, bytes + 1, header);
    for (size_t i = 0; i < data; i++)
        file[8 + header + i] = (uint8_t)(i * 37);
    try_file(file, 8 + header + data, data);
    free(file);
    return 0;
}
