/* PNG through libpng, reduced to 8-bit RGB: palette and grey expanded, 16 bit cut to the high byte,
 * alpha dropped, no gamma.
 *
 * Chunks that do not matter for the pixels are skipped unread, because most of libpng's history of
 * trouble is in them; a size that the file cannot hold (deflate makes at most 1032 bytes of one) is
 * refused before memory is touched. A file that is cut behind its pixels is read. Interlaced images
 * are read pass by pass into the image itself.
 */
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/codecs/codec.h"
#include "data/codecs/common/orientation.h"
#include "data/codecs/common/png_tail.h"

enum { MAX_SIDE = 1000000, MAX_INFLATION = 1032 };

/* One image. It is made by size, read on by decode, and its memory serves the next image. */
struct png_job {
    png_structp png; /* NULL between images */
    png_infop info;
    reel_status status;
    reel_error *err;
    reel_decoding *d;
    size_t at; /* bytes that libpng has taken */
    reel_png_tail tail;
};

static bool png_sniff(const uint8_t *bytes, size_t length)
{
    return length >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static void on_png_error(png_structp png, png_const_charp text)
{
    struct png_job *job = png_get_error_ptr(png);
    job->status = reel_fail(job->err, REEL_ERR_FORMAT, "PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void on_png_read(png_structp png, png_bytep to, size_t n)
{
    struct png_job *job = png_get_io_ptr(png);
    const reel_png_tail *tail = &job->tail;
    if (n > tail->whole + tail->size - job->at)
        png_error(png, "the file ends early");
    const size_t left = job->at < tail->whole ? tail->whole - job->at : 0;
    const size_t first = n < left ? n : left;
    memcpy(to, job->d->bytes + job->at, first);
    if (n > first)
        memcpy(to + first, tail->bytes + (job->at + first - tail->whole), n - first);
    job->at += n;
}

static void png_refuse(struct png_job *job, reel_status status)
{
    job->status = status;
    png_longjmp(job->png, 1);
}

static void read_png_header(struct png_job *job)
{
    reel_decoding *d = job->d;
    png_set_user_limits(job->png, MAX_SIDE, MAX_SIDE);
#ifdef PNG_MAXIMUM_INFLATE_WINDOW
    /* Some writers claim a smaller window than they used. zlib's largest fits all of them. */
    png_set_option(job->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
#endif
    /* -1: every chunk, those that later versions of libpng know too, but IHDR, PLTE, tRNS, IDAT,
     * IEND. */
    enum { ALL = -1, ONE = 1 };
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, ALL);
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, (const png_byte *)"tRNS", ONE);
    png_set_read_fn(job->png, job, on_png_read);
    png_read_info(job->png, job->info);

    d->width = png_get_image_width(job->png, job->info);
    d->height = png_get_image_height(job->png, job->info);
    const reel_status status = reel_check_pixels("PNG", d->width, d->height, job->err);
    if (status != REEL_OK)
        png_refuse(job, status);
    const int64_t needed = (int64_t)png_get_rowbytes(job->png, job->info) * d->height;
    if (needed / MAX_INFLATION > (int64_t)d->length)
        png_refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                                  "PNG: %zu bytes cannot hold the %" PRId64 " x %" PRId64
                                  " pixels of the header",
                                  d->length, d->width, d->height));
}

/* Every kind of PNG becomes rows of 8-bit RGB. Returns the number of passes over them. */
static int ask_for_rgb(struct png_job *job)
{
    png_structp png = job->png;
    const int type = png_get_color_type(png, job->info), depth = png_get_bit_depth(png, job->info);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (!(type & PNG_COLOR_MASK_COLOR)) {
        if (depth < 8)
            png_set_expand_gray_1_2_4_to_8(png);
        png_set_gray_to_rgb(png);
    }
    if (depth == 16)
        png_set_strip_16(png);
    if (type & PNG_COLOR_MASK_ALPHA)
        png_set_strip_alpha(png);

    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, job->info);
    if ((int64_t)png_get_rowbytes(png, job->info) != job->d->width * 3)
        png_refuse(job,
                   reel_fail(job->err, REEL_ERR_FORMAT,
                             "PNG: colour type %d with %d bits does not become RGB", type, depth));
    return passes;
}

static void read_png_pixels(struct png_job *job)
{
    const reel_decoding *d = job->d;
    const int passes = ask_for_rgb(job);
    const reel_status status = reel_image_resize_buffer(d->image, d->width, d->height, job->err);
    if (status != REEL_OK)
        png_refuse(job, status);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < d->height; y++)
            png_read_row(job->png, d->image->rgb + y * d->width * 3, NULL);
    png_read_end(job->png, NULL);
}

/* libpng reports errors by longjmp: everything that calls it runs below this setjmp. */
static reel_status run_png_guarded(struct png_job *job, void (*work)(struct png_job *))
{
    if (setjmp(png_jmpbuf(job->png)) == 0)
        work(job);
    return job->status;
}

static void end_image(struct png_job *job)
{
    if (job->png)
        png_destroy_read_struct(&job->png, &job->info, NULL);
    job->png = NULL;
    job->info = NULL;
}

static void png_free_state(void *state)
{
    end_image(state);
    free(state);
}

static reel_status begin_image(struct png_job *job, reel_decoding *d, reel_error *err)
{
    end_image(job); /* one whose pixels were not asked for */
    *job = (struct png_job){.d = d, .err = err};
    reel_png_mend(&job->tail, d->bytes, d->length);
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_png_error, on_png_warning);
    job->info = job->png ? png_create_info_struct(job->png) : NULL;
    return job->info ? REEL_OK : reel_fail(err, REEL_ERR_MEMORY, "no memory for the PNG decoder");
}

static reel_status png_size(reel_decoding *d, reel_error *err)
{
    if (!*d->state)
        *d->state = calloc(1, sizeof(struct png_job));
    struct png_job *job = *d->state;
    if (!job)
        return reel_fail(err, REEL_ERR_MEMORY, "no memory for the PNG decoder");
    REEL_TRY(begin_image(job, d, err));
    return run_png_guarded(job, read_png_header);
}

static reel_status png_decode(reel_decoding *d, reel_error *err)
{
    struct png_job *job = *d->state;
    job->d = d;
    job->err = err;
    const reel_status status = run_png_guarded(job, read_png_pixels);
    end_image(job);
    return status;
}

/* The data of the first chunk of that name; NULL = there is none, or it is damaged. A chunk: length
 * (4 bytes), name (4), data, CRC-32 of name and data (4). */
static const uint8_t *find_png_chunk(const uint8_t *bytes, size_t length, const char *wanted,
                                     size_t *size)
{
    enum { SIGNATURE = 8, AROUND_DATA = 12 };
    for (size_t at = SIGNATURE; length - at >= AROUND_DATA;) {
        const uint8_t *name = bytes + at + 4, *data = name + 4;
        const size_t n = reel_png_number(bytes + at);
        if (n > length - at - AROUND_DATA)
            return NULL;
        if (memcmp(name, wanted, 4) == 0) {
            *size = n;
            return crc32_z(0, name, n + 4) == reel_png_number(data + n) ? data : NULL;
        }
        at += n + AROUND_DATA;
    }
    return NULL;
}

/* The eXIf chunk may stand before or behind the pixels. */
static int png_orientation(const uint8_t *bytes, size_t length)
{
    size_t size;
    const uint8_t *exif = find_png_chunk(bytes, length, "eXIf", &size);
    return exif ? reel_tiff_orientation(exif, size) : 0;
}

static bool png_has_profile(const uint8_t *bytes, size_t length)
{
    size_t size;
    return find_png_chunk(bytes, length, "iCCP", &size) != NULL;
}

const reel_codec reel_codec_png = REEL_CODEC(
    png, .name = "PNG", .what = "a PNG image", .extensions = ".png", .orientation = png_orientation,
    .has_profile = png_has_profile, .free_state = png_free_state);
