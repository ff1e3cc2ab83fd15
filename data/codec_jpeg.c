/* JPEG through libjpeg-turbo's libjpeg API, with the slow integer DCT and fancy upsampling: PIL's bits.
 *
 * Hostile input is stopped before it costs anything: the pixel cap and a least number of bytes are checked on the header; the
 * first warning that means damage ends the decode (libjpeg would go on with grey); a monitor limits progressive scans, of which
 * each can cost a pass over the image for a few bytes. libjpeg reports errors by longjmp: everything that calls it stands in a
 * function that setjmp guards, and state lives in a struct, so no local variable is lost.
 *
 * A part of a baseline image is decoded with 16 pixels of margin to its left, right and top. Fancy upsampling looks at
 * neighbours, and at the edge of a cropped row it has none: the margin holds what differs from a full decode. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "data/data_internal.h"

#include <jerror.h>
#include <jpeglib.h>

enum { MARGIN = 16, MAX_SCANS = 500, FREE_SCANS = 20 };
#define MAX_SCANNED_PIXELS ((int64_t)4000000000) /* beyond FREE_SCANS, scans x pixels: bounds the time, to about a second */
#define MAX_COEFFICIENT_MEMORY ((long)1 << 30)

struct job {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    reel_status status;
    reel_error *err;
    reel_image *image;
    const uint8_t *bytes;
    size_t size;
    const reel_rect *want;
    reel_rect got;
};

static struct job *job_of(j_common_ptr cinfo)
{
    return cinfo->client_data;
}

static void on_error(j_common_ptr cinfo)
{
    struct job *job = job_of(cinfo);
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    const bool memory = cinfo->err->msg_code == JERR_OUT_OF_MEMORY;
    job->status = reel_fail(job->err, memory ? REEL_ERR_MEMORY : REEL_ERR_FORMAT, "JPEG: %s", text);
    longjmp(job->failed, 1);
}

/* level < 0: a warning. Oddities without loss (bytes between segments, an unknown JFIF version) are passed over; anything else
 * means that pixels are wrong. Listed by what is harmless, because jerror.h does not name every warning in every build. */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level >= 0) return;
    switch (cinfo->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_TOO_MUCH_DATA:
        cinfo->err->num_warnings++;
        break;
    default:
        on_error(cinfo);
    }
}

static void on_output(j_common_ptr cinfo)
{
    (void)cinfo; /* the library does not print */
}

static void refuse(struct job *job, reel_status status)
{
    job->status = status;
    longjmp(job->failed, 1);
}

static void on_progress(j_common_ptr cinfo)
{
    struct job *job = job_of(cinfo);
    const int64_t scans = job->cinfo.input_scan_number;
    const int64_t pixels = (int64_t)job->cinfo.image_width * job->cinfo.image_height;
    if (scans > MAX_SCANS || (scans > FREE_SCANS && scans * pixels > MAX_SCANNED_PIXELS))
        refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                              "JPEG: %" PRId64 " progressive scans of %" PRId64 " pixels, expected fewer", scans, pixels));
}

static void read_header(struct job *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    jpeg_create_decompress(cinfo);
    cinfo->mem->max_memory_to_use = MAX_COEFFICIENT_MEMORY;
    cinfo->progress = &job->progress;
    jpeg_mem_src(cinfo, job->bytes, job->size);
    jpeg_read_header(cinfo, TRUE);
    const int64_t width = cinfo->image_width, height = cinfo->image_height;
    const reel_status status = reel_check_pixels("JPEG", width, height, job->err);
    if (status != REEL_OK) refuse(job, status);
    /* A Huffman code has at least one bit, and the finest component at least one code in every 8x8 block. Arithmetic coding can
     * do with less; a sixteenth of that is what real images stay above. */
    if ((int64_t)job->size < width * height / (cinfo->arith_code ? 64 * 8 * 16 : 64 * 8))
        refuse(job, reel_fail(job->err, REEL_ERR_FORMAT,
                              "JPEG: %zu bytes cannot hold the %" PRId64 " x %" PRId64 " pixels of the header", job->size,
                              width, height));
}

/* Is a part cheaper than the whole, and known to have its bits? Grey and the usual samplings 4:4:4, 4:2:2, 4:2:0, 4:4:0. */
static bool can_crop(const struct job *job)
{
    const struct jpeg_decompress_struct *cinfo = &job->cinfo;
    if (!job->want || jpeg_has_multiple_scans(&((struct job *)job)->cinfo)) return false;
    if (cinfo->num_components == 1) return true;
    const jpeg_component_info *c = cinfo->comp_info;
    return cinfo->num_components == 3 && c[0].h_samp_factor <= 2 && c[0].v_samp_factor <= 2 && c[1].h_samp_factor == 1 &&
           c[1].v_samp_factor == 1 && c[2].h_samp_factor == 1 && c[2].v_samp_factor == 1;
}

/* PIL's CMYK (which reads every four-component JPEG as Adobe's, inverted) to RGB: r = k - c'k/255 rounded, c' = 255 - c. */
static void cmyk_row(uint8_t *rgb, const uint8_t *cmyk, int64_t width)
{
    for (int64_t x = 0; x < width; x++)
        for (int i = 0; i < 3; i++) {
            const int k = cmyk[4 * x + 3], product = (255 - cmyk[4 * x + i]) * k + 128;
            rgb[3 * x + i] = (uint8_t)(k - ((product + (product >> 8)) >> 8));
        }
}

static void decode(struct job *job)
{
    j_decompress_ptr cinfo = &job->cinfo;
    read_header(job);
    const bool cmyk = cinfo->num_components == 4;
    if (cinfo->num_components != 1 && cinfo->num_components != 3 && !cmyk)
        refuse(job, reel_fail(job->err, REEL_ERR_FORMAT, "JPEG: %d components, expected 1, 3 or 4", cinfo->num_components));
    cinfo->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->do_fancy_upsampling = TRUE;
    const bool crop = can_crop(job);
    jpeg_start_decompress(cinfo);

    int64_t bottom = cinfo->output_height;
    job->got = (reel_rect){0, 0, cinfo->output_width, cinfo->output_height};
    if (crop) {
        const reel_rect *want = job->want;
        const int64_t left = want->x > MARGIN ? want->x - MARGIN : 0, top = want->y > MARGIN ? want->y - MARGIN : 0;
        const int64_t right = want->x + want->w + MARGIN < job->got.w ? want->x + want->w + MARGIN : job->got.w;
        JDIMENSION x = (JDIMENSION)left, w = (JDIMENSION)(right - left);
        if (right - left < job->got.w) jpeg_crop_scanline(cinfo, &x, &w);
        bottom = want->y + want->h;
        job->got = (reel_rect){x, top, w, bottom - top};
    }
    const reel_status status = reel_image_resize_buffer(job->image, job->got.w, job->got.h, job->err);
    if (status != REEL_OK) refuse(job, status);
    if (crop && job->got.y > 0) jpeg_skip_scanlines(cinfo, (JDIMENSION)job->got.y);

    JSAMPROW line = cmyk ? cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_IMAGE, (size_t)job->got.w * 4) : NULL;
    while (cinfo->output_scanline < bottom) {
        uint8_t *row = job->image->rgb + ((int64_t)cinfo->output_scanline - job->got.y) * job->got.w * 3;
        JSAMPROW rows[1] = {cmyk ? line : row};
        jpeg_read_scanlines(cinfo, rows, 1);
        if (cmyk) cmyk_row(row, line, job->got.w);
    }
    if (bottom < cinfo->output_height) { /* reading the last row makes libjpeg go through all that lies before it */
        JSAMPROW last[1] = {cinfo->mem->alloc_large((j_common_ptr)cinfo, JPOOL_IMAGE, (size_t)job->got.w * 3)};
        if (bottom + 1 < cinfo->output_height) jpeg_skip_scanlines(cinfo, cinfo->output_height - (JDIMENSION)bottom - 1);
        jpeg_read_scanlines(cinfo, last, 1);
    }
    jpeg_finish_decompress(cinfo); /* looks for the end of the image: a file cut short fails here at the latest */
}

static reel_status run(struct job *job, void (*work)(struct job *))
{
    struct jpeg_decompress_struct *cinfo = &job->cinfo;
    cinfo->err = jpeg_std_error(&job->errors);
    cinfo->client_data = job;
    job->errors.error_exit = on_error;
    job->errors.emit_message = on_message;
    job->errors.output_message = on_output;
    job->progress.progress_monitor = on_progress;
    if (setjmp(job->failed) == 0) work(job);
    jpeg_destroy_decompress(cinfo);
    return job->status;
}

reel_status reel_jpeg_size(const uint8_t *bytes, size_t size, int64_t *width, int64_t *height, reel_error *err)
{
    struct job job = {.bytes = bytes, .size = size, .err = err};
    REEL_TRY(run(&job, read_header));
    *width = job.cinfo.image_width;
    *height = job.cinfo.image_height;
    return REEL_OK;
}

reel_status reel_jpeg_decode(reel_image *image, const uint8_t *bytes, size_t size, const reel_rect *want, reel_rect *got,
                             reel_error *err)
{
    struct job job = {.bytes = bytes, .size = size, .err = err, .image = image, .want = want};
    REEL_TRY(run(&job, decode));
    if (got) *got = job.got;
    return REEL_OK;
}
