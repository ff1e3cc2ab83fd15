/* What bytes are that no codec decodes: pictures and films that have to be converted first, and
 * what a download may have brought instead. One row a format; none of them is decoded. */
#include "data/codecs/common/content.h"

#include <string.h>
#include <strings.h>

#include "core/files/text.h"
#include "data/bytes_internal.h"
#include "data/codecs/codec.h"
#include "data/codecs/common/camera_raw.h"

static const char to_jpeg[] = "convert it to JPEG", to_png[] = "export it as PNG",
                  frames[] = "save its frames as images", pages[] = "save its pages as images",
                  whole[] = "the file is damaged";

/* advice: for pictures and films. */
static const struct magic {
    size_t at, length;
    const char *bytes, *name, *advice;
} magics[] = {
    {0, 4, "GIF8", "a GIF image", whole},
    {8, 4, "WEBP", "a WebP image", whole},
    {0, 4, "II*\0", "a TIFF image", whole},
    {0, 4, "MM\0*", "a TIFF image", whole},
    {0, 2, "BM", "a BMP image", whole},

    {0, 12, "\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL photograph", to_jpeg},
    {0, 2, "\xff\x0a", "a JPEG XL photograph", to_jpeg},
    {0, 12, "\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image", to_jpeg},
    {0, 4, "\xff\x4f\xff\x51", "a JPEG 2000 image", to_jpeg},

    {0, 15, "FUJIFILMCCD-RAW", "a camera RAW photograph (RAF)", to_jpeg},
    {0, 4, "IIRO", "a camera RAW photograph (ORF)", to_jpeg},
    {0, 4, "IIRS", "a camera RAW photograph (ORF)", to_jpeg},
    {0, 4, "MMOR", "a camera RAW photograph (ORF)", to_jpeg},
    {0, 4, "IIU\0", "a camera RAW photograph (RW2)", to_jpeg},
    {0, 4, "FOVb", "a camera RAW photograph (X3F)", to_jpeg},
    {6, 8, "HEAPCCDR", "a camera RAW photograph (CRW)", to_jpeg},
    {0, 4, "\0MRM", "a camera RAW photograph (MRW)", to_jpeg},

    {0, 4, "8BPS", "a Photoshop image", to_png},
    {0, 9, "gimp xcf ", "a GIMP image", to_png},
    {0, 4, "\x76\x2f\x31\x01", "an OpenEXR image", to_png},
    {0, 10, "#?RADIANCE", "a Radiance HDR image", to_png},
    {0, 4, "DDS ", "a DDS image", to_png},
    {0, 4, "qoif", "a QOI image", to_png},
    {0, 4, "\0\0\1\0", "an icon", to_png},
    {0, 8, "AT&TFORM", "a DjVu document", pages},
    {0, 4, "%PDF", "a PDF document", pages},
    {0, 4, "%!PS", "a PostScript document", pages},
    {0, 4, "\xc5\xd0\xd3\xc6", "a PostScript document", pages},

    {0, 4, "\x1a\x45\xdf\xa3", "a video (WebM or Matroska)", frames},
    {8, 4, "AVI ", "a video (AVI)", frames},
    {0, 4, "\0\0\1\xba", "a video (MPEG)", frames},
    {0, 4, "\0\0\1\xb3", "a video (MPEG)", frames},
    {0, 4, "FLV\1", "a video (FLV)", frames},
    {0, 4, "\x30\x26\xb2\x75", "a video (WMV)", frames},
    {0, 4, "OggS", "a video or sound (Ogg)", frames},
    {4, 4, "moov", "a video (QuickTime)", frames},
    {4, 4, "mdat", "a video (QuickTime)", frames},

    {0, 4, "PK\3\4", "a zip archive", NULL},
    {0, 2, "\x1f\x8b", "gzip data", NULL},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive", NULL},
    {0, 4, "Rar!", "a RAR archive", NULL},
    {0, 6, "\x93NUMPY", "a NumPy array", NULL},
    {0, 8, "\x89HDF\r\n\x1a\n", "an HDF5 file", NULL},
    {0, 4,
     "\x7f"
     "ELF",
     "a program", NULL},
    {0, 23, "version https://git-lfs", "a git-lfs pointer, not the file itself", NULL},
};

/* Files of the ISO base media format: "ftyp", its kind, and kinds that it is compatible with. */
static const struct brand {
    const char *kind, *name, *advice;
} brands[] = {
    {"avif", "an AVIF photograph", to_jpeg},   {"avis", "an AVIF photograph", to_jpeg},
    {"heic", "a HEIC photograph", to_jpeg},    {"heix", "a HEIC photograph", to_jpeg},
    {"heim", "a HEIC photograph", to_jpeg},    {"heis", "a HEIC photograph", to_jpeg},
    {"hevc", "a HEIC photograph", to_jpeg},    {"hevx", "a HEIC photograph", to_jpeg},
    {"hevm", "a HEIC photograph", to_jpeg},    {"hevs", "a HEIC photograph", to_jpeg},
    {"mif1", "a HEIF photograph", to_jpeg},    {"msf1", "a HEIF photograph", to_jpeg},
    {"jxl ", "a JPEG XL photograph", to_jpeg}, {"crx ", "a camera RAW photograph (CR3)", to_jpeg},
    {"qt  ", "a video (QuickTime)", frames},
};

/* The row of a kind; NULL = none. */
static const struct brand *brand_of(const uint8_t *kind)
{
    for (int64_t i = 0; i < REEL_COUNT(brands); i++)
        if (memcmp(kind, brands[i].kind, 4) == 0)
            return &brands[i];
    return NULL;
}

/* A box: its length (4 bytes, big endian), "ftyp", the main kind, a version, compatible kinds. A
 * main kind that says only "HEIF" is made precise by these. */
static bool media_content(reel_content *c, const uint8_t *bytes, size_t length)
{
    enum { KIND = 8, COMPATIBLE = 16 };
    if (length < KIND + 4 || memcmp(bytes + 4, "ftyp", 4) != 0)
        return false;
    const size_t claimed = (size_t)bytes[2] << 8 | bytes[3],
                 end = claimed < length ? claimed : length;
    const struct brand *brand = brand_of(bytes + KIND);
    for (size_t at = COMPATIBLE; at + 4 <= end && brand && strstr(brand->name, "HEIF"); at += 4) {
        const struct brand *other = brand_of(bytes + at);
        if (other && !strstr(other->name, "HEIF"))
            brand = other;
    }
    *c = (reel_content){brand ? brand->name : "a video (MP4)", brand ? brand->advice : frames};
    return true;
}

/* UTF-8 without control characters, as far as the first 512 bytes go. */
static bool is_text(const uint8_t *bytes, size_t length)
{
    uint8_t head[512 + 1] = {0};
    const size_t n = length < 512 ? length : 512;
    if (n > 0)
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

static bool begins_with(const uint8_t *bytes, size_t length, const char *word)
{
    return length >= strlen(word) && strncasecmp((const char *)bytes, word, strlen(word)) == 0;
}

/* Markup may begin with a byte order mark and blank space. An SVG drawing may begin as XML does. */
static bool markup_content(reel_content *c, const uint8_t *bytes, size_t length)
{
    enum { NEAR = 4096 };
    static const reel_content drawing = {"an SVG drawing", to_png};
    size_t at = length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < length && bytes[at] && strchr(" \t\r\n", bytes[at]))
        at++;
    bytes += at;
    length -= at;

    if (begins_with(bytes, length, "<svg") || begins_with(bytes, length, "<!doctype svg"))
        *c = drawing;
    else if (begins_with(bytes, length, "<!doctype") || begins_with(bytes, length, "<html"))
        *c = (reel_content){"an HTML page", NULL};
    else if (begins_with(bytes, length, "<?xml") || begins_with(bytes, length, "<!--"))
        *c = memmem(bytes, length < NEAR ? length : NEAR, "<svg", 4)
                 ? drawing
                 : (reel_content){"an XML document", NULL};
    else
        return false;
    return true;
}

reel_content reel_content_of(const uint8_t *bytes, size_t length)
{
    reel_content c = {0};
    if (!bytes)
        return c;
    const char *raw = reel_camera_raw(bytes, length);
    if (raw)
        return (reel_content){raw, to_jpeg};
    for (int64_t i = 0; i < REEL_COUNT(magics); i++) {
        const struct magic *m = &magics[i];
        if (length >= m->at + m->length && memcmp(bytes + m->at, m->bytes, m->length) == 0)
            return (reel_content){m->name, m->advice};
    }
    if (media_content(&c, bytes, length) || markup_content(&c, bytes, length))
        return c;
    return (reel_content){is_text(bytes, length) ? "text" : NULL, NULL};
}

const char *reel_content_name(const uint8_t *bytes, size_t length)
{
    if (!bytes && length > 0)
        return NULL;
    return reel_content_of(bytes, length).name;
}

const char *reel_content_bare(const char *name)
{
    return strncmp(name, "a ", 2) == 0 ? name + 2 : strncmp(name, "an ", 3) == 0 ? name + 3 : name;
}
