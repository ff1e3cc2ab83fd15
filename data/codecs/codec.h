/* Image formats: what a format is, and images decoded by whichever format they have.
 *
 * A format is one file data/codecs/NAME.c that defines `const reel_codec reel_codec_NAME`. The
 * build collects these into a table. Nothing else in Reel lists formats: which files of a folder
 * are images, what a shard may hold, what messages expect, all ask this table. */
#ifndef REEL_DATA_CODECS_CODEC_H
#define REEL_DATA_CODECS_CODEC_H

#include "data/image.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the caller needs of an image. */
typedef struct reel_want {
    reel_rect part; /* in pixels of the stored image */
    /* Fast pixels may differ by a few units from the exact ones, and may be decoded at a smaller
     * scale, as long as the part keeps at least width x height pixels. */
    bool fast;
    int64_t width, height;
} reel_want;

typedef struct reel_codec reel_codec;

/* One image on its way from bytes to pixels. The caller sets the upper half; a codec's `size` and
 * `decode` fill the lower one. Belongs to one thread. */
typedef struct reel_decoding {
    const reel_codec *codec;
    const uint8_t *bytes; /* the encoded image; must stay until the pixels are no longer used */
    size_t length;
    const reel_want *want; /* for decode; NULL = the whole image, exactly */
    reel_image *image;     /* for decode: memory for the pixels */
    void **state;          /* the codec's own memory in this thread, kept from image to image; it
                              begins as NULL */

    int64_t width, height; /* by size: of the stored image */
    /* By decode. Preset to the whole image as it lies in `image`; a codec sets them only where
     * that is not so: pixels that lie uncompressed in `bytes`, a part, or a smaller scale. */
    reel_view pixels;
    int64_t left, top; /* where pixels lie in the image at that scale */
    int64_t eighths;   /* the scale: 8 = as stored, 4 = half as wide and high, ... */
} reel_decoding;

/* An image format. Functions may run in several threads at a time, with different `decoding`s;
 * they read nothing behind length. All trust nothing: bytes may come from anybody. */
struct reel_codec {
    const char *name;       /* "JPEG": begins the format's error messages */
    const char *what;       /* "a JPEG image": what a file is, in a sentence */
    const char *extensions; /* lower case, between spaces: ".jpg .jpeg" */
    /* Is this the format, by the first bytes? Must not take what another format takes. */
    bool (*sniff)(const uint8_t *bytes, size_t length);
    /* Reads width and height from the header. REEL_ERR_FORMAT: damaged, or a size that
     * reel_check_pixels refuses. */
    reel_status (*size)(reel_decoding *d, reel_error *err);
    /* Decodes what `size` has just accepted: (height, width, 3) bytes of RGB into d->image, by
     * reel_image_resize_buffer. A codec that can decode a part or a smaller scale looks at d->want;
     * its pixels must cover the wanted part. REEL_ERR_FORMAT: damaged or cut short, also where the
     * damage lies outside the part, as far as that can be seen. */
    reel_status (*decode)(reel_decoding *d, reel_error *err);

    /* What not every format has; NULL = never. */
    int (*orientation)(const uint8_t *bytes, size_t length);  /* EXIF's, 1 to 8; 0 = none */
    bool (*is_cmyk)(const uint8_t *bytes, size_t length);     /* are four ink channels stored? */
    bool (*has_profile)(const uint8_t *bytes, size_t length); /* of colours (ICC); it is ignored */
    void (*free_state)(void *state);
};

/* A format: NAME_sniff, NAME_size and NAME_decode, and the members that follow. */
#define REEL_CODEC(name_, ...)                                                                     \
    {.sniff = name_##_sniff, .size = name_##_size, .decode = name_##_decode, __VA_ARGS__}

/* ---- the table ---- */

REEL_API int reel_codec_count(void);
REEL_API const reel_codec *reel_codec_at(int i);
/* The format of these bytes, whatever their name says; NULL = none that is decoded. */
REEL_API const reel_codec *reel_codec_of(const uint8_t *bytes, size_t length);
/* The format that a file's name claims by its extension, in any case; NULL = none. */
REEL_API const reel_codec *reel_codec_of_name(const char *file_name);
/* Does the name end like that of an image which can be decoded? */
REEL_API bool reel_is_image_name(const char *file_name);
/* All extensions between spaces, for messages: ".jpg .jpeg .png". Cut to size. */
REEL_API void reel_image_extensions(char *text, size_t size);
/* What these bytes are, for messages: "a GIF image", "text", ...; NULL = unknown. */
REEL_API const char *reel_content_name(const uint8_t *bytes, size_t length);

/* ---- decoding ---- */

/* Decodes a whole image as it is stored (EXIF's orientation is not applied): (height, width, 3)
 * bytes of RGB. JPEG: 8-bit baseline and progressive; grey, YCbCr, CMYK and YCCK (Adobe's inverted)
 * become RGB as PIL's convert("RGB") does. PNG: palette, grey, alpha (dropped), 16 bit (>> 8),
 * interlaced. Binary PPM and PGM: 8 bit. WebP, GIF: the first frame. TIFF, BMP: see data/README.md.
 * REEL_ERR_FORMAT: another content (named), a build without the format's library, damage, a cut
 * file, more than REEL_MAX_PIXELS or than the bytes can hold, a PNG side beyond 1,000,000, more
 * than 500 progressive scans (or more than 20 of an image so large that it would take seconds). */
REEL_API reel_status reel_image_decode(reel_image *image, const uint8_t *bytes, size_t length,
                                       reel_error *err);
/* Width and height from the header alone. Errors as above. */
REEL_API reel_status reel_image_size(const uint8_t *bytes, size_t length, int64_t *width,
                                     int64_t *height, reel_error *err);

/* EXIF's orientation tag (0x0112), 1 to 8; 0 = there is none, or it is damaged. 1 = upright,
 * 2 = mirrored, 3 = upside down, 4 = 3 mirrored; 5 to 8: rows are columns, 6 = to be turned
 * clockwise, 8 = counter-clockwise, 5 and 7 = these mirrored. */
REEL_API int reel_exif_orientation(const uint8_t *bytes, size_t length);

/* What is done about the orientation. APPLY: images are turned upright before anything else, as
 * PIL's ImageOps.exif_transpose does. */
typedef enum { REEL_EXIF_IGNORE, REEL_EXIF_APPLY } reel_exif;

/* The decoders of one thread: memory that codecs keep from image to image. Begins as NULL; a
 * decoding makes it. */
typedef struct reel_decoders reel_decoders;
REEL_API void reel_decoders_free(reel_decoders *decoders);

/* Decoding in two steps, for a caller that chooses the part once it knows the size. The first finds
 * the format and reads the size into d->width and d->height; the second decodes `want` (NULL = the
 * whole image, exactly) with `image` as memory, into d->pixels. */
REEL_API reel_status reel_decoding_begin(reel_decoding *d, reel_decoders **decoders,
                                         const uint8_t *bytes, size_t length, reel_error *err);
REEL_API reel_status reel_decoding_finish(reel_decoding *d, const reel_want *want,
                                          reel_image *image, reel_error *err);

#ifdef __cplusplus
}
#endif
#endif
