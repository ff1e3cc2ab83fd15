/* What the tests of data/ share: pictures, folders that vanish after the test, and a look at bytes.
 */
#ifndef REEL_TESTS_UNIT_DATA_DATA_TEST_H
#define REEL_TESTS_UNIT_DATA_DATA_TEST_H

#include <criterion/criterion.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "data/balance.h"
#include "data/bytes_internal.h"
#include "data/codecs/pnm.h"
#include "data/codecs/write_image.h"
#include "data/dataset.h"
#include "data/permutation.h"
#include "data/transforms/colour.h"
#include "data/transforms/geometry.h"
#include "data/transforms/resize_internal.h"
#include "data/transforms/transform.h"
#include "data/transforms/upright.h"
#include "tests/support/must.h"

/* One line, printable, not empty: what a message must be. */
__attribute__((unused)) static void check_message(const reel_error *err)
{
    cr_expect(err->message[0] != 0, "the message is empty");
    for (const char *s = err->message; *s; s++)
        cr_expect((unsigned char)*s >= 0x20, "byte %02x in the message \"%s\"", (unsigned char)*s,
                  err->message);
}

/* A picture that is a function of its size and seed: waves, an edge and noise. */
__attribute__((unused)) static reel_image draw(int64_t width, int64_t height, uint32_t seed)
{
    reel_image image = {0};
    reel_error err;
    MUST(reel_image_resize_buffer(&image, width, height, &err), err);
    uint32_t state = seed * 2654435761u + 1;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int c = 0; c < 3; c++) {
                state = state * 1664525u + 1013904223u;
                const double wave =
                    110 + 90 * sin((double)x / (5 + c + seed % 7) + (double)y / (11 - c));
                const int v =
                    (int)wave + (int)(state >> 27) + (x > width / 2 && y > height / 3 ? 20 : 0);
                image.rgb[(y * width + x) * 3 + c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
            }
    return image;
}

__attribute__((unused)) static char *scratch_folder(void)
{
    char pattern[] = "/tmp/reel_test_XXXXXX";
    cr_assert(mkdtemp(pattern) != NULL, "mkdtemp: %s", strerror(errno));
    return strdup(pattern);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

__attribute__((unused)) static void remove_folder(char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

/* "folder/name" in one of eight buffers that take turns. */
__attribute__((unused)) static const char *join(const char *folder, const char *name)
{
    static char text[8][1024];
    static int turn;
    char *to = text[turn++ & 7];
    snprintf(to, sizeof text[0], "%s/%s", folder, name);
    return to;
}

__attribute__((unused)) static void make_folder(const char *path)
{
    cr_assert(mkdir(path, 0777) == 0, "mkdir %s: %s", path, strerror(errno));
}

__attribute__((unused)) static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL, "open %s: %s", path, strerror(errno));
    cr_assert(fwrite(bytes, 1, size, file) == size);
    fclose(file);
}

__attribute__((unused)) static reel_bytes read_file(const char *path)
{
    reel_bytes bytes = {0};
    reel_error err;
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "open %s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    MUST(reel_bytes_reserve(&bytes, size + 1, &err), err);
    cr_assert(fread(bytes.data, 1, size, file) == size);
    bytes.size = size;
    fclose(file);
    return bytes;
}

/* An encoded picture. png: else JPEG. */
__attribute__((unused)) static reel_bytes encoded(int64_t width, int64_t height, uint32_t seed,
                                                  bool png)
{
    char path[] = "/tmp/reel_image_XXXXXX";
    const int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    reel_image image = draw(width, height, seed);
    reel_error err;
    if (png)
        MUST(reel_image_write_png(&image, path, &err), err);
    else
        MUST(reel_image_write_jpeg(&image, path, 85, false, &err), err);
    reel_bytes bytes = read_file(path);
    unlink(path);
    reel_image_free(&image);
    return bytes;
}

/* Decodes `want` (NULL = the whole image, exactly) with decoders that may have decoded others.
 * *at receives what part the image holds, in pixels at its scale. */
__attribute__((unused)) static reel_status decode_with(reel_decoders **decoders, reel_image *image,
                                                       const reel_bytes *bytes,
                                                       const reel_want *want, reel_rect *at,
                                                       reel_error *err)
{
    reel_decoding d;
    if (at)
        *at = (reel_rect){0};
    REEL_TRY(reel_decoding_begin(&d, decoders, bytes->data, bytes->size, err));
    REEL_TRY(reel_decoding_finish(&d, want, image, err));
    if (at)
        *at = (reel_rect){d.left, d.top, d.pixels.width, d.pixels.height};
    return REEL_OK;
}

/* The same exactly, with decoders of its own. */
__attribute__((unused)) static reel_status decode_part(reel_image *image, const reel_bytes *bytes,
                                                       const reel_rect *part, reel_rect *at,
                                                       reel_error *err)
{
    reel_decoders *decoders = NULL;
    const reel_want want = {.part = *part};
    const reel_status status = decode_with(&decoders, image, bytes, &want, at, err);
    reel_decoders_free(decoders);
    return status;
}

__attribute__((unused)) static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* First place where two runs of bytes differ; -1 = nowhere. */
__attribute__((unused)) static int64_t first_difference(const void *a, const void *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (((const uint8_t *)a)[i] != ((const uint8_t *)b)[i])
            return i;
    return -1;
}

#endif
