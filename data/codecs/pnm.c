/* Binary PPM and PGM: pixels as they are behind a line of text. What packed raw shards, CIFAR and
 * MNIST images, and drawn ones travel as: nothing has to be decoded. 8 bits a value. Format:
 * netpbm's ppm(5) and pgm(5). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/data_internal.h"

/* A number of the header, after white space and comments. */
static bool number(const uint8_t *bytes, size_t size, size_t *at, int64_t *value)
{
    size_t i = *at;
    while (i < size &&
           (bytes[i] == ' ' || (bytes[i] >= '\t' && bytes[i] <= '\r') || bytes[i] == '#'))
        if (bytes[i] == '#')
            while (i < size && bytes[i] != '\n')
                i++;
        else
            i++;
    const size_t begin = i;
    int64_t v = 0;
    for (; i < size && i - begin < 10 && bytes[i] >= '0' && bytes[i] <= '9'; i++)
        v = v * 10 + (bytes[i] - '0');
    *value = v;
    *at = i;
    return i > begin;
}

reel_status reel_pnm_open(reel_pnm *pnm, const uint8_t *bytes, size_t size, reel_error *err)
{
    int64_t most;
    size_t at = 2;
    *pnm = (reel_pnm){.channels = bytes[1] == '6' ? 3 : 1};
    if (!number(bytes, size, &at, &pnm->width) || !number(bytes, size, &at, &pnm->height) ||
        !number(bytes, size, &at, &most) || at >= size ||
        !(bytes[at] == ' ' || (bytes[at] >= '\t' && bytes[at] <= '\r')))
        return reel_fail(err, REEL_ERR_FORMAT, "PNM image: its header is damaged");
    if (most != 255)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "PNM image: greatest value %" PRId64 ", expected 255 (8 bits)", most);
    REEL_TRY(reel_check_pixels("PNM", pnm->width, pnm->height, err));
    pnm->pixels = bytes + at + 1;
    const size_t left = size - at - 1, wanted = (size_t)(pnm->width * pnm->height * pnm->channels);
    if (left < wanted)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "PNM image of %" PRId64 " x %" PRId64
                         " is cut: %zu bytes of pixels, expected %zu",
                         pnm->width, pnm->height, left, wanted);
    return REEL_OK;
}

reel_status reel_pnm_decode(reel_image *image, const uint8_t *bytes, size_t size, reel_error *err)
{
    reel_pnm pnm;
    REEL_TRY(reel_pnm_open(&pnm, bytes, size, err));
    REEL_TRY(reel_image_resize_buffer(image, pnm.width, pnm.height, err));
    const int64_t n = pnm.width * pnm.height;
    if (pnm.channels == 3) {
        memcpy(image->rgb, pnm.pixels, (size_t)n * 3);
        return REEL_OK;
    }
    for (int64_t i = 0; i < n; i++)
        memset(image->rgb + 3 * i, pnm.pixels[i], 3);
    return REEL_OK;
}

reel_status reel_pnm_begin(reel_bytes *bytes, int64_t width, int64_t height, int channels,
                           uint8_t **pixels, reel_error *err)
{
    char head[64];
    const int n = snprintf(head, sizeof head, "P%d\n%" PRId64 " %" PRId64 "\n255\n",
                           channels == 3 ? 6 : 5, width, height);
    const size_t size = (size_t)n + (size_t)(width * height * channels);
    REEL_TRY(reel_bytes_reserve(bytes, size, err));
    memcpy(bytes->data, head, (size_t)n);
    bytes->size = size;
    *pixels = bytes->data + n;
    return REEL_OK;
}

reel_status reel_pnm_write(reel_bytes *bytes, const reel_image *image, reel_error *err)
{
    uint8_t *pixels;
    REEL_TRY(reel_pnm_begin(bytes, image->width, image->height, 3, &pixels, err));
    memcpy(pixels, image->rgb, (size_t)(image->width * image->height * 3));
    return REEL_OK;
}
