/* TIFF through libtiff: the first image, in strips or tiles, with interleaved or separate planes,
 * by whatever compression libtiff knows. 1, 2, 4, 8 and 16 bits a sample; white or black at 0, RGB,
 * palette, CMYK, YCbCr. 16 bits are cut to the high byte, alpha is dropped; colours that are stored
 * multiplied by it are divided, as PIL does.
 *
 * Samples are unpacked here, because libtiff's own conversion to RGB multiplies by alpha; only
 * YCbCr that is not JPEG goes through it. Sizes of tiles and of all strips together are checked
 * before memory is taken: a file may claim anything. libtiff maps the bytes, so that strips are not
 * copied. Format: TIFF 6.0, and BigTIFF. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/codecs/common/camera_raw.h"
#include "data/codecs/common/colours.h"
#include "data/codecs/common/library.h"
#include "data/codecs/common/orientation.h"

#ifdef REEL_HAVE_TIFF
#include "data/bytes_internal.h"
#include "data/codecs/common/tiff_bytes.h"
#endif

static bool tiff_sniff(const uint8_t *bytes, size_t length)
{
    if (length < 8)
        return false;
    const bool tiff = memcmp(bytes, "II*\0", 4) == 0 || memcmp(bytes, "MM\0*", 4) == 0,
               big = memcmp(bytes, "II+\0\x08\0\0\0", 8) == 0 ||
                     memcmp(bytes, "MM\0+\0\x08\0\0", 8) == 0;
    return big || (tiff && !reel_camera_raw(bytes, length));
}

static void note_tiff_profile(void *self, const reel_tiff_entry *entry)
{
    enum { ICC_PROFILE = 34675 };
    *(bool *)self |= entry->tag == ICC_PROFILE;
}

static bool tiff_has_profile(const uint8_t *bytes, size_t length)
{
    bool any = false;
    reel_tiff_entries(bytes, length, note_tiff_profile, &any);
    return any;
}

static void note_ink(void *self, const reel_tiff_entry *entry)
{
    enum { PHOTOMETRIC = 262, SEPARATED = 5 };
    *(bool *)self |= entry->tag == PHOTOMETRIC && entry->value == SEPARATED;
}

static bool tiff_is_cmyk(const uint8_t *bytes, size_t length)
{
    bool ink = false;
    reel_tiff_entries(bytes, length, note_ink, &ink);
    return ink;
}

#ifndef REEL_HAVE_TIFF

REEL_CODEC_WITHOUT_LIBRARY(tiff, "TIFF", "libtiff 4.5 or later", "libtiff-dev")

#else

enum { COLOURS = 256, MOST_SAMPLES = 8 };

/* One file that is open. */
struct tiff_file {
    const reel_decoding *d;
    reel_tiff_bytes bytes;
    TIFF *tiff;

    int64_t width, height;
    uint16_t bits, samples, photometric, compression, planar, format;
    bool multiplied; /* the first extra sample is alpha that colours were multiplied by */
    bool tiled;
    int64_t block_width, block_height; /* of a tile, or of a strip */
    int64_t row_bytes;                 /* of a block's row, in one plane */
    bool raw;                          /* blocks are used where they lie in the bytes */
    bool swapped;                      /* their 16 bits are of the other byte order */
    int planes;                        /* 1, or as many as there are samples */
    uint8_t palette[COLOURS][3];
};

static reel_status tiff_refuse(const struct tiff_file *f, reel_error *err)
{
    char shown[250];
    reel_escape(shown, sizeof shown, f->bytes.reason[0] ? f->bytes.reason : "damaged data");
    return reel_fail(err, REEL_ERR_FORMAT, "TIFF: %s", shown);
}

static void close_tiff(struct tiff_file *f)
{
    if (f->tiff)
        TIFFClose(f->tiff);
    f->tiff = NULL;
}

/* Opens the file and reads the size of its first image. close_tiff must follow, after an error,
 * too. */
static reel_status open_tiff(struct tiff_file *f, const reel_decoding *d, reel_error *err)
{
    uint32_t width = 0, height = 0;
    *f = (struct tiff_file){.d = d, .bytes = {.data = d->bytes, .length = d->length}};
    REEL_TRY(reel_tiff_open(&f->tiff, &f->bytes, (size_t)REEL_MAX_PIXELS * MOST_SAMPLES, err));
    if (!f->tiff)
        return tiff_refuse(f, err);

    if (!TIFFGetField(f->tiff, TIFFTAG_IMAGEWIDTH, &width) ||
        !TIFFGetField(f->tiff, TIFFTAG_IMAGELENGTH, &height))
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: the file does not tell its size");
    f->width = width;
    f->height = height;
    return reel_check_pixels("TIFF", f->width, f->height, err);
}

static reel_status tiff_size(reel_decoding *d, reel_error *err)
{
    struct tiff_file f;
    const reel_status status = open_tiff(&f, d, err);
    d->width = f.width;
    d->height = f.height;
    close_tiff(&f);
    return status;
}

/* ---- what the file holds ---- */

static void note_photometric(void *self, const reel_tiff_entry *entry)
{
    if (entry->tag == TIFFTAG_PHOTOMETRIC)
        *(uint32_t *)self = entry->value;
}

/* libtiff takes an image for grey whose palette lies outside the file. */
static bool lost_its_palette(const struct tiff_file *f)
{
    uint32_t told = f->photometric;
    reel_tiff_entries(f->d->bytes, f->d->length, note_photometric, &told);
    return told == PHOTOMETRIC_PALETTE && f->photometric != PHOTOMETRIC_PALETTE;
}

/* The colours of a palette of 16 bits. */
static reel_status read_tiff_palette(struct tiff_file *f, reel_error *err)
{
    uint16_t *red, *green, *blue;
    if (f->bits > 8)
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: palette of %d bits, expected at most 8",
                         f->bits);
    if (!TIFFGetField(f->tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: the palette is missing");
    for (int i = 0; i < 1 << f->bits; i++) {
        f->palette[i][0] = (uint8_t)(red[i] >> 8);
        f->palette[i][1] = (uint8_t)(green[i] >> 8);
        f->palette[i][2] = (uint8_t)(blue[i] >> 8);
    }
    return REEL_OK;
}

static reel_status check_tiff_samples(const struct tiff_file *f, reel_error *err)
{
    const int bits = f->bits;
    if (bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16)
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: %d bits a sample, expected 1, 2, 4, 8 or 16",
                         bits);
    if (f->format != SAMPLEFORMAT_UINT && f->format != SAMPLEFORMAT_VOID &&
        !(f->format == SAMPLEFORMAT_INT && bits == 8))
        return reel_fail(err, REEL_ERR_FORMAT,
                         "TIFF: samples are signed or floating point numbers, expected unsigned");

    int needed = 1;
    switch (f->photometric) {
    case PHOTOMETRIC_MINISWHITE:
    case PHOTOMETRIC_MINISBLACK:
    case PHOTOMETRIC_PALETTE:
        break;
    case PHOTOMETRIC_RGB:
        needed = 3;
        break;
    case PHOTOMETRIC_SEPARATED:
        needed = 4;
        break;
    case PHOTOMETRIC_YCBCR:
        break; /* libtiff checks it */
    default:
        return reel_fail(err, REEL_ERR_FORMAT,
                         "TIFF: colours of kind %d, expected grey, RGB, palette, CMYK or YCbCr (0 "
                         "to 3, 5, 6)",
                         f->photometric);
    }
    if (f->samples < needed || f->samples > MOST_SAMPLES)
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: %d samples a pixel, expected %d to %d",
                         f->samples, needed, MOST_SAMPLES);
    return REEL_OK;
}

/* Does libtiff convert the colours? JPEG with interleaved samples it turns into RGB by itself. What
 * is neither compressed nor sampled, PIL converts. */
static bool is_libtiffs(const struct tiff_file *f)
{
    uint16_t across = 0, down = 0;
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    const bool plain =
        f->raw && f->bits == 8 && f->samples == 3 && f->planes == 1 && across == 1 && down == 1;
    return (f->photometric == PHOTOMETRIC_YCBCR && !plain) || f->compression == COMPRESSION_OJPEG;
}

static reel_status read_tiff_kind(struct tiff_file *f, reel_error *err)
{
    uint16_t extras = 0, fill_order = FILLORDER_MSB2LSB, *kinds = NULL;
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_BITSPERSAMPLE, &f->bits);
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_SAMPLESPERPIXEL, &f->samples);
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_SAMPLEFORMAT, &f->format);
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_COMPRESSION, &f->compression);
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_PLANARCONFIG, &f->planar);
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
    if (!TIFFGetField(f->tiff, TIFFTAG_PHOTOMETRIC, &f->photometric))
        f->photometric = PHOTOMETRIC_MINISWHITE;
    f->multiplied = extras > 0 && kinds[0] == EXTRASAMPLE_ASSOCALPHA;
    f->planes = f->planar == PLANARCONFIG_SEPARATE ? f->samples : 1;
    TIFFGetFieldDefaulted(f->tiff, TIFFTAG_FILLORDER, &fill_order);
    f->raw = f->compression == COMPRESSION_NONE && fill_order == FILLORDER_MSB2LSB;
    f->swapped = f->raw && TIFFIsByteSwapped(f->tiff);
    if (!TIFFIsCODECConfigured(f->compression))
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: compression %d, which this libtiff lacks",
                         f->compression);

    if (lost_its_palette(f))
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: the palette is missing");
    REEL_TRY(check_tiff_samples(f, err));
    if (f->compression == COMPRESSION_JPEG && f->photometric == PHOTOMETRIC_YCBCR &&
        f->planes == 1 && f->samples == 3) {
        TIFFSetField(f->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        f->photometric = PHOTOMETRIC_RGB;
    }
#ifdef TIFFTAG_DEFLATE_SUBCODEC
    /* libdeflate leaves memory unset where data are longer than the strip, and says nothing. */
    if (f->compression == COMPRESSION_ADOBE_DEFLATE || f->compression == COMPRESSION_DEFLATE)
        TIFFSetField(f->tiff, TIFFTAG_DEFLATE_SUBCODEC, DEFLATE_SUBCODEC_ZLIB);
#endif
    return f->photometric == PHOTOMETRIC_PALETTE ? read_tiff_palette(f, err) : REEL_OK;
}

/* The size of tiles and strips, which must be that of the samples. */
static reel_status read_blocks(struct tiff_file *f, reel_error *err)
{
    enum { SMALL = 1 << 24 };
    uint32_t width = 0, height = 0;
    f->tiled = TIFFIsTiled(f->tiff);
    if (f->tiled) {
        TIFFGetField(f->tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(f->tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        width = (uint32_t)f->width;
        TIFFGetFieldDefaulted(f->tiff, TIFFTAG_ROWSPERSTRIP, &height);
        height = height < f->height ? height : (uint32_t)f->height;
    }
    f->block_width = width;
    f->block_height = height;

    /* A block may be larger than the image, but no damaged number asks for memory without end. */
    const int64_t pixels = f->width * f->height, most = pixels > SMALL / 4 ? 4 * pixels : SMALL;
    if (width == 0 || height == 0 || f->block_width > most / f->block_height ||
        f->block_width > REEL_MAX_PIXELS / f->block_height)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "TIFF: tiles of %" PRIu32 " x %" PRIu32 " for %" PRId64 " x %" PRId64
                         " pixels",
                         width, height, f->width, f->height);
    const int interleaved = f->planes == 1 ? f->samples : 1;
    f->row_bytes = (f->block_width * interleaved * f->bits + 7) / 8;
    const int64_t bytes = f->tiled ? TIFFTileSize(f->tiff) : TIFFStripSize(f->tiff);
    if (!is_libtiffs(f) && bytes != f->row_bytes * f->block_height)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "TIFF: blocks of %" PRId64 " bytes, expected %" PRId64, bytes,
                         f->row_bytes * f->block_height);
    return REEL_OK;
}

/* The same bytes may serve as thousands of strips, each of which takes time to decompress. A file
 * that was not made for that holds each byte once, or little more. */
static reel_status check_strips(const struct tiff_file *f, reel_error *err)
{
    enum { SLACK = 1 << 16, HEADER = 8 };
    const uint64_t most = 2 * (uint64_t)f->d->length + SLACK;
    const uint32_t n = f->tiled ? TIFFNumberOfTiles(f->tiff) : TIFFNumberOfStrips(f->tiff);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n && sum <= most && !f->raw; i++) {
        sum += TIFFGetStrileByteCount(f->tiff, i);
        if (TIFFGetStrileOffset(f->tiff, i) < HEADER)
            return reel_fail(err, REEL_ERR_FORMAT, "TIFF: strip %" PRIu32 " is missing", i);
    }
    if (sum > most)
        return reel_fail(err, REEL_ERR_FORMAT, "TIFF: its strips overlap, or lie outside the file");
    return REEL_OK;
}

/* ---- from samples to RGB ---- */

/* n samples to 8 bits each, `step` bytes apart: 16 are cut, fewer keep their value. */
static void unpack_samples(uint8_t *out, int step, const uint8_t *row, int64_t n, int bits,
                           bool swapped)
{
    if (bits == 16) {
        for (int64_t i = 0; i < n; i++) {
            uint16_t value;
            memcpy(&value, row + 2 * i, sizeof value);
            out[i * step] = (uint8_t)(swapped ? value & 255 : value >> 8);
        }
        return;
    }
    const int per_byte = 8 / bits, most = (1 << bits) - 1;
    for (int64_t i = 0; i < n; i++)
        out[i * step] = (uint8_t)(row[i / per_byte] >> (8 - bits * (int)(i % per_byte + 1)) & most);
}

/* n samples of one pixel that alpha was multiplied into. */
static void divide_by_alpha(uint8_t *colours, int n, int alpha)
{
    for (int c = 0; c < n; c++) {
        const int v = alpha ? colours[c] * 255 / alpha : 0;
        colours[c] = (uint8_t)(v < 255 ? v : 255);
    }
}

/* A row of interleaved samples of 8 bits becomes RGB. */
static void colour_row(const struct tiff_file *f, uint8_t *rgb, uint8_t *samples, int64_t width)
{
    const int n = f->samples, most = f->bits < 8 ? (1 << f->bits) - 1 : 255, scale = 255 / most;
    const int colours = f->photometric == PHOTOMETRIC_RGB ? 3 : 1;
    for (int64_t x = 0; x < width; x++, samples += n, rgb += 3) {
        if (f->photometric == PHOTOMETRIC_PALETTE) {
            memcpy(rgb, f->palette[samples[0]], 3);
            continue;
        }
        if (f->photometric == PHOTOMETRIC_MINISWHITE)
            samples[0] = (uint8_t)(most - samples[0]);
        for (int c = 0; c < n && scale > 1; c++)
            samples[c] = (uint8_t)(samples[c] * scale); /* NOLINT(clang-analyzer-core.*) */
        if (f->photometric == PHOTOMETRIC_SEPARATED) {
            reel_rgb_of_ink(rgb, samples);
            continue;
        }
        if (f->photometric == PHOTOMETRIC_YCBCR) {
            reel_rgb_of_ycc(rgb, samples);
            continue;
        }
        if (f->multiplied && n > colours)
            divide_by_alpha(samples, colours, samples[colours]);
        for (int c = 0; c < 3; c++)
            rgb[c] = samples[colours == 3 ? c : 0];
    }
}

/* ---- blocks ---- */

/* The part of a block that lies in the image. */
static reel_rect block_part(const struct tiff_file *f, int64_t x, int64_t y)
{
    const int64_t right = f->width - x, below = f->height - y;
    return (reel_rect){x, y, right < f->block_width ? right : f->block_width,
                       below < f->block_height ? below : f->block_height};
}

/* One plane of the block at (x, y): *from is `to`, or points into the file. */
static reel_status read_plane(struct tiff_file *f, uint8_t *to, const uint8_t **from,
                              const reel_rect *at, int plane, reel_error *err)
{
    const uint32_t x = (uint32_t)at->x, y = (uint32_t)at->y;
    const uint32_t block = f->tiled ? TIFFComputeTile(f->tiff, x, y, 0, (uint16_t)plane)
                                    : TIFFComputeStrip(f->tiff, y, (uint16_t)plane);
    const int64_t rows = f->tiled ? f->block_height : at->h, wanted = rows * f->row_bytes;
    *from = to;
    if (f->raw) {
        const uint64_t offset = TIFFGetStrileOffset(f->tiff, block);
        if (offset == 0 || offset > f->d->length || f->d->length - offset < (uint64_t)wanted)
            return reel_fail(err, REEL_ERR_FORMAT, "TIFF: the file ends early");
        *from = f->d->bytes + offset;
        return REEL_OK;
    }

    /* libtiff goes on behind some kinds of damage; its messages tell. */
    f->bytes.reason[0] = 0;
    const int64_t got = f->tiled ? TIFFReadEncodedTile(f->tiff, block, to, (tmsize_t)wanted)
                                 : TIFFReadEncodedStrip(f->tiff, block, to, (tmsize_t)wanted);
    return got == wanted && !f->bytes.reason[0] ? REEL_OK : tiff_refuse(f, err);
}

/* planes: memory for a block of each plane; samples: for a row of all samples. */
static reel_status draw_block(struct tiff_file *f, const reel_rect *at, uint8_t *planes,
                              uint8_t *samples, reel_error *err)
{
    const int64_t bytes = f->row_bytes * f->block_height;
    const uint8_t *from[MOST_SAMPLES];
    for (int p = 0; p < f->planes; p++)
        REEL_TRY(read_plane(f, planes ? planes + p * bytes : NULL, &from[p], at, p, err));

    const int64_t n = at->w * (f->planes == 1 ? f->samples : 1);
    for (int64_t y = 0; y < at->h; y++) {
        for (int p = 0; p < f->planes; p++)
            unpack_samples(samples + p, f->planes, from[p] + y * f->row_bytes, n, f->bits,
                           f->swapped);
        colour_row(f, f->d->image->rgb + ((at->y + y) * f->width + at->x) * 3, samples, at->w);
    }
    return REEL_OK;
}

static reel_status draw_blocks(struct tiff_file *f, reel_error *err)
{
    const int64_t bytes = f->row_bytes * f->block_height;
    /* Zeros: what libtiff leaves unset behind damage must not depend on chance. */
    uint8_t *planes = f->raw ? NULL : calloc((size_t)f->planes, (size_t)bytes),
            *samples = calloc((size_t)f->block_width, (size_t)f->samples);
    reel_status status = (planes || f->raw) && samples
                             ? REEL_OK
                             : reel_fail(err, REEL_ERR_MEMORY, "no memory for the TIFF decoder");
    for (int64_t y = 0; y < f->height && status == REEL_OK; y += f->block_height)
        for (int64_t x = 0; x < f->width && status == REEL_OK; x += f->block_width) {
            const reel_rect at = block_part(f, x, y);
            status = draw_block(f, &at, planes, samples, err);
        }
    free(planes);
    free(samples);
    return status;
}

/* libtiff's RGB, block by block; as the rows lie in the file, whatever the orientation says. */
static reel_status draw_converted(struct tiff_file *f, reel_error *err)
{
    TIFFRGBAImage image;
    char reason[1024] = "";
    enum { STOP_ON_ERROR = 1 };
    if (!TIFFRGBAImageOK(f->tiff, reason) ||
        !TIFFRGBAImageBegin(&image, f->tiff, STOP_ON_ERROR, reason)) {
        snprintf(f->bytes.reason, sizeof f->bytes.reason, "%.199s", reason);
        return tiff_refuse(f, err);
    }
    image.req_orientation = image.orientation; /* not turned: the caller does that, or not */

    uint32_t *raster = calloc((size_t)(f->block_width * f->block_height), sizeof *raster);
    reel_status status =
        raster ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "no memory for the TIFF decoder");
    for (int64_t y = 0; y < f->height && status == REEL_OK; y += f->block_height)
        for (int64_t x = 0; x < f->width && status == REEL_OK; x += f->block_width) {
            const reel_rect at = block_part(f, x, y);
            image.row_offset = (int)at.y;
            image.col_offset = (int)at.x;
            if (!TIFFRGBAImageGet(&image, raster, (uint32_t)at.w, (uint32_t)at.h))
                status = tiff_refuse(f, err);
            for (int64_t i = 0; i < at.w * at.h && status == REEL_OK; i++) {
                uint8_t *rgb =
                    f->d->image->rgb + ((at.y + i / at.w) * f->width + at.x + i % at.w) * 3;
                rgb[0] = (uint8_t)TIFFGetR(raster[i]);
                rgb[1] = (uint8_t)TIFFGetG(raster[i]);
                rgb[2] = (uint8_t)TIFFGetB(raster[i]);
            }
        }
    free(raster);
    TIFFRGBAImageEnd(&image);
    return status;
}

static reel_status draw_tiff(struct tiff_file *f, reel_error *err)
{
    REEL_TRY(read_tiff_kind(f, err));
    REEL_TRY(read_blocks(f, err));
    REEL_TRY(check_strips(f, err));
    REEL_TRY(reel_image_resize_buffer(f->d->image, f->width, f->height, err));
    return is_libtiffs(f) ? draw_converted(f, err) : draw_blocks(f, err);
}

static reel_status tiff_decode(reel_decoding *d, reel_error *err)
{
    struct tiff_file f;
    reel_status status = open_tiff(&f, d, err);
    if (status == REEL_OK)
        status = draw_tiff(&f, err);
    close_tiff(&f);
    return status;
}

#endif

const reel_codec reel_codec_tiff = REEL_CODEC(
    tiff, .name = "TIFF", .what = "a TIFF image", .extensions = ".tif .tiff",
    .orientation = reel_tiff_orientation, .is_cmyk = tiff_is_cmyk, .has_profile = tiff_has_profile);
