/* Arbitrary bytes as a tar: as they are, and with the checksums of what look like headers made
 * right, which a mutation seldom does. What is accepted lies within the bytes. */
#include <stdlib.h>
#include <string.h>

#include "data/sources/common/pieces.h"
#include "data/sources/common/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void tar_check(bool good)
{
    if (!good)
        abort();
}

static void tar_try(const uint8_t *bytes, size_t size)
{
    const reel_span span = {.memory = bytes, .size = size};
    reel_error err = {0};
    reel_piece_list *p = NULL;
    tar_check(reel_pieces_new(&p, &err) == REEL_OK);
    if (reel_shard_index(p, &span, 0, &err) != REEL_OK) {
        tar_check(err.message[0] != 0);
        for (const char *c = err.message; *c; c++)
            tar_check((unsigned char)*c >= 32);
    }
    for (size_t i = 0; i < p->pieces.n; i++) {
        const reel_piece *piece = (const reel_piece *)p->pieces.items + i;
        tar_check(piece->offset <= size && piece->size <= size - piece->offset);
        tar_check(piece->name < p->names.used &&
                  strlen(p->names.text + piece->name) <= REEL_TAR_NAME);
    }
    reel_pieces_destroy(p);
    if (size > 1024) { /* a part of it, as a tar in a tar */
        static reel_tar tar;
        static reel_tar_entry entry;
        bool more = true;
        reel_tar_begin(&tar, &span, 512, size - 100);
        while (more && reel_tar_next(&tar, &entry, &more, &err) == REEL_OK)
            if (more)
                tar_check(entry.offset >= 1024 && entry.offset <= size - 100 &&
                          entry.size <= size - 100 - entry.offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tar_try(bytes, size);
    uint8_t *repaired = malloc(size + 1);
    if (!repaired)
        return 0;
    memcpy(repaired, bytes, size);
    for (size_t at = 0; at + 512 <= size; at += 512) {
        uint8_t *h = repaired + at;
        unsigned sum = 0;
        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        memset(h + 148, ' ', 8);
        for (int i = 0; i < 512; i++)
            sum += h[i];
        for (int i = 5; i >= 0; i--, sum >>= 3)
            h[148 + i] = (uint8_t)('0' + (sum & 7));
        h[154] = 0;
    }
    tar_try(repaired, size);
    free(repaired);
    return 0;
}
