/* Writers for JPEG and PNG. Both libraries report errors by longjmp: what calls them runs below a
 * setjmp, and its state lives in a struct. */
#include "data/codecs/write_image.h"
#include "core/system_error.h"

#include <errno.h>
#include <inttypes.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data/bytes_internal.h"

#include <jpeglib.h>

enum { MAX_PNG_SIDE = 0x7fffffff };

struct write_job {
    const reel_image *image;
    FILE *file;
    int quality;
    bool full_chroma;
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;
    png_structp png;
    png_infop info;
    jmp_buf failed;
    bool done; /* the encoder came to its end */
    char reason[JMSG_LENGTH_MAX];
};

static void on_jpeg_write_error(j_common_ptr cinfo)
{
    struct write_job *job = cinfo->client_data;
    cinfo->err->format_message(cinfo, job->reason);
    longjmp(job->failed, 1);
}

static void on_jpeg_write_output(j_common_ptr cinfo)
{
    (void)cinfo;
}

static void write_jpeg(struct write_job *job)
{
    j_compress_ptr cinfo = &job->cinfo;
    jpeg_create_compress(cinfo);
    jpeg_stdio_dest(cinfo, job->file);
    cinfo->image_width = (JDIMENSION)job->image->width;
    cinfo->image_height = (JDIMENSION)job->image->height;
    cinfo->input_components = 3;
    cinfo->in_color_space = JCS_RGB;
    /* The defaults halve chroma; the slow integer DCT is what the decoder uses. */
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, job->quality, TRUE);
    cinfo->dct_method = JDCT_ISLOW;
    if (job->full_chroma)
        cinfo->comp_info[0].h_samp_factor = cinfo->comp_info[0].v_samp_factor = 1;

    jpeg_start_compress(cinfo, TRUE);
    while (cinfo->next_scanline < cinfo->image_height) {
        JSAMPROW row[1] = {job->image->rgb + (int64_t)cinfo->next_scanline * job->image->width * 3};
        jpeg_write_scanlines(cinfo, row, 1);
    }
    jpeg_finish_compress(cinfo);
    job->done = true;
}

static bool run_jpeg(struct write_job *job)
{
    job->cinfo.err = jpeg_std_error(&job->errors);
    job->cinfo.client_data = job;
    job->errors.error_exit = on_jpeg_write_error;
    job->errors.output_message = on_jpeg_write_output;
    if (setjmp(job->failed) == 0)
        write_jpeg(job);
    jpeg_destroy_compress(&job->cinfo);
    return job->done;
}

static void on_png_write_error(png_structp png, png_const_charp text)
{
    struct write_job *job = png_get_error_ptr(png);
    snprintf(job->reason, sizeof job->reason, "%s", text);
    png_longjmp(png, 1);
}

static void on_png_write_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void write_png(struct write_job *job)
{
    png_set_user_limits(job->png, MAX_PNG_SIDE, MAX_PNG_SIDE);
    png_init_io(job->png, job->file);
    png_set_IHDR(job->png, job->info, (png_uint_32)job->image->width,
                 (png_uint_32)job->image->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (int64_t y = 0; y < job->image->height; y++)
        png_write_row(job->png, job->image->rgb + y * job->image->width * 3);
    png_write_end(job->png, job->info);
    job->done = true;
}

static bool run_png(struct write_job *job)
{
    snprintf(job->reason, sizeof job->reason, "no memory for the PNG encoder");
    job->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, job, on_png_write_error,
                                       on_png_write_warning);
    if (!job->png)
        return false;
    job->info = png_create_info_struct(job->png);
    if (job->info && setjmp(png_jmpbuf(job->png)) == 0)
        write_png(job);
    png_destroy_write_struct(&job->png, &job->info);
    return job->done;
}

/* Runs the encoder on job->file and closes it. */
static bool run_and_close(struct write_job *job, bool (*run)(struct write_job *))
{
    const bool done = run(job);
    if (fclose(job->file) == 0 || !done)
        return done;
    snprintf(job->reason, sizeof job->reason, "%s", strerror(errno));
    return false;
}

static reel_status write_file(struct write_job *job, const char *path,
                              bool (*run)(struct write_job *), reel_error *err)
{
    char shown[400];
    if (!path)
        return reel_fail(err, REEL_ERR_INVALID, "cannot write an image: path is NULL");
    reel_escape(shown, sizeof shown, path);
    job->file = fopen(path, "wbe");
    if (!job->file)
        return reel_fail_system(err, errno, "cannot write %s", shown);
    if (run_and_close(job, run))
        return REEL_OK;
    unlink(path);
    return reel_fail(err, REEL_ERR_IO, "cannot write %s: %s", shown, job->reason);
}

static reel_status write_bytes(struct write_job *job, reel_bytes *bytes,
                               bool (*run)(struct write_job *), reel_error *err)
{
    char *memory = NULL;
    size_t size = 0;
    if (!bytes)
        return reel_fail(err, REEL_ERR_INVALID, "cannot encode an image: bytes is NULL");
    job->file = open_memstream(&memory, &size);
    if (!job->file)
        return reel_fail(err, REEL_ERR_MEMORY, "cannot encode an image: %s", strerror(errno));

    reel_status status =
        run_and_close(job, run)
            ? reel_bytes_reserve(bytes, size, err)
            : reel_fail(err, REEL_ERR_IO, "cannot encode an image: %s", job->reason);
    if (status == REEL_OK) {
        memcpy(bytes->data, memory, size);
        bytes->size = size;
    }
    free(memory);
    return status;
}

static reel_status check_sides(const reel_image *image, int64_t most, const char *format,
                               reel_error *err)
{
    if (!image)
        return reel_fail(err, REEL_ERR_INVALID, "%s: image is NULL", format);
    if (image->rgb && image->width >= 1 && image->height >= 1 && image->width <= most &&
        image->height <= most)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID,
                     "%s: image of %" PRId64 " x %" PRId64
                     " pixels, expected sides of 1 to %" PRId64,
                     format, image->width, image->height, most);
}

static reel_status check_jpeg(const reel_image *image, int quality, reel_error *err)
{
    REEL_TRY(check_sides(image, JPEG_MAX_DIMENSION, "JPEG", err));
    if (quality >= 1 && quality <= 100)
        return REEL_OK;
    return reel_fail(err, REEL_ERR_INVALID, "JPEG: quality %d, expected 1 to 100", quality);
}

reel_status reel_image_write_jpeg(const reel_image *image, const char *path, int quality,
                                  bool full_chroma, reel_error *err)
{
    REEL_TRY(check_jpeg(image, quality, err));
    struct write_job job = {.image = image, .quality = quality, .full_chroma = full_chroma};
    return write_file(&job, path, run_jpeg, err);
}

reel_status reel_image_encode_jpeg(const reel_image *image, reel_bytes *bytes, int quality,
                                   bool full_chroma, reel_error *err)
{
    REEL_TRY(check_jpeg(image, quality, err));
    struct write_job job = {.image = image, .quality = quality, .full_chroma = full_chroma};
    return write_bytes(&job, bytes, run_jpeg, err);
}

reel_status reel_image_write_png(const reel_image *image, const char *path, reel_error *err)
{
    REEL_TRY(check_sides(image, MAX_PNG_SIDE, "PNG", err));
    struct write_job job = {.image = image};
    return write_file(&job, path, run_png, err);
}

reel_status reel_image_encode_png(const reel_image *image, reel_bytes *bytes, reel_error *err)
{
    REEL_TRY(check_sides(image, MAX_PNG_SIDE, "PNG", err));
    struct write_job job = {.image = image};
    return write_bytes(&job, bytes, run_png, err);
}
