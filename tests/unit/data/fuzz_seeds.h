/* Seeds for the fuzzers of data/: small valid files of each kind. The test replays them, damaged in
 * many ways; with REEL_FUZZ_CORPUS=FOLDER it writes them there for libFuzzer. */
#ifndef REEL_TESTS_UNIT_DATA_FUZZ_SEEDS_H
#define REEL_TESTS_UNIT_DATA_FUZZ_SEEDS_H

#include "tests/unit/data/data_test.h"

enum { MOST_SEEDS = 64 };
typedef struct seeds {
    reel_bytes at[MOST_SEEDS];
    int n;
} seeds;

__attribute__((unused)) static void seed_add(seeds *s, const void *bytes, size_t size)
{
    reel_error err;
    cr_assert(s->n < MOST_SEEDS);
    MUST(reel_bytes_reserve(&s->at[s->n], size + 1, &err), err);
    memcpy(s->at[s->n].data, bytes, size);
    s->at[s->n++].size = size;
}

/* One member of a tar behind what is there. */
__attribute__((unused)) static void tar_put(reel_bytes *tar, const char *name, char type,
                                            const void *bytes, size_t size)
{
    reel_error err;
    const size_t padded = (size + 511) / 512 * 512;
    MUST(reel_bytes_reserve(tar, tar->size + 512 + padded, &err), err);
    uint8_t *h = tar->data + tar->size;
    memset(h, 0, 512 + padded);
    snprintf((char *)h, 100, "%s", name);
    snprintf((char *)h + 100, 8, "%07o", 0644);
    snprintf((char *)h + 124, 12, "%011o", (unsigned)size);
    h[156] = (uint8_t)type;
    memcpy(h + 257,
           "ustar\0"
           "00",
           8);
    unsigned sum = 0;
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++)
        sum += h[i];
    snprintf((char *)h + 148, 8, "%06o", sum & 0777777);
    if (size)
        memcpy(h + 512, bytes, size);
    tar->size += 512 + padded;
}

__attribute__((unused)) static void tar_end(reel_bytes *tar)
{
    reel_error err;
    MUST(reel_bytes_reserve(tar, tar->size + 1024, &err), err);
    memset(tar->data + tar->size, 0, 1024);
    tar->size += 1024;
}

__attribute__((unused)) static void seeds_free(seeds *s)
{
    for (int i = 0; i < s->n; i++)
        reel_bytes_free(&s->at[i]);
}

#endif
