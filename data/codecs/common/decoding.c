/* The table of formats, which the build makes of the files in data/codecs/, and images decoded
 * through it. The format is decided by content, never by name. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/codecs/codec.h"
#include "data/codecs/common/content.h"

#include "codec_table.inc"

enum { CODECS = sizeof codec_table / sizeof *codec_table };

struct reel_decoders {
    void *state[CODECS];
};

int reel_codec_count(void)
{
    return CODECS;
}

const reel_codec *reel_codec_at(int i)
{
    return i >= 0 && i < CODECS ? codec_table[i] : NULL;
}

/* Its place in the table; -1 = no codec takes these bytes. */
static int codec_index(const uint8_t *bytes, size_t length)
{
    for (int i = 0; i < CODECS; i++)
        if (codec_table[i]->sniff(bytes, length))
            return i;
    return -1;
}

const reel_codec *reel_codec_of(const uint8_t *bytes, size_t length)
{
    if (!bytes)
        return NULL;
    const int i = codec_index(bytes, length);
    return i < 0 ? NULL : codec_table[i];
}

/* Does the list ".jpg .jpeg" hold the extension? */
static bool has_extension(const char *list, const char *extension)
{
    const size_t length = strlen(extension);
    for (const char *at = list; *at; at += strspn(at, " ")) {
        const size_t n = strcspn(at, " ");
        if (n == length && strncasecmp(at, extension, n) == 0)
            return true;
        at += n;
    }
    return false;
}

const reel_codec *reel_codec_of_name(const char *file_name)
{
    const char *dot = file_name ? strrchr(file_name, '.') : NULL;
    for (int i = 0; dot && i < CODECS; i++)
        if (has_extension(codec_table[i]->extensions, dot))
            return codec_table[i];
    return NULL;
}

bool reel_is_image_name(const char *file_name)
{
    return reel_codec_of_name(file_name) != NULL;
}

void reel_image_extensions(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; text && i < CODECS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? " " : "",
                                 codec_table[i]->extensions);
}

/* ---- decoding ---- */

/* "JPEG, PNG or PNM" */
static void list_names(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < CODECS && used < size; i++) {
        const char *after_last = i + 1 == CODECS ? " or " : ", ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? after_last : "",
                                 codec_table[i]->name);
    }
}

/* Says what the bytes are instead, and what to do about a picture of another format. */
static reel_status refuse_content(const uint8_t *bytes, size_t length, reel_error *err)
{
    char formats[200];
    list_names(formats, sizeof formats);
    if (length == 0)
        return reel_fail(err, REEL_ERR_FORMAT, "the file is empty, expected a %s image", formats);
    const reel_content content = reel_content_of(bytes, length);
    if (content.advice)
        return reel_fail(err, REEL_ERR_FORMAT, "%s: %s", reel_content_bare(content.name),
                         content.advice);
    if (content.name)
        return reel_fail(err, REEL_ERR_FORMAT, "expected a %s image, got %s", formats,
                         content.name);

    char hex[8 * 3 + 1] = "";
    for (size_t i = 0; i < length && i < 8; i++)
        snprintf(hex + 3 * i, 4, " %02x", bytes[i]);
    return reel_fail(err, REEL_ERR_FORMAT,
                     "expected a %s image, got unknown content that begins with%s", formats, hex);
}

reel_status reel_decoding_begin(reel_decoding *d, reel_decoders **decoders, const uint8_t *bytes,
                                size_t length, reel_error *err)
{
    REEL_NEED(d, err);
    REEL_NEED(decoders, err);
    if (length > 0)
        REEL_NEED(bytes, err);

    *d = (reel_decoding){.bytes = bytes, .length = length, .eighths = 8};
    const int i = codec_index(bytes, length);
    if (i < 0)
        return refuse_content(bytes, length, err);

    if (!*decoders)
        *decoders = calloc(1, sizeof **decoders);
    if (!*decoders)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for image decoders");
    d->codec = codec_table[i];
    d->state = &(*decoders)->state[i];
    return d->codec->size(d, err);
}

reel_status reel_decoding_finish(reel_decoding *d, const reel_want *want, reel_image *image,
                                 reel_error *err)
{
    REEL_NEED(d, err);
    REEL_NEED(d->codec, err);
    REEL_NEED(image, err);
    d->want = want;
    d->image = image;
    REEL_TRY(d->codec->decode(d, err));
    if (!d->pixels.rgb)
        d->pixels = (reel_view){image->rgb, image->width, image->height, image->width * 3};
    return REEL_OK;
}

void reel_decoders_free(reel_decoders *decoders)
{
    for (int i = 0; decoders && i < CODECS; i++)
        if (decoders->state[i] && codec_table[i]->free_state)
            codec_table[i]->free_state(decoders->state[i]);
    free(decoders);
}

/* Pixels that stayed in the bytes are copied: the caller asked for an image of its own. */
static reel_status own_pixels(const reel_decoding *d, reel_image *image, reel_error *err)
{
    if (d->pixels.rgb == image->rgb)
        return REEL_OK;
    REEL_TRY(reel_image_resize_buffer(image, d->pixels.width, d->pixels.height, err));
    for (int64_t y = 0; y < image->height; y++)
        memcpy(image->rgb + y * image->width * 3, d->pixels.rgb + y * d->pixels.stride,
               (size_t)image->width * 3);
    return REEL_OK;
}

reel_status reel_image_decode(reel_image *image, const uint8_t *bytes, size_t length,
                              reel_error *err)
{
    REEL_NEED(image, err);

    reel_decoders *decoders = NULL;
    reel_decoding d;
    reel_status status = reel_decoding_begin(&d, &decoders, bytes, length, err);
    if (status == REEL_OK)
        status = reel_decoding_finish(&d, NULL, image, err);
    if (status == REEL_OK)
        status = own_pixels(&d, image, err);
    reel_decoders_free(decoders);
    return status;
}

reel_status reel_image_size(const uint8_t *bytes, size_t length, int64_t *width, int64_t *height,
                            reel_error *err)
{
    REEL_NEED(width, err);
    REEL_NEED(height, err);

    reel_decoders *decoders = NULL;
    reel_decoding d;
    const reel_status status = reel_decoding_begin(&d, &decoders, bytes, length, err);
    *width = status == REEL_OK ? d.width : 0;
    *height = status == REEL_OK ? d.height : 0;
    reel_decoders_free(decoders);
    return status;
}

int reel_exif_orientation(const uint8_t *bytes, size_t length)
{
    const reel_codec *codec = reel_codec_of(bytes, length);
    return codec && codec->orientation ? codec->orientation(bytes, length) : 0;
}
