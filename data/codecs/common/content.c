/* What bytes are that no codec decodes, for messages: the usual cause is a download that brought
 * something else. */
#include <string.h>
#include <strings.h>

#include "core/files/text.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"

/* UTF-8 without control characters, as far as the first 512 bytes go. */
static bool is_text(const uint8_t *bytes, size_t length)
{
    uint8_t head[512 + 1] = {0};
    const size_t n = length < 512 ? length : 512;
    memcpy(head, bytes, n);
    for (size_t i = 0; i < n;) {
        const int letter = reel_utf8_sequence(head + i, sizeof head - i);
        if (letter == 0)
            return i + 3 >= 512; /* cut in the middle of a character */
        if (letter == 1 && (head[i] < 0x20 || head[i] == 0x7f) &&
            !(head[i] && strchr("\t\n\r\f", head[i])))
            return false;
        i += (size_t)letter;
    }
    return true;
}

const char *reel_content_name(const uint8_t *bytes, size_t length)
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
        if (length >= known[i].at + known[i].length &&
            memcmp(bytes + known[i].at, known[i].magic, known[i].length) == 0)
            return known[i].name;

    /* HTML may begin with a byte order mark and blank lines. */
    size_t at = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < length && strchr(" \t\r\n", bytes[at]) && bytes[at])
        at++;
    if ((length - at >= 9 && strncasecmp((const char *)bytes + at, "<!doctype", 9) == 0) ||
        (length - at >= 5 && strncasecmp((const char *)bytes + at, "<html", 5) == 0))
        return "an HTML page";
    return is_text(bytes, length) ? "text" : NULL;
}
