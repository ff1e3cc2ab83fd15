/* Binary PPM and PGM, 8 bits a value: a line of text, then pixels. Packed raw shards, CIFAR and
 * MNIST images and drawn ones travel like this, because nothing has to be decoded. Format: netpbm's
 * ppm(5) and pgm(5). */
#include "data/codecs/pnm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data/codecs/codec.h"

struct pnm_header {
    int64_t width, height, channels; /* channels: 3 or 1 */
    const uint8_t *pixels;           /* within the bytes */
};

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool pnm_sniff(const uint8_t *bytes, size_t length)
{
    return length >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
           (bytes[2] == '#' || is_space(bytes[2]));
}

/* A number of the header, behind white space and comments. */
static bool read_number(const reel_decoding *d, size_t *at, int64_t *value)
{
    enum { MOST_DIGITS = 10 };
    size_t i = *at;
    while (i < d->length && (is_space(d->bytes[i]) || d->bytes[i] == '#'))
        if (d->bytes[i] == '#')
            while (i < d->length && d->bytes[i] != '\n')
                i++;
        else
            i++;

    const size_t begin = i;
    int64_t v = 0;
    for (; i < d->length && i - begin < MOST_DIGITS && d->bytes[i] >= '0' && d->bytes[i] <= '9';
         i++)
        v = v * 10 + (d->bytes[i] - '0');
    *value = v;
    *at = i;
    return i > begin;
}

/* "P6 WIDTH HEIGHT 255" and one white space; then the pixels. */
static reel_status read_pnm_header(struct pnm_header *h, const reel_decoding *d, reel_error *err)
{
    int64_t most;
    size_t at = 2;
    *h = (struct pnm_header){.channels = d->bytes[1] == '6' ? 3 : 1};
    if (!read_number(d, &at, &h->width) || !read_number(d, &at, &h->height) ||
        !read_number(d, &at, &most) || at >= d->length || !is_space(d->bytes[at]))
        return reel_fail(err, REEL_ERR_FORMAT, "PNM image: its header is damaged");
    if (most != 255)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "PNM image: greatest value %" PRId64 ", expected 255 (8 bits)", most);
    REEL_TRY(reel_check_pixels("PNM", h->width, h->height, err));

    h->pixels = d->bytes + at + 1;
    const size_t left = d->length - at - 1;
    const size_t wanted = (size_t)(h->width * h->height * h->channels);
    if (left < wanted)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "PNM image of %" PRId64 " x %" PRId64
                         " is cut: %zu bytes of pixels, expected %zu",
                         h->width, h->height, left, wanted);
    return REEL_OK;
}

static reel_status pnm_size(reel_decoding *d, reel_error *err)
{
    struct pnm_header h;
    REEL_TRY(read_pnm_header(&h, d, err));
    d->width = h.width;
    d->height = h.height;
    return REEL_OK;
}

static reel_status pnm_decode(reel_decoding *d, reel_error *err)
{
    struct pnm_header h;
    REEL_TRY(read_pnm_header(&h, d, err));

    /* RGB is used where it lies: a copy would be the only work of this format. */
    if (h.channels == 3) {
        d->pixels = (reel_view){h.pixels, h.width, h.height, h.width * 3};
        return REEL_OK;
    }

    REEL_TRY(reel_image_resize_buffer(d->image, h.width, h.height, err));
    for (int64_t i = 0; i < h.width * h.height; i++)
        memset(d->image->rgb + 3 * i, h.pixels[i], 3);
    return REEL_OK;
}

const reel_codec reel_codec_pnm =
    REEL_CODEC(pnm, .name = "PNM", .what = "a PNM image", .extensions = ".ppm .pgm");

/* ---- writing ---- */

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
    enum { CHANNELS = 3 };
    uint8_t *pixels;
    REEL_TRY(reel_pnm_begin(bytes, image->width, image->height, CHANNELS, &pixels, err));
    memcpy(pixels, image->rgb, (size_t)(image->width * image->height * CHANNELS));
    return REEL_OK;
}
