/* Which codec: decided by content, never by name. What is none that is read is named, because the
 * usual cause is a download that brought something else. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/data_internal.h"

reel_content reel_content_sniff(const uint8_t *bytes, size_t size)
{
    if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return REEL_CONTENT_JPEG;
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return REEL_CONTENT_PNG;
    if (size >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
        (bytes[2] == '#' || strchr(" \t\n\v\f\r", bytes[2])) && bytes[2])
        return REEL_CONTENT_PNM;
    return REEL_CONTENT_OTHER;
}

/* UTF-8 without control characters, as far as the first 512 bytes go. */
static bool is_text(const uint8_t *bytes, size_t size)
{
    uint8_t head[512 + 1] = {0};
    const size_t n = size < 512 ? size : 512;
    memcpy(head, bytes, n);
    for (size_t i = 0; i < n;) {
        const int length = reel_utf8_length(head + i);
        if (length == 0)
            return i + 3 >= 512; /* cut in the middle of a character */
        if (length == 1 && (head[i] < 0x20 || head[i] == 0x7f) &&
            !(head[i] && strchr("\t\n\r\f", head[i])))
            return false;
        i += (size_t)length;
    }
    return true;
}

const char *reel_content_name(const uint8_t *bytes, size_t size)
{
    static const struct {
        size_t at, length;
        const char *magic, *name;
    } known[] = {
        {0, 4, "GIF8", "a GIF image"},
        {8, 4, "WEBP", "a WebP image"},
        {0, 4, "II*\0", "a TIFF image"},
        {0, 4, "MM\0*", "a TIFF image"},
        {4, 8, "ftypavif", "an AVIF image"},
        {4, 8, "ftypheic", "a HEIC image"},
        {4, 8, "ftypmif1", "a HEIF image"},
        {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"},
        {0, 2, "\xff\x0a", "a JPEG XL image"},
        {0, 2, "BM", "a BMP image"},
        {0, 4, "PK\3\4", "a zip archive"},
        {0, 2, "\x1f\x8b", "gzip data"},
        {0, 4, "%PDF", "a PDF document"},
        {0, 5, "<?xml", "an XML or SVG document"},
        {0, 4, "<svg", "an SVG drawing"},
        {0, 23, "version https://git-lfs", "a git-lfs pointer, not the file itself"},
    };
    for (int64_t i = 0; i < REEL_COUNT(known); i++)
        if (size >= known[i].at + known[i].length &&
            memcmp(bytes + known[i].at, known[i].magic, known[i].length) == 0)
            return known[i].name;
    size_t at = size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < size && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    if ((size - at >= 9 && strncasecmp((const char *)bytes + at, "<!doctype", 9) == 0) ||
        (size - at >= 5 && strncasecmp((const char *)bytes + at, "<html", 5) == 0))
        return "an HTML page";
    return is_text(bytes, size) ? "text" : NULL;
}

static reel_status refuse(const uint8_t *bytes, size_t size, reel_error *err)
{
    if (size == 0)
        return reel_fail(err, REEL_ERR_FORMAT, "the file is empty, expected a JPEG or PNG image");
    const char *name = reel_content_name(bytes, size);
    if (name)
        return reel_fail(err, REEL_ERR_FORMAT, "expected a JPEG or PNG image, got %s", name);
    char hex[8 * 3 + 1] = "";
    for (size_t i = 0; i < size && i < 8; i++)
        snprintf(hex + 3 * i, 4, " %02x", bytes[i]);
    return reel_fail(err, REEL_ERR_FORMAT,
                     "expected a JPEG or PNG image, got unknown content that begins with%s", hex);
}

reel_status reel_check_pixels(const char *format, int64_t width, int64_t height, reel_error *err)
{
    if (width < 1 || height < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "%s image without pixels", format);
    if (width > REEL_MAX_PIXELS / height)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "%s image claims %" PRId64 " x %" PRId64
                         " pixels, expected at most %" PRId64,
                         format, width, height, REEL_MAX_PIXELS);
    return REEL_OK;
}

reel_status reel_image_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height,
                            reel_error *err)
{
    *width = *height = 0;
    switch (reel_content_sniff(bytes, size)) {
    case REEL_CONTENT_JPEG:
        return reel_jpeg_size(bytes, size, width, height, err);
    case REEL_CONTENT_PNG:
        return reel_png_size(bytes, size, width, height, err);
    case REEL_CONTENT_PNM: {
        reel_pnm pnm;
        REEL_TRY(reel_pnm_open(&pnm, bytes, size, err));
        *width = pnm.width;
        *height = pnm.height;
        return REEL_OK;
    }
    default:
        return refuse(bytes, size, err);
    }
}

reel_status reel_image_decode(reel_image *image, const uint8_t *bytes, size_t size, reel_error *err)
{
    switch (reel_content_sniff(bytes, size)) {
    case REEL_CONTENT_JPEG:
        return reel_jpeg_decode(image, bytes, size, NULL, NULL, err);
    case REEL_CONTENT_PNG:
        return reel_png_decode(image, bytes, size, err);
    case REEL_CONTENT_PNM:
        return reel_pnm_decode(image, bytes, size, err);
    default:
        return refuse(bytes, size, err);
    }
}
