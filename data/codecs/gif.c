/* GIF through giflib: the first frame, on the whole screen, as PIL shows it.
 *
 * The image is as large as the logical screen, or larger where the frame juts out. Pixels outside
 * the frame have the transparent colour's index, or 0. Colours come from the frame's own table,
 * or the global one; transparent pixels show the colour that is stored for them. Format: GIF89a. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/codecs/codec.h"
#include "data/codecs/common/library.h"

#ifdef REEL_HAVE_GIF
#include <gif_lib.h>
#endif

static bool gif_sniff(const uint8_t *bytes, size_t length)
{
    return length >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

#ifndef REEL_HAVE_GIF

REEL_CODEC_WITHOUT_LIBRARY(gif, "GIF", "giflib", "libgif-dev")

#else

enum { COLOURS = 256 };

/* One file, read up to the pixels of its first frame. */
struct gif_file {
    const reel_decoding *d;
    size_t at; /* bytes that giflib has taken */
    GifFileType *gif;
    int transparent;       /* index of a colour; -1 = none */
    int64_t width, height; /* of the image */
};

static int on_gif_read(GifFileType *gif, GifByteType *to, int n)
{
    struct gif_file *f = gif->UserData;
    const size_t left = f->d->length - f->at;
    if (n == 1 && left == 0) { /* the end of the image's blocks, which some files lack */
        *to = 0;
        return 1;
    }
    const size_t taken = (size_t)n < left ? (size_t)n : left;
    memcpy(to, f->d->bytes + f->at, taken);
    f->at += taken;
    return (int)taken;
}

static reel_status gif_refuse(int code, reel_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the GIF decoder");
    if (code == D_GIF_ERR_READ_FAILED)
        return reel_fail(err, REEL_ERR_FORMAT, "GIF: the file ends early, or is damaged");
    const char *reason = GifErrorString(code);
    return reel_fail(err, REEL_ERR_FORMAT, "GIF: %s", reason ? reason : "damaged data");
}

static reel_status gif_refuse_file(const struct gif_file *f, reel_error *err)
{
    return gif_refuse(f->gif->Error, err);
}

/* Passes over an extension; of the graphic control, notes the transparent colour. */
static bool read_extension(struct gif_file *f)
{
    enum { CONTROL_BYTES = 4, FLAGS_AT = 1, HAS_TRANSPARENT = 1, INDEX_AT = 4 };
    GifByteType *block; /* its length, then its bytes */
    int kind;
    if (DGifGetExtension(f->gif, &kind, &block) == GIF_ERROR)
        return false;
    if (kind == GRAPHICS_EXT_FUNC_CODE && block && block[0] >= CONTROL_BYTES &&
        (block[FLAGS_AT] & HAS_TRANSPARENT))
        f->transparent = block[INDEX_AT];
    while (block)
        if (DGifGetExtensionNext(f->gif, &block) == GIF_ERROR)
            return false;
    return true;
}

/* Goes to the first frame and reads its header. */
static reel_status find_frame(struct gif_file *f, reel_error *err)
{
    GifRecordType record;
    do {
        if (DGifGetRecordType(f->gif, &record) == GIF_ERROR ||
            (record == EXTENSION_RECORD_TYPE && !read_extension(f)))
            return gif_refuse_file(f, err);
        if (record == TERMINATE_RECORD_TYPE)
            return reel_fail(err, REEL_ERR_FORMAT, "GIF without an image");
    } while (record != IMAGE_DESC_RECORD_TYPE);
    if (DGifGetImageDesc(f->gif) == GIF_ERROR)
        return gif_refuse_file(f, err);

    const GifImageDesc *frame = &f->gif->Image;
    const int64_t right = (int64_t)frame->Left + frame->Width,
                  bottom = (int64_t)frame->Top + frame->Height;
    f->width = right > f->gif->SWidth ? right : f->gif->SWidth;
    f->height = bottom > f->gif->SHeight ? bottom : f->gif->SHeight;
    return reel_check_pixels("GIF", f->width, f->height, err);
}

static void close_gif(struct gif_file *f)
{
    int code;
    if (f->gif)
        DGifCloseFile(f->gif, &code);
    f->gif = NULL;
}

/* close_gif must follow, after an error, too. */
static reel_status open_gif(struct gif_file *f, const reel_decoding *d, reel_error *err)
{
    int code = 0;
    *f = (struct gif_file){.d = d, .transparent = -1};
    f->gif = DGifOpen(f, on_gif_read, &code);
    return f->gif ? find_frame(f, err) : gif_refuse(code, err);
}

static reel_status gif_size(reel_decoding *d, reel_error *err)
{
    struct gif_file f;
    const reel_status status = open_gif(&f, d, err);
    d->width = f.width;
    d->height = f.height;
    close_gif(&f);
    return status;
}

/* A table that holds the beginning of a grey ramp counts as none, as in PIL: where a frame has such
 * a table of its own and the file another one, PIL takes the file's. */
static const ColorMapObject *table_or_null(const ColorMapObject *map)
{
    bool ramp = true;
    for (int i = 0; map && ramp && i < map->ColorCount; i++) {
        const GifColorType *c = &map->Colors[i];
        ramp = c->Red == i && c->Green == i && c->Blue == i;
    }
    return ramp ? NULL : map;
}

/* The colours of all 256 indices: greys without a table; black behind the end of one. */
static void read_colours(const struct gif_file *f, uint8_t colours[COLOURS][3])
{
    const ColorMapObject *own = table_or_null(f->gif->Image.ColorMap),
                         *map = own ? own : table_or_null(f->gif->SColorMap);
    for (int i = 0; i < COLOURS; i++)
        memset(colours[i], map ? 0 : i, 3);
    for (int i = 0; map && i < map->ColorCount && i < COLOURS; i++) {
        colours[i][0] = map->Colors[i].Red;
        colours[i][1] = map->Colors[i].Green;
        colours[i][2] = map->Colors[i].Blue;
    }
}

/* The frame's rows in the order of the file: an interlaced one has every eighth row from 0, every
 * eighth from 4, every fourth from 2, every second from 1. */
static reel_status read_frame(struct gif_file *f, uint8_t *row, uint8_t colours[COLOURS][3],
                              reel_error *err)
{
    static const int interlaced[][2] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}}, plain[][2] = {{0, 1}};
    const GifImageDesc *frame = &f->gif->Image;
    const int(*passes)[2] = frame->Interlace ? interlaced : plain;
    const int n = frame->Interlace ? 4 : 1;
    for (int pass = 0; pass < n; pass++)
        for (int64_t y = passes[pass][0]; y < frame->Height; y += passes[pass][1]) {
            if (DGifGetLine(f->gif, row, frame->Width) == GIF_ERROR)
                return gif_refuse_file(f, err);
            uint8_t *rgb = f->d->image->rgb + ((frame->Top + y) * f->width + frame->Left) * 3;
            for (int64_t x = 0; x < frame->Width; x++)
                memcpy(rgb + 3 * x, colours[row[x]], 3);
        }
    return REEL_OK;
}

static reel_status draw_gif(struct gif_file *f, reel_error *err)
{
    const GifImageDesc *frame = &f->gif->Image;
    uint8_t colours[COLOURS][3];
    if (frame->Width < 1 || frame->Height < 1)
        return reel_fail(err, REEL_ERR_FORMAT, "GIF: its first frame has no pixels");
    REEL_TRY(reel_image_resize_buffer(f->d->image, f->width, f->height, err));
    read_colours(f, colours);
    const uint8_t *around = colours[f->transparent < 0 ? 0 : f->transparent];
    for (int64_t i = 0; i < f->width * f->height; i++)
        memcpy(f->d->image->rgb + 3 * i, around, 3);

    uint8_t *row = malloc((size_t)frame->Width);
    if (!row)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the GIF decoder");
    const reel_status status = read_frame(f, row, colours, err);
    free(row);
    return status;
}

static reel_status gif_decode(reel_decoding *d, reel_error *err)
{
    struct gif_file f;
    reel_status status = open_gif(&f, d, err);
    if (status == REEL_OK)
        status = draw_gif(&f, err);
    close_gif(&f);
    return status;
}

#endif

const reel_codec reel_codec_gif =
    REEL_CODEC(gif, .name = "GIF", .what = "a GIF image", .extensions = ".gif");
