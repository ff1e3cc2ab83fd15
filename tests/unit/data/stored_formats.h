/* The images of tests/support/formats.tsv: WebP, BMP, GIF and TIFF of every kind, and what Pillow
 * makes of each (tests/support/make_formats.py wrote them). */
#ifndef REEL_TESTS_UNIT_DATA_STORED_FORMATS_H
#define REEL_TESTS_UNIT_DATA_STORED_FORMATS_H

#include "tests/unit/data/data_test.h"

typedef struct stored_image {
    char name[100];
    int orientation;
    unsigned long crc; /* of Pillow's upright pixels */
    reel_bytes bytes;
} stored_image;

typedef struct stored_images {
    stored_image *at;
    int64_t n;
} stored_images;

/* The value of a base64 digit; -1 = none. */
static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static reel_bytes base64_decoded(const char *text)
{
    reel_bytes bytes = {0};
    reel_error err;
    uint32_t bits = 0;
    int n = 0;
    MUST(reel_bytes_reserve(&bytes, strlen(text) / 4 * 3 + 3, &err), err);
    for (; base64_digit(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)base64_digit(*text);
        n += 6;
        if (n >= 8)
            bytes.data[bytes.size++] = (uint8_t)(bits >> (n -= 8));
    }
    return bytes;
}

__attribute__((unused)) static stored_images stored_images_read(void)
{
    const char *source = getenv("REEL_SOURCE");
    FILE *file = fopen(join(source ? source : ".", "tests/support/formats.tsv"), "r");
    cr_assert(file != NULL, "tests/support/formats.tsv: %s", strerror(errno));
    stored_images all = {0};
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) > 0) {
        all.at = realloc(all.at, (size_t)(all.n + 1) * sizeof *all.at);
        stored_image *image = &all.at[all.n++];
        int text = 0;
        cr_assert(sscanf(line, "%99s %d %lx %n", image->name, &image->orientation, &image->crc,
                         &text) == 3);
        image->bytes = base64_decoded(line + text);
    }
    free(line);
    fclose(file);
    return all;
}

__attribute__((unused)) static void stored_images_free(stored_images *all)
{
    for (int64_t i = 0; i < all->n; i++)
        reel_bytes_free(&all->at[i].bytes);
    free(all->at);
}

/* Does this build lack the library that the image needs? */
__attribute__((unused)) static bool lacks_library(const reel_error *err)
{
    return strstr(err->message, "this build has no lib") ||
           strstr(err->message, "this build has no giflib");
}

#endif
