/* Arbitrary bytes as the index of a packed shard, with and without its CRC-32: records lie within
 * the tar they speak of. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/pack_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    for (int checked = 0; checked < 2; checked++) {
        reel_pack_index x = {0};
        reel_error err = {0};
        const reel_status status = checked ? reel_pack_index_read(&x, bytes, size, &err)
                                           : reel_pack_index_parse(&x, bytes, size, &err);
        if (status != REEL_OK && !err.message[0])
            abort();
        for (size_t i = 0; status == REEL_OK && i < x.records.n; i++) {
            const reel_piece *r = (const reel_piece *)x.records.items + i;
            if (r->offset > x.tar_size || r->size > x.tar_size - r->offset || r->label >= x.classes)
                abort();
            if (strlen(x.names.text + r->name) >= x.names.used)
                abort();
        }
        reel_pack_index_free(&x);
    }
    return 0;
}
