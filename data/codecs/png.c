/* PNG through libpng, reduced to 8-bit RGB: palette and grey expanded, 16 bit cut to the high byte,
 * alpha dropped, no gamma.
 *
 * Chunks that do not matter for the pixels are skipped unread, because most of libpng's history of
 * trouble is in them; a size that the file cannot hold (deflate makes at most 1032 bytes of one) is
 * refused before memory is touched. Interlaced images are read pass by pass into the image itself.
 */
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "data/data_internal.h"

enum { MAX_SIDE = 1000000, MAX_INFLATION = 1032 };

struct job {
    png_structp png;
    png_infop info;
    reel_status status;
    reel_error *err;
    reel_image *image;
    const uint8_t *bytes;
    size_t size, at;
    int64_t width, height;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct job *job = png_get_error_ptr(png);
    job->status = reel_fail(job->err, REEL_ERR_FORMAT, "PNG: %s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct job *job = png_get_io_ptr(png);
    if (n > job->size - job->at)
        png_error(png, "the file ends early");
    memcpy(to, job->bytes + job->at, n);
    job->at += n;
}

static void refuse(struct job *job, reel_status status)
{
    job->status = status;
    png_longjmp(job->png, 1);
}

static void read_header(struct job *job)
{
    png_set_user_limits(job->png, MAX_SIDE, MAX_SIDE);
    /* -1: every chunk, those that later versions of libpng know too, but IHDR, PLTE, tRNS, IDAT,
     * IEND. */
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, (const png_byte *)"tRNS", 1);
    png_set_read_fn(job->png, job, on_read);
    png_read_info(job->png, job->info);
    job->width = png_get_image_width(job->png, job->info);
    job->height = png_get_image_height(job->png, job->info);
    const reel_status status = reel_check_pixels("PNG", job->width, job->height, job->err);
    if (status != REEL_OK)
        refuse(job, status);
    const int64_t needed = (int64_t)png_get_rowbytes(job->png, job->info) * job->height;
    if (needed / MAX_INFLATION > (int64_t)job->size)
        refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                              "PNG: %zu bytes cannot hold the %" PRId64 " x %" PRId64
                              " pixels of the header",
                              job->size, job->width, job->height));
}

static void decode(struct job *job)
{
    png_structp png = job->png;
    read_header(job);
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
    const int64_t stride = job->width * 3;
    if ((int64_t)png_get_rowbytes(png, job->info) != stride)
        refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                              "PNG: colour type %d with %d bits does not become RGB", type, depth));
    const reel_status status =
        reel_image_resize_buffer(job->image, job->width, job->height, job->err);
    if (status != REEL_OK)
        refuse(job, status);
    for (int pass = 0; pass < passes; pass++)
        for (int64_t y = 0; y < job->height; y++)
            png_read_row(png, job->image->rgb + y * stride, NULL);
    png_read_end(png, NULL);
}

static reel_status run(struct job *job, void (*work)(struct job *))
{
    job->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, job, on_error, on_warning);
    if (!job->png)
        return reel_fail(job->err, REEL_ERR_MEMORY, "no memory for the PNG decoder");
    job->info = png_create_info_struct(job->png);
    if (!job->info)
        job->status = reel_fail(job->err, REEL_ERR_MEMORY, "no memory for the PNG decoder");
    else if (setjmp(png_jmpbuf(job->png)) == 0)
        work(job);
    png_destroy_read_struct(&job->png, &job->info, NULL);
    return job->status;
}

reel_status reel_png_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height,
                          reel_error *err)
{
    struct job job = {.bytes = bytes, .size = size, .err = err};
    REEL_TRY(run(&job, read_header));
    *width = job.width;
    *height = job.height;
    return REEL_OK;
}

reel_status reel_png_decode(reel_image *image, const uint8_t *bytes, size_t size, reel_error *err)
{
    struct job job = {.bytes = bytes, .size = size, .err = err, .image = image};
    return run(&job, decode);
}
