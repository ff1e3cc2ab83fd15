/* A number that stands for what a dataset lists. */
#include <string.h>

#include "core/hash.h"
#include "data/dataset.h"

/* With the end of the text, so that "a", "bc" is not "ab", "c". */
static uint64_t fingerprint_text(uint64_t hash, const char *text)
{
    return reel_hash_more(hash, text, strlen(text) + 1);
}

/* Byte by byte, so that it is the same on every machine. */
static uint64_t fingerprint_number(uint64_t hash, int64_t number)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)number >> 8 * i);
    return reel_hash_more(hash, bytes, sizeof bytes);
}

uint64_t reel_dataset_fingerprint(const reel_dataset *d)
{
    if (!d)
        return 0;
    const int64_t classes = reel_dataset_classes(d), count = reel_dataset_count(d);
    uint64_t hash = fingerprint_number(REEL_HASH_BEGIN, classes);
    for (int64_t c = 0; c < classes; c++)
        hash = fingerprint_text(hash, reel_dataset_class_name(d, c));

    hash = fingerprint_number(hash, count);
    for (int64_t i = 0; i < count; i++) {
        char name[REEL_DATA_PATH];
        reel_dataset_sample_name(d, i, name, sizeof name);
        hash = fingerprint_text(hash, name);
        hash = fingerprint_number(hash, reel_dataset_label(d, i));
    }
    return hash;
}
