/* BMP of Windows and OS/2, read as PIL reads it: 1, 4, 8, 16, 24 and 32 bits, palettes, bitfields
 * of any layout, run lengths of 4 and 8 bits, rows from the bottom up or from the top down. Alpha
 * is dropped.
 *
 * A file header of 14 bytes ("BM", sizes, where the pixels begin), a header whose length tells its
 * version, masks or a palette, and pixels: rows padded to 4 bytes, or run lengths. Numbers are
 * little endian. Format: Microsoft's "Bitmap Storage"; IBM's OS/2 2.x bitmap. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/codecs/codec.h"

enum { FILE_HEADER = 14, OS2_HEADER = 12, WINDOWS_HEADER = 40, MOST_COLOURS = 256 };
enum { RAW, RLE8, RLE4, BITFIELDS };

struct bmp {
    int64_t width, height;
    bool top_down;
    int bits, compression;
    uint32_t mask[3]; /* of red, green, blue, for 16 and 32 bits */
    size_t palette, colours, colour_bytes;
    size_t pixels; /* where they begin */
};

static uint32_t bmp_number(const uint8_t *p, int bytes)
{
    uint32_t value = 0;
    for (int i = bytes - 1; i >= 0; i--)
        value = value << 8 | p[i];
    return value;
}

static bool bmp_sniff(const uint8_t *bytes, size_t length)
{
    static const uint32_t headers[] = {OS2_HEADER, WINDOWS_HEADER, 52, 56, 64, 108, 124};
    if (length < FILE_HEADER + 4 || memcmp(bytes, "BM", 2) != 0)
        return false;
    const uint32_t header = bmp_number(bytes + FILE_HEADER, 4);
    for (int64_t i = 0; i < REEL_COUNT(headers); i++)
        if (header == headers[i])
            return true;
    return false;
}

/* The header of OS/2 1.x: sides of 16 bits, palette entries of 3 bytes. */
static void read_os2_header(struct bmp *b, const uint8_t *h)
{
    b->width = bmp_number(h + 4, 2);
    b->height = bmp_number(h + 6, 2);
    b->bits = (int)bmp_number(h + 10, 2);
    b->colour_bytes = 3;
}

/* All later headers begin alike. A height below 0: rows from the top down. */
static void read_windows_header(struct bmp *b, const uint8_t *h)
{
    b->width = (int32_t)bmp_number(h + 4, 4);
    b->height = (int32_t)bmp_number(h + 8, 4);
    b->top_down = b->height < 0;
    if (b->top_down)
        b->height = -b->height;
    b->bits = (int)bmp_number(h + 14, 2);
    b->compression = (int)bmp_number(h + 16, 4);
    b->colours = bmp_number(h + 32, 4);
    b->colour_bytes = 4;
}

/* The masks follow the 40 bytes, as part of a longer header or behind it. Without them: 5 bits a
 * colour of 16, 8 bits of 32. */
static reel_status read_masks(struct bmp *b, const reel_decoding *d, reel_error *err)
{
    static const uint32_t of_16[3] = {0x7c00, 0x3e0, 0x1f}, of_32[3] = {0xff0000, 0xff00, 0xff};
    memcpy(b->mask, b->bits == 16 ? of_16 : of_32, sizeof b->mask);
    if (b->compression != BITFIELDS)
        return REEL_OK;
    if (b->bits != 16 && b->bits != 24 && b->bits != 32)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: bitfields of %d bits, expected 16, 24 or 32",
                         b->bits);
    enum { AT = FILE_HEADER + WINDOWS_HEADER, BYTES = 12 };
    if (d->length < AT + BYTES)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: the header is cut");

    uint32_t mask[3];
    for (int c = 0; c < 3; c++)
        mask[c] = bmp_number(d->bytes + AT + 4 * c, 4);
    if (mask[0] | mask[1] | mask[2])
        memcpy(b->mask, mask, sizeof mask);
    for (int c = 0; c < 3; c++) {
        const uint32_t m = b->mask[c], lowest = m & (~m + 1);
        if (m && (m + lowest) & m)
            return reel_fail(err, REEL_ERR_FORMAT, "BMP: bit mask %08x has gaps", m);
    }
    return REEL_OK;
}

static reel_status check_bmp_kind(const struct bmp *b, reel_error *err)
{
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 16 && b->bits != 24 &&
        b->bits != 32)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "BMP: %d bits a pixel, expected 1, 4, 8, 16, 24 or 32", b->bits);
    const bool runs = b->compression == RLE8 || b->compression == RLE4;
    if (b->compression < RAW || b->compression > BITFIELDS)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "BMP: compression %d, expected 0 (none), 1 or 2 (run lengths) or 3 "
                         "(bitfields)",
                         b->compression);
    if (runs && b->bits > 8)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: run lengths of %d bits a pixel", b->bits);
    return REEL_OK;
}

/* Bytes of a row; rows are padded to 4. */
static int64_t bmp_stride(const struct bmp *b)
{
    return (b->width * b->bits + 31) / 32 * 4;
}

/* Where palette and pixels lie. A header that names the place right behind itself means the place
 * behind the palette. */
static reel_status find_bmp_parts(struct bmp *b, const reel_decoding *d, size_t header,
                                  reel_error *err)
{
    const size_t masks = b->compression == BITFIELDS && header == WINDOWS_HEADER ? 12 : 0;
    b->palette = FILE_HEADER + header + masks;
    if (b->bits > 8)
        b->colours = 0;
    else if (b->colours == 0)
        b->colours = (size_t)1 << b->bits;
    if (b->palette > d->length)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: the header is cut");

    /* A palette that claims to be too long is as long as it can be. */
    const uint64_t behind = (uint64_t)b->palette + (uint64_t)b->colours * b->colour_bytes;
    const size_t most = (d->length - b->palette) / b->colour_bytes;
    b->colours = b->colours < most ? b->colours : most;
    b->pixels = bmp_number(d->bytes + 10, 4);
    if (b->pixels == 0 || b->pixels == FILE_HEADER + header)
        b->pixels = behind < d->length ? (size_t)behind : d->length;
    if (b->pixels >= d->length)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: its pixels begin behind the end of the file");
    return REEL_OK;
}

/* Two bytes make at most 255 pixels. Rows may be passed over: small images are let through. */
static reel_status check_runs(const struct bmp *b, const reel_decoding *d, reel_error *err)
{
    enum { SMALL = 1 << 22, PIXELS_PER_BYTE = 128 };
    const int64_t pixels = b->width * b->height;
    if (pixels <= SMALL || pixels / PIXELS_PER_BYTE <= (int64_t)d->length)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_FORMAT,
                     "BMP: %zu bytes of run lengths cannot hold %" PRId64 " x %" PRId64 " pixels",
                     d->length, b->width, b->height);
}

static reel_status read_bmp_header(struct bmp *b, const reel_decoding *d, reel_error *err)
{
    const uint8_t *h = d->bytes + FILE_HEADER;
    const size_t header = bmp_number(h, 4);
    *b = (struct bmp){0};
    if (header > d->length - FILE_HEADER)
        return reel_fail(err, REEL_ERR_FORMAT, "BMP: the header is cut");
    if (header == OS2_HEADER)
        read_os2_header(b, h);
    else
        read_windows_header(b, h);

    REEL_TRY(check_bmp_kind(b, err));
    REEL_TRY(reel_check_pixels("BMP", b->width, b->height, err));
    REEL_TRY(read_masks(b, d, err));
    REEL_TRY(find_bmp_parts(b, d, header, err));
    if (b->compression == RLE8 || b->compression == RLE4)
        return check_runs(b, d, err);

    /* The last row may lack its padding. */
    const int64_t wanted = bmp_stride(b) * (b->height - 1) + (b->width * b->bits + 7) / 8;
    if ((int64_t)(d->length - b->pixels) < wanted)
        return reel_fail(err, REEL_ERR_FORMAT,
                         "BMP of %" PRId64 " x %" PRId64
                         " is cut: %zu bytes of pixels, expected %" PRId64,
                         b->width, b->height, d->length - b->pixels, wanted);
    return REEL_OK;
}

static reel_status bmp_size(reel_decoding *d, reel_error *err)
{
    struct bmp b;
    REEL_TRY(read_bmp_header(&b, d, err));
    d->width = b.width;
    d->height = b.height;
    return REEL_OK;
}

/* ---- pixels ---- */

/* The colours of all 256 indices, as red, green, blue. Those behind the palette are black; but
 * where the palette is the beginning of a grey ramp, they continue it, as in PIL. */
static void read_palette(const struct bmp *b, const reel_decoding *d,
                         uint8_t palette[MOST_COLOURS][3])
{
    const int step = b->bits == 1 ? 255 : 1, n = b->bits > 8 ? 0 : b->bits == 1 ? 2 : MOST_COLOURS;
    bool ramp = true;
    memset(palette, 0, (size_t)MOST_COLOURS * 3);
    for (int i = 0; i < n && (size_t)i < b->colours; i++)
        for (int c = 0; c < 3; c++) {
            palette[i][c] = d->bytes[b->palette + (size_t)i * b->colour_bytes + 2 - (size_t)c];
            ramp = ramp && palette[i][c] == i * step;
        }
    for (int i = 0; ramp && i < n; i++)
        memset(palette[i], i * step, 3);
}

static void unpack_indices(const struct bmp *b, uint8_t *rgb, const uint8_t *row,
                           uint8_t palette[MOST_COLOURS][3])
{
    const int per_byte = 8 / b->bits, most = (1 << b->bits) - 1;
    for (int64_t x = 0; x < b->width; x++) {
        const int shift = 8 - b->bits * (int)(x % per_byte + 1);
        memcpy(rgb + 3 * x, palette[row[x / per_byte] >> shift & most], 3);
    }
}

/* n bits of a colour become 8: value * 255 / (2^n - 1), rounded down, as PIL does. */
static void unpack_fields(const struct bmp *b, uint8_t *rgb, const uint8_t *row)
{
    const int bytes = b->bits / 8;
    for (int c = 0; c < 3; c++) {
        const uint32_t mask = b->mask[c], lowest = mask & (~mask + 1);
        const uint64_t most = mask ? mask / lowest : 1;
        for (int64_t x = 0; x < b->width && mask; x++) {
            const uint64_t value = (bmp_number(row + x * bytes, bytes) & mask) / lowest;
            rgb[3 * x + c] = (uint8_t)(value * 255 / most);
        }
        for (int64_t x = 0; x < b->width && !mask; x++)
            rgb[3 * x + c] = 0;
    }
}

/* Rows come from the top down or from the bottom up. */
static uint8_t *bmp_row(const struct bmp *b, const reel_image *image, int64_t y)
{
    return image->rgb + (b->top_down ? y : b->height - 1 - y) * b->width * 3;
}

static void unpack_rows(const struct bmp *b, const reel_decoding *d,
                        uint8_t palette[MOST_COLOURS][3])
{
    for (int64_t y = 0; y < b->height; y++) {
        const uint8_t *row = d->bytes + b->pixels + y * bmp_stride(b);
        uint8_t *rgb = bmp_row(b, d->image, y);
        if (b->bits <= 8)
            unpack_indices(b, rgb, row, palette);
        else
            unpack_fields(b, rgb, row);
    }
}

/* ---- run lengths ---- */

/* Pixels are written one behind the other, from row to row, as PIL does. */
struct bmp_pen {
    const struct bmp *b;
    const reel_decoding *d;
    uint8_t (*palette)[3];
    int64_t n, total; /* pixels that were written; of the image */
    int64_t x;        /* place in the row, by which repeated pixels are clipped */
    size_t at;        /* the next byte */
};

static void put_index(struct bmp_pen *p, int index)
{
    const int64_t width = p->b->width;
    if (p->n < p->total)
        memcpy(bmp_row(p->b, p->d->image, p->n / width) + p->n % width * 3, p->palette[index], 3);
    p->n++;
}

/* count pixels of one byte; with 4 bits, of its halves in turn. */
static void repeat_byte(struct bmp_pen *p, int count, int byte)
{
    const int64_t room = p->b->width > p->x ? p->b->width - p->x : 0;
    const int n = count < room ? count : (int)room;
    for (int i = 0; i < n; i++)
        put_index(p, p->b->compression != RLE4 ? byte : i % 2 ? byte & 15 : byte >> 4);
    p->x += n;
}

/* count pixels as they follow, padded to 2 bytes; with 4 bits, two a byte. */
static bool copy_bytes(struct bmp_pen *p, int count)
{
    const bool halves = p->b->compression == RLE4;
    const int64_t left = p->total - p->n;
    const int n = count < left ? count : (int)left;
    const size_t bytes = (size_t)(halves ? (n + 1) / 2 : n);
    if (bytes > p->d->length - p->at)
        return false;
    const uint8_t *from = p->d->bytes + p->at;
    for (int i = 0; i < n; i++)
        put_index(p, !halves ? from[i] : i % 2 ? from[i / 2] & 15 : from[i / 2] >> 4);
    p->x += count;
    p->at += bytes + bytes % 2;
    if (p->at > p->d->length)
        p->at = p->d->length;
    return true;
}

/* A row that has begun is filled; one that has not is passed over. */
static void end_row(struct bmp_pen *p, bool fresh)
{
    const int64_t width = p->b->width;
    if (p->n % width || fresh)
        p->n += width - p->n % width;
    p->x = 0;
}

/* Pairs of bytes: a count and what to repeat; or 0 and: 0 = end of the row, 1 = end of the image,
 * 2 = go right and up (2 bytes), n = n pixels follow. Pixels that are passed over have colour 0. */
static reel_status draw_runs(struct bmp_pen *p, reel_error *err)
{
    enum { END_OF_ROW, END_OF_IMAGE, MOVE };
    bool fresh = true; /* nothing was written in this row */
    while (p->n < p->total) {
        const uint8_t *pair = p->d->bytes + p->at;
        const size_t left = p->d->length - p->at;
        bool cut = left < 2;
        p->at += cut ? 0 : 2;
        if (!cut && pair[0]) {
            repeat_byte(p, pair[0], pair[1]);
        } else if (!cut && pair[1] == END_OF_ROW) {
            end_row(p, fresh);
        } else if (!cut && pair[1] == END_OF_IMAGE) {
            return REEL_OK;
        } else if (!cut && pair[1] == MOVE) {
            cut = left < 4;
            p->n += cut ? 0 : pair[2] + pair[3] * p->b->width;
            p->x = p->n % p->b->width;
            p->at += cut ? 0 : 2;
        } else if (!cut) {
            cut = !copy_bytes(p, pair[1]);
        }
        if (cut)
            return reel_fail(err, REEL_ERR_FORMAT, "BMP: the file ends within its run lengths");
        fresh = pair[0] == 0 && pair[1] == END_OF_ROW;
    }
    return REEL_OK;
}

static reel_status bmp_decode(reel_decoding *d, reel_error *err)
{
    struct bmp b;
    uint8_t palette[MOST_COLOURS][3];
    REEL_TRY(read_bmp_header(&b, d, err));
    REEL_TRY(reel_image_resize_buffer(d->image, b.width, b.height, err));
    read_palette(&b, d, palette);
    if (b.compression == RAW || b.compression == BITFIELDS) {
        unpack_rows(&b, d, palette);
        return REEL_OK;
    }

    for (int64_t i = 0; i < b.width * b.height; i++)
        memcpy(d->image->rgb + 3 * i, palette[0], 3);
    struct bmp_pen pen = {
        .b = &b, .d = d, .palette = palette, .total = b.width * b.height, .at = b.pixels};
    return draw_runs(&pen, err);
}

const reel_codec reel_codec_bmp =
    REEL_CODEC(bmp, .name = "BMP", .what = "a BMP image", .extensions = ".bmp .dib");
